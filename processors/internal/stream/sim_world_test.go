package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"

	"headwater.internal/platform/internal/kafka"
)

const (
	simPartitions = 3
	simBrokers    = 3
	simKeys       = 4 // per topic
)

// world is one simulated deployment: brokers, hosts with a process each, and
// who writes the inputs. It lives in a synctest bubble.
type world struct {
	tb      testing.TB
	rng     *rand.Rand
	unsafe  bool
	assigns protocol
	retries func(*Input) bool // what a rule lacks for a record; nil for nothing
	quiet   atomic.Bool       // nothing is written to the inputs
	network kfake.VirtualNetwork
	cluster *kfake.Cluster
	cfg     kafka.Config
	limits  Limits
	log     *simLog
	view    *view
	ids     map[string]int // of the outputs' schemas

	hosts   []*host
	looked  time.Time            // at the group
	orphans map[string]time.Time // members of no process, and since when they are
	stable  time.Time            // when the group was last seen not to wait for its members
	retired []*process           // dead, replaced or drained; still winding up
}

// host is a place for one process at a time, with a disk that outlives it.
type host struct {
	number int
	disk   *vfs.MemFS
	proc   *process
	wakeAt time.Time // when a process is started again; zero while one runs
}

// process is one life of a task's process.
type process struct {
	link    *link
	disk    *vfs.MemFS
	left    atomic.Pointer[vfs.MemFS] // the disk as it was when the process died by itself
	dead    atomic.Bool               // killed: whatever it goes on to do does not happen
	last    atomic.Bool               // it is not started anew: another process has its place
	crashAt atomic.Pointer[crashPoint]
	task    atomic.Pointer[task]
	cancel  context.CancelFunc
	done    chan struct{}
}

// end waits a minute for the process to end by itself, and then makes it. It says false
// when it had to.
func (p *process) end() bool {
	p.cancel()
	select {
	case <-p.done:
		return true
	case <-time.After(time.Minute):
	}
	p.dead.Store(true)
	p.link.cut(true)
	p.link.thaw()
	if t := p.task.Load(); t != nil {
		t.abandon()
		t.client.CloseAllowingRebalance()
	}
	<-p.done
	return false
}

// crashPoint is where in the commit sequence a process dies.
type crashPoint struct {
	name  string
	after int32 // passes of it that are survived
	count atomic.Int32
}

func newWorld(tb testing.TB, seed uint64, unsafe bool) *world {
	tb.Helper()
	w := &world{tb: tb, rng: rand.New(rand.NewPCG(seed, 1)), unsafe: unsafe, log: &simLog{begun: time.Now()}, stable: time.Now(), ids: make(map[string]int)}
	w.assigns = []protocol{classicProtocol, consumerProtocol}[w.rng.IntN(2)]
	w.log.say("protocol %s", w.assigns)
	var topics []string
	for i, sink := range simSpec.Writes {
		topics = append(topics, sink.Topic)
		w.ids[sink.Topic] = i + 1
	}
	topics = append(topics, "raw.a", "raw.b", DeadLetterTopic, LedgerTopic, simSpec.State.Topic)
	var ports []int
	for i := range simBrokers {
		ports = append(ports, 9000+i)
	}
	var err error
	w.cluster, err = kfake.NewCluster(kfake.Ports(ports...), kfake.ListenFn(w.network.Listen), kfake.SeedTopics(simPartitions, topics...),
		kfake.GroupMinSessionTimeout(time.Second), kfake.BrokerConfigs(map[string]string{
			"group.consumer.session.timeout.ms": "3000", "group.consumer.heartbeat.interval.ms": "1000",
		}))
	if err != nil {
		tb.Fatal(err)
	}
	w.cfg = kafka.Config{BootstrapServers: w.cluster.ListenAddrs(), Dial: w.network.DialContext}
	w.limits = DefaultLimits()
	w.limits.SessionTimeout = 3 * time.Second
	w.limits.TransactionTimeout = 4 * time.Second
	w.view = w.watch(topics)
	return w
}

// close ends everything that lives in the bubble.
func (w *world) close() {
	for _, h := range w.hosts {
		w.kill(h)
	}
	for _, p := range w.retired {
		p.end()
	}
	w.view.close()
	w.cluster.Close()
}

func (w *world) addHost() *host {
	h := &host{number: len(w.hosts), disk: vfs.NewCrashableMem()}
	w.hosts = append(w.hosts, h)
	w.boot(h)
	return h
}

// boot starts the host's process.
func (w *world) boot(h *host) {
	w.tb.Helper()
	p := &process{link: newLink(&w.network), disk: h.disk, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	h.proc, h.wakeAt = p, time.Time{}
	log := slog.New(slog.NewTextHandler(w.log, nil)).With("task", h.number)
	c, err := newCodecs(simSpec, w.ids)
	if err != nil {
		w.tb.Fatal(err)
	}
	deps := dependencies{
		lookups: &liveLookups{subjects: make(map[int][]string)}, codecs: c, metrics: newMetrics(simSpec.Name),
		patience: newPatience(0), log: log,
	}
	env := environment{
		task: strconv.Itoa(h.number), stateDir: "/state", limits: w.limits, disk: p.disk, unsafe: w.unsafe, protocol: w.assigns,
		logger: kslog.New(slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelWarn})).With("task", h.number)),
	}
	cfg := w.cfg
	cfg.Dial = p.link.dial
	go func() {
		defer close(p.done)
		err := keepGoing(ctx, log, func() error {
			if p.dead.Load() || p.last.Load() {
				return nil
			}
			t, err := newTask(ctx, cfg, simSpec, simRule{hook: p.link.pass, retries: w.retries}, w.limits, env, deps)
			if err != nil {
				return err
			}
			p.task.Store(t)
			t.fault = func(point string) error { return w.passes(h, p, point) }
			return t.run(ctx)
		})
		if err != nil {
			w.tb.Errorf("host %d stopped: %v", h.number, err)
		}
	}()
}

