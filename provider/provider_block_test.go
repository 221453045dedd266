package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

// onWith is on with more lines in the provider block.
func onWith(c *kafkatest.Cluster, block, body string) string {
	return strings.Replace(on(c, body), "request_timeout", block+"\n  request_timeout", 1)
}

// A configuration that reaches another cluster than it is for must not take what
// is missing there for deleted, nor write anything: one diagnostic, however many
// resources there are, and the state stays.
func TestWrongCluster(t *testing.T) {
	t.Parallel()
	right := kafkatest.Start(t)
	right.Fake() // one real cluster at a time is enough: TestExpectedClusterID asks that
	wrong := kafkatest.Start(t)
	metadata, err := right.Admin().BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expected := fmt.Sprintf("expected_cluster_id = %q", metadata.Cluster)
	body := `
resource "headwater_topic" "test" {
  count      = 5
  name       = "raw.web.event-${count.index}"
  partitions = 1
}`
	acceptRefused(t, `and expected_cluster_id is "another". Nothing was read or written.`,
		resource.TestStep{Config: onWith(right, expected, body)},
		resource.TestStep{Config: strings.Replace(onWith(wrong, `expected_cluster_id = "another"`, body), "= 5", "= 6", 1)},
		resource.TestStep{Config: onWith(right, expected, body), ConfigPlanChecks: emptyPlan()},
	)
	topics, err := wrong.Admin().ListTopics(t.Context())
	if err != nil || len(topics) != 0 {
		t.Errorf("the wrong cluster has topics %v, %v", topics.Names(), err)
	}
}

// acceptRefused is accept for steps of which one is refused: by one diagnostic that
// holds the words, and no other.
func acceptRefused(t *testing.T, words string, steps ...resource.TestStep) {
	t.Helper()
	needTerraform(t)
	refused := false
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories, Steps: steps,
		ErrorCheck: func(err error) error {
			if n := strings.Count(err.Error(), "Error: "); n != 1 || !flexible(words).MatchString(err.Error()) {
				return fmt.Errorf("want one diagnostic with %q, got %d: %w", words, n, err)
			}
			refused = true
			return nil
		},
	})
	if !refused {
		t.Errorf("nothing was refused, want %q", words)
	}
}

// One request at a time is slow and no different.
func TestMaxInFlight(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	body := `
resource "headwater_topic" "test" {
  count      = 12
  name       = "raw.web.event-${count.index}"
  partitions = 1
}`
	accept(t,
		resource.TestStep{Config: onWith(c, "max_in_flight = 0", body), PlanOnly: true, ExpectError: flexible("max_in_flight value must be at least 1")},
		resource.TestStep{Config: onWith(c, "max_in_flight = 1", body)},
		resource.TestStep{Config: onWith(c, "max_in_flight = 1", body), ConfigPlanChecks: emptyPlan()},
	)
}

// What topics and subjects that say nothing have is the provider's to say, and
// theirs wins over it.
func TestDeletionProtectionDefault(t *testing.T) {
	t.Parallel()
	c, g := kafkatest.Start(t), startRegistry(t)
	both := topic("raw.web.clicked", 1, "") + strings.Replace(subject(`"string"`, ""), "deletion_protection = false", "", 1)
	block := func(value string) string {
		return onWith(c, fmt.Sprintf("schema_registry = { url = %q }\n%s", g.url, value), both)
	}
	protected := func(want string) resource.TestCheckFunc {
		return resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(testTopic, "deletion_protection", want),
			resource.TestCheckResourceAttr(testSubject, "deletion_protection", want),
		)
	}
	stable := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	accept(t,
		resource.TestStep{Config: block(""), Check: protected("true"), ConfigPlanChecks: stable},
		resource.TestStep{Config: block("deletion_protection = false"), Check: protected("false"), ConfigPlanChecks: stable},
		resource.TestStep{
			Config: strings.Replace(block("deletion_protection = false"), "partitions", "deletion_protection = true\n  partitions", 1),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(testTopic, "deletion_protection", "true"),
				resource.TestCheckResourceAttr(testSubject, "deletion_protection", "false"),
			),
		},
		resource.TestStep{Config: block("deletion_protection = false"), Check: protected("false")},
	)
}

