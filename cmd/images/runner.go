package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// runnerHome is where the repository is in the runner's image.
	runnerHome = "srv/headwater"
	// runnerMirror is one of the places in which headwater looks for the AWS provider.
	runnerMirror = "usr/local/share/terraform/plugins"
	awsProvider  = "registry.terraform.io/hashicorp/aws"
	ourProvider  = "headwater.internal/platform/headwater"
	runnerArch   = "amd64"
)

// runner is what goes into the image of the task that applies a place's platform
// root from inside its network, where nothing can be downloaded: headwater, which
// is what it runs, the policies, Terraform, both providers, and the roots.
type runner struct {
	top       string // of the repository
	version   string // of our provider too
	output    string
	terraform string // the program
	providers string // a mirror that has the AWS provider
}

// build makes the image. The error says which part is missing and how to get it.
func (r runner) build(ctx context.Context, base v1.Layer) (*image, error) {
	aws, err := r.awsProvider()
	if err != nil {
		return nil, err
	}
	if err := refuseDynamic(r.terraform); err != nil {
		return nil, fmt.Errorf("--terraform: %w", err)
	}
	built := map[string]string{}
	for _, folder := range []string{"cmd/headwater", "cmd/policy", "provider"} {
		s := source{folder: folder, version: r.version, output: r.output, dir: r.top}
		if built[s.name()], err = s.compile(ctx, runnerArch); err != nil {
			return nil, err
		}
	}
	layers, err := r.layers(aws, built)
	if err != nil {
		return nil, err
	}
	s := source{folder: "runner", version: r.version, output: r.output}
	how := config(s, runnerArch)
	how.Config.Entrypoint = []string{"/usr/local/bin/headwater"}
	how.Config.WorkingDir = "/" + runnerHome
	p, err := assemble(s, runnerArch, how, append([]v1.Layer{base}, layers...), built["headwater"], built["policy"], built["provider"], r.terraform, aws)
	if err != nil {
		return nil, err
	}
	return indexOf("runner", []platform{p}), nil
}

// layers are, from what changes least: the AWS provider, Terraform, our programs,
// and the repository with our provider where headwater expects a build of it.
func (r runner) layers(aws string, built map[string]string) ([]v1.Layer, error) {
	version := filepath.Base(filepath.Dir(filepath.Dir(aws)))
	repository, err := r.repository()
	if err != nil {
		return nil, err
	}
	ours := path.Join(runnerHome, "build/mirror", ourProvider, r.version, "linux_"+runnerArch)
	repository = append(repository, folders(ours, path.Join(runnerHome, "build"))...)
	repository = append(repository, entry{path: path.Join(ours, "terraform-provider-headwater_v"+r.version), mode: 0o555, file: built["provider"]})

	theirs := path.Join(runnerMirror, awsProvider, version, "linux_"+runnerArch)
	var layers []v1.Layer
	for _, entries := range [][]entry{
		append(folders(theirs, ""), entry{path: path.Join(theirs, filepath.Base(aws)), mode: 0o555, file: aws}),
		append(folders("usr/local/bin", ""), entry{path: "usr/local/bin/terraform", mode: 0o555, file: r.terraform}),
		append(folders("usr/local/bin", ""),
			entry{path: "usr/local/bin/headwater", mode: 0o555, file: built["headwater"]},
			entry{path: "usr/local/bin/policy", mode: 0o555, file: built["policy"]}),
		repository,
	} {
		l, err := layer(entries)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// folders are a path's, from the top. Those from own on belong to the image's user.
func folders(path, own string) []entry {
	var all []entry
	parts := strings.Split(path, "/")
	for i := range parts {
		e := entry{path: strings.Join(parts[:i+1], "/"), mode: 0o755}
		if own != "" && strings.HasPrefix(e.path, own) {
			e.user = nobody
		}
		all = append(all, e)
	}
	return all
}

// repository is what an apply reads of it: the roots of places that have any, the
// modules and the catalogue, without their Go.
func (r runner) repository() ([]entry, error) {
	entries := append(folders(runnerHome, ""), entry{path: path.Join(runnerHome, ".terraform-version"), mode: 0o444, file: filepath.Join(r.top, ".terraform-version")})
	for _, tree := range []string{"environments", "modules", "schemas"} {
		err := filepath.WalkDir(filepath.Join(r.top, tree), func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			inside, err := filepath.Rel(r.top, file)
			e := entry{path: path.Join(runnerHome, filepath.ToSlash(inside)), mode: 0o755}
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(d.Name(), ".terraform") && d.IsDir(), d.Name() == "local", d.Name() == "testdata":
				return fs.SkipDir
			case strings.HasPrefix(d.Name(), ".terraform.") || strings.Contains(d.Name(), ".tfstate") || strings.HasSuffix(d.Name(), ".go"):
				return nil
			case !d.IsDir():
				e.mode, e.file = 0o444, file
			}
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// pinned finds the version of the AWS provider that a root asks for.
var pinned = regexp.MustCompile(`source\s*=\s*"hashicorp/aws"\s*version\s*=\s*"([0-9.]+)"`)

// awsProvider finds the program of the AWS provider at the version that the roots
// pin.
func (r runner) awsProvider() (string, error) {
	roots, err := filepath.Glob(filepath.Join(r.top, "environments", "*", "*", "terraform.tf"))
	if err != nil || len(roots) == 0 {
		return "", errors.Join(err, errors.New("environments/ has no roots: run it at the top of the repository"))
	}
	version := ""
	for _, root := range roots {
		text, err := os.ReadFile(root)
		if err != nil {
			return "", err
		}
		found := pinned.FindSubmatch(text)
		switch {
		case found == nil:
			return "", fmt.Errorf("%s pins no version of hashicorp/aws", root)
		case version != "" && version != string(found[1]):
			return "", fmt.Errorf("%s pins hashicorp/aws %s, and another root %s: the image holds one", root, found[1], version)
		}
		version = string(found[1])
	}
	dir := filepath.Join(r.providers, filepath.FromSlash(awsProvider), version, "linux_"+runnerArch)
	found, err := filepath.Glob(filepath.Join(dir, "terraform-provider-aws_v*"))
	if err != nil {
		return "", err
	}
	if r.providers == "" || len(found) != 1 {
		return "", fmt.Errorf("the AWS provider %s is not in %q: run make images RUNNER=1, which fetches it, or name with --providers a folder that has it unpacked", version, dir)
	}
	return found[0], nil
}
