package main

import (
	"context"
	"log/slog"
	"os"

	"headwater.internal/platform/internal/local"
)

type runCommand struct {
	placeFlags
}

// Help is shown under headwater run --help.
func (c *runCommand) Help() string {
	return `Holds the brokers, the schema registry and the supervisor, until interrupted; then the tasks drain and the data is written down. headwater up starts it in the background.`
}

// Run is the command.
func (c *runCommand) Run(ctx context.Context) error {
	if err := checkPortBase(c.portBase()); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	kind, err := local.ChooseKafka(c.DataDir, c.Kafka)
	if err != nil {
		return err
	}
	var opts []local.Option
	if kind == local.Apache {
		opts = append(opts, local.WithApache(ctx, local.ApacheCacheDir(findRoot())))
	}
	platform, err := local.Start(c.DataDir, c.portBase(), logger, opts...)
	if err != nil {
		return err
	}
	<-ctx.Done()
	logger.Info("the platform is going down")
	err = platform.Close(context.Background()) // the interrupt is no reason to lose what drains
	logger.Info("the platform is down", "error", err)
	return err
}
