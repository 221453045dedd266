package supervisor

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Defends the operator's pause: no task runs, and neither a new wish, as a
// terraform apply gives one, nor a restart of the supervisor ends it; resume
// brings back as many tasks as were wished for.
func TestPauseHolds(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	settled := func(want int, paused bool) Status {
		t.Helper()
		s, err := b.client.WaitSettled(ctx, "probe")
		if err != nil || len(s.TasksStatus) != want || s.Paused != paused {
			t.Fatalf("want %d tasks, paused %v: %v %+v", want, paused, err, s)
		}
		return s
	}
	if _, err := b.client.Pause(ctx, "probe"); !errors.Is(err, ErrUnknown) {
		t.Errorf("pause what is not there: %v", err)
	}
	first := b.apply(b.deployment("task", 2)).TasksStatus[0].PID
	if _, err := b.client.Pause(ctx, "probe"); err != nil {
		t.Fatal(err)
	}
	if s := settled(0, true); s.Tasks != 2 {
		t.Errorf("a pause changed the wish to %d tasks", s.Tasks)
	}
	if alive(first) {
		t.Error("a task of a paused deployment lives")
	}

	d := b.deployment("task", 3)
	d.Revision = "2"
	b.apply(d) // waits until it is settled, which a paused one is
	settled(0, true)
	b.super.Close(ctx)
	b.boot()
	if s := settled(0, true); s.Tasks != 3 {
		t.Errorf("after a restart %d tasks are wished for", s.Tasks)
	}

	if _, err := b.client.Resume(ctx, "probe"); err != nil {
		t.Fatal(err)
	}
	settled(3, false)
}

// Defends a pause against autoscaling, whose backlog grows meanwhile.
func TestPausedIsNotScaled(t *testing.T) {
	b := newBench(t)
	d := b.deployment("task", 0)
	d.Autoscale = &Autoscale{MinTasks: 1, MaxTasks: 4}
	b.apply(d)
	if err := b.super.Pause("probe"); err != nil {
		t.Fatal(err)
	}
	if err := b.super.setTasks("probe", 4); err != nil {
		t.Fatal(err)
	}
	if s, err := b.super.Get("probe"); err != nil || s.Tasks != 1 {
		t.Errorf("the scaler set %d tasks while paused: %v", s.Tasks, err)
	}
	b.super.autoscaler.round(t.Context())
	if s := b.super.autoscaler.latest("probe"); s != nil {
		t.Errorf("a paused deployment was measured: %+v", s)
	}
}
