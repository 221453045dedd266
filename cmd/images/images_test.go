package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// module is a copy of the test's program as a module of its own, in a folder of
// its own: what is built there has nothing in common with another but its text.
func module(t *testing.T, edit func(string) string) source {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{"../../go.sum": "go.sum", "testdata/hello/main.go": "hello/main.go"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), []byte(edit(string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/hello\n\ngo 1.26.0\n\nrequire github.com/google/uuid v1.6.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return source{folder: "hello", version: "1.2.3", dir: dir, output: t.TempDir()}
}

func same(text string) string { return text }

func hello(t *testing.T, edit func(string) string, archs ...string) *image {
	t.Helper()
	base, err := baseLayer()
	if err != nil {
		t.Fatal(err)
	}
	i, err := build(t.Context(), module(t, edit), archs, base)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// The same sources make the same digests wherever and whenever they are built,
// so that a digest says what runs; other sources make others.
func TestReproducible(t *testing.T) {
	first, second := hello(t, same, "amd64", "arm64"), hello(t, same, "amd64", "arm64")
	if a, b := digest(t, first.index), digest(t, second.index); a != b {
		t.Errorf("built twice, the image is %s and %s", a, b)
	}
	for n := range first.platforms {
		if a, b := digest(t, first.platforms[n].bill), digest(t, second.platforms[n].bill); a != b {
			t.Errorf("%s: built twice, the bill of materials is %s and %s", first.platforms[n].arch, a, b)
		}
	}
	changed := hello(t, func(text string) string { return strings.Replace(text, `"hello"`, `"goodbye"`, 1) }, "amd64", "arm64")
	if digest(t, first.index) == digest(t, changed.index) {
		t.Error("another program has the same digest")
	}
}

// What a registry gives back is what was built: both architectures under each
// tag, labels, a user that is not root, and the bill of materials of each.
func TestPushedImageIsWhole(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true)))
	defer server.Close()
	prefix := strings.TrimPrefix(server.URL, "http://") + "/headwater"
	to, err := newTarget(prefix, []string{"1.2.3", "abcdef0"})
	if err != nil {
		t.Fatal(err)
	}
	built := hello(t, same, "amd64", "arm64")
	if err := to.push(t.Context(), built); err != nil {
		t.Fatal(err)
	}
	for _, tag := range to.tags {
		ref, err := name.ParseReference(prefix + "/hello:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		if digest(t, index) != digest(t, built.index) {
			t.Errorf("%s: the registry has another image", tag)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		var archs []string
		for _, m := range manifest.Manifests {
			archs = append(archs, m.Platform.OS+"/"+m.Platform.Architecture)
			i, err := index.Image(m.Digest)
			if err != nil {
				t.Fatal(err)
			}
			checkConfig(t, i, m.Platform.Architecture)
			checkFiles(t, i)
			checkBill(t, ref.Context().Digest(m.Digest.String()))
		}
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, archs); diff != "" {
			t.Error(diff)
		}
	}
}

func checkConfig(t *testing.T, i v1.Image, arch string) {
	t.Helper()
	c, err := i.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.User != "65532:65532" || c.Architecture != arch || c.Config.StopSignal != "SIGTERM" {
		t.Errorf("the image runs as %s on %s, stopped by %s", c.Config.User, c.Architecture, c.Config.StopSignal)
	}
	if diff := cmp.Diff([]string{"/usr/local/bin/hello"}, c.Config.Entrypoint); diff != "" {
		t.Error(diff)
	}
	for label, want := range map[string]string{"title": "hello", "version": "1.2.3", "licenses": "Apache-2.0"} {
		if got := c.Config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("the label %s is %q, want %q", label, got, want)
		}
	}
}

// checkFiles holds the image to its few files: nothing but /tmp and the home can
// be written by the user, and there are authorities to trust.
func checkFiles(t *testing.T, i v1.Image) {
	t.Helper()
	text := mutate.Extract(i)
	defer text.Close()
	var files []string
	authorities := 0
	for r := tar.NewReader(text); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		writable := head.Uid == nobody || head.Mode&0o022 != 0
		if writable != slices.Contains([]string{"tmp", home}, strings.TrimSuffix(head.Name, "/")) {
			t.Errorf("%s has mode %o and user %d", head.Name, head.Mode, head.Uid)
		}
		if head.Typeflag == tar.TypeReg {
			files = append(files, head.Name)
		}
		if head.Name == certificates {
			pemText, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			for block, rest := pem.Decode(pemText); block != nil; block, rest = pem.Decode(rest) {
				authorities++
			}
		}
	}
	slices.Sort(files)
	if diff := cmp.Diff([]string{"etc/group", "etc/passwd", certificates, "usr/local/bin/hello"}, files); diff != "" {
		t.Error(diff)
	}
	if authorities < 50 {
		t.Errorf("%d authorities, want those of Mozilla", authorities)
	}
}

// checkBill finds the bill by the image alone, as a scanner does.
func checkBill(t *testing.T, image name.Digest) {
	t.Helper()
	referrers, err := remote.Referrers(image)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].ArtifactType != billType {
		t.Fatalf("%s is referred to by %+v, want one bill of materials", image, manifest.Manifests)
	}
	artifact, err := remote.Image(image.Context().Digest(manifest.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := artifact.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers: %v", len(layers), err)
	}
	text, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(text, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range *bom.Components {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"std", "github.com/google/uuid"}, names); diff != "" || bom.Metadata.Component.Name != "hello" {
		t.Errorf("the bill of %s: %s", bom.Metadata.Component.Name, diff)
	}
}

// The program starts from the image alone, as its user, and can write its home
// and /tmp and nothing else.
func TestStartsFromItsImage(t *testing.T) {
	i := hello(t, same, runtime.GOARCH)
	root := t.TempDir()
	if err := extract(i.platforms[0].image, root); err != nil {
		t.Fatal(err)
	}
	out, err := runImage(t.Context(), root, "hello")
	if err != nil {
		t.Fatal(err)
	}
	want := "hello 1.2.3 65532 00000000-0000-0000-0000-000000000000\n<nil> true true\n"
	if os.Geteuid() != 0 {
		want = ""
	}
	if !strings.Contains(string(out), want) {
		t.Errorf("got %q, want %q", out, want)
	}
	if took, err := startTime(t.Context(), i); err != nil || took <= 0 {
		t.Errorf("took %s: %v", took, err)
	}
}

// Bad input is refused before anything is pushed, in one sentence.
func TestBadInput(t *testing.T) {
	for want, c := range map[string]command{
		"images are built for amd64 and arm64": {Programs: []string{"x"}, Arch: []string{"mips"}},
		"name a registry and a prefix":         {Programs: []string{"x"}, Push: "registry", Version: "1"},
		"under the tag a b":                    {Programs: []string{"x"}, Push: "registry.example.com/x", Version: "a b"},
		"build nowhere/program for amd64":      {Programs: []string{"nowhere/program"}, Arch: []string{"amd64"}, Output: t.TempDir()},
		"run it at the top of the repository":  {},
	} {
		if err := c.run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	loader, err := os.ReadFile("/bin/sh")
	if err != nil || !bytes.Contains(loader, []byte("ld-linux")) {
		t.Skip("this machine's /bin/sh is no dynamic program to refuse")
	}
	if err := refuseDynamic("/bin/sh"); err == nil || !strings.Contains(err.Error(), "is not static") {
		t.Errorf("got %v", err)
	}
}