// passes is called as a process passes a point of the commit sequence.
func (w *world) passes(h *host, p *process, point string) error {
	p.link.pass()
	if c := p.crashAt.Load(); c != nil && c.name == point && c.count.Add(1) > c.after && p.dead.CompareAndSwap(false, true) {
		w.log.say("host %d dies at %s", h.number, point)
		p.left.Store(p.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))}))
		p.link.cut(true)
	}
	if p.dead.Load() {
		return errCrash
	}
	return nil
}

// kill ends the host's process as SIGKILL does. What it had under way goes on
// without a network and on a disk that nobody reads any more.
func (w *world) kill(h *host) {
	w.loseProcess(h, 100)
}

// loseProcess ends the process. Of what its disk was not made to sync, the
// share kept (in percent) remains.
func (w *world) loseProcess(h *host, kept int) {
	p := h.proc
	if p == nil {
		return
	}
	p.dead.Store(true)
	p.link.cut(true)
	if h.disk = p.left.Load(); h.disk == nil {
		h.disk = w.clone(p.disk, kept)
	}
	w.retire(h)
	p.link.thaw()
	p.cancel()
}

// clone is the disk as a crash leaves it at this moment.
func (w *world) clone(disk *vfs.MemFS, kept int) *vfs.MemFS {
	return disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(w.rng.Uint64(), 0))})
}

// retire leaves the process to itself.
func (w *world) retire(h *host) {
	w.retired = append(w.retired, h.proc)
	h.proc = nil
}

// until lets the time come, and starts processes that are due meanwhile.
func (w *world) until(at time.Time) {
	for time.Now().Before(at) {
		w.boundGroup()
		for _, h := range w.hosts {
			if h.proc != nil && h.proc.dead.Load() { // died at a point of the commit
				w.kill(h)
				h.wakeAt = time.Now().Add(time.Duration(w.rng.IntN(2000)) * time.Millisecond)
			}
			if h.proc == nil && !h.wakeAt.IsZero() && !time.Now().Before(h.wakeAt) {
				w.boot(h)
			}
		}
		time.Sleep(min(time.Until(at), 50*time.Millisecond))
	}
}

// feederID is the transactional id of who writes the inputs.
const feederID = "feeder"

// feed writes inputs until ctx ends: raw.a record by record, raw.b in
// transactions, some of which abort.
func (w *world) feed(ctx context.Context, seed uint64) {
	plain, err := w.cfg.Client(kgo.ProducerLinger(0))
	if err != nil {
		w.tb.Error(err)
		return
	}
	defer plain.Close()
	txn, err := w.cfg.Client(kgo.TransactionalID(feederID), kgo.ProducerLinger(0))
	if err != nil {
		w.tb.Error(err)
		return
	}
	defer txn.Close()
	rng := rand.New(rand.NewPCG(seed, 2))
	for next := 0; ctx.Err() == nil; {
		_ = pause(ctx, time.Duration(20+rng.IntN(200))*time.Millisecond)
		if w.quiet.Load() {
			continue
		}
		client, topic := plain, "raw.a"
		if rng.IntN(3) == 0 {
			client, topic = txn, "raw.b"
			if err := client.BeginTransaction(); err != nil {
				w.tb.Errorf("feed: %v", err)
				return
			}
		}
		for range 1 + rng.IntN(8) {
			next++
			client.Produce(context.Background(), simInput(rng, topic, next), nil)
		}
		if client == txn {
			if err := client.Flush(context.Background()); err != nil {
				w.tb.Errorf("feed: %v", err)
			}
			if err := client.EndTransaction(context.Background(), kgo.TransactionEndTry(rng.IntN(4) > 0)); err != nil {
				w.tb.Errorf("feed: %v", err)
			}
		}
	}
	if err := plain.Flush(context.Background()); err != nil {
		w.tb.Errorf("feed: %v", err)
	}
}

func simInput(rng *rand.Rand, topic string, n int) *kgo.Record {
	r := &kgo.Record{
		Topic: topic,
		Key:   fmt.Appendf(nil, "%s-%d", topic, rng.IntN(simKeys)),
		Value: binary.BigEndian.AppendUint64(nil, uint64(n)),
	}
	if rng.IntN(40) == 0 {
		r.Value = []byte("poison")
	}
	return r
}

// simLog keeps what the processes say, with the simulated time, for a run that
// fails.
type simLog struct {
	begun time.Time
	mu    sync.Mutex
	text  bytes.Buffer
}

var _ io.Writer = (*simLog)(nil)

func (l *simLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, "%8.3f ", time.Since(l.begun).Seconds())
	return l.text.Write(b)
}

func (l *simLog) say(format string, args ...any) {
	fmt.Fprintf(l, "-- "+format+"\n", args...)
}

func (l *simLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
