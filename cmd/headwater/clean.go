package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"headwater.internal/platform/internal/local"
)

type cleanCommand struct {
	placeFlags
}

// Help is shown under headwater clean --help.
func (c *cleanCommand) Help() string {
	return `Removes everything the local platform ever stored: events, schemas, state, secrets, logs and Terraform's state.`
}

// Run is the command.
func (c *cleanCommand) Run(context.Context) error {
	pid, err := local.RunningPID(c.DataDir)
	if err != nil {
		return err
	}
	if pid != 0 {
		return fmt.Errorf("the platform runs, process %d: run headwater down first", pid)
	}
	if _, err := os.Stat(c.DataDir); errors.Is(err, fs.ErrNotExist) {
		fmt.Println("nothing to remove")
		return nil
	}
	// A slip in --data-dir must not cost a home directory.
	if _, err := os.Stat(filepath.Join(c.DataDir, "platform.lock")); err != nil {
		return fmt.Errorf("%s holds no platform (no platform.lock): remove it by hand if you mean it", c.DataDir)
	}
	if err := os.RemoveAll(c.DataDir); err != nil {
		return fmt.Errorf("remove the data: %w", err)
	}
	fmt.Println("removed", c.DataDir)
	return nil
}
