package stream

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// latencyBuckets are fine around the goals: 60 and 100 ms, 500 ms at ten times
// the rate.
var latencyBuckets = []float64{
	.005, .01, .015, .02, .025, .03, .04, .05, .06, .07, .08, .09, .1, .12, .15, .2, .25, .3, .4, .5, .75, 1, 2.5, 5, 10, 30, 60, 300,
}

// metrics of one task. Names and labels are part of what operators rely on:
// docs/metrics.md lists them all, beside Kafka Streams' own names.
type metrics struct {
	registry *prometheus.Registry
	factory  promauto.Factory
	labels   prometheus.Labels

	process      *prometheus.CounterVec // verdict
	processTime  prometheus.Histogram
	pollTime     prometheus.Histogram
	pollRecords  prometheus.Histogram
	commits      prometheus.Counter
	commitTime   prometheus.Histogram
	punctuations prometheus.Counter
	punctuate    prometheus.Histogram
	dropped      *prometheus.CounterVec // reason
	deadLetters  *prometheus.CounterVec // class
	produced     *prometheus.CounterVec // topic
	aborts       *prometheus.CounterVec // reason
	latency      prometheus.Histogram
	busy         prometheus.Counter
	blocked      prometheus.Counter
	lag          *prometheus.GaugeVec // topic, partition
	timeLag      prometheus.Gauge
	partitions   prometheus.Gauge
	taskCreated  prometheus.Counter
	taskClosed   prometheus.Counter
	restores     prometheus.Counter
	restoreLeft  prometheus.Gauge
	standbyLag   *prometheus.GaugeVec // partition
	restoreTime  prometheus.Histogram
	parked       prometheus.Counter
	diskFull     prometheus.Gauge
	held         *prometheus.GaugeVec   // reason
	holds        *prometheus.CounterVec // reason
	stopped      *prometheus.GaugeVec   // reason, topic, partition
	stalled      *prometheus.GaugeVec   // topic, partition
	inputs       prometheus.Gauge
}

func newMetrics(stage string) *metrics {
	registry := prometheus.NewRegistry()
	m := &metrics{registry: registry, factory: promauto.With(registry), labels: prometheus.Labels{"processor": stage}}
	m.process = m.counterVec("process_total", "Records taken from the inputs and committed, by verdict.", "verdict")
	m.processTime = m.histogram("process_latency_seconds", "How long the records of one poll took in the rule.", latencyBuckets)
	m.pollTime = m.histogram("poll_latency_seconds", "How long one poll waited for records.", latencyBuckets)
	m.pollRecords = m.histogram("poll_records", "Records that one poll brought.", prometheus.ExponentialBuckets(1, 4, 8))
	m.commits = m.counter("commit_total", "Transactions committed.")
	m.commitTime = m.histogram("commit_latency_seconds", "How long a commit took, flush included.", latencyBuckets)
	m.punctuations = m.counter("punctuate_total", "State entries that came due and were woken.")
	m.punctuate = m.histogram("punctuate_latency_seconds", "How long it took to wake what was due between two polls.", latencyBuckets)
	m.dropped = m.counterVec("dropped_records_total", "Records that took no effect: late, or dead letters.", "reason")
	m.deadLetters = m.counterVec("dead_letters_total", "Dead letters, by class.", "class")
	m.produced = m.counterVec("records_produced_total", "Records written, by topic.", "topic")
	m.aborts = m.counterVec("aborts_total", "Transactions aborted, by reason.", "reason")
	m.latency = m.histogram("record_e2e_latency_seconds", "From the receipt of a record to the commit of what this processor made of it.", latencyBuckets)
	m.busy = m.counter("busy_seconds_total", "Time not spent waiting for records; waiting for commits is included.")
	m.blocked = m.counter("blocked_time_seconds_total", "Time spent waiting for Kafka: for records and for commits.")
	m.lag = m.gaugeVec("records_lag", "Offsets not yet processed below the last stable one.", "topic", "partition")
	m.timeLag = m.gauge("lag_seconds", "Age of the record processed last while there is lag, else 0.")
	m.partitions = m.gauge("assigned_partitions", "Partition numbers assigned and restored.")
	m.taskCreated = m.counter("task_created_total", "Partition numbers taken in.")
	m.taskClosed = m.counter("task_closed_total", "Partition numbers let go.")
	m.restores = m.counter("restore_total", "Changelog records replayed into state.")
	m.standbyLag = m.gaugeVec("standby_lag_records", "Changelog offsets that a warm copy of another task's partition misses.", "partition")
	m.restoreLeft = m.gauge("restore_remaining_records", "Changelog offsets that restores under way still have to replay.")
	m.restoreTime = m.histogram("restore_latency_seconds", "How long a restore took.", latencyBuckets)
	m.parked = m.counter("parked_timers_total", "Timers that were set aside because the rule failed on them.")
	m.diskFull = m.gauge("disk_full", "1 while the disk under the state is full and the task waits for space.")
	m.held = m.gaugeVec("held_partitions", "Partitions of inputs that wait for something and go on by themselves.", "reason")
	m.holds = m.counterVec("holds_total", "How often a partition of an input had to wait.", "reason")
	m.stopped = m.gaugeVec("stopped", "1 for each partition of an input that stands still until an operator acts.", "reason", "topic", "partition")
	m.stalled = m.gaugeVec("stalled", "1 for each partition of an input that has not moved for five minutes, although records wait and nothing holds or stops it.", "topic", "partition")
	m.inputs = m.gauge("input_partitions", "Partition numbers that the inputs of this task have, whoever has them.")
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Zero is a value, absence is not.
	for _, class := range Classes {
		m.deadLetters.WithLabelValues(string(class))
	}
	for _, reason := range heldReasons {
		m.held.WithLabelValues(reason)
		m.holds.WithLabelValues(reason)
	}
	for _, o := range [...]outcome{late, deadLetter} {
		m.dropped.WithLabelValues(outcomeNames[o])
	}
	return m
}

