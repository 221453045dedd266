package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/plugin/kslog"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/probe"
)

// envLifeline names a file descriptor whose other end the supervisor holds. When
// it closes, the supervisor is gone, and nobody would ever stop this task.
const envLifeline = "HEADWATER_LIFELINE_FD"

// Main runs one task of a processor until SIGTERM, then drains and exits 0. It
// is all that a processor's main calls. build makes the rule from the task's
// settings.
func Main(spec Spec, build func(*Settings) Rule) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	slog.SetDefault(log)
	if code, asked := probe.Asked(os.Args[1:], os.Getenv); asked {
		os.Exit(code)
	}
	settings := &Settings{lookup: os.LookupEnv}
	rule := build(settings)
	if len(os.Args) == 3 && (os.Args[1] == "--reset" || os.Args[1] == "--skip") {
		os.Exit(operate(os.Args[1], os.Args[2], spec))
	}
	if len(os.Args) > 1 {
		os.Exit(tell(os.Args[1], spec, rule, settings))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	watchLifeline()
	err := settings.err()
	if err == nil {
		err = start(ctx, spec, rule, log)
	}
	if err != nil {
		log.Error("stop", "processor", spec.Name, "err", err)
		os.Exit(1)
	}
}

// tell prints what the program says of itself and returns its exit code.
func tell(flag string, spec Spec, rule Rule, settings *Settings) int {
	switch flag {
	case "--describe":
		text, err := json.MarshalIndent(describe(spec, rule), "", "  ")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(string(text))
		return 0
	case "--help", "-h":
		fmt.Print(help(spec, settings))
		return 0
	default:
		fmt.Print(help(spec, settings))
		return 2
	}
}

func start(ctx context.Context, spec Spec, rule Rule, log *slog.Logger) error {
	env, envErr := readEnvironment()
	cfg, cfgErr := kafka.FromEnvironment()
	if err := errors.Join(envErr, cfgErr); err != nil {
		return fmt.Errorf("read the environment of %s: %w", spec.Name, err)
	}
	env.logger = kslog.New(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	remove, err := scratch(&env, spec.Name)
	if err != nil {
		return err
	}
	defer remove()
	cfg.ClientID = spec.Name
	log = log.With("processor", spec.Name)
	endWithin(ctx, env.drain, log)
	return run(ctx, cfg, spec, rule, env, log)
}

// watchLifeline exits as soon as the supervisor is gone.
func watchLifeline() {
	fd, err := strconv.Atoi(os.Getenv(envLifeline))
	if err != nil {
		return
	}
	lifeline := os.NewFile(uintptr(fd), "lifeline") //nolint:gosec // a small number that the supervisor chose
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(1) // whatever is open, the transaction coordinator aborts
	}()
}

// dependencies outlive a task that has to be made anew.
type dependencies struct {
	lookups  *liveLookups
	codecs   *codecs
	metrics  *metrics
	patience *patience
	log      *slog.Logger
}

// run serves health and metrics and keeps a task going until ctx ends: one that
// fails is replaced by a new one, which begins at what was committed.
func run(ctx context.Context, cfg kafka.Config, spec Spec, rule Rule, env environment, log *slog.Logger) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	deps := dependencies{
		metrics:  newMetrics(spec.Name),
		patience: newPatience(env.limits.Patience),
		log:      log,
	}
	server, err := serve(env.httpAddress, deps.metrics, describe(spec, rule))
	if err != nil {
		return err
	}
	defer server.close()
	if err := deps.connect(ctx, cfg, spec, env); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while it waited
		}
		return err
	}
	number := &ordinal{cfg: cfg, spec: spec, env: env, metrics: deps.metrics, waiting: server.waiting, log: log}
	defer number.release()
	return keepGoing(ctx, log, func() error {
		cfg, env, err := number.take(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // told to stop while it waited
		case err != nil:
			return err
		}
		deps := deps
		deps.log = log.With("task", env.task)
		t, err := newTask(ctx, cfg, spec, rule, env.limits, env, deps)
		if err != nil {
			return err
		}
		server.task.Store(t)
		defer server.task.Store(nil)
		return t.run(ctx)
	})
}

// connect reads what must be known before the first record: the outputs' schema
// ids and the catalogue.
func (d *dependencies) connect(ctx context.Context, cfg kafka.Config, spec Spec, env environment) error {
	var catalogue *event.Catalogue
	if spec.FollowsCatalogue {
		var err error
		if catalogue, err = event.NewCatalogue(cfg, ""); err != nil {
			return err
		}
		go func() { _ = catalogue.Run(ctx) }() // it returns nil, when ctx ends
	}
	var err error
	if d.lookups, err = newLookups(ctx, env.registryURL, catalogue); err != nil {
		return err
	}
	ids, err := d.lookups.outputIDs(ctx, spec)
	if err != nil {
		return err
	}
	if d.codecs, err = newCodecs(spec, ids); err != nil {
		return err
	}
	if catalogue != nil {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-catalogue.CaughtUp():
		}
	}
	return nil
}

// keepGoing runs f until it returns nil, ctx ends or the error is one that
// trying again cannot mend.
func keepGoing(ctx context.Context, log *slog.Logger, f func() error) error {
	const longest = 5 * time.Second
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, longest) {
		begun := time.Now()
		err := f()
		var fatal *fatalError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &fatal):
			return err
		case ctx.Err() != nil:
			log.Warn("stopped without draining", "err", err)
			return nil //nolint:nilerr // what was not committed is done again by the next task
		}
		if time.Since(begun) > time.Minute {
			wait = 100 * time.Millisecond
		}
		log.Error("start anew from what is committed", "err", err, "wait", wait)
		_ = pause(ctx, wait)
	}
}
