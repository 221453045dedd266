package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafkatest"
)

// Brokers that come up in the same apply as the topics on them: the plan must be
// made without them, and the apply must find them.
func TestBootstrapKnownAfterApply(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	config := `
resource "terraform_data" "cluster" {
  input = "` + strings.Join(c.Config.BootstrapServers, ",") + `"
}
provider "headwater" {
  bootstrap_servers = split(",", terraform_data.cluster.output)
}` + topic("raw.web.clicked", 1, "") + acl(`
  principal     = "User:refine"
  operations    = ["READ"]
  resource_type = "TOPIC"
  resource_name = headwater_topic.test.name`)
	wrong := strings.Replace(config, "partitions", "config = { \"retentoin.ms\" = \"1\" }\n  partitions", 1)
	accept(t,
		resource.TestStep{Config: wrong, ExpectError: flexible(`did you mean "retention.ms"`)},
		resource.TestStep{Config: config, Check: resource.TestCheckResourceAttrSet(testTopic, "topic_id")},
	)
}

// Brokers that are known and away: one diagnostic, with address and cause,
// however many resources wait for them, and soon.
func TestBrokersAwayInPlan(t *testing.T) {
	t.Parallel()
	server := freeAddress(t)
	config := onServers([]string{server}, `
resource "headwater_topic" "test" {
  count      = 20
  name       = "raw.web.event-${count.index}"
  partitions = 1
}`)
	accept(t, resource.TestStep{Config: config, PlanOnly: true, ExpectError: flexible("No broker of " + server + " answers: unable to dial: dial tcp " + server + ": connect: connection refused")})
	accept(t, resource.TestStep{Config: onServers(nil, topic("raw.web.clicked", 1, "")), PlanOnly: true, ExpectError: flexible("No broker is configured")})
}

// Brokers that go away between plan and apply: a diagnostic with address and
// cause, no half-written state, and the next apply finishes the work.
func TestBrokersAwayInApply(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Durable())
	onCreate(c, func() (kmsg.Response, error, bool) {
		go c.Stop()
		return nil, errors.New("gone"), true
	})
	config := strings.Replace(on(c, topic("raw.web.clicked", 1, "")), `"10s"`, `"2s"`, 1)
	accept(t,
		resource.TestStep{Config: config, ExpectError: flexible("Kafka cannot be reached")},
		resource.TestStep{PreConfig: c.Restart, Config: config, Check: brokersHave(c, "raw.web.clicked", 1, nil)},
	)
}

// A connection that breaks after the brokers made the topic and before they said
// so: the same apply must take its own work for its own.
func TestAnswerLostInApply(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	onCreate(c, func() (kmsg.Response, error, bool) {
		c.Fake().DropControl()
		if err := c.Fake().CreateTopic("raw.web.clicked", 2, map[string]string{"cleanup.policy": "compact"}); err != nil {
			t.Error(err)
		}
		return nil, errors.New("connection broken"), true
	})
	accept(t, resource.TestStep{Config: on(c, topic("raw.web.clicked", 2, `config = { "cleanup.policy" = "compact" }`))})
}

// An apply that was killed after the brokers made the topic: the next one takes it
// over, and only if nothing else can be meant.
func TestApplyKilled(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	policy := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	if _, err := c.Admin().CreateTopic(context.Background(), 2, 3, policy, "raw.web.clicked"); err != nil {
		t.Fatal(err)
	}
	config := topic("raw.web.clicked", 2, `config = { "cleanup.policy" = "compact" }`)
	accept(t,
		resource.TestStep{Config: on(c, strings.Replace(config, "compact", "delete", 1)), PlanOnly: true, ExpectError: flexible("Topic exists already")},
		resource.TestStep{Config: on(c, config), Check: resource.TestCheckResourceAttrSet(testTopic, "topic_id")},
	)
}

// onCreate runs fn instead of the brokers' creation of topics, not instead of
// their dry run.
func onCreate(c *kafkatest.Cluster, fn func() (kmsg.Response, error, bool)) {
	fake := c.Fake()
	fake.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if create, ok := req.(*kmsg.CreateTopicsRequest); ok && !create.ValidateOnly {
			return fn()
		}
		return nil, nil, false
	})
}

// Settings that cannot work are told at the block, before anything is dialled.
func TestProviderBlockRefusals(t *testing.T) {
	t.Parallel()
	for block, message := range map[string]string{
		`sasl = { username = "a" }`:               "needs both a username and a password",
		`tls = { cert_pem = "/nowhere.pem" }`:     "needs both a certificate and its key",
		`request_timeout = "soon"`:                "is not a positive duration",
		`sasl = { mechanism = "GSSAPI" }`:         "value must be one of",
		`tls = { ca_pem = "/nowhere/ca.pem" }`:    "no such file",
		`bootstrap_servers = "127.0.0.1:9092"`:    "list of string",
		`bootstrap_servers = ["127.0.0.1"]`:       "host:port",
		`bootstrap_servers = ["127.0.0.1:9092/"]`: "host:port",
	} {
		config := "provider \"headwater\" {\n" + block + "\n}\n" + topic("raw.web.clicked", 1, "")
		accept(t, resource.TestStep{Config: config, PlanOnly: true, ExpectError: flexible(message)})
	}
}

// The whole block may come from the environment, as the command line sets it.
func TestProviderFromEnvironment(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	t.Setenv("HEADWATER_BOOTSTRAP_SERVERS", strings.Join(c.Config.BootstrapServers, ","))
	t.Setenv("HEADWATER_SASL_USERNAME", "admin")
	t.Setenv("HEADWATER_SASL_PASSWORD", "admin-secret")
	accept(t, resource.TestStep{Config: topic("raw.web.clicked", 1, "")})
	os.Unsetenv("HEADWATER_SASL_PASSWORD")
	accept(t, resource.TestStep{Config: topic("raw.web.clicked", 1, ""), PlanOnly: true, ExpectError: flexible("needs both a username and a password")})
}

// freeAddress is a loopback address where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