// metricPrefix begins the name of each metric of this package.
const metricPrefix = "headwater_stream_"

func (m *metrics) counter(name, help string) prometheus.Counter {
	return m.factory.NewCounter(prometheus.CounterOpts{Name: metricPrefix + name, Help: help, ConstLabels: m.labels})
}

func (m *metrics) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return m.factory.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + name, Help: help, ConstLabels: m.labels}, labels)
}

func (m *metrics) gauge(name, help string) prometheus.Gauge {
	return m.factory.NewGauge(prometheus.GaugeOpts{Name: metricPrefix + name, Help: help, ConstLabels: m.labels})
}

func (m *metrics) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return m.factory.NewGaugeVec(prometheus.GaugeOpts{Name: metricPrefix + name, Help: help, ConstLabels: m.labels}, labels)
}

// histogram has classic buckets for everyone and native ones for scrapers that
// ask for them.
func (m *metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return m.factory.NewHistogram(prometheus.HistogramOpts{
		Name: metricPrefix + name, Help: help, ConstLabels: m.labels, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	})
}

// polled counts one poll of n records that waited for that long.
func (m *metrics) polled(n int, waited time.Duration) {
	m.pollTime.Observe(waited.Seconds())
	m.pollRecords.Observe(float64(n))
	m.blocked.Add(waited.Seconds())
}

// processed counts what one poll's records took in the rule.
func (m *metrics) processed(n int, took time.Duration) {
	if n > 0 {
		m.processTime.Observe(took.Seconds())
	}
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
	m.blocked.Add(took.Seconds())
	m.punctuations.Add(float64(x.woken))
	for _, received := range x.received {
		m.latency.Observe(now.Sub(received).Seconds())
	}
	for o, n := range x.verdicts {
		if n == 0 {
			continue
		}
		m.process.WithLabelValues(outcomeNames[o]).Add(float64(n))
		if o := outcome(o); o == late || o == deadLetter {
			m.dropped.WithLabelValues(outcomeNames[o]).Add(float64(n))
		}
	}
	for class, n := range x.dead {
		m.deadLetters.WithLabelValues(string(class)).Add(float64(n))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for topic, n := range x.outputs {
		m.produced.WithLabelValues(topic).Add(float64(n))
	}
}

func (m *metrics) setLag(tp topicPartition, n int64) {
	m.lag.WithLabelValues(tp.topic, strconv.Itoa(int(tp.partition))).Set(float64(n))
}

func (m *metrics) forgetLag(number int32) {
	m.lag.DeletePartialMatch(prometheus.Labels{"partition": strconv.Itoa(int(number))})
}

func (m *metrics) setStandby(number int32, n int64) {
	m.standbyLag.WithLabelValues(strconv.Itoa(int(number))).Set(float64(n))
}

func (m *metrics) forgetStandby(number int32) {
	m.standbyLag.DeleteLabelValues(strconv.Itoa(int(number)))
}
