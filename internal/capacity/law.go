package capacity

import (
	"fmt"
	"math"
	"time"
)

// Decision is what the law says.
type Decision struct {
	Tasks    int     // to run now
	Wanted   int     // fewest that would do for what is measured now, without hysteresis and guards
	Required float64 // capacity in records per second: input rate / target utilization + backlog / catch-up time
	Ratio    float64 // required capacity over that of the tasks there are; 0 when not known
	Held     bool    // more tasks are needed and would not help: Reason says why
	Reason   string  // in words, for people
}

// History is what the law must know besides the present.
type History struct {
	Tasks   int     // that are asked for now
	Wanted  int     // largest Decision.Wanted within the policy's hold time
	LastOut *Effect // of the last time tasks were added; nil when never
}

// Effect is what adding tasks brought.
type Effect struct {
	From, To    int           // tasks
	Before, Now float64       // throughput in records per second
	Input       float64       // input rate when they were added
	For         time.Duration // since they were added
}

const (
	// behind is the time lag above which a processor counts as behind: then no
	// task is taken away.
	behind = 5 * time.Second
	// settling is how long added tasks get before they are judged. Until then
	// only a grown input rate adds more.
	settling = 20 * time.Second
	// grown is by how much the input rate must have changed for that.
	grown = 1.1
	// least is the share of the expected gain below which adding tasks counts as
	// being of no help.
	least = 0.1
)

// Decide says how many tasks there should be. Tasks are added at once and taken
// away when fewer have been enough for the policy's hold time. None are added
// where they cannot help: none runs, those that run are not busy, one partition
// alone is behind, or the last ones added brought nothing.
func Decide(p Policy, partitions int, l Load, h History) Decision {
	counts := Allowed(partitions, p.Min, p.Max)
	lowest, highest := counts[0], counts[len(counts)-1]
	d := Decision{Required: l.InputRate/p.TargetUtilization + l.Backlog/p.CatchUp.Seconds()}
	d.Tasks = min(max(h.Tasks, lowest), highest)
	d.Wanted = d.Tasks
	if d.Tasks != h.Tasks {
		d.Reason = fmt.Sprintf("%d tasks is outside the bounds of %d to %d", h.Tasks, lowest, highest)
		return d
	}
	if l.TaskRate <= 0 || partitions <= 0 {
		d.Reason = "waits for the first records to measure what a task can do"
		return d
	}
	need := d.Required / l.TaskRate
	d.Ratio = need / float64(h.Tasks)
	d.Wanted = fewest(counts, need/(1+p.Tolerance/2))
	more := fewest(counts, need/(1+max(p.Tolerance, 2*l.RateError)))
	switch {
	case more > h.Tasks:
		d.out(p, l, h, more, need)
	case d.Wanted < h.Tasks:
		d.in(l, h)
	case need > float64(highest)*(1+p.Tolerance):
		d.Reason = fmt.Sprintf("needs %s tasks, and %d is the most allowed", figure(need), highest)
	default:
		d.Reason = fmt.Sprintf("%s records/s keep %d of %s records/s at %.0f%% of the target",
			figure(l.InputRate), h.Tasks, figure(l.TaskRate), 100*d.Ratio)
	}
	return d
}

// out adds tasks unless that cannot help.
func (d *Decision) out(p Policy, l Load, h History, more int, need float64) {
	d.Held = true
	switch hot, isHot := hotPartition(l); {
	case l.Measured == 0:
		d.Reason = "no task runs, and more of them would not either"
	case max(l.Utilization, l.Peak) < p.TargetUtilization:
		d.Reason = fmt.Sprintf("needs %s tasks by its rates, but those there are busy only %.0f%% of their time", figure(need), 100*l.Utilization)
	case isHot:
		d.Reason = fmt.Sprintf("partition %d alone is %s records behind: more tasks cannot share it (a hot key?)", hot, figure(l.Behind[hot]))
	case h.LastOut.settles(l):
		d.Reason = fmt.Sprintf("needs %s tasks; waits to see what going from %d to %d brings", figure(need), h.LastOut.From, h.LastOut.To)
	case h.LastOut.useless(l):
		d.Reason = fmt.Sprintf("going from %d to %d tasks brought %+.0f%% of throughput: more would not help; see what the tasks wait for",
			h.LastOut.From, h.LastOut.To, 100*h.LastOut.gain())
	default:
		d.Tasks, d.Held = more, false
		d.Reason = fmt.Sprintf("%s records/s and %s waiting need %s tasks of %s records/s",
			figure(l.InputRate), figure(l.Backlog), figure(need), figure(l.TaskRate))
	}
}

// in takes tasks away when fewer have been enough for long enough.
func (d *Decision) in(l Load, h History) {
	enough := max(d.Wanted, h.Wanted)
	switch {
	case l.TimeLag > behind:
		d.Reason = fmt.Sprintf("%d tasks would do, once what is %s behind is handled", d.Wanted, l.TimeLag.Round(time.Second))
	case enough >= h.Tasks:
		d.Reason = fmt.Sprintf("%d tasks would do now; waits to see that it stays so", d.Wanted)
	default:
		d.Tasks = enough
		d.Reason = fmt.Sprintf("%s records/s have needed no more than %d tasks of %s records/s for a while",
			figure(l.InputRate), enough, figure(l.TaskRate))
	}
}

func (e *Effect) gain() float64 {
	if e.Before <= 0 {
		return math.Inf(1)
	}
	return e.Now/e.Before - 1
}

// settles says whether it is too early to judge tasks that were added for the
// load there still is.
func (e *Effect) settles(l Load) bool {
	return e != nil && e.For < settling && l.InputRate <= grown*e.Input
}

// useless says whether tasks that were added are busy all the time and yet
// handle hardly more than before.
func (e *Effect) useless(l Load) bool {
	if e == nil || e.For < settling || l.Utilization < 0.9 {
		return false
	}
	return e.gain() < least*(float64(e.To)/float64(e.From)-1)
}

// hotPartition finds a partition that is behind while the others are not: it
// has at least half of all that waits, five times what the median partition
// has, and more than two seconds of one task's work.
func hotPartition(l Load) (number int, ok bool) {
	if len(l.Behind) < 3 {
		return 0, false
	}
	total := 0.0
	for p, n := range l.Behind {
		total += n
		if n > l.Behind[number] {
			number = p
		}
	}
	most := l.Behind[number]
	return number, most >= total/2 && most >= 5*median(l.Behind) && most > 2*l.TaskRate
}

func figure(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
