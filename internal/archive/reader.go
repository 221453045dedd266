package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
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

// Files are the files that count, by the commits of their batches, of the hours that
// reach into since to before until, in the order of the hours. A file that no commit
// names was never part of the archive. A sequence ends with its first error.
func (r *Reader) Files(ctx context.Context, since, until time.Time) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		first := hourFolder(since.Truncate(time.Hour))
		for day := since.UTC().Truncate(24 * time.Hour); day.Before(until); day = day.Add(24 * time.Hour) {
			keys, err := r.store.List(ctx, dayFolder(day), "")
			if err != nil {
				yield(File{}, err)
				return
			}
			for _, key := range keys {
				if folder := path.Dir(key) + "/"; folder < first || folder >= hourFolder(until.Add(time.Hour-1).Truncate(time.Hour)) {
					continue
				}
				f, counts, err := r.file(ctx, key)
				if (err != nil || counts) && !yield(f, err) || err != nil {
					return
				}
			}
		}
	}
}

func (r *Reader) file(ctx context.Context, key string) (f File, counts bool, err error) {
	s, first, ok := parseFileKey(key)
	if !ok {
		return f, false, fmt.Errorf("read archive: %s is not a file of an archive", key)
	}
	c, err := r.commit(ctx, s.commitKey(first))
	if err != nil {
		return f, false, err
	}
	f, counts = c.names(key)
	return f, counts, nil
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
