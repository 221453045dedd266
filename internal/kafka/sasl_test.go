package kafka

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// saslBroker starts a broker that takes one mechanism and leaves the verdict on
// the client's first message to judge.
func saslBroker(t *testing.T, mechanism string, judge func(first []byte) (answer []byte, err error)) []string {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.SupportedMechanisms = []string{mechanism}
		if req.(*kmsg.SASLHandshakeRequest).Mechanism != mechanism {
			resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		return resp, nil, true
	})
	fake.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer, err := judge(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		resp.SASLAuthBytes = answer
		if err != nil {
			resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr(err.Error())
		}
		return resp, nil, true
	})
	return fake.ListenAddrs()
}

// takesToken is a broker that knows one token and wants one extension.
func takesToken(t *testing.T, token string) []string {
	return saslBroker(t, OAuthBearer, func(first []byte) ([]byte, error) {
		want := "n,,\x01auth=Bearer " + token + "\x01tenant=blue\x01\x01"
		if diff := cmp.Diff(want, string(first)); diff != "" {
			return nil, errors.New("invalid token")
		}
		return nil, nil
	})
}

// A token that is given reaches the brokers as it is, and one they do not take is
// told apart from a wrong password.
func TestOAuthToken(t *testing.T) {
	t.Parallel()
	config := Config{
		BootstrapServers: takesToken(t, "abc.def"),
		SASL:             SASL{Mechanism: OAuthBearer, OAuth: OAuth{Token: "abc.def", Extensions: map[string]string{"tenant": "blue"}}},
	}
	if err := ping(t, config); err != nil {
		t.Fatal(err)
	}
	config.SASL.OAuth.Token = "other"
	expectRefusal(t, config, "the brokers do not take the token: SASL_AUTHENTICATION_FAILED: SASL Authentication failed.: invalid token")
	config.BootstrapServers = saslBroker(t, OAuthBearer, func([]byte) ([]byte, error) { return []byte(`{"status":"invalid_token"}`), nil }) // as Kafka's own do
	expectRefusal(t, config, "the brokers do not take the token: invalid_token. Check that it has not expired")
}

