package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"headwater.internal/platform/internal/topology"
)

// server answers the supervisor and Prometheus.
type server struct {
	http *http.Server
	task atomic.Pointer[task] // that runs now
	wait atomic.Value         // a string: why none can run yet
}

// waiting notes why no task can run yet, "" when one can.
func (s *server) waiting(why string) { s.wait.Store(why) }

// notReady says why the task cannot work, "" when it can.
func (s *server) notReady() string {
	t := s.task.Load()
	if t != nil && t.group.ready() {
		return t.group.halts.stopped()
	}
	if why, _ := s.wait.Load().(string); why != "" && t == nil {
		return why
	}
	return "joining the group or restoring state"
}

// serve listens on the address: /healthz says that the process lives, /readyz
// that its task has joined the group, restored its state and stopped at nothing,
// /topology what the processor is and which partitions it has here, /state what
// its state holds of a key, /metrics the rest.
func serve(address string, m *metrics, about topology.Description) (*server, error) {
	s := &server{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := s.notReady(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /topology", func(w http.ResponseWriter, _ *http.Request) {
		own := about
		if t := s.task.Load(); t != nil {
			own.Task = t.group.here(t.number)
		}
		answer(w, http.StatusOK, own)
	})
	mux.HandleFunc("GET /state", s.answerState)
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve health and metrics on %s: %w", address, err)
	}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("serve health and metrics: %v", err)) // without them nobody can tell that the task lives
		}
	}()
	return s, nil
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone, then
}

func (s *server) close() { _ = s.http.Close() }
