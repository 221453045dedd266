package main

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"headwater.internal/platform/internal/supervisor"
)

// Defends an operator's pause against terraform: it is no drift, and a change
// that is applied meanwhile is taken without starting a task.
func TestPausedDeploymentIsNoDrift(t *testing.T) {
	s, url := testSupervisor(t)
	paused := func(*terraformState) error {
		status, err := s.Get("refine")
		if err != nil || !status.Paused || len(status.TasksStatus) != 0 {
			t.Errorf("not paused: %v %+v", err, status)
		}
		return nil
	}
	accept(t,
		resource.TestStep{Config: deployment(url, readyOne)},
		resource.TestStep{
			PreConfig: func() {
				if err := s.Pause("refine"); err != nil {
					t.Error(err)
				}
				awaitStatus(t, s, supervisor.Status.Settled)
			},
			Config: deployment(url, readyOne), PlanOnly: true,
		},
		resource.TestStep{Config: deployment(url, readyTwo), Check: paused},
		resource.TestStep{
			PreConfig: func() {
				if err := s.Resume("refine"); err != nil {
					t.Error(err)
				}
				awaitStatus(t, s, supervisor.Status.Settled)
			},
			Config: deployment(url, readyTwo), PlanOnly: true,
		},
	)
}

func awaitStatus(t *testing.T, s *supervisor.Supervisor, enough func(supervisor.Status) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if status, err := s.Get("refine"); err == nil && enough(status) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("refine did not settle within 30 s")
}
