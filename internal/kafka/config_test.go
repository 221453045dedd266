package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
)

// authority is a certificate authority of one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue returns a certificate and its key as PEM text.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	return a.issueUntil(name, time.Now().Add(time.Hour))
}

func (a *authority) issueUntil(name string, until time.Time) (cert, key string) {
	a.t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// mutual starts a cluster that wants a certificate of the authority from its clients.
func (a *authority) mutual() []string {
	a.t.Helper()
	cert, key := a.issue("broker")
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return start(a.t, kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}))
}

func start(t *testing.T, opts ...kfake.Opt) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

func ping(t *testing.T, c Config) error {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Ping(t.Context())
}

// Mutual TLS works from PEM text and from files, and what is missing from it is
// an error of the connection, never a silent plaintext.
func TestMutualTLS(t *testing.T) {
	a := newAuthority(t)
	servers := a.mutual()
	cert, key := a.issue("client")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign, foreignKey := newAuthority(t).issue("client")
	cases := []struct {
		name string
		tls  TLS
		ok   bool
	}{
		{"PEM text", TLS{CA: a.pem, Cert: cert, Key: key}, true},
		{"files", TLS{CA: write("ca.pem", a.pem), Cert: write("cert.pem", cert), Key: write("key.pem", key)}, true},
		{"the name in the certificate", TLS{CA: a.pem, Cert: cert, Key: key, ServerName: "broker"}, true},
		{"another name", TLS{CA: a.pem, Cert: cert, Key: key, ServerName: "elsewhere"}, false},
		{"no client certificate", TLS{CA: a.pem}, false},
		{"a stranger's client certificate", TLS{CA: a.pem, Cert: foreign, Key: foreignKey}, false},
		{"the system's roots", TLS{Enabled: true, Cert: cert, Key: key}, false},
		{"no verification asked for by name", TLS{Cert: cert, Key: key, InsecureSkipVerify: true}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := Config{BootstrapServers: servers, TLS: c.tls, DialTimeout: 2 * time.Second}
			if err := ping(t, config); (err == nil) != c.ok {
				t.Errorf("connected: %v, want %v: %v", err == nil, c.ok, err)
			}
		})
	}
}

// Each mechanism reaches a cluster that knows the user by it.
func TestSASLMechanisms(t *testing.T) {
	for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			servers := start(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "ada", "secret"))
			right := Config{BootstrapServers: servers, SASL: SASL{Mechanism: mechanism, Username: "ada", Password: "secret"}}
			if err := ping(t, right); err != nil {
				t.Error(err)
			}
			wrong := right
			wrong.SASL.Password = "guess"
			if err := ping(t, wrong); err == nil {
				t.Error("a wrong password was accepted")
			}
		})
	}
}

