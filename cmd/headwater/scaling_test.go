package main

import (
	"strings"
	"testing"
	"time"

	"headwater.internal/platform/internal/supervisor"
)

// Who asks why so many tasks run gets the wish, the fact and the reason; a
// platform that scales nothing shows nothing.
func TestPrintScaling(t *testing.T) {
	var b strings.Builder
	one := []supervisor.Task{{State: supervisor.Running}, {State: supervisor.Starting}}
	printScaling(&b, []deploymentStatus{{Name: "collect", Desired: 1}})
	if b.Len() != 0 {
		t.Errorf("printed %q", b.String())
	}
	bounds := &supervisor.Autoscale{MinTasks: 1, MaxTasks: 6}
	printScaling(&b, []deploymentStatus{
		{Name: "refine", Desired: 2, Tasks: one, Autoscale: bounds, Scaling: &supervisor.Scaling{
			At: time.Unix(1, 0), Utilization: 0.81, TargetUtilization: 0.78, Reason: "because",
		}},
		{Name: "aggregate", Desired: 1, Tasks: one[:1], Autoscale: bounds},
		{Name: "sessionize", Desired: 1, Tasks: one[:1], Autoscale: bounds, Scaling: &supervisor.Scaling{Problem: "no brokers"}},
	})
	for _, want := range []string{
		"refine\t2\t1\t1 to 6\t81% of 78%\tbecause\n", "aggregate\t1\t1\t1 to 6\t-\tnot measured yet\n", "sessionize\t1\t1\t1 to 6\t-\tno brokers\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q lacks %q", b.String(), want)
		}
	}
}
