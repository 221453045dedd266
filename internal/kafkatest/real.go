package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/kafka"
)

// realBrokers is how many real brokers a test gets: enough for three replicas.
const realBrokers = 3

// pool lends one real cluster to one test after the other: starting one takes
// seconds, wiping one a fraction. It runs until the test program ends.
var pool = struct {
	turn    chan struct{} // holds one token; who has it has the cluster
	cluster *apache.Cluster
	failed  error // why it cannot be started: the next test need not try

	mu     sync.Mutex
	holder string // name of the test that has it
}{turn: make(chan struct{}, 1)}

// startReal gives the test the pool's cluster, or one of its own: for more
// brokers than that has, and for a second one in the same test.
func (c *Cluster) startReal(o options) {
	c.tb.Helper()
	if o.user != "" && o.user != apache.DefaultUsername {
		c.tb.Fatalf("the superuser of the real brokers is %q, not %q", apache.DefaultUsername, o.user)
	}
	if o.brokers > realBrokers || holds(c.tb.Name()) {
		c.real = launch(c.tb, max(o.brokers, realBrokers))
		c.tb.Cleanup(c.real.Close)
	} else {
		c.borrow()
	}
	c.Config = kafka.Config{BootstrapServers: c.real.Open()}
	if o.user != "" {
		c.setPassword(o.user, o.pass)
		c.Config = kafka.Config{
			BootstrapServers: c.real.OpenSASL(),
			SASL:             kafka.SASL{Mechanism: kafka.ScramSHA512, Username: o.user, Password: o.pass},
		}
	}
}

// holds reports whether this test, or one that it is a part of, has the pool's
// cluster: waiting for it would be for ever.
func holds(test string) bool {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	return pool.holder != "" && (test == pool.holder || strings.HasPrefix(test, pool.holder+"/"))
}

func (c *Cluster) borrow() {
	c.tb.Helper()
	pool.turn <- struct{}{}
	pool.mu.Lock()
	pool.holder = c.tb.Name()
	pool.mu.Unlock()
	c.tb.Cleanup(func() {
		c.giveBack()
		pool.mu.Lock()
		pool.holder = ""
		pool.mu.Unlock()
		<-pool.turn
	})
	if pool.failed != nil {
		c.tb.Fatalf("start Kafka: it failed before: %v", pool.failed)
	}
	if pool.cluster == nil {
		pool.failed = errors.New("see the first test that needed it") // stays, should launch not return
		pool.cluster = launch(c.tb, realBrokers)
		pool.failed = nil
	}
	c.real = pool.cluster
}

// giveBack makes the cluster new for the next test, which gets another one when
// that fails.
func (c *Cluster) giveBack() {
	if c.real == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := c.real.StartAll(ctx)
	if err == nil {
		err = wipe(ctx, c.real)
	}
	if err != nil {
		c.tb.Logf("the brokers are thrown away, they cannot be wiped: %v", err)
		c.real.Close()
		pool.cluster = nil
	}
}

// mechanisms has the listener that asks who one is take all that Kafka has: a PLAIN
// user ada with the password plain-secret, and OAUTHBEARER tokens that nobody
// signed, whose subject is the user.
var mechanisms = map[string]string{
	"listener.name.opensasl.sasl.enabled.mechanisms":        "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
	"listener.name.opensasl.scram-sha-256.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
	"listener.name.opensasl.plain.sasl.jaas.config":         `org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="plain-secret";`,
	"listener.name.opensasl.oauthbearer.sasl.jaas.config":   "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
}

