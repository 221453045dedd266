package stream

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// latencyBuckets are fine around the goals: 60 and 100 ms, 500 ms at ten times
// the rate.
var latencyBuckets = []float64{
	.005, .01, .015, .02, .025, .03, .04, .05, .06, .07, .08, .09, .1, .12, .15, .2, .25, .3, .4, .5, .75, 1, 2.5, 5, 10, 30, 60, 300,
}

// metrics of one task. Names and labels are part of what operators rely on.
type metrics struct {
	registry *prometheus.Registry

	records     *prometheus.CounterVec // verdict
	deadLetters *prometheus.CounterVec // class
	outputs     *prometheus.CounterVec // topic
	commits     prometheus.Counter
	aborts      *prometheus.CounterVec // why
	commitTime  prometheus.Histogram
	latency     prometheus.Observer
	busy        prometheus.Counter
	woken       prometheus.Counter
	lag         *prometheus.GaugeVec // topic, partition
	timeLag     prometheus.Gauge
	partitions  prometheus.Gauge
	restores    prometheus.Counter
	restoreTime prometheus.Histogram
}

func newMetrics(stage string) *metrics {
	labels := prometheus.Labels{"processor": stage}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: "headwater_stream_" + name, Help: help, ConstLabels: labels}
	}
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Name: "headwater_stream_" + name, Help: help, ConstLabels: labels}
	}
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "headwater_stream_" + name, Help: help, ConstLabels: labels, Buckets: latencyBuckets}
	}
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:                            "headwater_end_to_end_latency_seconds",
		Help:                            "From the receipt of an event to the commit of what this stage made of it.",
		Buckets:                         latencyBuckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"stage"})
	m := &metrics{
		registry:    prometheus.NewRegistry(),
		records:     prometheus.NewCounterVec(counter("records_total", "Records taken from the inputs, by verdict."), []string{"verdict"}),
		deadLetters: prometheus.NewCounterVec(counter("dead_letters_total", "Dead letters, by class."), []string{"class"}),
		outputs:     prometheus.NewCounterVec(counter("outputs_total", "Records written, by topic."), []string{"topic"}),
		commits:     prometheus.NewCounter(counter("commits_total", "Transactions committed.")),
		aborts:      prometheus.NewCounterVec(counter("aborts_total", "Transactions aborted, by reason."), []string{"reason"}),
		commitTime:  prometheus.NewHistogram(histogram("commit_seconds", "How long a commit took, flush included.")),
		latency:     latency.WithLabelValues(stage),
		busy:        prometheus.NewCounter(counter("busy_seconds_total", "Time not spent waiting for records; waiting for commits is included.")),
		woken:       prometheus.NewCounter(counter("timers_total", "State entries that came due.")),
		lag:         prometheus.NewGaugeVec(gauge("lag_records", "Offsets not yet processed below the last stable one."), []string{"topic", "partition"}),
		timeLag:     prometheus.NewGauge(gauge("lag_seconds", "Age of the record processed last while there is lag, else 0.")),
		partitions:  prometheus.NewGauge(gauge("partitions", "Partition numbers assigned and restored.")),
		restores:    prometheus.NewCounter(counter("restored_records_total", "Changelog records replayed into state.")),
		restoreTime: prometheus.NewHistogram(histogram("restore_seconds", "How long a restore took.")),
	}
	m.registry.MustRegister(m.records, m.deadLetters, m.outputs, m.commits, m.aborts, m.commitTime, latency, m.busy, m.woken,
		m.lag, m.timeLag, m.partitions, m.restores, m.restoreTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, class := range Classes {
		m.deadLetters.WithLabelValues(string(class)) // zero is a value, absence is not
	}
	return m
}

func (m *metrics) restored(records int, took time.Duration) {
	m.restores.Add(float64(records))
	m.restoreTime.Observe(took.Seconds())
}

// committed counts a transaction that took effect.
func (m *metrics) committed(x *transaction, took time.Duration) {
	now := time.Now()
	m.commits.Inc()
	m.commitTime.Observe(took.Seconds())
	m.woken.Add(float64(x.woken))
	for _, received := range x.received {
		m.latency.Observe(now.Sub(received).Seconds())
	}
	for o, n := range x.verdicts {
		if n > 0 {
			m.records.WithLabelValues(outcomeNames[o]).Add(float64(n))
		}
	}
	for class, n := range x.dead {
		m.deadLetters.WithLabelValues(string(class)).Add(float64(n))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for topic, n := range x.outputs {
		m.outputs.WithLabelValues(topic).Add(float64(n))
	}
}

func (m *metrics) setLag(tp topicPartition, n int64) {
	m.lag.WithLabelValues(tp.topic, strconv.Itoa(int(tp.partition))).Set(float64(n))
}

func (m *metrics) forgetLag(number int32) {
	m.lag.DeletePartialMatch(prometheus.Labels{"partition": strconv.Itoa(int(number))})
}
