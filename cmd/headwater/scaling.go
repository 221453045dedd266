package main

import (
	"fmt"
	"io"

	"headwater.internal/platform/internal/supervisor"
)

// printScaling shows the deployments whose number of tasks the load decides.
func printScaling(w io.Writer, deployments []deploymentStatus) {
	headed := false
	for _, d := range deployments {
		if d.Autoscale == nil {
			continue
		}
		if !headed {
			fmt.Fprintln(w, "\nAUTOSCALED\tDESIRED\tACTUAL\tBOUNDS\tUTILIZATION\tWHY")
			headed = true
		}
		utilization, why := "-", "not measured yet"
		if d.Paused {
			why = d.idle()
		}
		if s := d.Scaling; s != nil {
			if !s.At.IsZero() {
				utilization, why = fmt.Sprintf("%.0f%% of %.0f%%", 100*s.Utilization, 100*s.TargetUtilization), s.Reason
			}
			if s.Problem != "" {
				why = s.Problem
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d to %d\t%s\t%s\n", d.Name, d.Desired, running(d.Tasks), d.Autoscale.MinTasks, d.Autoscale.MaxTasks, utilization, why)
	}
}

func running(tasks []supervisor.Task) int {
	n := 0
	for _, t := range tasks {
		if t.State == supervisor.Running {
			n++
		}
	}
	return n
}
