// Command policy holds a plan to the policies: what no plan may do, in one
// sentence each. headwater review --plan runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"headwater.internal/platform/policies"
)

type command struct {
	Plan string `arg:"" type:"existingfile" help:"What terraform show -json prints of a plan file."`
	JSON bool   `help:"Print JSON."`
}

// errRefused ends the program with 1; any other error with 2.
var errRefused = errors.New("refused")

func main() {
	var c command
	kong.Parse(&c, kong.Name("policy"), kong.Description("Says what a plan may not do. It exits 1 when the plan does it, 2 when it cannot tell."))
	err := c.run(context.Background(), os.Stdout)
	switch {
	case errors.Is(err, errRefused):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(2)
	}
}

func (c command) run(ctx context.Context, w io.Writer) error {
	plan, err := os.ReadFile(c.Plan)
	if err != nil {
		return err
	}
	verdict, err := policies.Check(ctx, plan)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Plan, err)
	}
	if c.JSON {
		err = json.NewEncoder(w).Encode(verdict)
	} else {
		for _, r := range verdict.Refusals {
			fmt.Fprintf(w, "%s: %s\n", r.Policy, r.Message)
		}
		for _, what := range verdict.Unchecked {
			fmt.Fprintf(w, "not known before the apply: %s\n", what)
		}
	}
	if err == nil && len(verdict.Refusals) > 0 {
		err = errRefused
	}
	return err
}
