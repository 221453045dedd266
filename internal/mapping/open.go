package mapping

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Open gives the text of a file or a stream named name, decompressed. What it is
// compressed with is read from its first bytes, so standard input may be
// compressed too: gzip (several members also), zstd and bzip2. A name that ends
// in .gz, .zst or .bz2 with other content is an error, since such a file was
// damaged on its way. Closing the result does not close r.
func Open(r io.Reader, name string) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read %s as gzip: %w", name, err)
		}
		return z, nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("read %s as zstd: %w", name, err)
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(magic, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	}
	for _, suffix := range []string{".gz", ".zst", ".bz2"} {
		if strings.HasSuffix(name, suffix) && len(magic) > 0 {
			return nil, fmt.Errorf("read %s: it does not begin as a %s file does: fetch it again, or rename it if it is plain text", name, suffix)
		}
	}
	return io.NopCloser(buffered), nil
}
