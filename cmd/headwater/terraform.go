package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	goversion "github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
)

type terraformCommand struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"Arguments of terraform, after --."`
}

// Help is shown under headwater terraform --help.
func (c *terraformCommand) Help() string {
	return `Runs the first of: the terraform on PATH, when it is at least as new as .terraform-version; one fetched before into build/tools; one fetched now. Our provider is found in build/mirror.

Example:
  headwater terraform -- -chdir=modules/event test`
}

// Run is the command. It ends with terraform's own exit code.
func (c *terraformCommand) Run(ctx context.Context) error {
	root := findRoot()
	tool, err := findTerraform(ctx, root)
	if err != nil {
		return err
	}
	config, err := writeTerraformConfig(root)
	if err != nil {
		return err
	}
	args := c.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	cmd := exec.CommandContext(ctx, tool.path, args...)
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	return err
}

// terraformTool is a terraform program.
type terraformTool struct {
	path    string
	version *goversion.Version
}

// findTerraform returns a terraform at least as new as
// [versionFile] asks for, fetching that one when there is none. The error says
// what to install.
func findTerraform(ctx context.Context, root string) (terraformTool, error) {
	text, err := os.ReadFile(filepath.Join(root, versionFile))
	if err != nil {
		return terraformTool{}, fmt.Errorf("find terraform: %w: run headwater at the top of the repository", err)
	}
	want, err := goversion.NewVersion(strings.TrimSpace(string(text)))
	if err != nil {
		return terraformTool{}, fmt.Errorf("read %s: %w", versionFile, err)
	}
	fetched := filepath.Join(root, "build", "tools", "terraform-"+want.String())
	var found string
	for _, candidate := range []string{"terraform", filepath.Join(fetched, "terraform")} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		have, err := terraformVersion(ctx, path)
		if err == nil && have.GreaterThanOrEqual(want) {
			return terraformTool{path, have}, nil
		}
		if err == nil {
			found = fmt.Sprintf("; %s is %s", path, have)
		}
	}
	path, err := fetchTerraform(ctx, want, fetched)
	if err != nil {
		return terraformTool{}, fmt.Errorf("terraform %s or newer is needed%s, and fetching it failed: %w: "+
			"install it from https://developer.hashicorp.com/terraform/install and put it on PATH", want, found, err)
	}
	return terraformTool{path, want}, nil
}

func terraformVersion(ctx context.Context, path string) (*goversion.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(out) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "Terraform v"); ok {
			return goversion.NewVersion(v)
		}
	}
	return nil, fmt.Errorf("%s version says no version", path)
}

func fetchTerraform(ctx context.Context, want *goversion.Version, dir string) (string, error) {
	fetch := begin("terraform", 0)
	defer fetch.clear()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	install := &releases.ExactVersion{Product: product.Terraform, Version: want, InstallDir: dir, Timeout: 3 * time.Minute}
	path, err := install.Install(ctx)
	if err != nil {
		return "", err
	}
	fetch.done("fetched %s into build/tools", want)
	return path, nil
}

// writeTerraformConfig writes build/terraform.rc, which finds our provider in
// the mirror that the build made, the AWS provider in one that this machine may
// have, and all others where they always are.
func writeTerraformConfig(root string) (string, error) {
	path := filepath.Join(root, "build", "terraform.rc")
	text := terraformConfig(filepath.Join(root, "build", "mirror"), findAWSMirror())
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("write terraform's configuration: %w", err)
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("write terraform's configuration: %w", err)
	}
	return path, os.Rename(tmp, path)
}

// terraformConfig is Terraform's configuration for our provider's mirror and the
// AWS provider's, which may be none.
func terraformConfig(ours, aws string) string {
	mirrors, elsewhere := fmt.Sprintf(mirrorBlock, ours, "headwater.internal/*/*"), `"headwater.internal/*/*"`
	if aws != "" {
		mirrors += fmt.Sprintf(mirrorBlock, aws, "registry.terraform.io/hashicorp/aws")
		elsewhere += `, "registry.terraform.io/hashicorp/aws"`
	}
	return fmt.Sprintf(`disable_checkpoint = true

provider_installation {
%s  direct {
    exclude = [%s]
  }
}
`, mirrors, elsewhere)
}

const mirrorBlock = `  filesystem_mirror {
    path    = %q
    include = [%q]
  }
`
