package slot

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

// line is the network of one task, which can be cut: then nothing is heard of it
// any more, as of one that was killed or whose machine is gone.
type line struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.New("the line is cut")
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	l.conns = append(l.conns, c)
	return c, err
}

func (l *line) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for _, c := range l.conns {
		c.Close()
	}
}

type messages struct {
	mu   sync.Mutex
	list []string
}

func (m *messages) add(s string) { m.mu.Lock(); defer m.mu.Unlock(); m.list = append(m.list, s) }
func (m *messages) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list)
}

func wish(slots int) Wish {
	return Wish{Processor: "refine", Slots: slots, Log: slog.New(slog.DiscardHandler)}
}

func take(t *testing.T, cfg kafka.Config, w Wish) *Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	l, err := Take(ctx, cfg, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.Release(ctx)
	})
	return l
}

// Of many tasks that start at once no two get the same slot, and together they get
// the lowest; the one too many waits with one line that says why, and gets the slot
// that a drained task gives back, at once.
func TestEachSlotHasOneHolder(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.WithGroupSessions())
	const slots = 5
	held := make(chan *Lease, slots)
	for range slots {
		go func() {
			l, err := Take(t.Context(), cluster.Config, wish(slots+3))
			if err != nil {
				t.Error(err)
			}
			held <- l
		}()
	}
	leases := make([]*Lease, slots)
	for range slots {
		l := <-held
		if l == nil {
			t.FailNow()
		}
		if l.Number >= slots || leases[l.Number] != nil {
			t.Fatalf("slot %d was given with %v taken", l.Number, leases)
		}
		leases[l.Number] = l
	}
	var waits messages
	late := wish(slots)
	late.Waiting = waits.add
	go func() {
		l, err := Take(t.Context(), cluster.Config, late)
		if err != nil {
			t.Error(err)
		}
		held <- l
	}()
	time.Sleep(3 * time.Second)
	if got := waits.all(); len(got) != 1 || !strings.Contains(got[0], "all 5 slots of refine are held") {
		t.Errorf("who waits says %q", got)
	}
	begun := time.Now()
	leases[3].Release(t.Context())
	last := <-held
	if last.Number != 3 || time.Since(begun) > 3*time.Second {
		t.Errorf("slot %d after %s, want 3 at once", last.Number, time.Since(begun))
	}
	if got := waits.all(); len(got) != 2 || got[1] != "" {
		t.Errorf("who waited says %q", got)
	}
	for i, l := range append(leases, last) {
		if i != 3 && l.Err() != nil {
			t.Errorf("slot %d: %v", l.Number, l.Err())
		}
		if i != 3 {
			l.Release(t.Context())
		}
	}
}

// The slot of a task that was killed is given to another after its session, not
// before; the one that only lost its way to the brokers knows by then that it has
// lost the slot.
func TestSilenceFreesASlot(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.WithGroupSessions())
	var mine line
	cfg := cluster.Config
	cfg.Dial = mine.dial
	first := take(t, cfg, wish(1))
	time.Sleep(1500 * time.Millisecond) // a heartbeat or two
	mine.sever()
	begun := time.Now()
	second := take(t, cluster.Config, wish(1))
	waited := time.Since(begun)
	if err := first.Err(); !errors.Is(err, ErrLost) {
		t.Errorf("the slot was given away and its former holder knows nothing of it: %v", err)
	}
	if waited < session-3*time.Second || waited > session+10*time.Second {
		t.Errorf("the slot was free after %s, want about %s", waited, session)
	}
	if second.Err() != nil {
		t.Error(second.Err())
	}
}

// A holder whose place the group has given up loses its lease at the next heartbeat.
func TestALeaseThatTheGroupForgotIsLost(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.WithGroupSessions())
	l := take(t, cluster.Config, wish(1))
	ghost := &Lease{Number: l.Number, wish: l.wish, client: l.client, instance: l.instance, member: l.member, epoch: leave}
	if err := ghost.heartbeat(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); l.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it counts itself as the holder")
		}
	}
	if err := l.Err(); !errors.Is(err, kerr.UnknownMemberID) {
		t.Errorf("it gives as reason: %v", err)
	}
}

