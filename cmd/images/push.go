package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// target is where images are pushed; one without a prefix takes none.
type target struct {
	prefix string
	tags   []string
}

// newTarget refuses a prefix or a tag that no registry would take, before
// anything is built.
func newTarget(prefix string, tags []string) (target, error) {
	t := target{prefix: strings.TrimSuffix(prefix, "/"), tags: tags}
	if prefix == "" {
		return t, nil
	}
	if !strings.Contains(t.prefix, "/") {
		return t, fmt.Errorf("--push is %s: name a registry and a prefix, like registry.example.com/headwater", prefix)
	}
	for _, tag := range tags {
		if _, err := name.NewTag(t.prefix+"/program:"+tag, name.StrictValidation); err != nil {
			return t, fmt.Errorf("push to %s under the tag %s: %w", prefix, tag, err)
		}
	}
	return t, nil
}

// push uploads an image under all tags, with the bill of materials of each of
// its platforms. Bills go last: they refer to images that must be there.
func (t target) push(ctx context.Context, i *image) error {
	if t.prefix == "" {
		return nil
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	for _, tag := range t.tags {
		ref, err := name.NewTag(t.prefix + "/" + i.name + ":" + tag)
		if err != nil {
			return err
		}
		if err := remote.WriteIndex(ref, i.index, options...); err != nil {
			return fmt.Errorf("push %s: %w", ref, err)
		}
	}
	for _, p := range i.platforms {
		digest, err := p.bill.Digest()
		if err != nil {
			return err
		}
		ref, err := name.NewDigest(t.prefix + "/" + i.name + "@" + digest.String())
		if err != nil {
			return err
		}
		if err := remote.Write(ref, p.bill, options...); err != nil {
			return fmt.Errorf("push the bill of materials of %s for %s: %w", i.name, p.arch, err)
		}
	}
	return nil
}

// writeLayout keeps the images as an OCI layout, and their digests as JSON, in
// place of those that were there.
func writeLayout(output string, all []*image) error {
	dir := filepath.Join(output, "oci")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	digests := map[string]string{}
	for _, i := range all {
		if err := path.AppendIndex(i.index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": i.name})); err != nil {
			return fmt.Errorf("write the layout: %w", err)
		}
		for _, p := range i.platforms {
			if err := path.AppendImage(p.bill, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: p.arch})); err != nil {
				return fmt.Errorf("write the layout: %w", err)
			}
		}
		digest, err := i.index.Digest()
		if err != nil {
			return err
		}
		digests[i.name] = digest.String()
	}
	text, err := json.MarshalIndent(digests, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(output, "digests.json"), append(text, '\n'), 0o644)
}
