package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image is a program's image: one index over its architectures.
type image struct {
	name      string
	index     v1.ImageIndex
	platforms []platform
	start     time.Duration // until the program has answered; 0 when not measured
}

// platform is the image of one architecture.
type platform struct {
	arch    string
	image   v1.Image
	bill    v1.Image // its bill of materials, which refers to it
	program int64    // bytes
	modules int      // Go modules in the program
}

// build compiles a program for each architecture and makes its image.
func build(ctx context.Context, s source, archs []string, base v1.Layer) (*image, error) {
	var platforms []platform
	for _, arch := range archs {
		file, err := s.compile(ctx, arch)
		if err != nil {
			return nil, err
		}
		p, err := newPlatform(s, arch, file, base)
		if err != nil {
			return nil, fmt.Errorf("make the image of %s for %s: %w", s.name(), arch, err)
		}
		platforms = append(platforms, p)
	}
	return indexOf(s.name(), platforms), nil
}

// indexOf is one image of all its platforms.
func indexOf(name string, platforms []platform) *image {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        p.image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: p.arch}},
		})
	}
	return &image{name: name, index: index, platforms: platforms}
}

func newPlatform(s source, arch, file string, base v1.Layer) (platform, error) {
	program, err := programLayer(file, s.name())
	if err != nil {
		return platform{}, err
	}
	return assemble(s, arch, config(s, arch), []v1.Layer{base, program}, file)
}

// assemble puts an image together, with the bill of materials of its programs, of
// which the first is what it runs.
func assemble(s source, arch string, config *v1.ConfigFile, layers []v1.Layer, programs ...string) (platform, error) {
	p := platform{arch: arch}
	info, err := os.Stat(programs[0])
	if err != nil {
		return p, err
	}
	p.program = info.Size()
	if p.image, err = mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), config); err != nil {
		return p, err
	}
	if p.image, err = mutate.AppendLayers(p.image, layers...); err != nil {
		return p, err
	}
	bill, modules, err := billOf(s, programs...)
	if err != nil {
		return p, err
	}
	p.modules = modules
	if err := os.WriteFile(filepath.Join(s.output, s.name()+"-"+arch+".cdx.json"), bill, 0o644); err != nil {
		return p, err
	}
	p.bill, err = attach(bill, p.image)
	return p, err
}

// config says how the image runs. It names no commit: an image whose program did
// not change keeps its digest, and nothing is restarted. Which commit it was
// built from is a tag.
func config(s source, arch string) *v1.ConfigFile {
	return &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		Config: v1.Config{
			User:       fmt.Sprintf("%d:%d", nobody, nobody),
			WorkingDir: "/" + home,
			Entrypoint: []string{"/usr/local/bin/" + s.name()},
			Env:        []string{"PATH=/usr/local/bin", "SSL_CERT_FILE=/" + certificates, "HOME=/" + home},
			StopSignal: "SIGTERM",
			// Where the rest is read-only, ECS mounts volumes here and gives them to the
			// image's user only if the image names them.
			Volumes: map[string]struct{}{"/" + home: {}, "/tmp": {}},
			Labels: map[string]string{
				"org.opencontainers.image.title":       s.name(),
				"org.opencontainers.image.description": "Headwater: " + s.name(),
				"org.opencontainers.image.vendor":      "Headwater",
				"org.opencontainers.image.licenses":    "Apache-2.0",
				"org.opencontainers.image.version":     s.version,
				"org.opencontainers.image.base.name":   "scratch",
			},
		},
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
}
