package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
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

// billOf writes the bill of materials of a program: the modules that the linker
// put into it, as it says itself, and the Go that built it. It has no time, so
// that the same program has the same bill. modules is how many there are.
func billOf(file string, s source) (text []byte, modules int, err error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	components := []cdx.Component{{BOMRef: "go", Type: cdx.ComponentTypeLibrary, Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), PackageURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}}
	key := info.GoVersion
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl}
		if m.Sum != "" {
			c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
		}
		components = append(components, c)
		key += "\n" + purl + " " + m.Sum
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.name()+"\n"+s.version+"\n"+key)).URN()
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{BOMRef: s.name(), Type: cdx.ComponentTypeApplication, Name: s.name(), Version: s.version}}
	bom.Components = &components
	var b bytes.Buffer
	err = cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return b.Bytes(), len(info.Deps), err
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
