package supervisor

import "github.com/prometheus/client_golang/prometheus"

var (
	tasksDesc = prometheus.NewDesc("headwater_supervisor_tasks",
		"Tasks of a deployment by state.", []string{"deployment", "state"}, nil)
	wishedDesc = prometheus.NewDesc("headwater_supervisor_tasks_desired",
		"Tasks wished for; none while paused.", []string{"deployment"}, nil)
	requiredDesc = prometheus.NewDesc("headwater_capacity_required",
		"Capacity that the load needs, in records per second: input rate / target utilization + backlog / catch-up time.", []string{"deployment"}, nil)
	ratioDesc = prometheus.NewDesc("headwater_capacity_ratio",
		"Required capacity over that of the tasks there are.", []string{"deployment"}, nil)
	utilizationDesc = prometheus.NewDesc("headwater_utilization",
		"Share of their time that the tasks are busy, commits included.", []string{"deployment"}, nil)
	taskRateDesc = prometheus.NewDesc("headwater_capacity_task_rate",
		"Records that one task handles per busy second.", []string{"deployment"}, nil)
	inputRateDesc = prometheus.NewDesc("headwater_capacity_input_rate",
		"Records per second that arrive on the inputs, without transaction markers.", []string{"deployment"}, nil)
	backlogDesc = prometheus.NewDesc("headwater_capacity_backlog_records",
		"Records that wait, without transaction markers and those on their way.", []string{"deployment"}, nil)
)

// collector shows the tasks as they stand when asked.
type collector struct{ supervisor *Supervisor }

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{tasksDesc, wishedDesc, requiredDesc, ratioDesc, utilizationDesc, taskRateDesc, inputRateDesc, backlogDesc} {
		ch <- desc
	}
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
		ch <- prometheus.MustNewConstMetric(wishedDesc, prometheus.GaugeValue, float64(d.running()), d.Name)
		if d.Scaling != nil {
			collectScaling(ch, d.Name, *d.Scaling)
		}
	}
}

func collectScaling(ch chan<- prometheus.Metric, name string, s Scaling) {
	if s.At.IsZero() || s.Problem != "" {
		return // silence alarms, a stale figure does not
	}
	gauge := func(desc *prometheus.Desc, value float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, name)
	}
	gauge(requiredDesc, s.Required)
	gauge(ratioDesc, s.Ratio)
	gauge(utilizationDesc, s.Utilization)
	gauge(taskRateDesc, s.TaskRate)
	gauge(inputRateDesc, s.InputRate)
	gauge(backlogDesc, s.Backlog)
}
