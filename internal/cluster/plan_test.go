package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawCluster is a cluster of 1 to 4 racks with partitions placed at random, not
// always well.
func drawCluster(t *rapid.T) Snapshot {
	s := Snapshot{Controller: -1}
	racks := rapid.IntRange(1, 4).Draw(t, "racks")
	brokers := rapid.IntRange(2, 9).Draw(t, "brokers")
	var ids []int32
	for i := range brokers {
		s.Brokers = append(s.Brokers, Broker{ID: int32(i), Rack: string(rune('a' + i%racks)), Up: true, Usable: -1})
		ids = append(ids, int32(i))
	}
	for i := range rapid.IntRange(1, 30).Draw(t, "partitions") {
		replicas := rapid.Permutation(ids).Draw(t, "replicas")[:rapid.IntRange(1, min(3, brokers)).Draw(t, "factor")]
		s.Partitions = append(s.Partitions, Partition{
			Topic: fmt.Sprint("t", i%3), Number: int32(i / 3), Replicas: replicas, ISR: replicas, Leader: replicas[0],
			Bytes: rapid.Int64Range(0, 1000).Draw(t, "bytes"), MinISR: 1,
		})
	}
	return s
}

// carryOut is the cluster after a plan, by the moves alone.
func carryOut(s Snapshot, plan Plan) Snapshot {
	s.Partitions = slices.Clone(s.Partitions)
	for _, m := range plan.Moves {
		i := slices.IndexFunc(s.Partitions, func(p Partition) bool { return p.Topic == m.Topic && p.Number == m.Partition })
		s.Partitions[i].Replicas = m.To
	}
	return s
}

func racksOf(s Snapshot, p Partition) int { return s.load().spread(p.Replicas) }

func distinct(ids []int32) bool {
	sorted := slices.Sorted(slices.Values(ids))
	return len(slices.Compact(sorted)) == len(ids)
}

// A drain empties the broker, touches nothing else, and leaves every partition
// with as many replicas in at least as many racks; or it says which cannot go.
func TestDrainIsMinimalAndKeepsRacks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		id := s.Brokers[rapid.IntRange(0, len(s.Brokers)-1).Draw(t, "drained")].ID
		plan, err := s.Drain(id)
		if err != nil {
			var unplaceable *UnplaceableError
			if !errors.As(err, &unplaceable) || placeable(s, unplaceable.Partition, id) {
				t.Fatalf("refused although it can be done: %v", err)
			}
			return
		}
		after := carryOut(s, plan)
		if held := after.Held(id); len(held) > 0 {
			t.Fatalf("%d partitions are still there", len(held))
		}
		for i, p := range after.Partitions {
			before := s.Partitions[i]
			if len(p.Replicas) != len(before.Replicas) || !distinct(p.Replicas) || racksOf(s, p) < racksOf(s, before) {
				t.Fatalf("%s went from %v to %v", p, before.Replicas, p.Replicas)
			}
			for at, replica := range before.Replicas {
				if replica != id && p.Replicas[at] != replica {
					t.Fatalf("%s: replica %d was moved for nothing: %v to %v", p, replica, before.Replicas, p.Replicas)
				}
			}
		}
	})
}

// placeable tries every broker for the drained replica.
func placeable(s Snapshot, p Partition, id int32) bool {
	for _, b := range s.Brokers {
		if b.ID == id || slices.Contains(p.Replicas, b.ID) {
			continue
		}
		q := p
		q.Replicas = append(without(p.Replicas, id), b.ID)
		if racksOf(s, q) >= racksOf(s, p) {
			return true
		}
	}
	return false
}

