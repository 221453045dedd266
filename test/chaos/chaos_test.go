// Package chaos kills, stops and moves the real processors while events pass
// through them, and holds what they wrote against a model that shares no code
// with them. It is a test only; nobody imports it.
package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// settings of one run. Seed, events and faults come from HEADWATER_CHAOS_SEED,
// HEADWATER_CHAOS_EVENTS and HEADWATER_CHAOS_FAULTS; each protocol gets half.
type settings struct {
	seed           uint64
	protocol       string // of the group: classic or consumer
	events, faults int
	platformKills  int // of the faults
	zombies        int // of the faults: stopped for longer than the session timeout, at the least
	rate           int // records per second
	unsafe         bool
	patience       time.Duration // with a schema or type that may still turn up
}

// Enough for every kind of fault, in the time that `make test` has.
const (
	shortEvents = 30_000
	shortFaults = 20
)

// eventsPerSecond leaves a machine of two cores room to catch up after faults.
const eventsPerSecond = 2_500

// protocols by which partitions are assigned: by a task, or by the brokers.
var protocols = []string{"classic", "consumer"}

func (s settings) duration() time.Duration {
	return time.Duration(s.events) * time.Second / time.Duration(s.rate)
}

func (s settings) replay() string {
	return fmt.Sprintf("HEADWATER_CHAOS_SEED=%d HEADWATER_CHAOS_EVENTS=%d HEADWATER_CHAOS_FAULTS=%d go test -count=1 -v -run TestChaos/%s ./test/chaos",
		s.seed, s.events*len(protocols), s.faults*len(protocols), s.protocol)
}

func readSettings(t *testing.T) settings {
	t.Helper()
	s := settings{
		seed:   number(t, "HEADWATER_CHAOS_SEED", rand.Uint64N(1_000_000)),
		events: (int(number(t, "HEADWATER_CHAOS_EVENTS", shortEvents)) + 1) / len(protocols),
		faults: (int(number(t, "HEADWATER_CHAOS_FAULTS", shortFaults)) + 1) / len(protocols),
		rate:   eventsPerSecond,
	}
	s.protocol = protocols[0]
	s.patience = 2 * time.Second // a task that is killed begins to wait anew
	s.platformKills = min(1+s.faults/25, 5)
	s.zombies = 1 + s.faults/10
	return s
}

func number(t *testing.T, name string, fallback uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		t.Fatalf("%s is %q: write a number", name, text)
	}
	return n
}

// Exactly once holds under faults: nothing is lost or doubled, the order per
// customer and type stays, and every session and count is what a single thread
// computes from the accepted events.
func TestChaos(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := readSettings(t)
			s.protocol = protocol
			holdsUnderFaults(t, s)
		})
	}
}

func holdsUnderFaults(t *testing.T, s settings) {
	t.Helper()
	t.Logf("seed %d, %d events in %s, %d faults; to replay: %s", s.seed, s.events, s.duration(), s.faults, s.replay())
	r := runChaos(t, s)
	if r.faults < s.faults {
		t.Errorf("%d faults were injected, expected %d", r.faults, s.faults)
	}
	if s.zombies >= enoughZombies && r.tried == 0 {
		t.Errorf("%d tasks were stopped for longer than the session timeout, and none tried to commit when it woke", s.zombies)
	}
	for _, line := range r.damage.lines() {
		t.Error(line)
	}
	if t.Failed() {
		t.Logf("to replay: %s", s.replay())
	} else if s.faults <= shortFaults {
		tamper(t, r.observer)
	}
}

// enoughZombies is how many must be stopped for one to be stopped in the middle
// of a transaction for certain.
const enoughZombies = 3

// The negative control: with transactions switched off the same checker finds
// damage. Without this a checker that looks at nothing would pass too. Few faults
// may all fall between two commits, so that there are several runs of them.
func TestCheckerFindsDamage(t *testing.T) {
	t.Parallel()
	s := readSettings(t)
	s.events, s.faults, s.platformKills, s.unsafe = 15_000, 15, 0, true
	s.zombies = 0
	moved, wrong := 0, 0
	for try := range uint64(4) {
		t.Run(strconv.FormatUint(s.seed+try, 10), func(t *testing.T) {
			s := s
			s.seed += try
			r := runChaos(t, s)
			for _, line := range r.damage.lines() {
				t.Log(line)
			}
			moved += r.damage.of(lost, doubled)
			wrong += min(r.damage.of(wrongSession), r.damage.of(wrongCount))
		})
		if moved > 0 && wrong > 0 {
			return
		}
	}
	if moved == 0 {
		t.Error("no event was lost or doubled with transactions switched off: the checker is blind, or the switch is")
	}
	if wrong == 0 {
		t.Error("every session or every count is right with transactions switched off: the checker is blind, or the switch is")
	}
}

// result is what a run leaves to judge.
type result struct {
	faults   int
	tried    int // commits by tasks that woke after the session timeout
	damage   *damage
	observer *observer
}

func runChaos(t *testing.T, s settings) result {
	t.Helper()
	began := time.Now()
	p := startPlatform(t)
	p.configure(s)
	up := time.Since(began)

	injector := newInjector(p, s)
	fed := make(chan error, 1)
	go func() { fed <- p.feed(t.Context(), s) }()
	injector.run()
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	injector.release()
	ran := time.Since(began)

	o := p.observe()
	o.awaitBalance(s)
	balanced := time.Since(began)
	d := check(o)
	t.Logf("%s; up %s, faults %s, caught up %s, checked %s", injector, up.Round(time.Second),
		(ran - up).Round(time.Second), (balanced - ran).Round(time.Second), (time.Since(began) - balanced).Round(time.Second))
	tried, refused := p.zombies()
	t.Logf("%s; woken tasks tried to commit %d times and were refused %d times", o, tried, refused)
	return result{faults: injector.total(), tried: tried, damage: d, observer: o}
}