// launch starts brokers whose data is gone after the test program.
func launch(tb testing.TB, brokers int) *apache.Cluster {
	tb.Helper()
	cache, err := cacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := shortLivedDir()
	if err != nil {
		tb.Fatal(err)
	}
	began := time.Now()
	cluster, err := apache.Start(context.Background(), apache.Options{
		CacheDir: cache, DataDir: dir, Brokers: brokers, Combined: true, Open: true, QuickStart: true, Password: "admin-secret",
		Settings: mechanisms,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("started %d Apache Kafka brokers in %.1f s", brokers, time.Since(began).Seconds())
	return cluster
}

// cacheDir is build/apache of the repository that the test runs in.
func cacheDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "build", "apache"), nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("find the repository: no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// lifelines are held open until this process ends.
var lifelines struct {
	mu    sync.Mutex
	files []*os.File
}

// shortLivedDir makes a folder that a shell removes when this process has ended,
// however it did: a test program has no moment of its own after its last test.
func shortLivedDir() (string, error) {
	dir, err := os.MkdirTemp("", "kafkatest-")
	if err != nil {
		return "", err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	// The brokers are killed at that same moment: they need a breath to be gone.
	cleaner := exec.Command("/bin/sh", "-c", `trap "" HUP INT TERM; read _; sleep 1; rm -rf "$0"`, dir) //nolint:noctx // it outlives us
	cleaner.Stdin = read
	cleaner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cleaner.Start(); err != nil {
		return "", fmt.Errorf("start the cleaner of %s: %w", dir, err)
	}
	lifelines.mu.Lock()
	defer lifelines.mu.Unlock()
	lifelines.files = append(lifelines.files, write)
	return dir, nil
}

// setPassword sets the superuser's password to the one that the test expects.
func (c *Cluster) setPassword(user, password string) {
	c.tb.Helper()
	client, err := kafka.Config{BootstrapServers: c.real.Open()}.Client()
	if err != nil {
		c.tb.Fatal(err)
	}
	defer client.Close()
	set := kadm.UpsertSCRAM{User: user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password}
	if _, err := kadm.NewClient(client).AlterUserSCRAMs(context.Background(), nil, []kadm.UpsertSCRAM{set}); err != nil {
		c.tb.Fatalf("set the password of %q: %v", user, err)
	}
	config := kafka.Config{
		BootstrapServers: c.real.OpenSASL(),
		SASL:             kafka.SASL{Mechanism: kafka.ScramSHA512, Username: user, Password: password},
	}
	eventually(c.tb, func(ctx context.Context) error { return everyBroker(ctx, config, &kmsg.ApiVersionsRequest{}, nil) })
}

// settle waits until every real broker shows the topic, with leaders, or shows it
// no more. The fake's brokers are of one mind at once.
func (c *Cluster) settle(topic string, present bool) {
	c.tb.Helper()
	if c.real == nil {
		return
	}
	eventually(c.tb, func(ctx context.Context) error { return shown(ctx, c.Config, topic, present) })
}

func shown(ctx context.Context, config kafka.Config, topic string, present bool) error {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr(topic)}}
	return everyBroker(ctx, config, request, func(response kmsg.Response) error {
		found := response.(*kmsg.MetadataResponse).Topics[0] //nolint:forcetypeassert // the answer of that request
		err := kerr.ErrorForCode(found.ErrorCode)
		for _, p := range found.Partitions {
			err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
		}
		if present {
			return err
		}
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("topic %q is still there: %w", topic, err)
		}
		return nil
	})
}

// gone reports a broker that the cluster still counts on.
func gone(ctx context.Context, config kafka.Config, id int32) error {
	client, err := config.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	cluster, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, broker := range cluster.Brokers {
		if broker.NodeID == id {
			return fmt.Errorf("broker %d is still registered", id)
		}
	}
	return nil
}

// everyBroker asks each broker that config names, by itself.
func everyBroker(ctx context.Context, config kafka.Config, request kmsg.Request, check func(kmsg.Response) error) error {
	client, err := config.Client(kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer client.Close()
	for _, broker := range client.SeedBrokers() {
		response, err := broker.Request(ctx, request)
		if err == nil && check != nil {
			err = check(response)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func eventually(tb testing.TB, try func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("the brokers do not agree: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
