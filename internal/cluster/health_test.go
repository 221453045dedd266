package cluster

import (
	"slices"
	"strings"
	"testing"
)

// A node may be stopped only while everything stays writable without it; what
// waiting cannot mend is told apart from what it can.
func TestRestartRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		node  int32
		spoil func(*Snapshot)
		want  []string // parts of the reasons, in order
	}{
		"healthy":       {0, func(*Snapshot) {}, nil},
		"a controller":  {101, func(*Snapshot) {}, nil},
		"unknown":       {9, func(*Snapshot) {}, []string{"node 9 is neither"}},
		"another down":  {0, func(s *Snapshot) { s.Brokers[4].Up = false }, []string{"broker 4 is down"}},
		"itself down":   {4, func(s *Snapshot) { s.Brokers[4].Up = false }, []string{"broker 4 is down already"}},
		"a straggler":   {0, func(s *Snapshot) { s.Partitions[0].ISR = []int32{0, 1} }, []string{"orders-0; wait until they have caught up"}},
		"not its own":   {4, func(s *Snapshot) { s.Partitions[0].ISR = []int32{0, 1} }, nil},
		"no leader":     {4, func(s *Snapshot) { s.Partitions[0].Leader = -1 }, []string{"without a leader: orders-0"}},
		"none to spare": {0, func(s *Snapshot) { s.Partitions[0].MinISR = 3 }, []string{"no replica to spare: orders-0"}},
		"a slow voter":  {100, func(s *Snapshot) { s.Lagging = []int32{102} }, []string{"controllers 101 would be left, no majority of 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := six()
			tt.spoil(&s)
			got := s.RestartRefusals(tt.node)
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) {
					t.Errorf("got %q, want %q", got[i], tt.want[i])
				}
			}
		})
	}
}

// A roll goes rack by rack and meets the active controller last.
func TestRollOrder(t *testing.T) {
	t.Parallel()
	if got := six().RollOrder(); !slices.Equal(got, []int32{0, 3, 1, 4, 2, 5, 100, 102, 101}) {
		t.Errorf("separate roles: %v", got)
	}
	combined := six()
	combined.Voters, combined.Controller = []int32{0, 1, 2}, 1
	if got := combined.RollOrder(); !slices.Equal(got, []int32{3, 4, 5, 0, 2, 1}) {
		t.Errorf("combined roles: %v", got)
	}
}
