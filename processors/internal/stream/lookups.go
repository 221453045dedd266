package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/event"
)

// liveLookups answers from the registry and from the followed catalogue. It is
// used by the task's goroutine only.
type liveLookups struct {
	ctx       context.Context //nolint:containedctx // rules look up without one
	registry  *event.Registry
	client    *sr.Client
	url       string
	catalogue *event.Catalogue // nil unless the Spec follows it
	subjects  map[int][]string
}

// lookupTimeout bounds one question to the registry. The transaction that waits
// for it must not time out.
const lookupTimeout = 3 * time.Second

func newLookups(ctx context.Context, url string, catalogue *event.Catalogue) (*liveLookups, error) {
	registry, err := event.NewRegistry(url)
	if err != nil {
		return nil, err
	}
	client, err := sr.NewClient(sr.URLs(url), sr.UserAgent("headwater"))
	if err != nil {
		return nil, fmt.Errorf("make registry client for %s: %w", url, err)
	}
	return &liveLookups{ctx: ctx, registry: registry, client: client, url: url, catalogue: catalogue, subjects: make(map[int][]string)}, nil
}

// Schema asks the registry once per id.
func (l *liveLookups) Schema(id int) (*event.Schema, error) {
	ctx, cancel := context.WithTimeout(l.ctx, lookupTimeout)
	defer cancel()
	return l.registry.Schema(ctx, id)
}

// Subjects asks the registry once per id, and again for an id that had none of
// the subjects it was asked for, by [liveLookups.forget].
func (l *liveLookups) Subjects(id int) ([]string, error) {
	if list, ok := l.subjects[id]; ok {
		return list, nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, lookupTimeout)
	defer cancel()
	list, err := l.client.SubjectsByID(ctx, id)
	if err != nil {
		var answer *sr.ResponseError
		if errors.As(err, &answer) && answer.StatusCode == 404 {
			return nil, &event.UnknownSchemaError{ID: id, URL: l.url}
		}
		return nil, &event.RegistryError{URL: l.url, Err: err}
	}
	slices.Sort(list)
	l.subjects[id] = list
	return list, nil
}

// forget makes the next [liveLookups.Subjects] ask again: a schema may have
// become a version of another subject since.
func (l *liveLookups) forget() { clear(l.subjects) }

// Catalogue is the catalogue as it is now.
func (l *liveLookups) Catalogue() event.View {
	if l.catalogue == nil {
		return event.View{}
	}
	return l.catalogue.View()
}

// outputIDs asks the registry under which id it knows each output's schema. It
// waits for a registry that is starting; a schema it does not know is an error.
func (l *liveLookups) outputIDs(ctx context.Context, spec Spec) (map[string]int, error) {
	ids := make(map[string]int)
	for _, w := range spec.Writes {
		id, err := l.outputID(ctx, w)
		if err != nil {
			return nil, err
		}
		ids[w.Topic] = id
	}
	return ids, nil
}

func (l *liveLookups) outputID(ctx context.Context, w Sink) (int, error) {
	subject := w.Topic + "-value"
	for {
		asked, cancel := context.WithTimeout(ctx, lookupTimeout)
		found, err := l.client.LookupSchema(asked, subject, sr.Schema{Schema: w.Schema})
		cancel()
		if err == nil {
			return found.ID, nil
		}
		var answer *sr.ResponseError
		if errors.As(err, &answer) && answer.StatusCode < 500 {
			return 0, fmt.Errorf("find schema of %s: registry %s has no version of %s that this build can write: run terraform apply: %w", w.Topic, l.url, subject, err)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("find schema of %s: %w", w.Topic, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// patience says how long an unknown type or schema may still turn up before its
// records are dead letters: the registry and the catalogue reach this task by
// another way than the record did.
type patience struct {
	limit time.Duration
	since map[string]time.Time // by verdict, when it was first given
}

// maxPatience bounds the memory that made-up types and ids can take.
const maxPatience = 10_000

// wait says whether the record should be tried again.
func (p *patience) wait(v Verdict, now time.Time) bool {
	if v.class != UnknownSchema && v.class != UnknownType && v.class != WrongSubject {
		return false
	}
	key := string(v.class) + "\x00" + v.reason
	first, known := p.since[key]
	if !known {
		if len(p.since) >= maxPatience {
			clear(p.since)
		}
		p.since[key] = now
		first = now
	}
	return now.Sub(first) < p.limit
}
