package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// printTable says of each image what it weighs and how fast it starts.
func printTable(w io.Writer, all []*image) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "image\tarch\tdownload\tprogram\tmodules\tstart\tdigest\t")
	for _, i := range all {
		for _, p := range i.platforms {
			size, err := download(p.image)
			if err != nil {
				return err
			}
			digest, err := p.image.Digest()
			if err != nil {
				return err
			}
			start := "-"
			if i.start > 0 && p.arch == runtime.GOARCH {
				start = fmt.Sprintf("%d ms", i.start.Milliseconds())
			}
			fmt.Fprintf(t, "%s\t%s\t%.1f MB\t%.1f MB\t%d\t%s\t%.19s\t\n", i.name, p.arch, float64(size)/1e6, float64(p.program)/1e6, p.modules, start, digest)
		}
	}
	return t.Flush()
}

// download is what a host that has nothing pulls, in bytes.
func download(i v1.Image) (int64, error) {
	manifest, err := i.Manifest()
	if err != nil {
		return 0, err
	}
	size := manifest.Config.Size
	for _, l := range manifest.Layers {
		size += l.Size
	}
	return size, nil
}