// A controller that moves in the middle of an apply costs a retry, no error; one
// that has not settled within the request timeout is told as such, and the next
// apply finishes.
func TestControllerMoves(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	var left atomic.Int32
	fake := c.Fake()
	fake.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		create := req.(*kmsg.CreateTopicsRequest)
		if create.ValidateOnly || left.Add(-1) < 0 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, topic := range create.Topics {
			answer := kmsg.NewCreateTopicsResponseTopic()
			answer.Topic, answer.ErrorCode = topic.Topic, kerr.NotController.Code
			resp.Topics = append(resp.Topics, answer)
		}
		return resp, nil, true
	})
	config := strings.Replace(on(c, topic("raw.web.clicked", 1, "")), `"10s"`, `"2s"`, 1)
	accept(t,
		resource.TestStep{
			PreConfig: func() { left.Store(1 << 30) }, Config: config,
			ExpectError: flexible("The controller of the cluster is moving to another node"),
		},
		resource.TestStep{PreConfig: func() { left.Store(2) }, Config: config, Check: brokersHave(c, "raw.web.clicked", 1, nil)},
	)
	if left.Load() >= 0 {
		t.Error("the controller never moved")
	}
}

// The registry's bearer token is sent with every request, and both kinds of
// log-in at once are refused.
func TestRegistryBearerToken(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	registry, err := url.Parse(g.url)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(registry)
	var refused atomic.Int32
	gate := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer abc.def" {
			refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error_code":401,"message":"who are you?"}`)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	config := func(token, rest string) string {
		return fmt.Sprintf("provider \"headwater\" {\n schema_registry = {\n url = %q\n ca_pem = <<PEM\n%sPEM\n bearer_token = %q\n%s\n}\n}\n%s",
			gate.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gate.Certificate().Raw}), token, rest, subject(`"string"`, ""))
	}
	accept(t,
		resource.TestStep{Config: config("wrong", ""), ExpectError: flexible("answered 401: who are you?")},
		resource.TestStep{Config: config("abc.def", "username = \"ada\""), ExpectError: flexible("both a bearer token and a user name")},
		resource.TestStep{Config: config("abc.def", "")},
	)
	if refused.Load() == 0 {
		t.Error("the gate let everyone in")
	}
}

// selfSigned makes a certificate of 127.0.0.1 that is its own authority.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	return selfSignedUntil(t, time.Now().Add(time.Hour))
}

func selfSignedUntil(t *testing.T, until time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker-0"}, NotAfter: until, NotBefore: until.Add(-2 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// A broker whose certificate has expired: one diagnostic for all that a plan would
// have read, which says whose and when. A client's own is named before any dial.
func TestExpiredCertificates(t *testing.T) {
	t.Parallel()
	certificate, key := selfSignedUntil(t, time.Now().Add(-time.Hour))
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})) //nolint:gosec // a test's own broker
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	config := func(tls string) string {
		return strings.Replace(onServers(fake.ListenAddrs(), `
resource "headwater_topic" "test" {
  count      = 5
  name       = "raw.web.event-${count.index}"
  partitions = 1
}`), "request_timeout", "tls = {\n"+tls+"\n}\n  request_timeout", 1)
	}
	ca := "ca_pem = <<PEM\n" + certificate + "PEM"
	acceptRefused(t, `the one of "broker-0" expired at`, resource.TestStep{Config: config(ca)})
	acceptRefused(t, `client certificate of "broker-0" expired at`,
		resource.TestStep{Config: config(ca + "\ncert_pem = <<PEM\n" + certificate + "PEM\nkey_pem = <<PEM\n" + key + "PEM")})
}

