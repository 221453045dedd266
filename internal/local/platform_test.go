package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The test binary is also the platform process that tests kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_PLATFORM_DIR"); dir != "" {
		runPlatform(dir)
		return
	}
	os.Exit(m.Run())
}

func runPlatform(dir string) {
	base, err := strconv.Atoi(os.Getenv("TEST_PLATFORM_BASE"))
	if err != nil {
		panic(err)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	p, err := Start(dir, base, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		panic(err)
	}
	fmt.Println("up")
	<-term
	if err := p.Close(context.Background()); err != nil {
		panic(err)
	}
}

// child is a platform in a process of its own.
type child struct {
	t    *testing.T
	dir  string
	base int
	cmd  *exec.Cmd
}

func startChild(t *testing.T) *child {
	t.Helper()
	c := &child{t: t, dir: t.TempDir(), base: freeBase(t)}
	c.start()
	t.Cleanup(c.kill)
	return c
}

func (c *child) start() {
	c.t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), "TEST_PLATFORM_DIR="+c.dir, "TEST_PLATFORM_BASE="+strconv.Itoa(c.base))
	var log strings.Builder
	c.cmd.Stderr = &log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		_ = c.cmd.Wait()
		c.t.Fatalf("the platform did not come up: %q\n%s", line, log.String())
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (c *child) terminate() {
	c.t.Helper()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("orderly stop: %v", err)
	}
}

func (c *child) place() (Place, Secrets) {
	c.t.Helper()
	p, err := OpenPlace(c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := LoadSecrets(c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	return p, s
}

// admin is a client of the superuser that stops with the test.
func (c *child) admin(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	p, s := c.place()
	return c.client(Admin, s.Admin, p, opts...)
}

func (c *child) client(user, password string, p Place, opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := p.KafkaConfig(user, password).Client(append(opts, kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

func (c *child) createTopic(partitions int32, topic string) {
	c.t.Helper()
	if _, err := kadm.NewClient(c.admin()).CreateTopic(c.t.Context(), partitions, 3, nil, topic); err != nil {
		c.t.Fatal(err)
	}
}

// values reads a topic from its start to its end now, as the consumer of a
// committed stream does.
func (c *child) values(topic string) map[string]int {
	c.t.Helper()
	client := c.admin()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(c.t.Context(), topic)
	if err != nil {
		c.t.Fatal(err)
	}
	client.Close()
	reader := c.admin(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	defer reader.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	seen, at, done := map[string]int{}, map[int32]int64{}, false
	for !done {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			c.t.Fatalf("read %s: %v, at %v of %v", topic, err, at, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				seen[string(r.Value)]++
			}
		})
		done = true
		ends.Each(func(o kadm.ListedOffset) { done = done && at[o.Partition] >= o.Offset })
	}
	return seen
}

func (c *child) metrics() string {
	c.t.Helper()
	p, _ := c.place()
	resp, err := http.Get(p.SupervisorURL + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// freeBase finds a port base none of whose ports is taken.
func freeBase(t *testing.T) int {
	t.Helper()
	for range 100 {
		base := 21000 + rand.IntN(900)*20
		if portsFree(base) {
			return base
		}
	}
	t.Fatal("no 18 free ports in a row")
	return 0
}

func portsFree(base int) bool {
	for port := base - 10; port <= base+7; port++ {
		l, err := net.Listen("tcp", hostPort(port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// Whatever the brokers acknowledged is there after a SIGKILL and a start.
func TestKilledPlatformLosesNoAcknowledgedRecord(t *testing.T) {
	c := startChild(t)
	c.createTopic(6, "raw.test.happened")
	before, secrets := c.place()
	producer := c.admin(kgo.RecordDeliveryTimeout(2*time.Second), kgo.ProducerLinger(0))
	acknowledged := make(chan string, 100_000)
	ctx, stop := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := 0; ctx.Err() == nil; i++ {
			value := fmt.Sprintf("v%06d", i)
			r := &kgo.Record{Topic: "raw.test.happened", Key: []byte(value), Value: []byte(value)}
			producer.Produce(ctx, r, func(r *kgo.Record, err error) {
				if err == nil {
					acknowledged <- string(r.Value)
				}
			})
			if i%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	for len(acknowledged) < 500 {
		time.Sleep(time.Millisecond)
	}
	c.kill()
	stop()
	<-sent
	producer.Close()
	close(acknowledged)

	c.start()
	after, again := c.place()
	if after.ClusterID != before.ClusterID || again.Admin != secrets.Admin {
		t.Error("the cluster's id or the superuser's password changed")
	}
	seen, want := c.values("raw.test.happened"), 0
	for v := range acknowledged {
		want++
		if seen[v] == 0 {
			t.Fatalf("%s was acknowledged and is lost", v)
		}
	}
	t.Logf("%d acknowledged, %d read", want, len(seen))
}

// The secrets are the owner's alone, and made once.
func TestSecretsAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := EnsureSecrets(dir, "checkout")
	if err != nil {
		t.Fatal(err)
	}
	second, err := EnsureSecrets(dir, "refine")
	if err != nil {
		t.Fatal(err)
	}
	if first.Admin == "" || first.SupervisorToken == "" || first.Admin != second.Admin ||
		first.Principals["checkout"] != second.Principals["checkout"] || second.Principals["refine"] == "" {
		t.Errorf("first %+v, second %+v", first, second)
	}
	info, err := os.Stat(dir + "/secrets.json")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	keys, err := second.Lookup("write_keys")
	if err != nil || keys != "local:"+second.WriteKeys["local"] {
		t.Errorf("write_keys: %q, %v", keys, err)
	}
}

// Two platforms on one data directory would each overwrite the other's log.
func TestSecondPlatformOnTheSameDataIsRefused(t *testing.T) {
	c := startChild(t)
	_, err := Start(c.dir, freeBase(t), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "runs on this data already") {
		t.Errorf("got %v", err)
	}
}
