// Package kafkatest starts throwaway Kafka clusters for tests. By default that is
// franz-go's in-process fake with six brokers. With HEADWATER_TEST_KAFKA=apache
// the same tests run against real Apache Kafka that it starts, and with
// KAFKA_BROKERS set against the cluster named there; those that need to steer
// the fake itself are skipped then. Only tests import it.
package kafkatest

import (
	"context"
	"maps"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/kafka"
)

// EnvBrokers names real brokers (host:port, comma separated) to test against
// instead of the fake. The other HEADWATER_* variables of
// [kafka.FromEnvironment] then say how to reach them.
const EnvBrokers = "KAFKA_BROKERS"

// EnvKafka chooses the cluster: "apache" starts real brokers, which needs Java 17
// and, once, Maven. Empty is the fake.
const EnvKafka = "HEADWATER_TEST_KAFKA"

// Brokers is how many brokers the fake has: the platform's own number.
const Brokers = 6

// groupSessions are the group protocol's limits as the real brokers have them.
var groupSessions = map[string]string{
	"group.consumer.session.timeout.ms":    "10000",
	"group.consumer.heartbeat.interval.ms": "1000",
}

// Cluster is a running cluster.
type Cluster struct {
	Config kafka.Config // how to reach it, as its superuser

	tb   testing.TB
	opts []kfake.Opt
	fake *kfake.Cluster  // nil on a real cluster
	real *apache.Cluster // nil on the fake, and on a cluster that KAFKA_BROKERS names

	mu     sync.Mutex
	counts map[string]int
}

// Option changes how the cluster is started. One that KAFKA_BROKERS names is as it
// is, and real brokers always enforce ACLs and keep their data.
type Option func(*options)

type options struct {
	brokers    int
	user, pass string
	acls       bool
	durable    bool
	groups     bool
}

// WithSASL makes the brokers ask for SCRAM-SHA-512 and makes user a superuser.
func WithSASL(user, password string) Option {
	return func(o *options) { o.user, o.pass = user, password }
}

// WithACLs makes the brokers enforce ACLs. It needs [WithSASL].
func WithACLs() Option { return func(o *options) { o.acls = true } }

// WithBrokers sets the number of brokers. Real ones are three, unless more are
// asked for.
func WithBrokers(n int) Option { return func(o *options) { o.brokers = n } }

// Durable keeps data on disk, so that [Cluster.Stop] and [Cluster.Restart] lose
// nothing.
func Durable() Option { return func(o *options) { o.durable = true } }

// WithGroupSessions makes the fake give a silent member of the consumer protocol
// (KIP-848) up as soon as the real brokers do. It shows as settings of each broker.
func WithGroupSessions() Option { return func(o *options) { o.groups = true } }

// Start starts a cluster that ends with the test.
func Start(tb testing.TB, opts ...Option) *Cluster {
	tb.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	c := &Cluster{tb: tb, counts: map[string]int{}}
	switch kind := os.Getenv(EnvKafka); kind {
	case "":
	case "apache":
		c.startReal(o)
		return c
	default:
		tb.Fatalf("%s is %q: leave it empty or say apache", EnvKafka, kind)
	}
	if o.brokers == 0 {
		o.brokers = Brokers
	}
	if servers := kafka.SplitServers(os.Getenv(EnvBrokers)); len(servers) > 0 {
		tb.Setenv(kafka.EnvBootstrapServers, os.Getenv(EnvBrokers))
		config, err := kafka.FromEnvironment()
		if err != nil {
			tb.Fatal(err)
		}
		c.Config = config
		return c
	}
	c.opts = []kfake.Opt{kfake.NumBrokers(o.brokers), kfake.ClusterID("kafkatest")}
	if o.groups {
		c.opts = append(c.opts, kfake.BrokerConfigs(groupSessions))
	}
	if o.user != "" {
		c.opts = append(c.opts, kfake.EnableSASL(), kfake.Superuser(kafka.ScramSHA512, o.user, o.pass))
		c.Config.SASL = kafka.SASL{Mechanism: kafka.ScramSHA512, Username: o.user, Password: o.pass}
	}
	if o.acls {
		c.opts = append(c.opts, kfake.EnableACLs())
	}
	if o.durable {
		c.opts = append(c.opts, kfake.DataDir(tb.TempDir()))
	}
	c.start()
	c.Config.BootstrapServers = c.fake.ListenAddrs()
	tb.Cleanup(func() { c.Stop() })
	return c
}

func (c *Cluster) start() {
	c.tb.Helper()
	fake, err := kfake.NewCluster(c.opts...)
	if err != nil {
		c.tb.Fatalf("start the fake cluster: %v", err)
	}
	fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.counts[kmsg.NameForKey(req.Key())]++
		return nil, nil, false
	})
	c.fake = fake
}

