package archive

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reader reads the events of a time range back.
type Reader struct {
	store   Store
	commits map[string]Commit // by key
}

// NewReader makes a reader.
func NewReader(store Store) *Reader {
	return &Reader{store: store, commits: make(map[string]Commit)}
}

// Hours returns the hours from since until before until.
func Hours(since, until time.Time) []time.Time {
	var hours []time.Time
	for h := since.UTC().Truncate(time.Hour); h.Before(until); h = h.Add(time.Hour) {
		hours = append(hours, h)
	}
	return hours
}

// Hour returns the files of one hour that count, by the commits of their batches.
// A file that no commit names was never part of the archive.
func (r *Reader) Hour(ctx context.Context, hour time.Time) ([]File, error) {
	keys, err := r.store.List(ctx, hourFolder(hour), "")
	if err != nil {
		return nil, err
	}
	var files []File
	for _, key := range keys {
		s, first, ok := parseFileKey(key)
		if !ok {
			return nil, fmt.Errorf("read archive: %s is not a file of an archive", key)
		}
		c, err := r.commit(ctx, s.commitKey(first))
		if err != nil {
			return nil, err
		}
		if f, counts := c.names(key); counts {
			files = append(files, f)
		}
	}
	return files, nil
}

// commit is the zero Commit, which names no file, where there is none.
func (r *Reader) commit(ctx context.Context, key string) (Commit, error) {
	if c, ok := r.commits[key]; ok {
		return c, nil
	}
	c, err := readCommit(ctx, r.store, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return c, err
	}
	r.commits[key] = c
	return c, nil
}

// Rows reads a file. One that is not as its commit describes it is an error.
func (r *Reader) Rows(ctx context.Context, f File) ([]Row, error) {
	return f.read(ctx, r.store)
}
