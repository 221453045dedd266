package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Plan is a set of moves that together reach one aim.
type Plan struct {
	Moves []Move
}

// Move changes the replicas of one partition. The preferred leader stands first.
type Move struct {
	Topic     string
	Partition int32
	From, To  []int32
	Bytes     int64 // that each new replica copies
}

// Added are the brokers that get a replica by the move.
func (m Move) Added() []int32 { return without(m.To, m.From...) }

// Removed are the brokers that lose theirs.
func (m Move) Removed() []int32 { return without(m.From, m.To...) }

// Bytes is what all moves copy over the network.
func (p Plan) Bytes() int64 {
	var sum int64
	for _, m := range p.Moves {
		sum += m.Bytes * int64(len(m.Added()))
	}
	return sum
}

// Received is what each broker takes in: replicas and bytes.
func (p Plan) Received() map[int32]Share {
	shares := make(map[int32]Share)
	for _, m := range p.Moves {
		for _, id := range m.Added() {
			s := shares[id]
			s.Replicas++
			s.Bytes += m.Bytes
			shares[id] = s
		}
	}
	return shares
}

// Share is a part of a plan.
type Share struct {
	Replicas int
	Bytes    int64
}

// UnplaceableError says why a partition has no broker to go to.
type UnplaceableError struct {
	Partition Partition
	Racks     []string // of the replicas that stay
	Excluded  []string // each broker that could not be chosen, with the reason
}

// Error names the partition, the racks it is in and why each broker is out.
func (e *UnplaceableError) Error() string {
	return fmt.Sprintf("no broker can take a replica of %s: its others are in racks %s; %s",
		e.Partition, strings.Join(e.Racks, ", "), strings.Join(e.Excluded, "; "))
}

// load is what brokers hold while a plan is made.
type load struct {
	snapshot Snapshot
	allow    Allow
	replicas map[int32]int
	bytes    map[int32]int64
	racks    map[int32]string
}

func (s Snapshot) load() *load {
	l := &load{snapshot: s, replicas: map[int32]int{}, bytes: map[int32]int64{}, racks: map[int32]string{}}
	for _, b := range s.Brokers {
		l.racks[b.ID] = b.Rack
	}
	for _, p := range s.Partitions {
		for _, id := range p.Replicas {
			l.replicas[id]++
			l.bytes[id] += p.Bytes
		}
	}
	return l
}

func (l *load) move(p Partition, from, to int32) {
	if from >= 0 {
		l.replicas[from]--
		l.bytes[from] -= p.Bytes
	}
	if to >= 0 {
		l.replicas[to]++
		l.bytes[to] += p.Bytes
	}
}

// spread counts the racks of a set of replicas. Brokers without a rack count as
// one of their own each, since nothing says that they fall together.
func (l *load) spread(ids []int32) int {
	seen := make(map[string]bool)
	for _, id := range ids {
		rack := l.racks[id]
		if rack == "" {
			rack = fmt.Sprint("broker ", id)
		}
		seen[rack] = true
	}
	return len(seen)
}

// choose finds the broker for one more replica beside those that stay, such that
// all together lie in at least minSpread racks: the one that holds the fewest
// bytes, then the fewest replicas, then the lowest id.
func (l *load) choose(p Partition, stay []int32, minSpread int, avoid ...int32) (int32, error) {
	candidates, err := l.candidates(p, stay, minSpread, avoid...)
	if err != nil {
		return -1, err
	}
	return slices.MinFunc(candidates, func(a, b int32) int {
		return cmp.Or(cmp.Compare(l.bytes[a], l.bytes[b]), cmp.Compare(l.replicas[a], l.replicas[b]), cmp.Compare(a, b))
	}), nil
}

// candidates are the brokers that choose chooses from; an [UnplaceableError] when
// there is none.
func (l *load) candidates(p Partition, stay []int32, minSpread int, avoid ...int32) ([]int32, error) {
	var candidates []int32
	refused := &UnplaceableError{Partition: p}
	for _, id := range stay {
		refused.Racks = append(refused.Racks, cmp.Or(l.racks[id], "none"))
	}
	for _, b := range l.snapshot.Brokers {
		why := ""
		switch {
		case slices.Contains(avoid, b.ID):
			continue
		case slices.Contains(stay, b.ID):
			why = "has a replica already"
		case !b.Up:
			why = "is down"
		case b.Cordoned:
			why = "is cordoned"
		case !l.allow.admits(b):
			why = "is outside of the placement"
		case l.spread(append(slices.Clone(stay), b.ID)) < minSpread:
			why = "is in rack " + cmp.Or(b.Rack, "none") + ", which has one already"
		case !l.fits(b, p):
			why = fmt.Sprintf("has room for %d bytes more, of %d", max(0, b.Usable-l.bytes[b.ID]+b.Bytes), p.Bytes)
		}
		if why == "" {
			candidates = append(candidates, b.ID)
		} else {
			refused.Excluded = append(refused.Excluded, fmt.Sprintf("broker %d %s", b.ID, why))
		}
	}
	if len(candidates) == 0 {
		return nil, refused
	}
	return candidates, nil
}

