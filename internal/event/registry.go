package event

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"
)

// unknownFor is how long an id stays unknown before the registry is asked
// again, so that a topic full of poison does not become a flood of requests.
const unknownFor = time.Second

// Registry reads compiled schemas by id from a registry that speaks Confluent's
// API. An id never changes its meaning, so what was read once is kept for ever.
// It is safe for concurrent use.
type Registry struct {
	url     string
	client  *sr.Client
	flights singleflight.Group

	mu      sync.RWMutex
	schemas map[int]*Schema
	unknown map[int]time.Time // when the registry last denied the id
}

// UnknownSchemaError says that the registry answered and has no schema of that
// id: asking again will not help.
type UnknownSchemaError struct {
	ID  int
	URL string // of the registry
}

// Error names the id and the registry.
func (e *UnknownSchemaError) Error() string {
	return fmt.Sprintf("read schema %d: registry %s does not know it", e.ID, e.URL)
}

// RegistryError says that the registry could not be asked, or could not answer:
// asking again may help.
type RegistryError struct {
	URL string // of the registry
	Err error
}

// Error names the registry and the cause.
func (e *RegistryError) Error() string {
	return fmt.Sprintf("ask registry %s: %v", e.URL, e.Err)
}

// Unwrap is the cause.
func (e *RegistryError) Unwrap() error { return e.Err }

// NewRegistry makes a client of the registry at url. It does not dial.
func NewRegistry(url string, opts ...sr.ClientOpt) (*Registry, error) {
	if strings.TrimSpace(url) == "" {
		return nil, errors.New("make registry client: the address is empty: set HEADWATER_SCHEMA_REGISTRY_URL")
	}
	client, err := sr.NewClient(append([]sr.ClientOpt{sr.URLs(url), sr.UserAgent("headwater")}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("make registry client for %s: %w", url, err)
	}
	return &Registry{
		url:     url,
		client:  client,
		schemas: make(map[int]*Schema),
		unknown: make(map[int]time.Time),
	}, nil
}

// Schema returns the schema of id. The error is an [*UnknownSchemaError], a
// [*RegistryError] or, for a schema that is no Avro, neither. Concurrent calls
// for one id make one request; ctx ends the wait, not the request.
func (r *Registry) Schema(ctx context.Context, id int) (*Schema, error) {
	if s, err, ok := r.cached(id); ok {
		return s, err
	}
	asked := r.flights.DoChan(strconv.Itoa(id), func() (any, error) {
		return r.fetch(context.WithoutCancel(ctx), id)
	})
	select {
	case <-ctx.Done():
		return nil, &RegistryError{r.url, context.Cause(ctx)}
	case answer := <-asked:
		if answer.Err != nil {
			return nil, answer.Err
		}
		s, _ := answer.Val.(*Schema)
		return s, nil
	}
}

// cached is false when the registry has to be asked. A recent denial is an answer
// too.
func (r *Registry) cached(id int) (*Schema, error, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if s := r.schemas[id]; s != nil {
		return s, nil, true
	}
	if denied, ok := r.unknown[id]; ok && time.Since(denied) < unknownFor {
		return nil, &UnknownSchemaError{id, r.url}, true
	}
	return nil, nil, false
}

func (r *Registry) fetch(ctx context.Context, id int) (*Schema, error) {
	found, err := r.client.SchemaByID(ctx, id)
	if err != nil {
		return nil, r.explain(id, err)
	}
	if found.Type != sr.TypeAvro {
		return nil, fmt.Errorf("read schema %d: registry %s holds it as %s, expected AVRO", id, r.url, found.Type)
	}
	s, err := CompileSchema(id, found.Schema)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unknown, id)
	r.schemas[id] = s
	return s, nil
}

// maxUnknown bounds the memory that made-up ids can take.
const maxUnknown = 10_000

func (r *Registry) explain(id int, err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound {
		return &RegistryError{r.url, err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unknown) >= maxUnknown {
		clear(r.unknown)
	}
	r.unknown[id] = time.Now()
	return &UnknownSchemaError{id, r.url}
}
