package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
)

type envCommand struct {
	placeFlags

	Source string `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
}

// Help is shown under headwater env --help.
func (c *envCommand) Help() string {
	return `Prints export lines for a shell. They hold the superuser's password and those of all teams.

Example:
  eval "$(headwater env)"
  cd build/local/terraform/environments/local && terraform plan

That folder, <data-dir>/terraform/environments/local, is the working copy of headwater up, with terraform's state; up and plan bring it up to date with the repository. In environments/local of the repository terraform begins with an empty state and would make everything a second time. The variables fit any other root with a state of its own.`
}

// Run is the command.
func (c *envCommand) Run(context.Context) error {
	place, secrets, err := c.open()
	if err != nil {
		return err
	}
	root := findRoot()
	if _, err := writeTerraformConfig(root); err != nil {
		return err
	}
	env, err := terraformEnvironment(root, sourceOr(c.Source, root), place, secrets)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Printf("export %s='%s'\n", name, strings.ReplaceAll(env[name], "'", `'\''`))
	}
	return nil
}

func sourceOr(source, root string) string {
	if source != "" {
		return source
	}
	return root
}

// terraformEnvironment is what environments/local needs to be applied to place:
// how the provider reaches the platform, and the root's inputs.
func terraformEnvironment(root, source string, place local.Place, secrets local.Secrets) (map[string]string, error) {
	names, err := principals(root, source)
	if err != nil {
		return nil, err
	}
	if secrets, err = local.EnsureSecrets(place.DataDir, names...); err != nil {
		return nil, err
	}
	passwords, err := json.Marshal(secrets.Principals)
	if err != nil {
		return nil, err
	}
	login, err := place.Login(local.Admin, secrets.Admin)
	if err != nil {
		return nil, err
	}
	env := place.Environment()
	maps.Copy(env, map[string]string{
		kafka.EnvSASLMechanism:       login.Mechanism,
		kafka.EnvSASLUsername:        login.Username,
		kafka.EnvSASLPassword:        login.Password,
		"HEADWATER_SUPERVISOR_URL":   place.SupervisorURL,
		"HEADWATER_SUPERVISOR_TOKEN": secrets.SupervisorToken,
		"TF_CLI_CONFIG_FILE":         filepath.Join(root, "build", "terraform.rc"),
		"TF_IN_AUTOMATION":           "1",
		"CHECKPOINT_DISABLE":         "1",
		"TF_VAR_passwords":           string(passwords),
		"TF_VAR_password_version":    "1",
		"TF_VAR_programs_dir":        filepath.Join(root, "build", "bin"),
		"TF_VAR_collector_port":      strconv.Itoa(place.CollectorPort()),
	})
	return env, nil
}

// principals are the names that get a password: the processors, which are the
// folders of programs, and the teams, which the catalogue declares.
func principals(root, source string) ([]string, error) {
	var names []string
	programs, err := filepath.Glob(filepath.Join(root, "processors", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		names = append(names, filepath.Base(filepath.Dir(p)))
	}
	files, err := filepath.Glob(filepath.Join(source, "schemas", "*.tf"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		teams, err := declaredTeams(path)
		if err != nil {
			return nil, err
		}
		names = append(names, teams...)
	}
	return names, nil
}

// declaredTeams are the keys of the local value "teams" in one file.
func declaredTeams(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the teams: %w", err)
	}
	file, diags := hclsyntax.ParseConfig(text, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, nil // terraform says it better
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, nil
	}
	var names []string
	for _, block := range body.Blocks {
		attribute := block.Body.Attributes["teams"]
		if block.Type != "locals" || attribute == nil {
			continue
		}
		object, ok := attribute.Expr.(*hclsyntax.ObjectConsExpr)
		if !ok {
			continue
		}
		for _, item := range object.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() {
				names = append(names, key.AsString())
			}
		}
	}
	return names, nil
}
