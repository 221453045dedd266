// Capacity says to CloudWatch what each processor needs: the scaling law's required
// over current capacity, by which Application Auto Scaling sets the number of tasks
// on ECS, and how far behind they are. The local platform needs no such program:
// its supervisor follows the same law (internal/capacity) by itself.
//
// One task runs. It keeps nothing: started again, it publishes from its second look
// at the brokers on. While it is silent nothing scales, and an alarm fires.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"headwater.internal/platform/internal/supervisor/lifeline"
	"headwater.internal/platform/internal/topology"
	"headwater.internal/platform/processors/internal/probe"
)

func main() {
	if code, asked := probe.Asked(os.Args[1:], os.Getenv); asked {
		os.Exit(code)
	}
	if len(os.Args) > 1 && os.Args[1] == "--describe" {
		_ = json.NewEncoder(os.Stdout).Encode(description)
		return
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err := start(); err != nil {
		slog.Error("capacity stops", "err", err)
		os.Exit(1)
	}
}

// description is what headwater topology shows of the publisher.
var description = topology.Description{
	Name: "capacity", About: "says to CloudWatch how many tasks each processor needs.",
	Sources: []topology.Source{}, Sinks: []topology.Sink{},
}

func start() error {
	if err := lifeline.Hold(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	settings, err := fromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	return run(ctx, settings, slog.Default())
}

// run measures and publishes until ctx ends. What it cannot do it says once and
// tries again: only settings that are wrong are an error.
func run(ctx context.Context, s settings, log *slog.Logger) error {
	m, err := newMeasurer(ctx, s, log)
	if err != nil {
		return err
	}
	defer m.close()
	p, err := newPublisher(ctx, s, log)
	if err != nil {
		return err
	}
	closeProbes, err := p.serve(s.probes)
	if err != nil {
		return err
	}
	defer closeProbes()
	look := time.NewTicker(min(lookEach, s.interval))
	defer look.Stop()
	for next := time.Now().Add(s.interval); ; {
		m.look(ctx, time.Now())
		if now := time.Now(); ctx.Err() == nil && !now.Before(next) {
			next = now.Add(s.interval)
			p.publish(ctx, m.readings(), now)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// serve answers /healthz, /readyz (the last publication arrived) and /metrics.
func (p *publisher) serve(address string) (closeAll func(), err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := p.notReady(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", p.metrics.handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve health and metrics: %w", err)
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("serve health and metrics", "err", err)
		}
	}()
	return func() { _ = server.Close() }, nil
}
