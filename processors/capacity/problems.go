package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// refusals are the codes by which AWS says that a caller may not.
var refusals = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "AuthFailure": true, "ExpiredToken": true, "ExpiredTokenException": true,
	"InvalidClientTokenId": true, "SignatureDoesNotMatch": true, "UnauthorizedOperation": true, "UnrecognizedClientException": true,
}

// explain says in one line what AWS said, without what differs each time, and how
// to mend it. The SDK has tried three times by then.
func explain(err error, doing, right string) error {
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && throttled(api):
		return fmt.Errorf("%s: throttled (%s): try less often or ask for a higher quota", doing, api.ErrorCode())
	case errors.As(err, &api) && refusals[api.ErrorCode()]:
		return fmt.Errorf("%s: refused (%s: %s): allow the task's role %s", doing, api.ErrorCode(), api.ErrorMessage(), right)
	case errors.As(err, &api):
		return fmt.Errorf("%s: %s: %s", doing, api.ErrorCode(), api.ErrorMessage())
	}
	var sent *smithy.OperationError
	if errors.As(err, &sent) {
		err = sent.Err
	}
	return fmt.Errorf("%s: no answer: %w", doing, innermost(err))
}

func throttled(err smithy.APIError) bool {
	_, is := retry.DefaultThrottleErrorCodes[err.ErrorCode()]
	return is
}

// innermost is the cause without the SDK's words around it.
func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// onceLog says what goes wrong once, and that it is over.
type onceLog struct {
	log  *slog.Logger
	said map[string]string
}

func newOnceLog(log *slog.Logger) *onceLog { return &onceLog{log, make(map[string]string)} }

// say notes how it went with a thing. Errors of one cause are one problem, whichever
// broker they came from. ctx tells that the task is being stopped, which is nobody's
// fault.
func (o *onceLog) say(ctx context.Context, thing string, err error) {
	cause := ""
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return
	case err != nil:
		cause = innermost(err).Error()
	}
	last := o.said[thing]
	o.said[thing] = cause
	switch cause {
	case last:
	case "":
		o.log.Info("it goes on", "what", thing)
	default:
		o.log.Warn("it is tried again", "what", thing, "err", err)
	}
}

// metrics is what the publisher counts.
type metrics struct {
	registry            *prometheus.Registry
	published, failures prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		published: prometheus.NewCounter(prometheus.CounterOpts{Name: "headwater_capacity_publications_total", Help: "Publications that arrived at CloudWatch."}),
		failures:  prometheus.NewCounter(prometheus.CounterOpts{Name: "headwater_capacity_failures_total", Help: "Publications that did not arrive."}),
	}
	m.registry.MustRegister(m.published, m.failures, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) count(err error) {
	if err != nil {
		m.failures.Inc()
		return
	}
	m.published.Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
