package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// maxNamed is how many partitions a reason names; the rest are counted.
const maxNamed = 3

// RestartRefusals says why a node must not be stopped now, in words; none when
// it may. Stopping it must leave every partition that can be written writable
// and the controllers with a majority. A partition that can never satisfy this,
// because it has as many replicas as it needs in sync, is named apart: waiting
// does not mend it.
func (s Snapshot) RestartRefusals(id int32) []string {
	var reasons []string
	if b, ok := s.Broker(id); ok {
		if !b.Up {
			reasons = append(reasons, fmt.Sprintf("broker %d is down already: start it and find out why", id))
		}
	} else if !slices.Contains(s.Voters, id) {
		return []string{fmt.Sprintf("node %d is neither a broker nor a controller of this cluster", id)}
	}
	for _, b := range s.Brokers {
		if !b.Up && b.ID != id {
			reasons = append(reasons, fmt.Sprintf("broker %d is down: a second one would be too many", b.ID))
		}
	}
	return append(append(reasons, s.partitionRefusals(id)...), s.quorumRefusals(id)...)
}

func (s Snapshot) partitionRefusals(id int32) []string {
	var offline, under, never []string
	for _, p := range s.Partitions {
		if p.Leader < 0 {
			offline = append(offline, p.String())
			continue
		}
		if !slices.Contains(p.Replicas, id) && !slices.Contains(p.Removing, id) {
			continue
		}
		switch {
		case len(p.Replicas) < 2 || len(p.Replicas)-1 < p.MinISR:
			never = append(never, p.String())
		case len(without(p.ISR, id)) < p.MinISR:
			under = append(under, p.String())
		}
	}
	var reasons []string
	add := func(names []string, format string) {
		if len(names) > 0 {
			reasons = append(reasons, fmt.Sprintf(format, count(names)))
		}
	}
	add(offline, "without a leader: %s")
	add(under, "would have fewer replicas in sync than min.insync.replicas: %s; wait until they have caught up")
	add(never, "cannot be written while any of their brokers is down, as they have no replica to spare: %s; give them more replicas or lower min.insync.replicas")
	return reasons
}

func (s Snapshot) quorumRefusals(id int32) []string {
	if !slices.Contains(s.Voters, id) {
		return nil
	}
	rest := without(s.Voters, append([]int32{id}, s.Lagging...)...)
	if 2*len(rest) > len(s.Voters) {
		return nil
	}
	return []string{fmt.Sprintf("controllers %s would be left, no majority of %d", words(rest), len(s.Voters))}
}

// Unwell says what a cluster lacks that work on it should wait for, in words: a
// broker that is down, a partition without a leader or with replicas behind, a
// controller that has to catch up. None when all is well.
func (s Snapshot) Unwell() []string {
	var reasons, offline, behind []string
	for _, b := range s.Brokers {
		if !b.Up {
			reasons = append(reasons, fmt.Sprintf("broker %d is down", b.ID))
		}
	}
	for _, p := range s.Partitions {
		if p.Leader < 0 {
			offline = append(offline, p.String())
		}
	}
	for _, p := range s.Underreplicated() {
		behind = append(behind, p.String())
	}
	for what, names := range map[string][]string{"without a leader": offline, "replicas have to catch up": behind} {
		if len(names) > 0 {
			reasons = append(reasons, what+": "+count(names))
		}
	}
	for _, id := range s.Lagging {
		reasons = append(reasons, fmt.Sprintf("controller %d has to catch up", id))
	}
	slices.Sort(reasons)
	return reasons
}

// RollOrder is the order in which nodes are restarted: brokers by rack and id,
// then controllers, the active one last, so that it moves once.
func (s Snapshot) RollOrder() []int32 {
	brokers := slices.Clone(s.Brokers)
	slices.SortStableFunc(brokers, func(a, b Broker) int { return strings.Compare(a.Rack, b.Rack) })
	var order, combined []int32
	for _, b := range brokers {
		if slices.Contains(s.Voters, b.ID) {
			combined = append(combined, b.ID)
		} else {
			order = append(order, b.ID)
		}
	}
	for _, id := range s.Voters {
		if !slices.Contains(combined, id) {
			combined = append(combined, id)
		}
	}
	if slices.Contains(combined, s.Controller) {
		combined = append(without(combined, s.Controller), s.Controller)
	}
	return append(order, combined...)
}

// Underreplicated are the partitions with replicas that are not in sync, other
// than ones just being added.
func (s Snapshot) Underreplicated() []Partition {
	var list []Partition
	for _, p := range s.Partitions {
		if len(without(without(p.Replicas, p.Adding...), p.ISR...)) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// count words a list of names: the first few and how many more.
func count(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

func words(ids []int32) string {
	if len(ids) == 0 {
		return "none"
	}
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprint(id))
	}
	return strings.Join(list, ", ")
}
