package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// How the provider deals with a registry that has trouble. A read that it answers
// with 429 or 5xx is tried three times in all; after one that it does not answer,
// the others of the next five seconds fail with the same error, so that a registry
// that hangs holds a thousand subjects up no longer than one.
const (
	registryTries = 3
	registryWait  = 250 * time.Millisecond // before the second try, twice that before the third
	registryPause = 5 * time.Second
)

// registryTransport sends requests to the schema registry.
type registryTransport struct {
	next http.RoundTripper

	mu     sync.Mutex
	failed time.Time // when a request was last left without an answer
	cause  error
}

// newRegistryTransport keeps a connection for each reader that works at a time. A
// nil tlsConfig is the system's.
func newRegistryTransport(tlsConfig *tls.Config) *registryTransport {
	next := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http's own, which nothing here replaces
	next.MaxIdleConnsPerHost = registryReaders
	if tlsConfig != nil {
		next.TLSClientConfig = tlsConfig
	}
	return &registryTransport{next: next}
}

// RoundTrip sends a request, once more if it reads and the registry is busy.
func (t *registryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.away(); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		resp, err := t.next.RoundTrip(req)
		if err != nil {
			t.note(err)
			return nil, err
		}
		if req.Method != http.MethodGet || try == registryTries || !busy(resp.StatusCode) {
			return resp, keepBody(req.Context(), resp)
		}
		wait := time.Duration(try) * registryWait
		if asked, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && asked > 0 {
			wait = min(time.Duration(asked)*time.Second, registryPause)
		}
		resp.Body.Close()
		select {
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		case <-time.After(wait):
		}
	}
}

// busy tells answers that may be others a moment later.
func busy(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

func (t *registryTransport) away() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.failed) < registryPause {
		return t.cause
	}
	return nil
}

// note remembers that the registry did not answer; a request that was called off
// says nothing about it.
func (t *registryTransport) note(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed, t.cause = time.Now(), err
}

// wantBody is the context's key of a *[]byte that takes the body of the answer.
type wantBody struct{}

// keepBody copies the answer's body for who asked for it.
func keepBody(ctx context.Context, resp *http.Response) error {
	into, ok := ctx.Value(wantBody{}).(*[]byte)
	if !ok {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	*into = body
	return err
}
