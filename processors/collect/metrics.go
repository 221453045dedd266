package main

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kerr"
)

// metrics is what the gateway counts. No label takes a value that a sender can
// make up: undeclared types share one.
type metrics struct {
	registry     *prometheus.Registry
	events       *prometheus.CounterVec
	refusals     *prometheus.CounterVec
	unauthorized prometheus.Counter
	requests     *prometheus.HistogramVec
	produce      prometheus.Histogram
	failures     *prometheus.CounterVec
	declared     prometheus.Gauge
}

func newMetrics() *metrics {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	seconds := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets, NativeHistogramBucketFactor: 1.1}
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headwater_collect_events_total",
			Help: "Events by verdict, declared type and name of the write key.",
		}, []string{"type", "verdict", "write_key"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headwater_collect_refusals_total",
			Help: "Refused events by the first rule they break, declared type and name of the write key.",
		}, []string{"type", "rule", "write_key"}),
		unauthorized: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "headwater_collect_unauthorized_total",
			Help: "Requests without a valid write key.",
		}),
		requests: prometheus.NewHistogramVec(seconds("headwater_collect_request_duration_seconds",
			"Time from a request's first byte to its answer, by route and status."), []string{"route", "status"}),
		produce: prometheus.NewHistogram(seconds("headwater_collect_produce_duration_seconds",
			"Time until the brokers acknowledged all events of a request.")),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headwater_collect_produce_failures_total",
			Help: "Events that the brokers did not acknowledge, by cause.",
		}, []string{"cause"}),
		declared: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "headwater_collect_declared_events",
			Help: "Event types that the catalogue declares for the gateway.",
		}),
	}
	m.registry.MustRegister(m.events, m.refusals, m.unauthorized, m.requests, m.produce, m.failures, m.declared,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) event(d *declared, verdict, keyName string) {
	m.events.WithLabelValues(d.label(), verdict, keyName).Inc()
}

func (m *metrics) refused(d *declared, rule, keyName string) {
	m.refusals.WithLabelValues(d.label(), rule, keyName).Inc()
}

// label is the type in metrics and logs.
func (d *declared) label() string {
	if d == nil {
		return "undeclared"
	}
	return d.Type
}

func (m *metrics) produced(took time.Duration) { m.produce.Observe(took.Seconds()) }

func (m *metrics) produceFailed(err error) {
	cause := "client"
	var broker *kerr.Error
	if errors.As(err, &broker) {
		cause = broker.Message
	}
	m.failures.WithLabelValues(cause).Inc()
}

func (m *metrics) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}
