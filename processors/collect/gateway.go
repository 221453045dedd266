package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// gateway is the program's state.
type gateway struct {
	settings  settings
	producer  *kgo.Client
	catalogue *event.Catalogue
	declared  atomic.Pointer[declarations]
	metrics   *metrics
	refusals  refusals
	gather    gather
	batches   sync.Pool // of *batch
	draining  atomic.Bool
	now       func() time.Time
}

// newGateway makes the clients. It does not dial.
func newGateway(s settings, opts ...kgo.Opt) (*gateway, error) {
	g := &gateway{settings: s, metrics: newMetrics(), now: time.Now}
	g.declared.Store(compileDeclarations(event.NewView(nil), &declarations{}))
	own := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),   // with idempotence, the client's default
		kgo.ProducerLinger(time.Millisecond), // until the requests that were gathered have put down theirs
		kgo.ProducerBatchMaxBytes(2 * maxEventBytes),
		kgo.MaxBufferedRecords(200_000),
		kgo.MaxBufferedBytes(256 << 20),
		kgo.RecordDeliveryTimeout(s.timeout),
		kgo.MaxDecompressBatchBytes(64 << 20),
		// A topic that terraform has just made is found at once.
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	producer, err := s.kafka.Client(append(own, opts...)...)
	if err != nil {
		return nil, err
	}
	g.producer = producer
	g.catalogue, err = event.NewCatalogue(s.kafka, s.catalogueTopic, opts...)
	if err != nil {
		producer.Close()
		return nil, err
	}
	g.catalogue.OnChange(func(view event.View) {
		d := compileDeclarations(view, g.declared.Load())
		g.declared.Store(d)
		g.metrics.declared.Set(float64(len(d.byType)))
	})
	return g, nil
}

// routes is everything that senders may call.
func (g *gateway) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", g.probeRoutes())
	mux.Handle("/v1/events", g.endpoint("/v1/events", g.cloudEvents))
	for path, call := range segmentPaths {
		mux.Handle("/v1/"+path, g.endpoint("/v1/"+call, func(r *http.Request) (reply, error) { return g.segment(r, call) }))
	}
	return mux
}

// probeRoutes is what the supervisor and Prometheus call.
func (g *gateway) probeRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, health{Status: "ok"}) })
	mux.HandleFunc("GET /readyz", g.ready)
	mux.Handle("GET /metrics", g.metrics.handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		allowOrigin(w, r)
		writeJSON(w, http.StatusNotFound, failure{"not_found", fmt.Sprintf("there is no %s %s: events go to POST /v1/events, Segment's calls to POST /v1/track and its siblings",
			r.Method, shorten(r.URL.Path))})
	})
	return mux
}

type health struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// ready answers 200 when an event sent now could be taken.
func (g *gateway) ready(w http.ResponseWriter, r *http.Request) {
	if reason := g.notReady(r.Context()); reason != "" {
		writeJSON(w, http.StatusServiceUnavailable, health{"unavailable", reason})
		return
	}
	writeJSON(w, http.StatusOK, health{Status: "ready"})
}

func (g *gateway) notReady(ctx context.Context) string {
	if g.draining.Load() {
		return "draining"
	}
	if !g.caughtUp() {
		return "the catalogue is not read yet"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := g.producer.Ping(ctx); err != nil {
		return "no broker answers"
	}
	return ""
}

// reply is a response to be written.
type reply struct {
	status int
	body   any
}

// endpoint wraps a handler of events: method, CORS, errors and metrics.
func (g *gateway) endpoint(route string, handle func(*http.Request) (reply, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		allowOrigin(w, r)
		out, err := g.dispatch(r, handle)
		if err != nil {
			out = g.explain(r, err)
		}
		switch out.status {
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", `Basic realm="headwater", charset="UTF-8"`)
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", "1")
		case http.StatusMethodNotAllowed:
			w.Header().Set("Allow", "POST, OPTIONS")
		}
		writeJSON(w, out.status, out.body)
		g.metrics.request(route, out.status, time.Since(started))
	})
}

func (g *gateway) dispatch(r *http.Request, handle func(*http.Request) (reply, error)) (reply, error) {
	switch r.Method {
	case http.MethodOptions:
		return reply{status: http.StatusNoContent}, nil
	case http.MethodPost:
		return handle(r)
	}
	return reply{}, problemf(http.StatusMethodNotAllowed, "method", "expected POST, got %s", r.Method)
}

// allowOrigin lets any web page send: what protects the endpoint is the write
// key in the request, and no cookie counts for anything.
func allowOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true") // sendBeacon always asks for it
	if r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	h.Set("Access-Control-Max-Age", "86400")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
}

// failure is the body of a response on a request that held no events.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (g *gateway) explain(r *http.Request, err error) reply {
	var p *problem
	if !errors.As(err, &p) {
		slog.ErrorContext(r.Context(), "answer a request", "path", r.URL.Path, "err", err)
		p = problemf(http.StatusInternalServerError, "internal", "the request could not be handled")
	}
	if p.status == http.StatusUnauthorized {
		g.metrics.unauthorized.Inc()
	}
	return reply{p.status, failure{p.code, p.message}}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if body != nil {
		_ = json.MarshalWrite(w, body) // the sender hung up: nobody is left to tell
	}
}

// unauthorized is the same for a missing and a wrong key.
func unauthorized() *problem {
	return problemf(http.StatusUnauthorized, "unauthorized", "send a valid write key")
}

// authorize finds who sends, by the key in the request's headers or, when there
// is none, by the one in its body.
func (g *gateway) authorize(r *http.Request, inBody string) (keyName string, err error) {
	key := headerKey(r)
	if key == "" {
		key = inBody
	}
	name, ok := g.settings.keys.name(key)
	if !ok {
		return "", unauthorized()
	}
	// Before the catalogue is read every type is unknown, and a refusal is final.
	if !g.caughtUp() {
		return "", problemf(http.StatusServiceUnavailable, "starting", "the catalogue is not read yet: send the request again")
	}
	return name, nil
}

func (g *gateway) caughtUp() bool {
	select {
	case <-g.catalogue.CaughtUp():
		return true
	default:
		return false
	}
}

// headerKey reads the write key from X-Write-Key, a Bearer token or the user
// name of Basic authentication, which is where Segment's libraries put it.
func headerKey(r *http.Request) string {
	if key := r.Header.Get("X-Write-Key"); key != "" {
		return key
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return strings.TrimSpace(value)
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return ""
		}
		key, _, _ := strings.Cut(string(pair), ":")
		return key
	}
	return ""
}
