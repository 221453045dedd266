package capacity

import "time"

// Scaler is a meter and the law's memory for one processor. It takes its time
// from the samples. Its zero value is ready.
type Scaler struct {
	meter  Meter
	wanted []wish // of the last hold time
	out    *addition
}

type wish struct {
	at    time.Time
	tasks int
}

// addition is the last time that tasks were added.
type addition struct {
	at     time.Time
	effect Effect
}

// Step takes a sample and says how many tasks there should be, when tasks are
// asked for now.
func (s *Scaler) Step(p Policy, sample Sample, tasks int) (Decision, Load) {
	load := s.meter.Add(sample)
	history := History{Tasks: tasks, LastOut: s.effect(sample.At, load)}
	for _, w := range s.wanted {
		history.Wanted = max(history.Wanted, w.tasks)
	}
	// Until a whole hold time was seen, what was needed before it is not known.
	if len(s.wanted) == 0 || sample.At.Sub(s.wanted[0].at) < p.Hold {
		history.Wanted = max(history.Wanted, tasks)
	}
	d := Decide(p, sample.Partitions(), load, history)
	if d.Tasks > tasks && tasks > 0 {
		s.out = &addition{sample.At, Effect{From: tasks, To: d.Tasks, Before: load.Throughput, Input: load.InputRate}}
	}
	s.remember(sample.At, p.Hold, d.Wanted)
	return d, load
}

func (s *Scaler) effect(now time.Time, load Load) *Effect {
	if s.out == nil {
		return nil
	}
	e := s.out.effect
	e.Now, e.For = load.Throughput, now.Sub(s.out.at)
	return &e
}

// remember keeps the wishes of the last hold time, and one that is older, which
// says that the time was seen whole.
func (s *Scaler) remember(now time.Time, hold time.Duration, wanted int) {
	s.wanted = append(s.wanted, wish{now, wanted})
	for len(s.wanted) > 2 && now.Sub(s.wanted[1].at) >= hold {
		s.wanted = s.wanted[1:]
	}
}
