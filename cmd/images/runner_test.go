package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// tree writes a repository with two roots, and a mirror with the AWS provider.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	root := func(version string) string {
		return "terraform {\n  required_providers {\n    aws = {\n      source  = \"hashicorp/aws\"\n      version = \"" + version + "\"\n    }\n  }\n}\n"
	}
	all := map[string]string{
		".terraform-version":                                  "1.11.4\n",
		"environments/dev/cluster/terraform.tf":               root("5.100.0"),
		"environments/dev/platform/terraform.tf":              root("5.100.0"),
		"environments/dev/platform/.terraform/x":              "of a run",
		"environments/dev/platform/terraform.tfstate":         "of a run",
		"environments/local/main.tf":                          "not for the runner",
		"modules/event/main.tf":                               "event",
		"schemas/checkout.tf":                                 "checkout",
		"schemas/checkout/order_placed.go":                    "package checkout",
		"schemas/checkout/testdata/order_placed/minimal.json": "{}",
		"mirror/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5": "aws",
		"bin/terraform": "terraform", "bin/headwater": "headwater", "bin/policy": "policy", "bin/provider": "provider",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What the runner has at hand is all that it has: programs, providers where they
// are looked for, the roots, and one folder that its user may write.
func TestRunnerHoldsWhatAnApplyNeeds(t *testing.T) {
	dir := tree(t, nil)
	r := runner{top: dir, version: "0.1.0", providers: filepath.Join(dir, "mirror"), terraform: filepath.Join(dir, "bin/terraform")}
	aws, err := r.awsProvider()
	if err != nil {
		t.Fatal(err)
	}
	built := map[string]string{}
	for _, name := range []string{"headwater", "policy", "provider"} {
		built[name] = filepath.Join(dir, "bin", name)
	}
	layers, err := r.layers(aws, built)
	if err != nil {
		t.Fatal(err)
	}
	got, writable := contents(t, layers)
	want := map[string]string{
		"srv/headwater/.terraform-version":                     "1.11.4\n",
		"srv/headwater/environments/dev/cluster/terraform.tf":  got["srv/headwater/environments/dev/platform/terraform.tf"],
		"srv/headwater/environments/dev/platform/terraform.tf": got["srv/headwater/environments/dev/cluster/terraform.tf"],
		"srv/headwater/modules/event/main.tf":                  "event",
		"srv/headwater/schemas/checkout.tf":                    "checkout",
		"srv/headwater/build/mirror/headwater.internal/platform/headwater/0.1.0/linux_amd64/terraform-provider-headwater_v0.1.0":       "provider",
		"usr/local/share/terraform/plugins/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64/terraform-provider-aws_v5.100.0_x5": "aws",
		"usr/local/bin/terraform": "terraform", "usr/local/bin/headwater": "headwater", "usr/local/bin/policy": "policy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !writable["srv/headwater/build"] || writable["srv/headwater"] || writable["srv/headwater/environments"] {
		t.Errorf("its user owns %v, want srv/headwater/build and what is in it", writable)
	}
}

// contents are the files of layers, and which folders the image's user owns.
func contents(t *testing.T, layers []v1.Layer) (files map[string]string, writable map[string]bool) {
	t.Helper()
	files, writable = map[string]string{}, map[string]bool{}
	for _, l := range layers {
		text, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for all := tar.NewReader(text); ; {
			head, err := all.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(head.Name, "/")
			if head.Typeflag == tar.TypeDir {
				writable[name] = head.Uid == nobody
				continue
			}
			body, err := io.ReadAll(all)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(body)
		}
		_ = text.Close()
	}
	return files, writable
}

// An image that could not apply is refused while it is built, with what is missing.
func TestRunnerRefuses(t *testing.T) {
	whole := tree(t, nil)
	other := tree(t, map[string]string{"environments/dev/cluster/terraform.tf": "source = \"hashicorp/aws\"\nversion = \"5.99.1\""})
	none := tree(t, map[string]string{"environments/dev/cluster/terraform.tf": "terraform {}"})
	for want, r := range map[string]runner{
		"the AWS provider 5.100.0 is not in":     {top: whole, providers: filepath.Join(whole, "bin")},
		"run make images RUNNER=1":               {top: whole},
		"pins hashicorp/aws 5.100.0":             {top: other, providers: filepath.Join(other, "mirror")},
		"pins no version of hashicorp/aws":       {top: none, providers: filepath.Join(none, "mirror")},
		"run it at the top of the repository":    {top: filepath.Join(whole, "bin")},
		"--terraform: read " + whole + "/bin/te": {top: whole, providers: filepath.Join(whole, "mirror"), terraform: filepath.Join(whole, "bin/terraform")},
	} {
		if _, err := r.build(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
