package capacity

import (
	"math"
	"slices"
	"time"
)

// Partition is one partition of an input.
type Partition struct {
	Topic  string
	Number int32
}

// Offsets of a partition, as the broker has them.
type Offsets struct {
	Start     int64 // of the oldest record kept
	Stable    int64 // up to where committed readers can read
	Committed int64 // by the processor's group; negative when it has none
}

// waiting is how many offsets the processor has not handled. What retention
// deleted does not wait.
func (o Offsets) waiting() int64 { return max(o.Stable-max(o.Committed, o.Start), 0) }

// Task is what one task counts since its process started.
type Task struct {
	ID          string  // of its process: a restarted task counts anew under another
	Records     float64 // data records handled, whatever became of them
	BusySeconds float64 // not waiting for records; waiting for commits is busy
	LagSeconds  float64 // age of the record it handled last, while it is behind
}

// Sample is what the broker and the tasks say at one moment.
type Sample struct {
	At     time.Time
	Inputs map[Partition]Offsets
	Tasks  []Task
}

// Meter makes rates of samples. Its zero value is ready.
type Meter struct {
	last     Sample
	begun    bool
	input    rate
	work     sums // records, busy and wall time of the tasks, last some seconds
	progress sums // records and offsets that the group went on
	taskRate float64
}

// sums forget what is old, slowly.
type sums struct{ records, busy, wall, offsets float64 }

func (s *sums) fade(age, constant time.Duration) {
	keep := math.Exp(-age.Seconds() / constant.Seconds())
	s.records, s.busy, s.wall, s.offsets = s.records*keep, s.busy*keep, s.wall*keep, s.offsets*keep
}

const (
	smoothing = 10 * time.Second // of rates
	memory    = time.Minute      // of the share of data records among offsets
	// onItsWay is for how long a record counts as on its way: transactions and the
	// sampling itself take a part of a second, which is no backlog.
	onItsWay = time.Second
	// idle is the busy time, in seconds, below which a task rate says nothing.
	idle = 0.01
)

// Add takes the next sample and returns the load. The first sample has no rates.
func (m *Meter) Add(s Sample) Load {
	last := m.last
	m.last = s
	load := Load{Measured: len(s.Tasks)}
	for _, t := range s.Tasks {
		load.TimeLag = max(load.TimeLag, time.Duration(t.LagSeconds*float64(time.Second)))
	}
	if elapsed := s.At.Sub(last.At); m.begun && elapsed > 0 {
		load.Peak = m.addWork(last, s, elapsed)
		m.addInput(last, s, elapsed)
	}
	m.begun = true
	load.InputRate, load.RateError, load.TaskRate = m.input.value(), m.input.relativeError(), m.taskRate
	if m.work.wall > 0 {
		load.Utilization = min(m.work.busy/m.work.wall, 1)
		load.Throughput = m.work.records / m.work.wall * float64(len(s.Tasks))
	}
	load.Behind = m.behind(s)
	for _, n := range load.Behind {
		load.Backlog += n
	}
	load.Backlog = max(load.Backlog-load.InputRate*onItsWay.Seconds(), 0)
	return load
}

// addWork counts what the tasks did between two samples and returns their
// utilization in that time.
func (m *Meter) addWork(last, s Sample, elapsed time.Duration) float64 {
	var work sums
	before := make(map[string]Task, len(last.Tasks))
	for _, t := range last.Tasks {
		before[t.ID] = t
	}
	same := len(last.Tasks) == len(s.Tasks)
	for _, t := range s.Tasks {
		b, known := before[t.ID] // a new process has counted from zero
		same = same && known
		work.records += max(t.Records-b.Records, 0)
		work.busy += max(t.BusySeconds-b.BusySeconds, 0)
		work.wall += elapsed.Seconds()
	}
	m.work.fade(elapsed, smoothing)
	m.work.records += work.records
	m.work.busy += work.busy
	m.work.wall += work.wall
	if m.work.busy > idle && m.work.records >= 1 {
		m.taskRate = m.work.records / m.work.busy
	}
	if same { // else what an ended task did last is not in the counts
		m.addProgress(last, s, work.records, elapsed)
	}
	if work.wall == 0 {
		return 0
	}
	return min(work.busy/work.wall, 1)
}

// addProgress learns how many of the offsets that the group goes on are data
// records. The rest are transaction markers.
func (m *Meter) addProgress(last, s Sample, records float64, elapsed time.Duration) {
	offsets := 0.0
	for p, now := range s.Inputs {
		was, known := last.Inputs[p]
		if !known || was.Committed < 0 || now.Committed < was.Committed {
			return // begun or reset in between
		}
		offsets += float64(now.Committed - was.Committed)
	}
	m.progress.fade(elapsed, memory)
	m.progress.records += records
	m.progress.offsets += offsets
}

// share is the part of offsets that are data records: all, until it is known.
func (m *Meter) share() float64 {
	if m.progress.offsets < 1 || m.progress.records < 1 {
		return 1
	}
	return min(m.progress.records/m.progress.offsets, 1)
}

// addInput counts what arrived between two samples.
func (m *Meter) addInput(last, s Sample, elapsed time.Duration) {
	arrived := 0.0
	for p, now := range s.Inputs {
		if was, known := last.Inputs[p]; known {
			arrived += float64(max(now.Stable-was.Stable, 0))
		}
	}
	m.input.add(arrived*m.share(), elapsed.Seconds())
}

// behind sums what waits by partition number: one task has a number of all inputs.
func (m *Meter) behind(s Sample) []float64 {
	list := make([]float64, s.Partitions())
	share := m.share()
	for p, o := range s.Inputs {
		list[p.Number] += float64(o.waiting()) * share
	}
	return list
}

// Partitions is the largest number of partitions of an input: among so many the
// work can be dealt.
func (s Sample) Partitions() int {
	n := 0
	for p := range s.Inputs {
		n = max(n, int(p.Number)+1)
	}
	return n
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