// A setting that cannot work is named before anything is dialled, and no error
// tells the password.
func TestWrongSettingsAreNamed(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issueUntil("ada", time.Now().Add(-time.Hour))
	oauth := func(o OAuth) Config { return Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: o}} }
	cases := map[string]Config{
		`client certificate of "ada" expired at`: {TLS: TLS{CA: a.pem, Cert: cert, Key: key}},
		"either a token or a token URL":          oauth(OAuth{ClientID: "ada", ClientSecret: "hush"}),
		"both a client id and a client secret":   oauth(OAuth{TokenURL: "https://127.0.0.1/token", ClientSecret: "hush"}),
		"is not an http or https address":        oauth(OAuth{TokenURL: "127.0.0.1/token", ClientID: "ada", ClientSecret: "hush"}),
		"the CA of the token URL":                oauth(OAuth{TokenURL: "https://127.0.0.1/token", ClientID: "ada", ClientSecret: "hush", CA: "-----BEGIN NOTHING-----"}),
		`extension "auth" must have`:             oauth(OAuth{Token: "hush", Extensions: map[string]string{"auth": "x"}}),
		"both an access key and a secret key":    {SASL: SASL{Mechanism: AWSMSKIAM, AWS: AWS{SecretKey: "hush"}}},
		"a session token without the keys":       {SASL: SASL{Mechanism: AWSMSKIAM, AWS: AWS{SessionToken: "hush"}}},
		"both a username and a password":         {SASL: SASL{Mechanism: Plain, Username: "ada"}},
		`"GSSAPI" is unknown`:                    {SASL: SASL{Mechanism: "GSSAPI", Username: "ada", Password: "hush"}},
		"both a certificate and its key":         {TLS: TLS{Cert: "-----BEGIN CERTIFICATE-----"}},
		"holds no PEM certificate":               {TLS: TLS{CA: "-----BEGIN NOTHING-----"}},
		"no such file":                           {TLS: TLS{CA: filepath.Join(t.TempDir(), "absent.pem")}},
	}
	for want, config := range cases {
		err := config.Validate()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// The supervisor hands settings over by environment: what is wrong there is
// named by its variable.
func TestFromEnvironment(t *testing.T) {
	t.Setenv(EnvBootstrapServers, " a:1, ,b:2 ")
	t.Setenv(EnvTLSEnabled, "maybe")
	if _, err := FromEnvironment(); err == nil || !strings.Contains(err.Error(), EnvTLSEnabled) {
		t.Errorf("%v, want %s named", err, EnvTLSEnabled)
	}
	t.Setenv(EnvTLSEnabled, "true")
	config, err := FromEnvironment()
	if err != nil || len(config.BootstrapServers) != 2 || !config.TLS.Enabled {
		t.Errorf("%+v, %v", config, err)
	}
	for variable, value := range map[string]string{EnvTLSInsecureSkipVerify: "maybe", EnvDialTimeout: "-1s", EnvSASLExtensions: "blue"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			if _, err := FromEnvironment(); err == nil || !strings.Contains(err.Error(), variable) {
				t.Errorf("%v, want %s named", err, variable)
			}
		})
	}
	t.Setenv(EnvBootstrapServers, "")
	if _, err := FromEnvironment(); err == nil || !strings.Contains(err.Error(), EnvBootstrapServers) {
		t.Errorf("%v, want %s named", err, EnvBootstrapServers)
	}
}

// Every setting has a variable: what is said there and nowhere else must arrive.
func TestFromEnvironmentWhole(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue("ada")
	for variable, value := range map[string]string{
		EnvBootstrapServers: "a:1", EnvClientID: "ada", EnvDialTimeout: "7s",
		EnvSASLMechanism: OAuthBearer, EnvSASLUsername: "user", EnvSASLPassword: "password",
		EnvSASLTokenURL: "https://127.0.0.1/token", EnvSASLTokenCA: a.pem, EnvSASLClientID: "id", EnvSASLClientSecret: "secret",
		EnvSASLScopes: "one two", EnvSASLExtensions: "tenant=blue,pool=x",
		EnvSASLAWSAccessKey: "AKID", EnvSASLAWSSecretKey: "aws-secret", EnvSASLAWSSessionToken: "session", EnvSASLAWSProfile: "work",
		EnvTLSCA: a.pem, EnvTLSCert: cert, EnvTLSKey: key, EnvTLSServerName: "broker", EnvTLSInsecureSkipVerify: "true",
	} {
		t.Setenv(variable, value)
	}
	want := Config{
		BootstrapServers: []string{"a:1"}, ClientID: "ada", DialTimeout: 7 * time.Second,
		SASL: SASL{
			Mechanism: OAuthBearer, Username: "user", Password: "password",
			OAuth: OAuth{
				TokenURL: "https://127.0.0.1/token", ClientID: "id", ClientSecret: "secret", Scopes: []string{"one", "two"}, CA: a.pem,
				Extensions: map[string]string{"tenant": "blue", "pool": "x"},
			},
			AWS: AWS{AccessKey: "AKID", SecretKey: "aws-secret", SessionToken: "session", Profile: "work"},
		},
		TLS: TLS{CA: a.pem, Cert: cert, Key: key, ServerName: "broker", InsecureSkipVerify: true},
	}
	got, err := FromEnvironment()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
