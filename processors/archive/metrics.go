package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what the archiver counts.
type metrics struct {
	registry   *prometheus.Registry
	rows       prometheus.Counter
	files      prometheus.Counter
	bytes      prometheus.Counter
	undecoded  prometheus.Counter
	failures   prometheus.Counter
	lost       prometheus.Counter
	oldest     prometheus.Gauge
	partitions prometheus.Gauge
	took       prometheus.Histogram
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "headwater_archive_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "headwater_archive_" + name, Help: help})
	}
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		rows:       counter("rows_total", "Events in committed batches."),
		files:      counter("files_total", "Files of committed batches."),
		bytes:      counter("bytes_total", "Bytes of those files."),
		undecoded:  counter("undecoded_total", "Events kept as bytes, since they could not be read."),
		failures:   counter("write_failures_total", "Batches that could not be written and are tried again."),
		lost:       counter("lost_batches_total", "Batches that another task committed first."),
		oldest:     gauge("oldest_unwritten_seconds", "Age of the oldest event that is read and not committed."),
		partitions: gauge("partitions", "Partitions owned."),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "headwater_archive_write_duration_seconds", Help: "Time to write, verify and commit a batch.",
			Buckets: prometheus.ExponentialBuckets(.01, 2, 14), NativeHistogramBucketFactor: 1.1,
		}),
	}
	m.registry.MustRegister(m.rows, m.files, m.bytes, m.undecoded, m.failures, m.lost, m.oldest, m.partitions, m.took,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
