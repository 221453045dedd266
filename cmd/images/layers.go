package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	// nobody is the user and group that programs run as.
	nobody = 65532
	// home is the one folder that they may write, beside /tmp.
	home = "var/lib/headwater"
	// certificates is where Go and everybody else looks for authorities.
	certificates = "etc/ssl/certs/ca-certificates.crt"
)

// entry is a file or, without text, a folder of a layer. Large files are read from
// where they are.
type entry struct {
	path string
	mode int64
	text []byte
	file string // in the place of text
	user int
}

// baseLayer has what every program needs and no program is.
func baseLayer() (v1.Layer, error) {
	authorities, err := authorities()
	if err != nil {
		return nil, err
	}
	return layer([]entry{
		{path: "etc", mode: 0o755},
		{path: "etc/group", mode: 0o444, text: []byte("root:x:0:\nheadwater:x:65532:\n")},
		{path: "etc/passwd", mode: 0o444, text: []byte("root:x:0:0:root:/:/sbin/nologin\nheadwater:x:65532:65532:Headwater:/" + home + ":/sbin/nologin\n")},
		{path: "etc/ssl", mode: 0o755},
		{path: "etc/ssl/certs", mode: 0o755},
		{path: certificates, mode: 0o444, text: authorities},
		{path: "tmp", mode: 0o1777},
		{path: "var", mode: 0o755},
		{path: "var/lib", mode: 0o755},
		{path: home, mode: 0o700, user: nobody},
	})
}

// authorities are Mozilla's, as golang.org/x/crypto carries them at the version
// of go.mod. One that is trusted under conditions is left out, since a file
// cannot say them.
func authorities() ([]byte, error) {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	if text.Len() == 0 {
		return nil, fmt.Errorf("there are no certificate authorities in golang.org/x/crypto")
	}
	return text.Bytes(), nil
}

// programLayer has the program alone.
func programLayer(file, name string) (v1.Layer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return layer([]entry{
		{path: "usr", mode: 0o755},
		{path: "usr/local", mode: 0o755},
		{path: "usr/local/bin", mode: 0o755},
		{path: "usr/local/bin/" + name, mode: 0o555, text: text},
	})
}

// layer holds entries in their order, without times, so that the same entries
// are the same bytes.
func layer(entries []entry) (v1.Layer, error) {
	open := func() (io.ReadCloser, error) {
		from, to := io.Pipe()
		go func() { _ = to.CloseWithError(writeEntries(to, entries)) }()
		return from, nil
	}
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

func writeEntries(to io.Writer, entries []entry) error {
	w := tar.NewWriter(to)
	for _, e := range entries {
		if err := e.write(w); err != nil {
			return err
		}
	}
	return w.Close()
}

func (e entry) write(w *tar.Writer) error {
	head := &tar.Header{Format: tar.FormatUSTAR, Name: e.path, Mode: e.mode, Uid: e.user, Gid: e.user, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
	text := io.Reader(bytes.NewReader(e.text))
	switch {
	case e.file != "":
		file, err := os.Open(e.file)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		head.Size, text = info.Size(), file
	case e.text == nil:
		head.Name, head.Typeflag = e.path+"/", tar.TypeDir
	}
	if err := w.WriteHeader(head); err != nil {
		return err
	}
	_, err := io.Copy(w, text)
	return err
}
