package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Writer writes batches. One is enough for a process; it keeps no state but its
// name, so any number may work on the same archive.
type Writer struct {
	store Store
	topic string
	name  string // of this writer, in its intents
	now   func() time.Time
}

// NewWriter makes a writer of a topic's events.
func NewWriter(store Store, topic string) *Writer {
	return &Writer{store: store, topic: topic, name: uuid.NewString()[:8], now: time.Now}
}

// abandonedAfter is how old the intent of another writer must be before its files
// are removed where they do not count: one that lives may still be writing them.
const abandonedAfter = 10 * time.Minute

// intent names the files that a writer is about to write.
type intent struct {
	Writer  string    `json:"writer"`
	Written time.Time `json:"written"`
	Files   []string  `json:"files"`
}

// Position returns the offset at which the next batch begins: where the commits
// end, 0 before the first one. The head spares listing the commits before it.
func (w *Writer) Position(ctx context.Context, s Stream) (int64, error) {
	head, err := readCommit(ctx, w.store, s.headKey())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	after := ""
	if err == nil {
		after = s.commitKey(head.First)
	}
	keys, err := w.store.List(ctx, "commits/"+s.folder(), after)
	if err != nil || len(keys) == 0 {
		return head.Next, err
	}
	c, err := readCommit(ctx, w.store, keys[len(keys)-1])
	return c.Next, err
}

// Write commits the batch that begins at first and ends before next; rows are its
// events, in the order of their offsets, and may be none. It returns the commit
// that counts: where another writer was faster that is the other's, and rows
// behind its Next are still to be written.
func (w *Writer) Write(ctx context.Context, s Stream, first, next int64, rows []Row) (Commit, error) {
	c := Commit{Topic: w.topic, TopicID: s.TopicID, Partition: s.Partition, First: first, Next: next, Rows: len(rows)}
	files, err := w.files(s, first, next, rows)
	if err != nil {
		return c, err
	}
	keys := slices.Sorted(maps.Keys(files))
	intentKey := s.intentKey(first, next, w.name)
	if err := w.putJSON(ctx, intentKey, intent{w.name, w.now().UTC(), keys}); err != nil {
		return c, err
	}
	for _, key := range keys {
		file, err := w.put(ctx, key, files[key])
		if err != nil {
			return c, err
		}
		c.Files = append(c.Files, file)
	}
	c.Written = w.now().UTC()
	text, err := json.Marshal(c)
	if err != nil {
		return c, fmt.Errorf("write commit: %w", err)
	}
	err = w.store.Create(ctx, s.commitKey(first), text)
	if errors.Is(err, ErrExists) {
		if c, err = readCommit(ctx, w.store, s.commitKey(first)); err != nil {
			return c, err
		}
		for _, key := range keys {
			if _, counts := c.names(key); !counts {
				err = errors.Join(err, w.store.Delete(ctx, key))
			}
		}
	}
	if err != nil {
		return c, err
	}
	return c, errors.Join(w.putJSON(ctx, s.headKey(), c), w.store.Delete(ctx, intentKey))
}

// hourRows are the rows of one file.
type hourRows []Row

func (w *Writer) files(s Stream, first, next int64, rows []Row) (map[string]hourRows, error) {
	files := make(map[string]hourRows)
	for i, r := range rows {
		if r.Offset < first || r.Offset >= next || i > 0 && r.Offset <= rows[i-1].Offset {
			return nil, fmt.Errorf("write batch %d to %d of %s: offset %d does not belong behind %d rows of it", first, next, s.folder(), r.Offset, i)
		}
		key := s.fileKey(r.At().Truncate(time.Hour), first, next-1)
		files[key] = append(files[key], r)
	}
	return files, nil
}

// put writes one file and reads it back: what counts is what is there.
func (w *Writer) put(ctx context.Context, key string, rows hourRows) (File, error) {
	body, err := encode(rows)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", key, err)
	}
	if err := w.store.Put(ctx, key, body); err != nil {
		return File{}, err
	}
	f := File{Key: key, Rows: len(rows), Bytes: len(body), SHA256: digest(body)}
	_, err = f.read(ctx, w.store)
	return f, err
}

// read opens the file and compares it with what the commit says.
func (f File) read(ctx context.Context, store Store) ([]Row, error) {
	body, err := store.Get(ctx, f.Key)
	if err != nil {
		return nil, err
	}
	if got := digest(body); got != f.SHA256 {
		return nil, fmt.Errorf("verify %s: %d bytes with SHA-256 %s, expected %d with %s", f.Key, len(body), got, f.Bytes, f.SHA256)
	}
	rows, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", f.Key, err)
	}
	if len(rows) != f.Rows {
		return nil, fmt.Errorf("verify %s: %d rows, expected %d", f.Key, len(rows), f.Rows)
	}
	return rows, nil
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Sweep removes the files that dead writers left behind in a partition whose
// commits end at position, and returns how many. A batch that is not committed is
// somebody's to write anew; a file of one that is counts only if the commit names it.
func (w *Writer) Sweep(ctx context.Context, s Stream, position int64) (int, error) {
	keys, err := w.store.List(ctx, "intents/"+s.folder(), "")
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, key := range keys {
		n, err := w.sweep(ctx, s, key, position)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (w *Writer) sweep(ctx context.Context, s Stream, key string, position int64) (removed int, err error) {
	var left intent
	text, err := w.store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return 0, nil // its writer was faster
	}
	if err != nil {
		return 0, err
	}
	name := key[strings.LastIndex(key, "/")+1:]
	number, _, _ := strings.Cut(name, "-")
	first, numberErr := strconv.ParseInt(number, 10, 64)
	if err := json.Unmarshal(text, &left); err != nil || numberErr != nil {
		return 0, fmt.Errorf("read %s: it is no intent: %w", key, errors.Join(err, numberErr))
	}
	if first >= position || left.Writer != w.name && w.now().Sub(left.Written) < abandonedAfter {
		return 0, nil
	}
	c, err := readCommit(ctx, w.store, s.commitKey(first))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	for _, file := range left.Files {
		if _, counts := c.names(file); counts {
			continue
		}
		if err := w.store.Delete(ctx, file); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, w.store.Delete(ctx, key)
}

func (w *Writer) putJSON(ctx context.Context, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return w.store.Put(ctx, key, text)
}
