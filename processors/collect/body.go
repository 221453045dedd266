package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// maxBodyBytes is the largest request, before and after decompression.
const maxBodyBytes = 16 << 20

// problem is a request that cannot be read as events at all.
type problem struct {
	status  int
	code    string
	message string
}

func (p *problem) Error() string { return p.message }

func problemf(status int, code, format string, args ...any) *problem {
	return &problem{status, code, fmt.Sprintf(format, args...)}
}

// Most requests are gzip from few libraries; a reader holds 40 KiB of state.
var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readBody reads a request's body into an empty buffer, decompressed. However
// small the compressed bytes are, no more than the limit is ever held.
func readBody(r *http.Request, body *bytes.Buffer) ([]byte, error) {
	in := io.LimitReader(r.Body, maxBodyBytes+1)
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzip, ok := gzipReaders.Get().(*gzip.Reader)
		if !ok {
			unzip = new(gzip.Reader)
		}
		defer gzipReaders.Put(unzip)
		if err := unzip.Reset(in); err != nil {
			return nil, unreadable(err)
		}
		in = io.LimitReader(unzip, maxBodyBytes+1)
	default:
		return nil, problemf(http.StatusUnsupportedMediaType, "content_encoding", "expected Content-Encoding gzip or none, got %q", encoding)
	}
	if r.ContentLength > 0 && r.ContentLength <= maxBodyBytes {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(in); err != nil {
		return nil, unreadable(err)
	}
	if body.Len() > maxBodyBytes {
		return nil, problemf(http.StatusRequestEntityTooLarge, "too_large", "expected a request of at most %d bytes, got more", maxBodyBytes)
	}
	return body.Bytes(), nil
}

func unreadable(err error) *problem {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return problemf(http.StatusBadRequest, "body", "expected a whole body, got a part of one")
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return problemf(http.StatusBadRequest, "body", "expected the body as gzip, as Content-Encoding says, got other bytes")
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return problemf(http.StatusBadRequest, "body", "expected the body as gzip, got a damaged one at byte %d", int64(corrupt))
	}
	return problemf(http.StatusBadRequest, "body", "read the body: %v", err)
}
