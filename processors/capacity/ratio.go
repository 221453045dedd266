package main

import (
	"math"
	"time"

	"headwater.internal/platform/internal/capacity"
)

// reading is what is published of a processor. What is not known is NaN.
type reading struct {
	processor   string
	ratio       float64 // required over current capacity x 100, rounded down
	lag         float64 // seconds
	utilization float64 // percent
}

// gauge makes readings of a processor's samples: means over the time between two
// publications, and of the lag the most.
type gauge struct {
	policy capacity.Policy
	meter  capacity.Meter
	begun  bool

	ratios, utilizations mean
	lag                  float64
	looked               bool
}

type mean struct{ sum, n float64 }

func (m *mean) add(x float64) {
	if !math.IsNaN(x) {
		m.sum, m.n = m.sum+x, m.n+1
	}
}

// take returns the mean of what was added, NaN of nothing, and begins anew.
func (m *mean) take() float64 {
	x := m.sum / m.n // 0/0 is NaN
	*m = mean{}
	return x
}

// add takes a sample while so many tasks are wished for.
func (g *gauge) add(s capacity.Sample, tasks int) {
	load := g.meter.Add(s)
	if !g.begun { // one sample has no rates
		g.begun = true
		return
	}
	g.looked = true
	g.ratios.add(required(g.policy, s.Partitions(), load, tasks))
	g.lag = max(g.lag, load.TimeLag.Seconds())
	if load.Measured > 0 {
		g.utilizations.add(load.Utilization)
	}
}

// read returns what was seen since the last call; false when that was nothing.
func (g *gauge) read(name string) (reading, bool) {
	if !g.looked {
		return reading{}, false
	}
	r := reading{processor: name, ratio: math.Floor(g.ratios.take()*100 + 1e-9), lag: g.lag, utilization: g.utilizations.take() * 100}
	g.looked, g.lag = false, 0
	return r, true
}

// required is the law's required capacity over that of the tasks, NaN when it is
// not known. It is at most 1 where more tasks would not help.
func required(p capacity.Policy, partitions int, l capacity.Load, tasks int) float64 {
	switch {
	case tasks < 1:
		return math.NaN() // the scaler multiplies the count by it
	case l.InputRate == 0 && l.Backlog == 0:
		return 0
	case l.TaskRate > 0:
		p.Min, p.Max = 1, max(partitions, tasks)
		d := capacity.Decide(p, partitions, l, capacity.History{Tasks: tasks, Wanted: tasks})
		ratio := d.Required / l.TaskRate / float64(tasks)
		if d.Held {
			return min(ratio, 1)
		}
		return ratio
	case l.Measured > 0:
		// They have handled too little to tell how fast they are: so little that
		// what they were busy for is all that is needed.
		return l.Utilization / p.TargetUtilization
	default:
		return math.NaN()
	}
}

// lookEach is the time between two samples; the tasks report as often.
const lookEach = 5 * time.Second
