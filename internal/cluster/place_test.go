package cluster

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A placement is reached with the least said: every replica ends on an allowed
// broker, the factor holds, and a replica that may stay stays.
func TestPlaceKeepsWhatMayStay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		allow := Allow{Racks: []string{s.Brokers[rapid.IntRange(0, len(s.Brokers)-1).Draw(t, "rack")].Rack, s.Brokers[0].Rack}}
		factor := rapid.IntRange(1, 3).Draw(t, "factor")
		plan, err := s.Place("t0", factor, allow)
		var open []int32
		for _, b := range s.Brokers {
			if allow.admits(b) {
				open = append(open, b.ID)
			}
		}
		if err != nil {
			if !strings.Contains(err.Error(), "is outside of the placement") && len(open) >= 3 {
				t.Fatalf("refused with %v open: %v", open, err)
			}
			return
		}
		after := s.With(plan)
		for i, p := range after.Partitions {
			before := s.Partitions[i]
			if p.Topic != "t0" {
				continue
			}
			if len(p.Replicas) != factor || !distinct(p.Replicas) {
				t.Fatalf("%s went from %v to %v, %d were wanted", p, before.Replicas, p.Replicas, factor)
			}
			for at, id := range p.Replicas {
				if !slices.Contains(open, id) {
					t.Fatalf("%s stands on broker %d, outside of %v", p, id, open)
				}
				if at < len(before.Replicas) && len(before.Replicas) <= factor && slices.Contains(open, before.Replicas[at]) && before.Replicas[at] != id {
					t.Fatalf("%s: broker %d could have kept its replica: %v to %v", p, before.Replicas[at], before.Replicas, p.Replicas)
				}
			}
		}
	})
}

// New partitions lie over all racks and their leaders and replicas evenly on the
// brokers that take them, which a cordoned one does not.
func TestAssignSpreads(t *testing.T) {
	t.Parallel()
	s := six().Sparing(5)
	all, err := s.Assign("clicks", 10, 3, Allow{})
	if err != nil {
		t.Fatal(err)
	}
	leads, holds := map[int32]int{}, map[int32]int{}
	for _, replicas := range all {
		if got := s.load().spread(replicas); got != 3 || len(replicas) != 3 {
			t.Errorf("%v lie in %d racks", replicas, got)
		}
		leads[replicas[0]]++
		for _, id := range replicas {
			holds[id]++
		}
	}
	if holds[5] > 0 || holds[2] != 10 {
		t.Errorf("broker 2 is alone in its rack and broker 5 spared: %v", holds)
	}
	for id := range int32(5) {
		if leads[id] != 2 {
			t.Errorf("10 partitions on 5 brokers give each 2 leaders: %v", leads)
		}
	}
	if _, err := s.Assign("clicks", 1, 3, Allow{Racks: []string{"z"}}); err == nil || !strings.Contains(err.Error(), `no broker stands in rack "z": the racks are a, b, c`) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Assign("clicks", 1, 3, Allow{Racks: []string{"c"}}); err == nil || !strings.Contains(err.Error(), "broker 5 is cordoned") {
		t.Errorf("got %v", err)
	}
}

// A filled broker takes and never gives, and nobody else takes.
func TestFillMovesOntoOneBroker(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		s.Brokers = append(s.Brokers, Broker{ID: 50, Rack: "a", Up: true, Usable: -1})
		for _, m := range s.Fill(50).Moves {
			if !slices.Equal(m.Added(), []int32{50}) || len(m.Removed()) != 1 {
				t.Fatalf("%v to %v", m.From, m.To)
			}
		}
	})
	full := six()
	full.Brokers = append(full.Brokers, Broker{ID: 50, Rack: "a", Up: true, Usable: 9})
	if moves := full.Fill(50).Moves; len(moves) > 0 {
		t.Errorf("a broker with 9 bytes left was given %v", moves)
	}
}

// Two drains in one apply move each partition once, and neither onto the other.
func TestPlansCompose(t *testing.T) {
	t.Parallel()
	s := six()
	s.Brokers = append(s.Brokers, Broker{ID: 6, Rack: "a", Up: true, Usable: -1}, Broker{ID: 7, Rack: "b", Up: true, Usable: -1})
	s = s.Sparing(0, 4)
	first, err := s.Drain(0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.With(first).Drain(4)
	if err != nil {
		t.Fatal(err)
	}
	both := first.Then(second)
	after := s.With(both)
	seen := map[string]bool{}
	for _, m := range both.Moves {
		name := Partition{Topic: m.Topic, Number: m.Partition}.String()
		if seen[name] {
			t.Errorf("%s moves twice", name)
		}
		seen[name] = true
	}
	if len(after.Held(0))+len(after.Held(4)) > 0 || len(both.Moves) != 3 {
		t.Errorf("left on the brokers: %v %v, by %d moves", after.Held(0), after.Held(4), len(both.Moves))
	}
}

// What must not be emptied or removed is refused with the reason.
func TestDutyRefusals(t *testing.T) {
	t.Parallel()
	s := six()
	if got := append(s.DrainRefusals(0), s.With(Plan{}).RemoveRefusals(9)...); len(got) > 0 {
		t.Errorf("a healthy cluster refuses: %q", got)
	}
	if got := s.RemoveRefusals(0); !slices.Equal(got, []string{"it holds 2 replicas", "it is running"}) {
		t.Errorf("got %q", got)
	}
	s.Brokers[4].Up = false
	if got := s.DrainRefusals(0); len(got) != 1 || !strings.Contains(got[0], "broker 4 is down") {
		t.Errorf("got %q", got)
	}
	if got := s.DrainRefusals(4); len(got) > 0 {
		t.Errorf("a lost broker whose partitions have other replicas in sync may be emptied: %q", got)
	}
	s.Partitions[2].ISR = []int32{4}
	if got := s.DrainRefusals(4); len(got) != 1 || !strings.Contains(got[0], "no replica in sync is up to copy from: orders-2") {
		t.Errorf("got %q", got)
	}
}
