package supervisor

import "github.com/prometheus/client_golang/prometheus"

var (
	tasksDesc = prometheus.NewDesc("headwater_supervisor_tasks",
		"Tasks of a deployment by state.", []string{"deployment", "state"}, nil)
	wishedDesc = prometheus.NewDesc("headwater_supervisor_tasks_desired",
		"Tasks wished for.", []string{"deployment"}, nil)
)

// collector shows the tasks as they stand when asked.
type collector struct{ supervisor *Supervisor }

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- tasksDesc
	ch <- wishedDesc
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, d := range c.supervisor.List() {
		count := map[State]int{}
		for _, t := range d.TasksStatus {
			count[t.State]++
		}
		for _, state := range []State{Starting, Running, Backoff, Draining, Stopped} {
			ch <- prometheus.MustNewConstMetric(tasksDesc, prometheus.GaugeValue, float64(count[state]), d.Name, string(state))
		}
		ch <- prometheus.MustNewConstMetric(wishedDesc, prometheus.GaugeValue, float64(d.Tasks), d.Name)
	}
}
