package apache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/kafka"
)

// Environment of the tests: the first turns on those that need Java, the second
// makes this program the parent in TestProcessesEndWithTheirParent.
const (
	envKafka  = "HEADWATER_TEST_KAFKA"
	envParent = "HEADWATER_TEST_PARENT_DIR"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envParent); dir != "" {
		beParent(dir)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func cacheDir(t *testing.T) string {
	t.Helper()
	if os.Getenv(envKafka) != "apache" {
		t.Skipf("needs Java 17 and Maven: set %s=apache", envKafka)
	}
	return "../../build/apache"
}

// options are those of a test's cluster. Without Java to run on the test is skipped.
func options(t *testing.T) apache.Options {
	t.Helper()
	began := time.Now()
	return apache.Options{
		CacheDir: cacheDir(t), DataDir: t.TempDir(), Password: "admin-secret", QuickStart: true,
		Progress: func(step string) { t.Logf("%6.2f s: %s", time.Since(began).Seconds(), step) },
	}
}

func start(t *testing.T, o apache.Options) *apache.Cluster {
	t.Helper()
	began := time.Now()
	c, err := apache.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Logf("started in %.2f s", time.Since(began).Seconds())
	return c
}

func client(t *testing.T, config kafka.Config, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := config.Client(append(opts, kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// The cluster of the platform: what is promised of it, then the faults that it is
// there to survive, in one start.
func TestClusterOfThePlatform(t *testing.T) {
	o := options(t)
	c := start(t, o)
	admin := client(t, c.Config())
	t.Run("has racks and transactions of the second version", func(t *testing.T) { checkShape(t, admin) })
	t.Run("denies by default", func(t *testing.T) { checkDenial(t, c.Config(), kadm.NewClient(admin)) })
	if _, err := kadm.NewClient(admin).CreateTopic(t.Context(), 6, -1, nil, "events"); err != nil {
		t.Fatal(err)
	}
	var acknowledged int
	t.Run("loses no produce with a broker", func(t *testing.T) { acknowledged = checkBrokerKilled(t, c) })
	t.Run("loses nothing with all nodes", func(t *testing.T) {
		c.KillAll()
		began := time.Now()
		if err := c.StartAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("served %.2f s after all were killed", time.Since(began).Seconds())
		if got := countRecords(t, c.Config(), "events"); got != acknowledged {
			t.Errorf("%d records, want the %d acknowledged", got, acknowledged)
		}
	})
	t.Run("stops, and goes on in another process", func(t *testing.T) {
		began := time.Now()
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		t.Logf("stopped in %.2f s", time.Since(began).Seconds())
		c.Close()
		again := start(t, o)
		if diff := cmp.Diff(c.Config(), again.Config()); diff != "" {
			t.Errorf("its addresses or its authority changed:\n%s", diff)
		}
		if got := countRecords(t, again.Config(), "events"); got != acknowledged {
			t.Errorf("%d records, want the %d acknowledged", got, acknowledged)
		}
	})
}

func checkShape(t *testing.T, admin *kgo.Client) {
	cluster, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	racks := map[string]int{}
	for _, b := range cluster.Brokers {
		racks[*b.Rack]++
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 2, "c": 2}, racks); diff != "" {
		t.Errorf("brokers by rack:\n%s", diff)
	}
	versions, err := kmsg.NewPtrApiVersionsRequest().RequestWith(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	features := map[string]int16{}
	for _, f := range versions.FinalizedFeatures {
		features[f.Name] = f.MaxVersionLevel
	}
	t.Log(features)
	if got := features["transaction.version"]; got != 2 {
		t.Errorf("transaction.version is %d, want 2", got)
	}
	quorum, err := kmsg.NewPtrDescribeQuorumRequest().RequestWith(t.Context(), admin)
	if err == nil {
		err = kerr.ErrorForCode(quorum.ErrorCode)
	}
	if err != nil {
		t.Errorf("describe the quorum: %v", err)
	}
}

// checkDenial logs in as a user without any right, gives it one, and sees it work.
func checkDenial(t *testing.T, config kafka.Config, admin *kadm.Client) {
	ctx := t.Context()
	if _, err := admin.CreateTopic(ctx, 3, -1, nil, "guarded"); err != nil {
		t.Fatal(err)
	}
	user := kadm.UpsertSCRAM{User: "reader", Mechanism: kadm.ScramSha512, Iterations: 8192, Password: "reader-secret"}
	if _, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{user}); err != nil {
		t.Fatal(err)
	}
	config.SASL.Username, config.SASL.Password = "reader", "reader-secret"
	reader := client(t, config, kgo.RecordRetries(3), kgo.RecordDeliveryTimeout(10*time.Second))
	write := func() error {
		return reader.ProduceSync(ctx, &kgo.Record{Topic: "guarded", Value: []byte("x")}).FirstErr()
	}
	if err := write(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("a user without rights wrote: %v", err)
	}
	acl := kadm.NewACLs().Topics("guarded").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite).Allow("User:reader")
	if _, err := admin.CreateACLs(ctx, acl); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for write() != nil && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if err := write(); err != nil {
		t.Errorf("with the right to write: %v", err)
	}
}

// checkBrokerKilled produces while the leader of some partitions dies, and brings
// it back. It returns how many records were acknowledged.
func checkBrokerKilled(t *testing.T, c *apache.Cluster) int {
	producer := client(t, c.Config(), kgo.DefaultProduceTopic("events"), kgo.RequiredAcks(kgo.AllISRAcks()))
	stop, results := make(chan struct{}), make(chan []error, 1)
	acknowledged, slowest := 0, time.Duration(0)
	go func() {
		var failed []error
		for n := 0; ; n++ {
			select {
			case <-stop:
				results <- failed
				return
			default:
			}
			began := time.Now()
			err := producer.ProduceSync(context.Background(), &kgo.Record{Key: []byte(strconv.Itoa(n)), Value: []byte("event")}).FirstErr()
			if err != nil {
				failed = append(failed, err)
				continue
			}
			acknowledged++
			slowest = max(slowest, time.Since(began))
		}
	}()
	time.Sleep(3 * time.Second)
	if err := c.Kill(2); err != nil {
		t.Error(err)
	}
	time.Sleep(15 * time.Second) // the others notice after 9 s
	if err := c.Restart(t.Context(), 2); err != nil {
		t.Error(err)
	}
	close(stop)
	if failed := <-results; len(failed) > 0 {
		t.Errorf("%d produces failed, the first: %v", len(failed), failed[0])
	}
	t.Logf("%d acknowledged, the slowest after %.1f s", acknowledged, slowest.Seconds())
	return acknowledged
}

func countRecords(t *testing.T, config kafka.Config, topic string) int {
	t.Helper()
	admin := kadm.NewClient(client(t, config))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for { // leaders may still be on their way
		offsets, err := admin.ListEndOffsets(ctx, topic)
		if err == nil {
			err = offsets.Error()
		}
		if err == nil {
			total := 0
			offsets.Each(func(o kadm.ListedOffset) { total += int(o.Offset) })
			return total
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// A test program or a platform that is killed must leave no brokers behind.
func TestProcessesEndWithTheirParent(t *testing.T) {
	cacheDir(t)
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), envParent+"="+t.TempDir())
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatalf("the parent did not start Kafka: %v", err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for syscall.Kill(pid, 0) == nil {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("Kafka (%d) outlived its parent", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// beParent starts one broker, prints its process id and waits to be killed.
func beParent(dir string) {
	c, err := apache.Start(context.Background(), apache.Options{
		CacheDir: "../../build/apache", DataDir: dir, Password: "p", Brokers: 1, Combined: true, QuickStart: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(c.PID(0))
	time.Sleep(time.Minute)
}

// Someone without Java must read what to install, before anything is downloaded.
func TestMissingJava(t *testing.T) {
	old := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n"
	if err := os.WriteFile(filepath.Join(old, "java"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"none": t.TempDir(), "too old": old} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", path)
			t.Setenv("JAVA_HOME", "")
			err := apache.Fetch(t.Context(), t.TempDir(), nil)
			if err == nil || !strings.Contains(err.Error(), "install Java 17") {
				t.Errorf("got %v, want what to install", err)
			}
		})
	}
}
