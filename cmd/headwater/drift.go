package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/inventory"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/review"
)

type driftCommand struct {
	placeFlags

	Dir           []string `type:"existingdir" placeholder:"DIR" help:"A Terraform root, initialized, instead of environments/local. Name each that declares something on the cluster."`
	Source        string   `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
	IgnoreTopic   []string `placeholder:"PATTERN" help:"Topics that others look after, like \"connect-*\"."`
	IgnoreSubject []string `placeholder:"PATTERN" help:"Subjects that others look after."`
	IgnoreUser    []string `placeholder:"PATTERN" help:"Users that others look after: their credentials, ACLs and quotas."`
	JSON          bool     `help:"Print JSON."`
}

// Help is shown under headwater drift --help.
func (c *driftCommand) Help() string {
	return `Compares the files with the cluster, changing nothing: a plan of each root shows what was changed outside or never applied, and the states of all of them tell which topics, ACLs, subjects, quotas and users on the cluster nobody owns. It exits 0 when they agree, 3 when they differ, and 1 when that could not be found out.

Without --dir it looks at environments/local on the local platform. With --dir it runs terraform plan and terraform state pull where the root is, as whoever calls it would, and reaches the cluster by the HEADWATER_* variables: HEADWATER_BOOTSTRAP_SERVERS and, for subjects, HEADWATER_SCHEMA_REGISTRY_URL. The user that logs in is not expected in a state.

Examples:
  headwater drift
  headwater drift --json | jq .unmanaged.topics
  headwater drift --dir environments/prod/platform --ignore-topic 'connect-*'`
}

// driftReport is all that differs.
type driftReport struct {
	Differs   bool              `json:"differs"`
	Roots     []rootDrift       `json:"roots"`
	Unmanaged inventory.Objects `json:"unmanaged"`
}

// rootDrift is what a plan of one root would do.
type rootDrift struct {
	Root string `json:"root"`
	review.Plan
}

// differsError ends a comparison that found a difference; what it is stands above.
type differsError struct{ changes, unmanaged int }

func (e differsError) Error() string {
	return fmt.Sprintf("the cluster and the files differ: %d to change, %d that no state owns", e.changes, e.unmanaged)
}

// ExitCode tells a difference from a failure.
func (e differsError) ExitCode() int { return 3 }

// Run is the command.
func (c *driftCommand) Run(ctx context.Context) error {
	ignore := inventory.Ignore{Topics: c.IgnoreTopic, Subjects: c.IgnoreSubject, Users: c.IgnoreUser}
	if err := ignore.Check(); err != nil {
		return err
	}
	runs, at, done, err := c.roots(ctx)
	if err != nil {
		return err
	}
	defer done()
	ignore.Users = append(ignore.Users, at.kafka.SASL.Username)
	report, err := compareAll(ctx, runs, at, ignore)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(os.Stdout, report, true)
	} else {
		err = report.write(os.Stdout)
	}
	if err == nil && report.Differs {
		err = report.error()
	}
	return err
}

// driftPlace is where the unmanaged objects are looked for.
type driftPlace struct {
	kafka    kafka.Config
	registry *sr.Client // nil for none
}

// roots prepares terraform for each root. The caller ends with done.
func (c *driftCommand) roots(ctx context.Context) (runs []*terraformRun, at driftPlace, done func(), err error) {
	tool, err := findTerraform(ctx, findRoot())
	if err != nil {
		return nil, at, nil, err
	}
	if len(c.Dir) == 0 {
		return c.local(ctx, tool)
	}
	if at.kafka, err = kafka.FromEnvironment(); err != nil {
		return nil, at, nil, fmt.Errorf("reach the cluster: %w", err)
	}
	if at.registry, err = registryFromEnvironment(); err != nil {
		return nil, at, nil, fmt.Errorf("reach the schema registry: %w", err)
	}
	for _, dir := range c.Dir {
		runs = append(runs, newTerraformRun(tool.path, dir, map[string]string{"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}))
	}
	return runs, at, func() {}, nil
}

// registryFromEnvironment is the registry that the provider's own variables name,
// nil for none.
func registryFromEnvironment() (*sr.Client, error) {
	url := os.Getenv(envRegistry)
	if url == "" {
		return nil, nil //nolint:nilnil // no registry is a valid answer, documented above
	}
	opts := []sr.ClientOpt{sr.URLs(strings.Split(url, ",")...)}
	if user := os.Getenv("HEADWATER_SCHEMA_REGISTRY_USERNAME"); user != "" {
		opts = append(opts, sr.BasicAuth(user, os.Getenv("HEADWATER_SCHEMA_REGISTRY_PASSWORD")))
	}
	if token := os.Getenv("HEADWATER_SCHEMA_REGISTRY_BEARER_TOKEN"); token != "" {
		opts = append(opts, sr.BearerToken(token))
	}
	trust, err := kafka.TLS{CA: os.Getenv("HEADWATER_SCHEMA_REGISTRY_CA_PEM")}.Config()
	if err != nil {
		return nil, err
	}
	if trust != nil {
		opts = append(opts, sr.DialTLSConfig(trust))
	}
	return sr.NewClient(opts...)
}

// local is the root of the local platform, in its working copy.
func (c *driftCommand) local(ctx context.Context, tool terraformTool) ([]*terraformRun, driftPlace, func(), error) {
	place, secrets, err := c.open()
	if err != nil {
		return nil, driftPlace{}, nil, err
	}
	if !answers(ctx, place, secrets) {
		return nil, driftPlace{}, nil, errNotUp
	}
	lock, err := lockCommand(c.DataDir, "drift")
	if err != nil {
		return nil, driftPlace{}, nil, err
	}
	at := driftPlace{kafka: place.AdminConfig(secrets)}
	at.registry, err = sr.NewClient(sr.URLs(place.RegistryURL))
	var run *terraformRun
	if err == nil {
		run, err = prepareCopy(ctx, tool, c.Source, place, secrets)
	}
	if err != nil {
		return nil, driftPlace{}, nil, errors.Join(err, lock.Close())
	}
	return []*terraformRun{run}, at, func() { _ = lock.Close() }, nil
}

// compareAll plans each root and looks for what none of their states owns.
func compareAll(ctx context.Context, runs []*terraformRun, at driftPlace, ignore inventory.Ignore) (driftReport, error) {
	var report driftReport
	var owned []inventory.Objects
	for _, run := range runs {
		plan, err := run.compare(ctx)
		if err != nil {
			return report, err
		}
		report.Roots = append(report.Roots, rootDrift{Root: run.dir, Plan: plan})
		state, err := run.output(ctx, "state", "pull")
		if err != nil {
			return report, err
		}
		own, err := inventory.Owned(state)
		if err != nil {
			return report, fmt.Errorf("read the state of %s: %w", run.dir, err)
		}
		owned = append(owned, own)
	}
	client, err := at.kafka.Client()
	if err != nil {
		return report, err
	}
	defer client.Close()
	found, err := inventory.Find(ctx, client, at.registry)
	if err != nil {
		return report, err
	}
	report.Unmanaged = inventory.Unmanaged(found, inventory.Union(owned...), ignore)
	report.Differs = report.error() != differsError{}
	return report, nil
}

// compare plans the root and reads the plan. Terraform refreshes on the way, so
// the plan is about what is on the cluster now.
func (t *terraformRun) compare(ctx context.Context) (review.Plan, error) {
	dir, err := os.MkdirTemp("", "headwater-drift-")
	if err != nil {
		return review.Plan{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the plan holds the root's settings
	file := filepath.Join(dir, "plan")
	if _, err := t.output(ctx, "plan", "-input=false", "-no-color", "-lock-timeout=30s", "-out="+file); err != nil {
		return review.Plan{}, err
	}
	text, err := t.output(ctx, "show", "-json", file)
	if err != nil {
		return review.Plan{}, err
	}
	return review.ReadPlan(text)
}

// output runs terraform for its standard output. The error holds what it says on
// standard error.
func (t *terraformRun) output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := t.command(ctx, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("terraform %s in %s: %w\n%s", args[0], t.dir, err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// error says how much differs.
func (r driftReport) error() differsError {
	e := differsError{unmanaged: r.Unmanaged.Count()}
	for _, root := range r.Roots {
		e.changes += len(root.Changes)
	}
	return e
}

// write prints the report for people.
func (r driftReport) write(w io.Writer) error {
	for _, root := range r.Roots {
		fmt.Fprintf(w, "%s: ", root.Root)
		if err := (review.PlanReport{Plan: root.Plan}).Write(w, false); err != nil {
			return err
		}
	}
	if r.Unmanaged.Count() == 0 {
		_, err := fmt.Fprintln(w, "Nothing on the cluster is without an owner.")
		return err
	}
	fmt.Fprintln(w, "Nobody owns:")
	for _, line := range r.Unmanaged.Lines() {
		fmt.Fprintf(w, "  %s\n", line)
	}
	return nil
}
