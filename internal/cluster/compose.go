package cluster

import "slices"

// Sparing is the cluster with some brokers as if they were cordoned: plans made of
// it give them nothing. That is for brokers about to be emptied in the same apply.
func (s Snapshot) Sparing(ids ...int32) Snapshot {
	s.Brokers = slices.Clone(s.Brokers)
	for i := range s.Brokers {
		s.Brokers[i].Cordoned = s.Brokers[i].Cordoned || slices.Contains(ids, s.Brokers[i].ID)
	}
	return s
}

// Opening is the cluster with a broker as if it took replicas again.
func (s Snapshot) Opening(id int32) Snapshot {
	s.Brokers = slices.Clone(s.Brokers)
	for i := range s.Brokers {
		s.Brokers[i].Cordoned = s.Brokers[i].Cordoned && s.Brokers[i].ID != id
	}
	return s
}

// With is the cluster as it will stand once the plan is carried out, so that
// another plan can be made on top of it.
func (s Snapshot) With(p Plan) Snapshot {
	to := make(map[topicPartition][]int32, len(p.Moves))
	for _, m := range p.Moves {
		to[topicPartition{m.Topic, m.Partition}] = m.To
	}
	s.Partitions = slices.Clone(s.Partitions)
	for i, one := range s.Partitions {
		if replicas, ok := to[topicPartition{one.Topic, one.Number}]; ok {
			s.Partitions[i].Replicas = replicas
		}
	}
	return s
}

// Then is the plan followed by another that was made on top of it: a partition
// that both move goes at once to where the second wants it.
func (p Plan) Then(next Plan) Plan {
	at := make(map[topicPartition]int, len(p.Moves))
	moves := slices.Clone(p.Moves)
	for i, m := range moves {
		at[topicPartition{m.Topic, m.Partition}] = i
	}
	for _, m := range next.Moves {
		if i, ok := at[topicPartition{m.Topic, m.Partition}]; ok {
			moves[i].To = m.To
			continue
		}
		moves = append(moves, m)
	}
	return Plan{Moves: slices.DeleteFunc(moves, func(m Move) bool { return slices.Equal(m.From, m.To) })}
}