// Fake returns the fake cluster, to steer it. On a real one the test is skipped.
func (c *Cluster) Fake() *kfake.Cluster {
	c.tb.Helper()
	if c.fake == nil {
		c.tb.Skip("needs the fake cluster, and this one is real")
	}
	return c.fake
}

// NeedsReal skips the test on the fake, which replicates and moves nothing.
func (c *Cluster) NeedsReal() {
	c.tb.Helper()
	if c.fake != nil {
		c.tb.Skipf("needs brokers that replicate: set %s=apache", EnvKafka)
	}
}

// Stop takes all brokers away, as a power cut would. Connections break and dials
// are refused.
func (c *Cluster) Stop() {
	if c.fake != nil {
		c.fake.Close()
	}
	if c.real != nil {
		c.real.KillAll()
	}
}

// Restart brings the brokers back on the ports they had. Without [Durable] they
// come back empty.
func (c *Cluster) Restart() {
	c.tb.Helper()
	if c.real != nil {
		if err := c.real.StartAll(context.Background()); err != nil {
			c.tb.Fatalf("restart the brokers: %v", err)
		}
		return
	}
	var ports []int
	for _, address := range c.Config.BootstrapServers {
		ports = append(ports, portOf(c.tb, address))
	}
	c.opts = append(c.opts, kfake.Ports(ports...))
	c.start()
}

// KillBroker ends one broker and returns when the others no longer count on it,
// which takes real ones their session timeout of 9 s.
func (c *Cluster) KillBroker(id int32) {
	c.tb.Helper()
	if c.real == nil {
		if err := c.Fake().RemoveNode(id); err != nil {
			c.tb.Fatalf("kill broker %d: %v", id, err)
		}
		return
	}
	if err := c.real.Kill(int(id)); err != nil {
		c.tb.Fatal(err)
	}
	eventually(c.tb, func(ctx context.Context) error { return gone(ctx, c.Config, id) })
}

// RestartBroker brings back the broker that [Cluster.KillBroker] ended, on its
// address and, unless it is a fake one, with its data.
func (c *Cluster) RestartBroker(id int32) {
	c.tb.Helper()
	var err error
	if c.real != nil {
		err = c.real.Restart(context.Background(), int(id))
	} else {
		_, _, err = c.Fake().AddNode(id, portOf(c.tb, c.Config.BootstrapServers[id]))
	}
	if err != nil {
		c.tb.Fatalf("restart broker %d: %v", id, err)
	}
}

// ResetRequests forgets the requests counted so far.
func (c *Cluster) ResetRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.counts)
}

// Requests returns how many requests of each kind (Kafka's API names, such as
// "Metadata") arrived since the last reset. On a real cluster the test is
// skipped: nobody counts there.
func (c *Cluster) Requests() map[string]int {
	c.tb.Helper()
	c.Fake()
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// Client returns a client that ends with the test.
func (c *Cluster) Client(opts ...kgo.Opt) *kgo.Client {
	c.tb.Helper()
	client, err := c.Config.Client(append([]kgo.Opt{kgo.MetadataMinAge(10 * time.Millisecond)}, opts...)...)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.tb.Cleanup(client.Close)
	return client
}

// Admin returns an administrative client that ends with the test.
func (c *Cluster) Admin() *kadm.Client {
	c.tb.Helper()
	return kadm.NewClient(c.Client())
}

// CreateTopic creates a topic with the cluster's default replication behind the back of whatever is
// tested. Config may be nil.
func (c *Cluster) CreateTopic(name string, partitions int32, config map[string]string) {
	c.tb.Helper()
	values := make(map[string]*string, len(config))
	for key, value := range config {
		values[key] = &value
	}
	if _, err := c.Admin().CreateTopic(context.Background(), partitions, -1, values, name); err != nil {
		c.tb.Fatalf("create topic %q: %v", name, err)
	}
	c.settle(name, true)
}

// DeleteTopic deletes a topic behind the back of whatever is tested.
func (c *Cluster) DeleteTopic(name string) {
	c.tb.Helper()
	if _, err := c.Admin().DeleteTopic(context.Background(), name); err != nil {
		c.tb.Fatalf("delete topic %q: %v", name, err)
	}
	c.settle(name, false)
}

// Produce writes one record with the value to the topic and waits until it is
// acknowledged.
func (c *Cluster) Produce(topic, value string) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	record := &kgo.Record{Topic: topic, Value: []byte(value)}
	if err := c.Client().ProduceSync(ctx, record).FirstErr(); err != nil {
		c.tb.Fatalf("produce to %q: %v", topic, err)
	}
}

func portOf(tb testing.TB, address string) int {
	tb.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("read the port of %q: %v", address, err)
	}
	return port
}
