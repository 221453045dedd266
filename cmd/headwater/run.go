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
	return `Holds the embedded Kafka, the schema registry and the supervisor, until interrupted; then the tasks drain and the data is written down. headwater up starts it in the background.`
}

// Run is the command.
func (c *runCommand) Run(ctx context.Context) error {
	if err := checkPortBase(c.portBase()); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	platform, err := local.Start(c.DataDir, c.portBase(), logger)
	if err != nil {
		return err
	}
	<-ctx.Done()
	logger.Info("the platform is going down")
	err = platform.Close(context.Background()) // the interrupt is no reason to lose what drains
	logger.Info("the platform is down", "error", err)
	return err
}
