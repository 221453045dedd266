// Command headwater is the operator's command line: it starts and stops the
// local platform, applies the local environment, sends and imports events, and
// shows what happened to them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"headwater.internal/platform/internal/local"
)

// version is set by the build.
var version = "dev"

// commands is the command line. Every command is a struct of its flags with a
// Run(ctx context.Context) error method, in a file of its own.
type commands struct {
	Up          upCommand          `cmd:"" group:"platform" help:"Start the local platform, apply environments/local and play the sample."`
	Start       startCommand       `cmd:"" group:"platform" help:"Start the local platform only, and return when it answers."`
	Down        downCommand        `cmd:"" group:"platform" help:"Stop the local platform. Its data stays."`
	Clean       cleanCommand       `cmd:"" group:"platform" help:"Remove the data of the local platform, which must be down."`
	Status      statusCommand      `cmd:"" group:"platform" help:"Show addresses, tasks, topics and latency."`
	Topology    topologyCommand    `cmd:"" group:"platform" help:"Show what the processors read, write and keep, as text or as a picture."`
	Pause       pauseCommand       `cmd:"" group:"platform" help:"Drain a processor's tasks and start none until resume."`
	Resume      resumeCommand      `cmd:"" group:"platform" help:"Start the tasks of a paused processor again."`
	Reset       resetCommand       `cmd:"" group:"platform" help:"Process again from a time: move a paused processor's offsets and clear its state."`
	Skip        skipCommand        `cmd:"" group:"platform" help:"Take a range of offsets off a paused processor, to the dead letters."`
	Roll        rollCommand        `cmd:"" group:"platform" help:"Restart Kafka's nodes one at a time, each when the cluster can spare it."`
	Rotate      rotateCommand      `cmd:"" group:"platform" help:"Turn all passwords and certificates, while everything goes on."`
	Drift       driftCommand       `cmd:"" group:"platform" help:"Compare the files with the cluster, and find what nobody owns; exits 3 when they differ."`
	Plan        planCommand        `cmd:"" group:"platform" help:"Show what up would change, changing nothing."`
	Terraform   terraformCommand   `cmd:"" group:"platform" passthrough:"" help:"Run the terraform that this repository asks for."`
	Env         envCommand         `cmd:"" group:"platform" help:"Print the variables that terraform needs to apply environments/local."`
	Run         runCommand         `cmd:"" group:"platform" help:"Be the platform process, in the foreground."`
	Import      importCommand      `cmd:"" group:"events" help:"Turn any CSV, NDJSON, column or log file into events."`
	Replay      replayCommand      `cmd:"" group:"events" help:"Send the archived events of a time range again, doubling nothing."`
	Send        sendCommand        `cmd:"" group:"events" help:"Send one event and print the verdict on it."`
	State       stateCommand       `cmd:"" group:"events" help:"Show what a processor's state holds of a key."`
	Tail        tailCommand        `cmd:"" group:"events" help:"Print the records of a topic, decoded."`
	DeadLetters deadLettersCommand `cmd:"" group:"events" help:"List, show and send again what could not be processed."`
	Review      reviewCommand      `cmd:"" group:"changes" help:"Say what a change does to events, or what a plan would do, and what must be mended."`
	Capacity    capacityCommand    `cmd:"" group:"changes" help:"Compute what a load needs and costs: partitions, brokers, disks, tasks, dollars."`
	Apply       applyCommand       `cmd:"" group:"changes" help:"Bring dev, staging or prod to what its files say."`
	Validate    validateCommand    `cmd:"" group:"changes" help:"Hold the roots of dev, staging and prod to what their providers know."`
	Conflicts   conflictsCommand   `cmd:"" group:"changes" help:"Count the schema conflicts that reviews caught."`
	Codeowners  codeownersCommand  `cmd:"" group:"changes" help:"Write .github/CODEOWNERS from the catalogue."`
	Credentials credentialsCommand `cmd:"" group:"events" help:"Print the user, password and write key of a principal."`

	Version kong.VersionFlag `help:"Print the version."`
}

const description = `The operator's command line of Headwater.

Start with:

    headwater up
    headwater status
    headwater tail aggregates.sessions --from-start --limit 5
    headwater credentials local

Each command explains itself: headwater up --help`

// errorPrefix stands before every error on standard error.
const errorPrefix = "headwater: "

// asCalled makes the commands that a message names ones that work where the user
// stands: under the name that this program was called by.
func asCalled(text string) string {
	return strings.ReplaceAll(text, "run headwater ", "run "+os.Args[0]+" ")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, errorPrefix+asCalled(err.Error()))
		stop()
		code := 1
		var coded kong.ExitCoder
		if errors.As(err, &coded) {
			code = coded.ExitCode()
		}
		os.Exit(code) //nolint:gocritic // stop was called
	}
}

// run parses args and runs the command they name.
func run(ctx context.Context, args []string) error {
	parser, err := newParser(ctx)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		called := "headwater"
		var wrong *kong.ParseError
		if errors.As(err, &wrong) && wrong.Context.Command() != "" {
			called += " " + strings.Fields(wrong.Context.Command())[0]
		}
		return fmt.Errorf("%w (try %s --help)", err, called)
	}
	return parsed.Run()
}

// newParser makes the parser of [commands], whose Run methods get ctx.
func newParser(ctx context.Context) (*kong.Kong, error) {
	parser, err := kong.New(&commands{},
		kong.Name("headwater"),
		kong.Description(description),
		kong.Vars{"version": version, "classes": letterClasses, "data_dir": filepath.Join(findRoot(), local.DefaultDataDir)},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "platform", Title: "The local platform:"},
			{Key: "events", Title: "Events:"},
			{Key: "changes", Title: "Changes:"},
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return nil, err
	}
	hideStartFlags(parser.Model.Node)
	return parser, nil
}

// starters are the commands that may start the platform, so that where it
// listens and on what Kafka it runs is theirs to say.
var starters = []string{"up", "start", "run"}

// hideStartFlags takes the flags that only matter to a start out of the help of
// all other commands, which take them still: a script may give them to all.
func hideStartFlags(node *kong.Node) {
	for _, child := range node.Children {
		hideStartFlags(child)
	}
	if slices.Contains(starters, node.Name) {
		return
	}
	for _, flag := range node.Flags {
		if flag.Name == "port-base" || flag.Name == "kafka" {
			flag.Hidden = true
		}
	}
}