// fits reports whether the broker's volumes take the partition beside all that the
// plan has given it.
func (l *load) fits(b Broker, p Partition) bool {
	return b.Usable < 0 || l.bytes[b.ID]-b.Bytes+p.Bytes <= b.Usable
}

// bySize puts the partitions that are hardest to place first.
func bySize(list []Partition) []Partition {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Partition) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return sorted
}

// Drain moves every replica off a broker and nothing else: each is replaced where
// it stands in its partition's order, so that preferred leaders stay preferred.
// No partition comes to lie in fewer racks than before. The error is an
// [UnplaceableError] or says that the broker is unknown.
func (s Snapshot) Drain(id int32) (Plan, error) {
	if _, ok := s.Broker(id); !ok {
		return Plan{}, fmt.Errorf("drain broker %d: it is not registered", id)
	}
	l := s.load()
	var plan Plan
	for _, p := range bySize(s.Partitions) {
		at := slices.Index(p.Replicas, id)
		if at < 0 {
			continue
		}
		stay := without(p.Replicas, id)
		to, err := l.choose(p, stay, l.spread(p.Replicas), id)
		if err != nil {
			return Plan{}, fmt.Errorf("drain broker %d: %w", id, err)
		}
		l.move(p, id, to)
		replicas := slices.Clone(p.Replicas)
		replicas[at] = to
		plan.Moves = append(plan.Moves, Move{Topic: p.Topic, Partition: p.Number, From: p.Replicas, To: replicas, Bytes: p.Bytes})
	}
	return plan, nil
}

// Rebalance moves as few replicas as it takes until no broker that takes
// replicas holds more than one above any other that could have it. Racks are
// kept as they are. It is what fills a broker that was added.
func (s Snapshot) Rebalance() Plan { return s.level(func(Broker) bool { return true }) }

// Fill is Rebalance for one broker: others give to it and take nothing. It is
// what a broker that was added gets, be others as uneven as they are.
func (s Snapshot) Fill(id int32) Plan { return s.level(func(b Broker) bool { return b.ID == id }) }

// level moves replicas onto the brokers that take part.
func (s Snapshot) level(takes func(Broker) bool) Plan {
	l := s.load()
	now := make(map[string]Partition)
	for _, p := range s.Partitions {
		now[p.String()] = p
	}
	changed := make(map[string]bool)
	for l.shift(s.Partitions, now, changed, takes) {
	}
	var plan Plan
	for _, p := range s.Partitions {
		if changed[p.String()] {
			plan.Moves = append(plan.Moves, Move{Topic: p.Topic, Partition: p.Number, From: p.Replicas, To: now[p.String()].Replicas, Bytes: p.Bytes})
		}
	}
	return plan
}

// shift moves one replica from the fullest broker that can give to the emptiest
// that can take; false when no move makes it more even. A partition is moved
// once: a second move would copy it twice.
func (l *load) shift(order []Partition, now map[string]Partition, changed map[string]bool, takes func(Broker) bool) bool {
	open := slices.DeleteFunc(slices.Clone(l.snapshot.Brokers), func(b Broker) bool { return !b.Up || b.Cordoned })
	slices.SortFunc(open, func(a, b Broker) int {
		return cmp.Or(cmp.Compare(l.replicas[a.ID], l.replicas[b.ID]), cmp.Compare(a.ID, b.ID))
	})
	for _, to := range open {
		if !takes(to) {
			continue
		}
		for _, from := range slices.Backward(open) {
			if l.replicas[from.ID]-l.replicas[to.ID] < 2 {
				break
			}
			for _, p := range order {
				if changed[p.String()] || p.Moving() || !l.fits(to, p) {
					continue
				}
				replicas, ok := l.swap(p.Replicas, from.ID, to.ID)
				if !ok {
					continue
				}
				l.move(p, from.ID, to.ID)
				p.Replicas = replicas
				now[p.String()], changed[p.String()] = p, true
				return true
			}
		}
	}
	return false
}

// swap puts one broker in another's place, unless it is there already or a rack
// would be lost.
func (l *load) swap(replicas []int32, from, to int32) ([]int32, bool) {
	at := slices.Index(replicas, from)
	if at < 0 || slices.Contains(replicas, to) {
		return nil, false
	}
	swapped := slices.Clone(replicas)
	swapped[at] = to
	return swapped, l.spread(swapped) >= l.spread(replicas)
}
