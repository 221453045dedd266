// Collect is the gateway: it takes customer events over HTTP, as CloudEvents or
// as Segment's tracking API sends them, checks each against the schema that the
// catalogue declares for its type, and answers once the brokers have them. See
// README.md for the API.
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
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

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
	if err := run(); err != nil {
		slog.Error("collect stops", "err", err)
		os.Exit(1)
	}
}

// gcPercent is how much the heap may grow between collections. What lives long in
// a gateway is a few MiB, of which the usual 100 makes tens of collections a
// second.
const gcPercent = 400

// description is what headwater topology shows of the gateway.
var description = topology.Description{
	Name: "collect", About: "takes events over HTTP and answers once the brokers have them.",
	Sources: []topology.Source{},
	Sinks:   []topology.Sink{{Topic: `^raw\.`, Pattern: true}},
	Rule:    topology.Rule{Catalogue: true},
}

func run() error {
	if err := lifeline.Hold(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	settings, err := fromEnvironment()
	if err != nil {
		return err
	}
	g, err := newGateway(settings)
	if err != nil {
		return err
	}
	return g.serve(ctx)
}

// drainTimeout is how long requests under way may still take after SIGTERM, unless
// [envDrain] says so. The longest of them waits produceTimeout.
const drainTimeout = produceTimeout + 5*time.Second

// serve listens until ctx ends, then drains: no new connections, answers for
// the requests under way, and what the producer still holds goes out.
func (g *gateway) serve(ctx context.Context) error {
	following, stopFollowing := context.WithCancel(context.Background())
	defer stopFollowing()
	followed := make(chan error, 1)
	go func() { followed <- g.catalogue.Run(following) }()

	servers, err := g.listen(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range servers {
		group.Go(s.serve)
	}
	group.Go(func() error { return g.sayRefusals(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		g.draining.Store(true)
		deadline, cancel := context.WithTimeout(context.Background(), g.settings.drain)
		defer cancel()
		// The events' listener closes first; probes may ask until the end.
		errs := make([]error, 0, len(servers))
		for _, s := range servers {
			errs = append(errs, s.http.Shutdown(deadline))
		}
		return errors.Join(append(errs, g.producer.Flush(deadline))...)
	})
	err = group.Wait()
	g.producer.Close()
	stopFollowing()
	return errors.Join(err, <-followed)
}

// sayRefusals logs, until ctx ends, what was refused since the last line of its
// kind.
func (g *gateway) sayRefusals(ctx context.Context) error {
	ticker := time.NewTicker(refusalPause / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			g.refusals.flush(now)
		}
	}
}

// server is one listener with what it serves.
type server struct {
	http     *http.Server
	listener net.Listener
}

func (s server) serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// listen opens the events' address and, where it differs, the probes'.
func (g *gateway) listen(ctx context.Context) ([]server, error) {
	handlers := []http.Handler{g.routes()}
	addresses := []string{g.settings.listen}
	if probes := g.settings.probes; probes != "" && probes != g.settings.listen {
		handlers, addresses = append(handlers, g.probeRoutes()), append(addresses, probes)
	}
	var servers []server
	for i, address := range addresses {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			for _, s := range servers {
				s.listener.Close()
			}
			return nil, fmt.Errorf("listen for HTTP: %w", err)
		}
		slog.Info("listening", "address", listener.Addr().String())
		servers = append(servers, server{listener: listener, http: &http.Server{
			Handler:           handlers[i],
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       time.Minute, // a slow sender holds one connection, not one for ever
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10, // binary mode carries attributes in headers
			ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
		}})
	}
	return servers, nil
}
