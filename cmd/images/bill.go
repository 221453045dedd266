package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/uuid"
)

// billType is the media type of a CycloneDX bill of materials.
const billType = "application/vnd.cyclonedx+json"

// billOf writes the bill of materials of an image's programs: the modules that
// the linker put into them, as they say themselves, and the Go that built them.
// It has no time, so that the same programs have the same bill. modules is how
// many there are.
func billOf(s source, programs ...string) (text []byte, modules int, err error) {
	components := []cdx.Component{}
	var key string
	seen := map[string]bool{}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, 0, fmt.Errorf("read what %s is made of: %w", program, err)
		}
		for _, c := range append([]cdx.Component{standardLibrary(info.GoVersion)}, dependencies(info)...) {
			if !seen[c.BOMRef] {
				seen[c.BOMRef] = true
				components = append(components, c)
				key += "\n" + c.BOMRef
			}
		}
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.name()+"\n"+s.version+"\n"+key)).URN()
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{BOMRef: s.name(), Type: cdx.ComponentTypeApplication, Name: s.name(), Version: s.version}}
	bom.Components = &components
	var b bytes.Buffer
	err = cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return b.Bytes(), len(slices.DeleteFunc(components, func(c cdx.Component) bool { return c.Name == "std" })), err
}

func standardLibrary(version string) cdx.Component {
	version = strings.TrimPrefix(version, "go")
	purl := "pkg:golang/std@" + version
	return cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: "std", Version: version, PackageURL: purl}
}

func dependencies(info *buildinfo.BuildInfo) []cdx.Component {
	var all []cdx.Component
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl}
		if m.Sum != "" {
			c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
		}
		all = append(all, c)
	}
	return all
}

// attach makes an artifact of the bill that refers to the image, so that who has
// the image finds it.
func attach(bill []byte, of v1.Image) (v1.Image, error) {
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), billType)
	artifact, err := mutate.AppendLayers(artifact, static.NewLayer(bill, billType))
	if err != nil {
		return nil, err
	}
	subject, err := partial.Descriptor(of)
	if err != nil {
		return nil, err
	}
	attached, ok := mutate.Subject(artifact, *subject).(v1.Image)
	if !ok {
		return nil, errors.New("the bill of materials cannot refer to its image")
	}
	return attached, nil
}
