package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strings"

	"headwater.internal/platform/internal/local"
)

// operateFlags are those of commands that change what a processor has done.
type operateFlags struct {
	placeFlags

	Processor string `arg:"" help:"The deployment, as headwater status names it. It must be paused: headwater pause."`
	DryRun    bool   `help:"Print what would happen, and change nothing."`
	Yes       bool   `help:"Do not ask."`
	By        string `placeholder:"NAME" help:"Who does it, for the ledger and the dead letters (default: you)."`
	JSON      bool   `help:"Print one JSON object."`
}

// operate has the processor's program say what flag and wish would do, asks, and
// has it done. wish makes the request, dry or not; show prints the report that
// the program answers into report.
func (f operateFlags) operate(ctx context.Context, flag string, wish func(dry bool) any, report any, show func(io.Writer)) error {
	program, env, err := f.program(ctx)
	if err != nil {
		return err
	}
	if f.DryRun || !f.Yes {
		if err := askProgram(ctx, program, env, flag, wish(true), report); err != nil {
			return err
		}
		if f.DryRun {
			return f.answer(report, show)
		}
		show(os.Stdout)
		if err := confirm(os.Stdin); err != nil {
			return err
		}
	}
	if err := askProgram(ctx, program, env, flag, wish(false), report); err != nil {
		return err
	}
	return f.answer(report, show)
}

func (f operateFlags) answer(report any, show func(io.Writer)) error {
	if f.JSON {
		return printJSON(os.Stdout, report, true)
	}
	show(os.Stdout)
	return nil
}

// program is that of the paused deployment, with the environment it needs to
// reach the brokers as their superuser and the state of its tasks.
func (f operateFlags) program(ctx context.Context) (string, map[string]string, error) {
	place, secrets, err := f.openRunning()
	if err != nil {
		return "", nil, err
	}
	status, err := supervisorClient(place, secrets).Get(ctx, f.Processor)
	if err != nil {
		return "", nil, f.explainDeployment(ctx, f.Processor, err)
	}
	if !status.Paused || !status.Settled() {
		return "", nil, fmt.Errorf("%s runs: run headwater pause %s first", f.Processor, f.Processor)
	}
	env := place.Environment()
	maps.Copy(env, place.LoginEnvironment(local.Admin, secrets.Admin))
	env["HEADWATER_STATE_DIR"] = place.Path("state", f.Processor)
	return status.Program, env, nil
}

// askProgram runs <program> flag wish and reads its answer. Its error is what the
// program says on standard error.
func askProgram(ctx context.Context, program string, env map[string]string, flag string, wish, report any) error {
	request, err := json.Marshal(wish)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, flag, string(request))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.ExitCode() == 2:
			return fmt.Errorf("%s does not know %s: it is older than this command, or no processor with state", program, flag)
		case strings.TrimSpace(stderr.String()) != "":
			return errors.New(strings.TrimSpace(stderr.String()))
		}
		return fmt.Errorf("run %s %s: %w", program, flag, err)
	}
	if err := json.Unmarshal(stdout.Bytes(), report); err != nil {
		return fmt.Errorf("read what %s %s answers: %w", program, flag, err)
	}
	return nil
}

// confirm reads a yes.
func confirm(in io.Reader) error {
	fmt.Print("\nDo it? Type yes: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil {
		return errors.New("nothing was changed: add --yes where nobody can answer")
	}
	return errors.New("nothing was changed")
}

// by is who does it.
func (f operateFlags) by() string {
	if f.By != "" {
		return f.By
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "an operator"
}