// A changed factor is reached for every partition, keeps the preferred leader,
// and uses as many racks as there are.
func TestReplicateSpreadsOverRacks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		factor := rapid.IntRange(1, len(s.Brokers)).Draw(t, "factor")
		plan, err := s.Replicate("t0", factor)
		if err != nil {
			t.Fatal(err)
		}
		after := carryOut(s, plan)
		for i, p := range after.Partitions {
			before := s.Partitions[i]
			if p.Topic != "t0" {
				if !slices.Equal(p.Replicas, before.Replicas) {
					t.Fatalf("%s is of another topic and went from %v to %v", p, before.Replicas, p.Replicas)
				}
				continue
			}
			if len(p.Replicas) != factor || !distinct(p.Replicas) || p.Replicas[0] != before.Replicas[0] {
				t.Fatalf("%s went from %v to %v, %d were wanted", p, before.Replicas, p.Replicas, factor)
			}
			most := min(s.load().reachable(), racksOf(s, before)+max(0, factor-len(before.Replicas)))
			if factor >= len(before.Replicas) && racksOf(s, p) < most {
				t.Fatalf("%s lies in %d racks, %d can be had: %v to %v", p, racksOf(s, p), most, before.Replicas, p.Replicas)
			}
		}
	})
}

// A rebalance ends, loses no rack, moves no partition twice, and leaves no move
// that would still make it more even.
func TestRebalanceFillsAnEmptyBroker(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		s.Brokers = append(s.Brokers, Broker{ID: 50, Rack: "a", Up: true, Usable: -1})
		plan := s.Rebalance()
		after := carryOut(s, plan)
		for i, p := range after.Partitions {
			before := s.Partitions[i]
			if len(p.Replicas) != len(before.Replicas) || !distinct(p.Replicas) || racksOf(s, p) < racksOf(s, before) {
				t.Fatalf("%s went from %v to %v", p, before.Replicas, p.Replicas)
			}
			if len(without(p.Replicas, before.Replicas...)) > 1 {
				t.Fatalf("%s moved twice: %v to %v", p, before.Replicas, p.Replicas)
			}
		}
		was, is := unevenness(s), unevenness(after)
		if is > was || (len(plan.Moves) > 0 && is == was) {
			t.Fatalf("squares of loads went from %d to %d in %d moves", was, is, len(plan.Moves))
		}
	})
}

// unevenness is the sum of squares of what brokers hold: each useful move lowers it.
func unevenness(s Snapshot) int {
	l, sum := s.load(), 0
	for _, n := range l.replicas {
		sum += n * n
	}
	return sum
}

// Six brokers in three racks, as in production: all of a drained broker goes to
// its neighbour of the rack, which is said when that one cannot take it.
func TestDrainOfSixBrokers(t *testing.T) {
	t.Parallel()
	s := six()
	plan, err := s.Drain(0)
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Received(); len(got) != 1 || got[3].Replicas != 2 || got[3].Bytes != 30 || plan.Bytes() != 30 {
		t.Errorf("received %v, bytes %d", got, plan.Bytes())
	}
	if plan.Moves[0].Partition != 1 || !slices.Equal(plan.Moves[0].To, []int32{5, 3, 1}) {
		t.Errorf("the largest goes first, in its place: %+v", plan.Moves[0])
	}
	for want, spoil := range map[string]func(*Broker){
		"broker 3 is down":                        func(b *Broker) { b.Up = false },
		"broker 3 is cordoned":                    func(b *Broker) { b.Cordoned = true },
		"broker 3 has room for 19 bytes more, of": func(b *Broker) { b.Usable = 19 },
	} {
		s := six()
		spoil(&s.Brokers[3])
		if _, err := s.Drain(0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func six() Snapshot {
	s := Snapshot{Controller: 101, Voters: []int32{100, 101, 102}}
	for i := range 6 {
		s.Brokers = append(s.Brokers, Broker{ID: int32(i), Rack: string(rune('a' + i%3)), Up: true, Usable: -1})
	}
	for i, replicas := range [][]int32{{0, 1, 2}, {5, 0, 1}, {3, 4, 5}} {
		s.Partitions = append(s.Partitions, Partition{
			Topic: "orders", Number: int32(i), Replicas: replicas, ISR: replicas, Leader: replicas[0], Bytes: int64(10 * (i + 1)), MinISR: 2,
		})
		for _, id := range replicas {
			s.Brokers[id].Bytes += int64(10 * (i + 1))
		}
	}
	return s
}
