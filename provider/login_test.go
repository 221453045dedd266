package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

// unsigned is a token that the brokers of tests take: its subject, until a time.
func unsigned(subject string, until time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, subject, time.Now().Add(-time.Hour).Unix(), until.Unix())) + "."
}

// Real brokers must let each mechanism in that they have, and what they say to a
// wrong password, an expired token and a foreign mechanism must come out as one
// diagnostic with what to do: their words are not a simulation's.
func TestLogInOnRealBrokers(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	c.NeedsReal()
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "ada", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "scram-secret"}})
	soon, ago := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	user := func(mechanism, password string) kafka.SASL {
		return kafka.SASL{Mechanism: mechanism, Username: "ada", Password: password}
	}
	token := func(text string) kafka.SASL {
		return kafka.SASL{Mechanism: kafka.OAuthBearer, OAuth: kafka.OAuth{Token: text}}
	}
	for name, try := range map[string]struct {
		sasl    kafka.SASL
		refusal string // empty for none
	}{
		"PLAIN":                        {user(kafka.Plain, "plain-secret"), ""},
		"PLAIN, wrong password":        {user(kafka.Plain, "guess"), "wrong user or password"},
		"SCRAM-SHA-256":                {user(kafka.ScramSHA256, "scram-secret"), ""},
		"SCRAM-SHA-256, wrong":         {user(kafka.ScramSHA256, "guess"), "wrong user or password"},
		"SCRAM-SHA-512, no credential": {user(kafka.ScramSHA512, "scram-secret"), "wrong user or password"},
		"OAUTHBEARER":                  {token(unsigned("ada", soon)), ""},
		"OAUTHBEARER, expired":         {token(unsigned("ada", ago)), "the brokers do not take the token"},
		"AWS_MSK_IAM":                  {kafka.SASL{Mechanism: kafka.AWSMSKIAM, AWS: kafka.AWS{AccessKey: "AKID", SecretKey: "x"}}, "the brokers do not take SASL AWS_MSK_IAM at this address"},
	} {
		t.Run(name, func(t *testing.T) {
			set := settings{kafka: kafka.Config{BootstrapServers: c.Config.BootstrapServers, SASL: try.sasl}, requestTimeout: 20 * time.Second}
			inst := newInstance(set)
			_, err := inst.connect(t.Context())
			if try.refusal == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var diags diag.Diagnostics
			inst.failPlan(&diags, "Read it", err)
			inst.failPlan(&diags, "Read another", err)
			if len(diags) != 1 || !strings.Contains(diags[0].Detail(), try.refusal) || strings.Contains(diags[0].Detail(), "guess") {
				t.Errorf("diagnostics %v for %v, want one with %q", diags, err, try.refusal)
			}
		})
	}
}

// The id that real brokers give is the one that people copy from the data source:
// with it, all goes as ever, and with another nothing does.
func TestExpectedClusterID(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	metadata, err := c.Admin().BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect := func(id, rest string) string {
		return onWith(c, fmt.Sprintf("expected_cluster_id = %q", id), topic("raw.web.clicked", 1, "")+rest)
	}
	acceptRefused(t, fmt.Sprintf("has the id %q, and expected_cluster_id is %q", metadata.Cluster, "4L6g3nShT-eMCtK--X86sw"),
		resource.TestStep{Config: expect("4L6g3nShT-eMCtK--X86sw", "")},
		resource.TestStep{Config: expect(metadata.Cluster, "data \"headwater_cluster\" \"this\" {}\n"), Check: resource.TestCheckResourceAttr("data.headwater_cluster.this", "cluster_id", metadata.Cluster)},
	)
}
