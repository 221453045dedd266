// Command images builds OCI images of Headwater's programs without a container
// engine: a static program, certificate authorities, and a user that is not
// root. The same sources make the same digests. make images runs it.
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

	"github.com/alecthomas/kong"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

type command struct {
	Programs  []string `arg:"" optional:"" help:"Folders of programs (default: all of cmd/ and processors/, but this one)."`
	Arch      []string `default:"amd64,arm64" help:"Architectures (default amd64 and arm64)."`
	Version   string   `default:"dev" help:"Version that the programs and labels bear."`
	Output    string   `default:"build/images" type:"path" help:"Where the images go, as an OCI layout with a list of digests and the bills of materials (default build/images)."`
	Push      string   `placeholder:"REGISTRY/PREFIX" help:"Push each image to this prefix, like registry.example.com/headwater. Credentials are those of docker login."`
	Tag       []string `placeholder:"TAG" help:"Further tags beside the version, like a commit."`
	Runner    bool     `help:"Also build the image of the runner, amd64 only: Terraform, the AWS provider and this repository."`
	Terraform string   `type:"path" placeholder:"FILE" help:"With --runner: the terraform program for linux on amd64 that goes in."`
	Providers string   `type:"path" placeholder:"DIR" help:"With --runner: a folder with the AWS provider unpacked, laid out as Terraform's mirrors are."`
	Start     bool     `help:"Measure how long each program takes to start from its image, where this machine can run it."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var c command
	kong.Parse(&c, kong.Name("images"), kong.Description("Builds OCI images of the programs, and pushes them."))
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func (c command) run(ctx context.Context) error {
	folders := c.Programs
	if len(folders) == 0 {
		var err error
		if folders, err = programs(); err != nil {
			return err
		}
	}
	for _, arch := range c.Arch {
		if !slices.Contains([]string{"amd64", "arm64"}, arch) {
			return fmt.Errorf("--arch is %s: images are built for amd64 and arm64", arch)
		}
	}
	target, err := newTarget(c.Push, append([]string{c.Version}, c.Tag...))
	if err != nil {
		return err
	}
	base, err := baseLayer()
	if err != nil {
		return err
	}
	all, err := c.build(ctx, folders, base)
	if err != nil {
		return err
	}
	for _, i := range all {
		if err := target.push(ctx, i); err != nil {
			return err
		}
	}
	if err := writeLayout(c.Output, all); err != nil {
		return err
	}
	return printTable(os.Stdout, all)
}

// build makes the image of each program, and where asked for the runner's.
func (c command) build(ctx context.Context, folders []string, base v1.Layer) ([]*image, error) {
	var all []*image
	for _, folder := range folders {
		i, err := build(ctx, source{folder: folder, version: c.Version, output: c.Output}, c.Arch, base)
		if err != nil {
			return nil, err
		}
		if c.Start {
			if i.start, err = startTime(ctx, i); err != nil {
				return nil, err
			}
		}
		all = append(all, i)
	}
	if !c.Runner {
		return all, nil
	}
	i, err := runner{top: ".", version: c.Version, output: c.Output, terraform: c.Terraform, providers: c.Providers}.build(ctx, base)
	if err != nil {
		return nil, fmt.Errorf("make the image of the runner: %w", err)
	}
	return append(all, i), nil
}

// programs lists the folders that hold a program.
func programs() ([]string, error) {
	var all []string
	for _, pattern := range []string{"cmd/*/main.go", "processors/*/main.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			if dir := filepath.ToSlash(filepath.Dir(path)); dir != "cmd/images" && !strings.Contains(dir, "/internal") {
				all = append(all, dir)
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there are no programs here: run it at the top of the repository")
	}
	return all, nil
}
