package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// server answers the supervisor and Prometheus.
type server struct {
	http  *http.Server
	ready atomic.Pointer[group] // of the task that runs now
}

// serve listens on the address: /healthz says that the process lives, /readyz
// that its task has joined the group, restored its state and stopped at nothing,
// /metrics the rest.
func serve(address string, m *metrics) (*server, error) {
	s := &server{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if g := s.ready.Load(); g == nil || !g.ready() {
			http.Error(w, "joining the group or restoring state", http.StatusServiceUnavailable)
			return
		} else if why := g.halts.stopped(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
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

func (s *server) close() { _ = s.http.Close() }