// tokens is a token endpoint that wants one client and counts what it gives.
func tokens(t *testing.T, lifetime time.Duration) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var given atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		if id != "terraform" || secret != "client-secret" || r.PostFormValue("scope") != "kafka admin" || r.PostFormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"no such client"}`)
			return
		}
		given.Add(1)
		fmt.Fprintf(w, `{"access_token":"abc.def","token_type":"bearer","expires_in":%d}`, int(lifetime.Seconds()))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, &given
}

// Client credentials turn into a token at an endpoint with an authority of its
// own; one token serves all connections while it lasts, a short-lived one is
// renewed, and an endpoint's refusal is told with what to check.
func TestOAuthClientCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lifetime time.Duration
		fetched  int32
	}{{time.Hour, 1}, {time.Second, 3}} { // one second is less than the margin before expiry: never reused
		endpoint, given := tokens(t, c.lifetime)
		config := Config{
			BootstrapServers: takesToken(t, "abc.def"),
			SASL: SASL{Mechanism: OAuthBearer, OAuth: OAuth{
				TokenURL: endpoint.URL, ClientID: "terraform", ClientSecret: "client-secret", Scopes: []string{"kafka", "admin"},
				CA: certificateOf(endpoint), Extensions: map[string]string{"tenant": "blue"},
			}},
		}
		mechanism, err := config.SASL.Mechanisms()
		if err != nil {
			t.Fatal(err)
		}
		for range c.fetched {
			if _, _, err := mechanism.Authenticate(t.Context(), "broker:9092"); err != nil {
				t.Fatal(err)
			}
		}
		if got := given.Load(); got != c.fetched {
			t.Errorf("%d tokens fetched for %d log-ins with a lifetime of %s, want %d", got, c.fetched, c.lifetime, c.fetched)
		}
		if err := ping(t, config); err != nil {
			t.Error(err)
		}
		config.SASL.OAuth.ClientSecret = "wrong-secret"
		expectRefusal(t, config, `gave client "terraform" no token: invalid_client (no such client). Check token_url`)
		config.SASL.OAuth.ClientSecret, config.SASL.OAuth.CA = "client-secret", ""
		expectRefusal(t, config, "certificate signed by unknown authority")
	}
}

func certificateOf(server *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// expectRefusal connects and wants to be told in these words, without a secret.
func expectRefusal(t *testing.T, config Config, words string) {
	t.Helper()
	refusal := config.Refusal(ping(t, config))
	if refusal == nil || !strings.Contains(refusal.Error(), words) {
		t.Errorf("refusal %v, want %q", refusal, words)
	}
	if refusal != nil && strings.Contains(refusal.Error(), "wrong-secret") {
		t.Error("the refusal tells the secret")
	}
}

// AWS credentials come from the settings, else from where the AWS SDK looks; what
// is sent must carry a signature that AWS would make of it.
func TestAWSIAM(t *testing.T) {
	files := t.TempDir()
	profile := "[work]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = profile-secret\n"
	if err := os.WriteFile(filepath.Join(files, "credentials"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(files, "credentials"), "AWS_CONFIG_FILE": filepath.Join(files, "none"),
		"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "env-secret", "AWS_SESSION_TOKEN": "env-session", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	for name, c := range map[string]struct {
		aws  AWS
		want awssdk.Credentials
	}{
		"settings":    {AWS{AccessKey: "AKIDSET", SecretKey: "set-secret", SessionToken: "set-session"}, awssdk.Credentials{AccessKeyID: "AKIDSET", SecretAccessKey: "set-secret", SessionToken: "set-session"}},
		"environment": {AWS{}, awssdk.Credentials{AccessKeyID: "AKIDENV", SecretAccessKey: "env-secret", SessionToken: "env-session"}},
		"profile":     {AWS{Profile: "work"}, awssdk.Credentials{AccessKeyID: "AKIDPROFILE", SecretAccessKey: "profile-secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			servers := saslBroker(t, AWSMSKIAM, func(first []byte) ([]byte, error) {
				if err := signed(first, c.want); err != nil {
					return nil, err
				}
				return []byte(`{"version":"2020_10_22"}`), nil
			})
			if err := ping(t, Config{BootstrapServers: servers, SASL: SASL{Mechanism: AWSMSKIAM, AWS: c.aws}}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	none := Config{BootstrapServers: saslBroker(t, AWSMSKIAM, nil), SASL: SASL{Mechanism: AWSMSKIAM}}
	expectRefusal(t, none, "find AWS credentials")
}

// signed checks a log-in by AWS's own signer.
func signed(payload []byte, want awssdk.Credentials) error {
	var sent map[string]string
	if err := json.Unmarshal(payload, &sent); err != nil {
		return err
	}
	at, err := time.Parse("20060102T150405Z", sent["x-amz-date"])
	if err != nil {
		return err
	}
	query := url.Values{"Action": {"kafka-cluster:Connect"}, "X-Amz-Expires": {sent["x-amz-expires"]}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+sent["host"]+"/?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	presigned, _, err := v4.NewSigner().PresignHTTP(context.Background(), want, req, empty, "kafka-cluster", "eu-central-1", at)
	if err != nil {
		return err
	}
	u, err := url.Parse(presigned)
	if err != nil {
		return err
	}
	for _, name := range []string{"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"} {
		if got := sent[strings.ToLower(name)]; got != u.Query().Get(name) {
			return fmt.Errorf("%s is %q, want %q", name, got, u.Query().Get(name))
		}
	}
	return nil
}

// A wrong password, a mechanism that the listener lacks and a certificate that
// does not do are refusals with a remedy, each its own.
func TestRefusals(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.issue("broker")
	expiredCert, expiredKey := a.issueUntil("broker", time.Now().Add(-time.Hour))
	wrong := saslBroker(t, Plain, func([]byte) ([]byte, error) { return nil, errors.New("Invalid username or password") })
	user := SASL{Mechanism: Plain, Username: "ada", Password: "wrong-secret"}
	scram := user
	scram.Mechanism = ScramSHA256
	for words, config := range map[string]Config{
		`log in to Kafka as "ada" with PLAIN: wrong user or password`: {BootstrapServers: wrong, SASL: user},
		"do not take SASL SCRAM-SHA-256 at this address":              {BootstrapServers: wrong, SASL: scram},
		`the one of "broker" expired at`:                              {BootstrapServers: tlsBroker(t, expiredCert, expiredKey), TLS: TLS{CA: a.pem}},
		"signed by an authority that is not known":                    {BootstrapServers: tlsBroker(t, cert, key), TLS: TLS{CA: newAuthority(t).pem}},
		"give that name as server_name":                               {BootstrapServers: tlsBroker(t, cert, key), TLS: TLS{CA: a.pem, ServerName: "elsewhere"}},
		"the broker refuses it":                                       {BootstrapServers: a.mutual(), TLS: TLS{CA: a.pem}},
	} {
		expectRefusal(t, config, words)
	}
	away := Config{BootstrapServers: []string{"127.0.0.1:1"}, DialTimeout: time.Second}
	if refusal := away.Refusal(ping(t, away)); refusal != nil {
		t.Errorf("a broker that is away is told as %v", refusal)
	}
}

func tlsBroker(t *testing.T, cert, key string) []string {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})) //nolint:gosec // a test's own broker
}
