package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// action is one kind of fault.
type action string

const (
	killTask     action = "SIGKILL"
	stopShort    action = "SIGSTOP, short"
	stopLong     action = "SIGSTOP, past the session timeout" // the zombie
	scale        action = "scale"
	killPlatform action = "SIGKILL of the platform"
)

// fault is one entry of the schedule.
type fault struct {
	at     time.Duration // since the first event
	action action
	stage  int           // of stages
	pick   int           // of the stage's tasks, modulo their number
	hold   time.Duration // stopped for
	tasks  int           // scaled to
}

// sessionTimeout is the runtime's: after it the group gives partitions away.
const sessionTimeout = 10 * time.Second

// schedule draws the faults of a run. The same settings give the same ones.
func schedule(s settings) []fault {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	length := s.duration()
	list := make([]fault, 0, s.faults)
	for n := range s.faults {
		f := fault{
			at:     time.Duration(rng.Int64N(int64(length))),
			stage:  rng.IntN(len(stages)),
			pick:   rng.IntN(12),
			tasks:  1 + rng.IntN(4),
			action: draw(rng),
		}
		if i := n - s.platformKills; i >= 0 && i < s.zombies {
			f.action = stopLong
		}
		if s.unsafe && f.action == stopLong {
			f.action = killTask // the control needs no zombies, and less time without them
		}
		switch f.action {
		case stopShort:
			f.hold = time.Duration(100+rng.IntN(3_000)) * time.Millisecond
		case stopLong:
			f.hold = sessionTimeout + time.Duration(1_000+rng.IntN(4_000))*time.Millisecond
		default:
		}
		if n < s.platformKills { // spread evenly
			f.action, f.at = killPlatform, length*time.Duration(2*n+1)/time.Duration(2*s.platformKills)
		}
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return list
}

func draw(rng *rand.Rand) action {
	switch n := rng.IntN(100); {
	case n < 45:
		return killTask
	case n < 70:
		return stopShort
	case n < 80:
		return stopLong
	default:
		return scale
	}
}