// A holder that slept past its session sees it by its clock, before it asks anybody.
func TestASleeperHasLostItsLease(t *testing.T) {
	l := &Lease{answered: time.Now().Add(-patience - time.Millisecond)}
	if err := l.Err(); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	l = &Lease{answered: time.Now().Add(-patience / 2)}
	if err := l.Err(); err != nil {
		t.Errorf("after half its time: %v", err)
	}
}

// Many holders that come and go under each other's heartbeats lose nothing: the
// group's epoch moves under all of them.
func TestHoldersOutliveEachOthersComing(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.WithGroupSessions())
	stays := take(t, cluster.Config, wish(8))
	for range 6 {
		l := take(t, cluster.Config, wish(8))
		time.Sleep(700 * time.Millisecond)
		l.Release(t.Context())
	}
	if stays.Err() != nil || stays.Number != 0 {
		t.Errorf("slot %d: %v", stays.Number, stays.Err())
	}
}

// Without the right to the group a task waits and says which right it lacks.
func TestAMissingRightIsNamed(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.WithSASL("admin", "secret"), kafkatest.WithACLs())
	admin := cluster.Admin()
	login := kadm.UpsertSCRAM{User: "refine", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "hush"}
	if _, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{login}); err != nil {
		t.Fatal(err)
	}
	cfg := cluster.Config
	cfg.SASL.Username, cfg.SASL.Password = "refine", "hush"
	w := wish(2)
	said := make(chan string, 10)
	w.Waiting = func(why string) { said <- why }
	go func() {
		if l, err := Take(t.Context(), cfg, w); err == nil {
			l.Release(context.Background())
		}
	}()
	for {
		select {
		case why := <-said:
			if strings.Contains(why, "allow User:refine to READ the group refine.slots") {
				acl := kadm.NewACLs().Allow("User:refine").Groups("refine.slots").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead)
				if _, err := admin.CreateACLs(t.Context(), acl); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if why != "" {
				t.Logf("said: %s", why) // a password takes a moment to reach all brokers
				continue
			}
			return // granted, taken
		case <-time.After(30 * time.Second):
			t.Fatal("nothing was said")
		}
	}
}

// What a holder reports is read as it was counted, by slot; a task that is gone is
// left out, and so is a processor of which nothing is known.
func TestLoadsAreReported(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.WithGroupSessions())
	cluster.CreateTopic("state.refine", 4, nil)
	w := wish(4)
	w.Topic = "state.refine"
	w.Load = func() Load { return Load{Process: "p1", Records: 1200, BusySeconds: 3.5, LagSeconds: 0.25} }
	a := take(t, cluster.Config, w)
	w.Load = func() Load { return Load{Process: "p2", Records: 7} }
	b := take(t, cluster.Config, w)
	admin := kadm.NewClient(cluster.Client(kgo.ClientID("reader")))
	want := []capacity.Task{{ID: "0/p1", Records: 1200, BusySeconds: 3.5, LagSeconds: 0.25}, {ID: "1/p2", Records: 7}}
	var got []capacity.Task
	for end := time.Now().Add(15 * time.Second); !cmp.Equal(got, want); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("loads (-want +got):\n%s", cmp.Diff(want, got))
		}
		var err error
		if got, err = Loads(t.Context(), admin, "refine", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	a.Release(t.Context())
	b.Release(t.Context())
	if late, err := Loads(t.Context(), admin, "refine", time.Now().Add(fresh)); err != nil || len(late) > 0 {
		t.Errorf("tasks that are gone: %+v, %v", late, err)
	}
	if none, err := Loads(t.Context(), admin, "sessionize", time.Now()); err != nil || len(none) > 0 {
		t.Errorf("a processor that nobody runs: %+v, %v", none, err)
	}
}
