package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Allow says where the replicas of a topic may stand. The zero value allows every
// broker.
type Allow struct {
	Brokers []int32  // by node id; all when none is named
	Racks   []string // likewise
}

func (a Allow) admits(b Broker) bool {
	return (len(a.Brokers) == 0 || slices.Contains(a.Brokers, b.ID)) && (len(a.Racks) == 0 || slices.Contains(a.Racks, b.Rack))
}

// check finds a rack or broker that the cluster does not have.
func (s Snapshot) check(a Allow) error {
	for _, rack := range a.Racks {
		if !slices.ContainsFunc(s.Brokers, func(b Broker) bool { return b.Rack == rack }) {
			return fmt.Errorf("no broker stands in rack %q: the racks are %s", rack, strings.Join(s.racks(), ", "))
		}
	}
	for _, id := range a.Brokers {
		if _, ok := s.Broker(id); !ok {
			return fmt.Errorf("broker %d is not registered", id)
		}
	}
	return nil
}

func (s Snapshot) racks() []string {
	var racks []string
	for _, b := range s.Brokers {
		racks = append(racks, cmp.Or(b.Rack, "none"))
	}
	slices.Sort(racks)
	return slices.Compact(racks)
}

// Replicate is [Snapshot.Place] on every broker.
func (s Snapshot) Replicate(topic string, factor int) (Plan, error) {
	return s.Place(topic, factor, Allow{})
}

// Place gives each partition of a topic factor replicas, all on allowed brokers.
// One that stands elsewhere is replaced where it is in its partition's order. New
// ones go to racks that have none, while there are such, on the brokers that hold
// least; the ones to go are those whose loss leaves most racks, from the fullest
// brokers, never the preferred leader.
func (s Snapshot) Place(topic string, factor int, allow Allow) (Plan, error) {
	aim := fmt.Sprintf("give %q %d replicas", topic, factor)
	if err := s.check(allow); err != nil {
		return Plan{}, fmt.Errorf("%s: %w", aim, err)
	}
	l := s.load()
	l.allow = allow
	var plan Plan
	found := false
	for _, p := range bySize(s.Partitions) {
		if p.Topic != topic {
			continue
		}
		found = true
		replicas, err := l.place(p, factor)
		if err != nil {
			return Plan{}, fmt.Errorf("%s: %w", aim, err)
		}
		if !slices.Equal(replicas, p.Replicas) {
			plan.Moves = append(plan.Moves, Move{Topic: topic, Partition: p.Number, From: p.Replicas, To: replicas, Bytes: p.Bytes})
		}
	}
	if !found {
		return Plan{}, fmt.Errorf("%s: there is no such topic", aim)
	}
	return plan, nil
}

// place finds the replicas of one partition.
func (l *load) place(p Partition, factor int) ([]int32, error) {
	replicas := slices.Clone(p.Replicas)
	for at, id := range replicas {
		if b, ok := l.snapshot.Broker(id); ok && l.allow.admits(b) {
			continue
		}
		to, err := l.choose(p, without(replicas, id), min(l.spread(replicas), l.reachable()), id)
		if err != nil {
			return nil, err
		}
		l.move(p, id, to)
		replicas[at] = to
	}
	for len(replicas) < factor {
		to, err := l.choose(p, replicas, min(l.spread(replicas)+1, l.reachable()))
		if err != nil {
			return nil, err
		}
		l.move(p, -1, to)
		replicas = append(replicas, to)
	}
	for len(replicas) > max(1, factor) {
		gone := l.leastMissed(replicas)
		l.move(p, gone, -1)
		replicas = without(replicas, gone)
	}
	return replicas, nil
}

// Assign finds the replicas of count new partitions of a topic, which may be new
// itself: over the racks, evenly over the allowed brokers, with the preferred
// leaders taken in turn.
func (s Snapshot) Assign(topic string, count, factor int, allow Allow) ([][]int32, error) {
	aim := fmt.Sprintf("place %d partitions of %q", count, topic)
	if err := s.check(allow); err != nil {
		return nil, fmt.Errorf("%s: %w", aim, err)
	}
	l := s.load()
	l.allow = allow
	leads, holds, next := map[int32]int{}, map[int32]int{}, int32(0)
	note := func(replicas []int32) {
		leads[replicas[0]]++
		for _, id := range replicas {
			holds[id]++
		}
	}
	for _, p := range s.Partitions {
		if p.Topic == topic && len(p.Replicas) > 0 {
			note(p.Replicas)
			next = max(next, p.Number+1)
		}
	}
	var all [][]int32
	for range count {
		p := Partition{Topic: topic, Number: next}
		for len(p.Replicas) < factor {
			candidates, err := l.candidates(p, p.Replicas, min(l.spread(p.Replicas)+1, l.reachable()))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", aim, err)
			}
			to := slices.MinFunc(candidates, func(a, b int32) int {
				first := 0
				if len(p.Replicas) == 0 {
					first = cmp.Compare(leads[a], leads[b])
				}
				return cmp.Or(first, cmp.Compare(holds[a], holds[b]), cmp.Compare(l.replicas[a], l.replicas[b]), cmp.Compare(a, b))
			})
			l.move(p, -1, to)
			p.Replicas = append(p.Replicas, to)
		}
		note(p.Replicas)
		all, next = append(all, p.Replicas), next+1
	}
	return all, nil
}

// reachable is the number of racks that a replica can be put into.
func (l *load) reachable() int {
	var ids []int32
	for _, b := range l.snapshot.Brokers {
		if b.Up && !b.Cordoned && l.allow.admits(b) {
			ids = append(ids, b.ID)
		}
	}
	return l.spread(ids)
}

// leastMissed is the replica, other than the preferred leader, to give up.
func (l *load) leastMissed(replicas []int32) int32 {
	return slices.MaxFunc(replicas[1:], func(a, b int32) int {
		return cmp.Or(
			cmp.Compare(l.spread(without(replicas, a)), l.spread(without(replicas, b))),
			cmp.Compare(l.bytes[a], l.bytes[b]), cmp.Compare(a, b))
	})
}
