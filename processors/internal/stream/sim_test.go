package stream

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Settings of the simulation. A seed fixes the schedule: who does what when, and
// what is done to it. The order in which Go runs goroutines that are ready at
// the same simulated moment is not part of it, so a rare failure may want its
// seed run some hundred times: HEADWATER_SIM_SEED=7 HEADWATER_SIM_RUNS=300.
const (
	envSimSeed = "HEADWATER_SIM_SEED" // this one seed only
	envSimRuns = "HEADWATER_SIM_RUNS" // how many seeds, or how often the one
)

// bubble runs a test in simulated time. franz-go holds mutexes over requests,
// which stops the simulated clock unless it is built with the tag synctests.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if !simulated {
		t.Skip("needs go test -tags synctests, as `make simulation` has it")
	}
	synctest.Test(t, f)
}

func simNumber(tb testing.TB, name string, fallback uint64) uint64 {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("%s is %q: write a number", name, text)
	}
	return n
}

// Defends exactly once under everything at once: random schedules of crashes,
// power cuts, zombies, frozen processes, broken connections, lost and late
// requests, coordinators and leaders that move or answer with errors, tasks that
// come and go; in each, nothing is lost, nothing is doubled, order is kept, the
// ledger adds up and state is the fold of the committed inputs, on every disk.
func TestSimulation(t *testing.T) {
	t.Parallel()
	base := rand.Uint64N(1 << 40)
	runs := simNumber(t, envSimRuns, 40)
	_, one := os.LookupEnv(envSimSeed)
	for i := range runs {
		seed := base + i
		if one {
			seed = simNumber(t, envSimSeed, 0)
		}
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				damage, log := simulate(t, seed, false)
				for _, d := range damage {
					t.Errorf("%s", d)
				}
				if t.Failed() {
					t.Logf("%s\nagain with %s=%d go test -tags synctests -count=1 -run TestSimulation ./processors/internal/stream", log, envSimSeed, seed)
				}
			})
		})
	}
}

// Defends the simulation itself: with transactions off, the same schedules and
// the same checks must find damage soon.
func TestSimulationFindsDamage(t *testing.T) {
	t.Parallel()
	const tries = 10
	for seed := range uint64(tries) {
		found := 0
		bubble(t, func(t *testing.T) {
			damage, _ := simulate(t, seed, true)
			found = len(damage)
		})
		if found > 0 {
			t.Logf("seed %d did damage in %d places", seed, found)
			return
		}
	}
	t.Errorf("transactions were off and %d seeds did no damage: the checks find nothing", tries)
}

// simulate runs one seed and reports the damage.
func simulate(t *testing.T, seed uint64, unsafe bool) (damage []string, log *simLog) {
	t.Helper()
	w := newWorld(t, seed, unsafe)
	defer w.close()
	for range 2 + w.rng.IntN(2) {
		w.addHost()
	}
	ctx, stop := context.WithCancel(t.Context())
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		w.feed(ctx, seed)
	}()
	w.trouble(time.Now().Add(time.Duration(4+w.rng.IntN(6)) * time.Second))
	w.log.say("trouble is over")
	w.calm()
	stop()
	<-fed
	return w.settle(), w.log
}

// settle waits until all inputs are handled, ends the processes and reports the
// damage.
func (w *world) settle() (damage []string) {
	if !w.catchUp(4 * time.Minute) {
		inputs, copies, dead, closed := w.view.counts()
		damage = append(damage, fmt.Sprintf("minutes after the trouble not all is done: %d inputs, %d copies, %d dead letters, %d in closed runs", inputs, copies, dead, closed))
	}
	w.until(time.Now().Add(1500 * time.Millisecond)) // for what should not come
	damage = append(damage, w.drainAll()...)
	w.until(time.Now().Add(time.Second))
	if err := w.view.complete(context.Background()); err != nil {
		damage = append(damage, fmt.Sprintf("the view lacks records: %v", err))
	}
	damage = append(damage, w.view.damage()...)
	return append(damage, w.checkDisks()...)
}

// catchUp waits until all inputs are handled and all runs are closed.
func (w *world) catchUp(longest time.Duration) bool {
	for end := time.Now().Add(longest); time.Now().Before(end); {
		w.until(time.Now().Add(250 * time.Millisecond))
		if inputs, copies, dead, closed := w.view.counts(); copies+dead >= inputs && closed >= inputs-dead {
			return true
		}
	}
	return false
}

// drainAll stops the processes as SIGTERM does.
func (w *world) drainAll() (damage []string) {
	for _, h := range w.hosts {
		if h.proc != nil {
			if !h.proc.end() {
				damage = append(damage, fmt.Sprintf("host %d does not drain", h.number))
			}
			w.retire(h)
		}
		h.wakeAt = time.Time{}
	}
	return damage
}

// checkDisks holds all disks and what a new one is restored to against the
// changelog.
func (w *world) checkDisks() (damage []string) {
	changelog := w.view.all()[simSpec.State.Topic]
	wrong := func(format string, args ...any) { damage = append(damage, fmt.Sprintf(format, args...)) }
	for _, h := range w.hosts {
		checkDisk(h.disk, changelog, wrong)
	}
	client, err := w.cfg.Client()
	if err != nil {
		w.tb.Fatal(err)
	}
	defer client.Close()
	r := &restorer{
		cfg: w.cfg, admin: kadm.NewClient(client), spec: simSpec, waker: simRule{}, disk: vfs.NewMem(), dir: "/state", task: "9",
		metrics: newMetrics(simSpec.Name), log: slog.New(slog.DiscardHandler),
	}
	var numbers []int32
	for i := range int32(simPartitions) {
		numbers = append(numbers, i)
	}
	list, err := r.restore(context.Background(), numbers, map[string]int32{"raw.a": simPartitions, "raw.b": simPartitions})
	if err != nil {
		wrong("restore: %v", err)
	}
	for _, one := range list {
		checkStore(one.store, foldLog(changelog, one.number, endOfLog), wrong)
		if err := one.store.close(); err != nil {
			wrong("close what was restored: %v", err)
		}
	}
	return damage
}
