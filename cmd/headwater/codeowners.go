package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"headwater.internal/platform/internal/review"
)

type codeownersCommand struct{}

// Help is shown under headwater codeowners --help.
func (c *codeownersCommand) Help() string {
	return `Writes .github/CODEOWNERS from the teams and owners that schemas/*.tf declare, so that a change of an event asks its owner. make generate runs it.`
}

// Run is the command.
func (c *codeownersCommand) Run(_ context.Context) error {
	root := findRoot()
	text, err := review.ReadCodeOwners(review.Repository{Dir: root})
	if err != nil {
		return err
	}
	file := filepath.Join(root, filepath.FromSlash(review.CodeOwnersFile))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write the owners: %w", err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
