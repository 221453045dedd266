// Archive is the platform's long memory: it writes every processed event, once, as
// Parquet files by event date and hour to object storage, from where headwater
// replay sends them again. See README.md.
//
// It is no rule on processors/internal/stream, since what it writes is not Kafka's
// and takes no part in its transactions: internal/archive makes it exactly once.
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
	"headwater.internal/platform/schemas/processed"
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
	if err := run(); err != nil {
		slog.Error("archive stops", "err", err)
		os.Exit(1)
	}
}

// description is what headwater topology shows of the archiver.
var description = topology.Description{
	Name: "archive", About: "keeps every processed event as Parquet on object storage.",
	Sources: []topology.Source{{Topic: processed.CustomerEventTopic, Schema: "processed.CustomerEvent"}},
	Sinks:   []topology.Sink{},
}

func run() error {
	if err := lifeline.Hold(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	settings, err := fromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	a, err := newArchiver(ctx, settings)
	if err != nil {
		return err
	}
	defer a.close()
	closeProbes, err := a.serve(settings.probes)
	if err != nil {
		return err
	}
	defer closeProbes()
	return a.run(ctx)
}

// serve answers /healthz, /readyz (partitions are owned and none stands still) and
// /metrics.
func (a *archiver) serve(address string) (closeAll func(), err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := a.notReady(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /topology", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(description) // the caller is gone, then
	})
	mux.Handle("GET /metrics", a.metrics.handler())
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
