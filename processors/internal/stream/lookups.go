package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
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
	schemas   map[int]*event.Schema
	subjects  map[int][]string
	known     int // an id that the registry must know; 0 for none

	missed []question  // of the record being handled: not answered, or denied
	listed []int       // of the record being handled: ids whose subjects were asked for
	slow   atomic.Bool // the registry did not answer in time of late
}

// question is what the registry was asked: for a schema, or for its subjects.
type question struct {
	id       int
	subjects bool
}

const (
	// lookupTimeout bounds one question to the registry.
	lookupTimeout = 3 * time.Second
	// lookupWait is how long all partitions of the task wait for an answer that one
	// of them needs, and lookupGlance the same while the registry is slow. After
	// that only the partition that asked is held.
	lookupWait   = 150 * time.Millisecond
	lookupGlance = 5 * time.Millisecond
)

func newLookups(ctx context.Context, url string, catalogue *event.Catalogue) (*liveLookups, error) {
	registry, err := event.NewRegistry(url)
	if err != nil {
		return nil, err
	}
	client, err := sr.NewClient(sr.URLs(url), sr.UserAgent("headwater"))
	if err != nil {
		return nil, fmt.Errorf("make registry client for %s: %w", url, err)
	}
	return &liveLookups{
		ctx: ctx, registry: registry, client: client, url: url, catalogue: catalogue,
		schemas: make(map[int]*event.Schema), subjects: make(map[int][]string),
	}, nil
}

// begin makes the next record the one whose questions are kept.
func (l *liveLookups) begin() {
	l.missed, l.listed = l.missed[:0], l.listed[:0]
}

// Schema asks the registry once per id, and waits only shortly: who asks again
// later gets the answer that has come since.
func (l *liveLookups) Schema(id int) (*event.Schema, error) {
	if s := l.schemas[id]; s != nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.wait())
	defer cancel()
	s, err := l.registry.Schema(ctx, id)
	if err == nil {
		l.schemas[id] = s
	}
	l.note(question{id: id}, err)
	return s, err
}

// Subjects asks the registry once per id, and again for those that
// [liveLookups.doubt] forgot.
func (l *liveLookups) Subjects(id int) ([]string, error) {
	l.listed = append(l.listed, id)
	if list, ok := l.subjects[id]; ok {
		return list, nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.wait())
	defer cancel()
	list, err := l.askSubjects(ctx, id)
	if err == nil {
		l.subjects[id] = list
	}
	l.note(question{id: id, subjects: true}, err)
	return list, err
}

func (l *liveLookups) askSubjects(ctx context.Context, id int) ([]string, error) {
	list, err := l.client.SubjectsByID(ctx, id)
	if err != nil {
		var answer *sr.ResponseError
		if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
			return nil, &event.UnknownSchemaError{ID: id, URL: l.url}
		}
		return nil, &event.RegistryError{URL: l.url, Err: err}
	}
	slices.Sort(list)
	return list, nil
}

func (l *liveLookups) wait() time.Duration {
	if l.slow.Load() {
		return lookupGlance
	}
	return lookupWait
}

// note keeps a question that was not answered.
func (l *liveLookups) note(q question, err error) {
	var unreachable *event.RegistryError
	var unknown *event.UnknownSchemaError
	if errors.As(err, &unreachable) {
		l.slow.Store(true)
	} else if !errors.As(err, &unknown) {
		return
	}
	l.missed = append(l.missed, q)
}

// doubt makes the next record ask again for the subjects that this one asked
// for: its schema may become a version of another subject.
func (l *liveLookups) doubt() {
	for _, id := range l.listed {
		delete(l.subjects, id)
	}
}

// Answers of the registry to a question.
const (
	unasked     = iota // not yet
	unreachable        // it does not answer, or not even to what it must know
	denied
	found
)

// inquire asks one question with time to wait. A denial counts only from a
// registry that still knows what it must know: one that lost its schemas, or an
// address that is another's, denies everything.
func (l *liveLookups) inquire(ctx context.Context, q question) int {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var err error
	if q.subjects {
		_, err = l.askSubjects(ctx, q.id)
	} else {
		_, err = l.registry.Schema(ctx, q.id)
	}
	var down *event.RegistryError
	var unknown *event.UnknownSchemaError
	switch {
	case errors.As(err, &down):
		return unreachable
	case errors.As(err, &unknown) && l.known != 0:
		if _, err := l.client.SchemaByID(ctx, l.known); err != nil {
			return unreachable
		}
		return denied
	case errors.As(err, &unknown):
		return denied
	}
	l.slow.Store(false)
	return found
}

// follow asks again until ctx ends or the answer is found.
func (l *liveLookups) follow(ctx context.Context, q question) *atomic.Int32 {
	state := new(atomic.Int32)
	go func() {
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
			answer := l.inquire(ctx, q)
			if ctx.Err() != nil {
				return
			}
			state.Store(int32(answer)) //nolint:gosec // one of four
			if answer == denied {
				l.slow.Store(false)
			}
			if answer == found || pause(ctx, wait) != nil {
				return
			}
		}
	}()
	return state
}

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
		l.known = id
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