// Each attribute of the block must name its variable, and what the variables say
// must arrive where the block says nothing.
func TestSettingsFromEnvironment(t *testing.T) {
	certificate, key := selfSigned(t)
	variables := map[string]string{
		kafka.EnvBootstrapServers: "a:1,b:2", kafka.EnvClientID: "ada", kafka.EnvDialTimeout: "7s", envMaxInFlight: "3", envExpectedCluster: "id",
		envProtection: "false", envRequestTimeout: "9s", envThrottle: "unlimited",
		kafka.EnvSASLMechanism: kafka.OAuthBearer, kafka.EnvSASLUsername: "user", kafka.EnvSASLPassword: "password",
		kafka.EnvSASLTokenURL: "https://127.0.0.1/token", kafka.EnvSASLTokenCA: certificate, kafka.EnvSASLClientID: "client",
		kafka.EnvSASLClientSecret: "secret", kafka.EnvSASLScopes: "one two", kafka.EnvSASLExtensions: "tenant=blue",
		kafka.EnvSASLAWSAccessKey: "AKID", kafka.EnvSASLAWSSecretKey: "aws", kafka.EnvSASLAWSSessionToken: "session", kafka.EnvSASLAWSProfile: "work",
		kafka.EnvTLSEnabled: "true", kafka.EnvTLSCA: certificate, kafka.EnvTLSCert: certificate, kafka.EnvTLSKey: key,
		kafka.EnvTLSServerName: "broker", kafka.EnvTLSInsecureSkipVerify: "true",
		envRegistryURL: "https://127.0.0.1", envRegistryToken: "bearer", envRegistryCA: certificate,
		envSupervisorURL: "http://127.0.0.1", envSupervisorToken: "supervisor",
	}
	for variable, value := range variables {
		t.Setenv(variable, value)
	}
	got, diags := readSettings(t.Context(), providerModel{})
	want := settings{
		kafka: kafka.Config{
			BootstrapServers: []string{"a:1", "b:2"}, ClientID: "ada", DialTimeout: 7 * time.Second, MaxInFlight: 3,
			SASL: kafka.SASL{
				Mechanism: kafka.OAuthBearer, Username: "user", Password: "password",
				OAuth: kafka.OAuth{
					TokenURL: "https://127.0.0.1/token", CA: certificate, ClientID: "client", ClientSecret: "secret",
					Scopes: []string{"one", "two"}, Extensions: map[string]string{"tenant": "blue"},
				},
				AWS: kafka.AWS{AccessKey: "AKID", SecretKey: "aws", SessionToken: "session", Profile: "work"},
			},
			TLS: kafka.TLS{Enabled: true, CA: certificate, Cert: certificate, Key: key, ServerName: "broker", InsecureSkipVerify: true},
		},
		registry:       registrySettings{url: "https://127.0.0.1", token: "bearer", tls: kafka.TLS{CA: certificate}},
		supervisor:     supervisorSettings{url: "http://127.0.0.1", token: "supervisor"},
		requestTimeout: 9 * time.Second, expectedClusterID: "id",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{}, registrySettings{}, supervisorSettings{})); diff != "" || diags.HasError() {
		t.Errorf("%v (-want +got):\n%s", diags, diff)
	}
	if unknown, _ := readSettings(t.Context(), providerModel{DeletionProtection: types.BoolUnknown()}); !unknown.deletionProtection {
		t.Error("what is not known yet does not protect")
	}
	// The three that cannot stand beside the others.
	for _, variable := range []string{kafka.EnvSASLToken, envRegistryUsername, envRegistryPassword} {
		variables[variable] = ""
	}
	documented := map[string]bool{}
	for name, description := range leaves(providerSchema().Attributes) {
		variable := regexp.MustCompile("`(HEADWATER_[A-Z_]+)`").FindStringSubmatch(description)
		if variable == nil {
			t.Errorf("%s names no variable", name)
			continue
		}
		documented[variable[1]] = true
		if _, ok := variables[variable[1]]; !ok {
			t.Errorf("%s names %s, which nothing reads", name, variable[1])
		}
	}
	if len(documented) != len(variables) {
		t.Errorf("%d variables are documented, and %d are read", len(documented), len(variables))
	}
}

// leaves are the descriptions of all attributes that hold no others.
func leaves(attributes map[string]schema.Attribute) map[string]string {
	all := map[string]string{}
	for name, attribute := range attributes {
		nested, ok := attribute.(schema.SingleNestedAttribute)
		if !ok {
			all[name] = attribute.GetMarkdownDescription()
			continue
		}
		for inner, description := range leaves(nested.Attributes) {
			all[name+"."+inner] = description
		}
	}
	return all
}
