package archive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const testTopicID = "00112233445566778899aabbccddeeff"

// rows are events of a partition: offset i happened i*3 minutes into a day, so that
// a batch may span hours, with gaps where a transaction's marker would be.
func rows(first, next int64) []Row {
	var list []Row
	for i := first; i < next; i++ {
		if i%5 == 4 {
			continue
		}
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 3 * time.Minute).UnixMilli()
		list = append(list, Row{
			Type: "browsing.page_viewed", Source: "test", ID: fmt.Sprint(i), Customer: "ada",
			Time: at, ReceivedTime: at, SchemaID: 7, Data: `{"url":"/"}`, Offset: i,
		})
	}
	return list
}

// all reads whatever counts of the two days that the rows of these tests lie in.
func all(ctx context.Context, store Store) ([]Row, error) {
	var list []Row
	r := NewReader(store)
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for f, err := range r.Files(ctx, since, since.Add(48*time.Hour)) {
		if err != nil {
			return nil, err
		}
		got, err := r.Rows(ctx, f)
		if err != nil {
			return nil, err
		}
		list = append(list, got...)
	}
	return list, nil
}

// memory is a store that the many runs of a property can afford.
type memory map[string][]byte

func (m memory) Put(_ context.Context, key string, body []byte) error {
	m[key] = body
	return nil
}

func (m memory) Create(_ context.Context, key string, body []byte) error {
	if _, ok := m[key]; ok {
		return ErrExists
	}
	m[key] = body
	return nil
}

func (m memory) Get(_ context.Context, key string) ([]byte, error) {
	if body, ok := m[key]; ok {
		return body, nil
	}
	return nil, ErrNotFound
}

func (m memory) List(_ context.Context, prefix, after string) ([]string, error) {
	var keys []string
	for key := range m {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (m memory) Delete(_ context.Context, key string) error {
	delete(m, key)
	return nil
}

// failing is a store of which any call may fail, before or after it did its work.
type failing struct {
	Store
	fate func() fate
}

type fate int

const (
	works fate = iota
	failsBefore
	failsAfter
)

var errOutage = errors.New("outage")

func (f failing) call(do func() error) error {
	fate := f.fate()
	if fate == failsBefore {
		return errOutage
	}
	err := do()
	if fate == failsAfter {
		return errOutage
	}
	return err
}

func (f failing) Put(ctx context.Context, key string, body []byte) error {
	return f.call(func() error { return f.Store.Put(ctx, key, body) })
}

func (f failing) Create(ctx context.Context, key string, body []byte) error {
	return f.call(func() error { return f.Store.Create(ctx, key, body) })
}

func (f failing) Delete(ctx context.Context, key string) error {
	return f.call(func() error { return f.Store.Delete(ctx, key) })
}

func (f failing) Get(ctx context.Context, key string) (body []byte, err error) {
	err = f.call(func() (err error) { body, err = f.Store.Get(ctx, key); return err })
	return body, err
}

func (f failing) List(ctx context.Context, prefix, after string) (keys []string, err error) {
	err = f.call(func() (err error) { keys, err = f.Store.List(ctx, prefix, after); return err })
	return keys, err
}

// Exactly once: writers that fail at any call, each believing to own the partition,
// with batches of their own choice, leave every row once, and what dead ones left
// behind is swept.
func TestEachRowIsThereOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		disk := memory{}
		const end = 60
		s := Stream{testTopicID, 3}
		calls := rapid.Custom(func(t *rapid.T) fate { return fate(max(0, rapid.IntRange(-12, 2).Draw(t, "fate"))) })
		store := failing{disk, func() fate { return calls.Draw(t, "call") }}
		now := time.Now()
		position := func(w *Writer) int64 {
			at, err := w.Position(ctx, s)
			if err != nil {
				return -1
			}
			return at
		}
		writers := []*Writer{NewWriter(store, "t"), NewWriter(store, "t")}
		at := []int64{0, 0} // where each believes the next batch begins: one may sleep
		for step := 0; step < 25; step++ {
			i := rapid.IntRange(0, 1).Draw(t, "writer")
			w := writers[i]
			w.now = func() time.Time { return now }
			switch rapid.IntRange(0, 4).Draw(t, "do") {
			case 0: // dies, a new one begins
				writers[i] = NewWriter(store, "t")
				if p := position(writers[i]); p >= 0 {
					at[i] = p
				}
			case 1:
				now = now.Add(abandonedAfter + time.Second)
				_, _ = w.Sweep(ctx, s, at[i])
			default:
				next := min(end, at[i]+int64(rapid.IntRange(1, 20).Draw(t, "rows")))
				if next <= at[i] {
					continue
				}
				c, err := w.Write(ctx, s, at[i], next, rows(at[i], next))
				if err == nil {
					at[i] = c.Next
				}
			}
		}
		// One healthy writer finishes and sweeps.
		w := NewWriter(disk, "t")
		p := position(w)
		if p < end {
			if _, err := w.Write(ctx, s, p, end, rows(p, end)); err != nil {
				t.Fatal(err)
			}
		}
		w.now = func() time.Time { return now.Add(2 * abandonedAfter) }
		if _, err := w.Sweep(ctx, s, end); err != nil {
			t.Fatal(err)
		}
		got, err := all(ctx, disk)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows(0, end), got); diff != "" {
			t.Fatalf("rows (-written +there):\n%s", diff)
		}
		if left := uncounted(t, disk); len(left) > 0 {
			t.Fatalf("files that do not count are left: %v", left)
		}
	})
}

// uncounted lists files that no commit names, which other readers of the folders
// would take for events.
func uncounted(t *rapid.T, store Store) []string {
	ctx := context.Background()
	keys, err := store.List(ctx, "events/", "")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	r := NewReader(store)
	for _, key := range keys {
		s, first, ok := parseFileKey(key)
		if !ok {
			t.Fatalf("%s: no file of ours", key)
		}
		c, err := r.commit(ctx, s.commitKey(first))
		if err != nil {
			t.Fatal(err)
		}
		if _, counts := c.names(key); !counts {
			left = append(left, key)
		}
	}
	return left
}

// The hours of a range and no others are read: the first and the last one whole.
func TestFilesOfARange(t *testing.T) {
	ctx := context.Background()
	store := memory{}
	if _, err := NewWriter(store, "t").Write(ctx, Stream{testTopicID, 3}, 0, 900, rows(0, 900)); err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 3, 1, 22, 30, 0, 0, time.UTC)
	for until, want := range map[time.Duration]string{
		time.Minute:      "[01/22]",
		30 * time.Minute: "[01/22]",
		2 * time.Hour:    "[01/22 01/23 02/00]",
	} {
		var hours []string
		for f, err := range NewReader(store).Files(ctx, since, since.Add(until)) {
			if err != nil {
				t.Fatal(err)
			}
			hours = append(hours, strings.NewReplacer("events/date=2026-03-", "", "hour=", "").Replace(path.Dir(f.Key)))
		}
		if got := fmt.Sprint(hours); got != want {
			t.Errorf("%v: %s, expected %s", until, got, want)
		}
	}
}

// A file that was damaged, cut short or exchanged on the storage is told from the
// one that was committed.
func TestDamageIsSeen(t *testing.T) {
	ctx := context.Background()
	store := directory(t.TempDir())
	s := Stream{testTopicID, 0}
	c, err := NewWriter(store, "t").Write(ctx, s, 0, 20, rows(0, 20))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := store.Get(ctx, c.Files[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	other, err := encode(rows(100, 101))
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"cut": whole[:len(whole)/2], "empty": {}, "exchanged": other} {
		if err := store.Put(ctx, c.Files[0].Key, body); err != nil {
			t.Fatal(err)
		}
		if _, err := all(ctx, store); err == nil || !strings.Contains(err.Error(), "verify "+c.Files[0].Key) {
			t.Errorf("%s: %v, expected it to name the file", name, err)
		}
		if _, err := decode(body); err == nil && name != "exchanged" {
			t.Errorf("%s: it reads as Parquet", name)
		}
	}
}

// An object is created once, whoever comes second.
func TestCreateIsOnce(t *testing.T) {
	ctx := context.Background()
	store := directory(t.TempDir())
	if err := store.Create(ctx, "commits/a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := store.Create(ctx, "commits/a", []byte("2")); !errors.Is(err, ErrExists) {
		t.Errorf("the second is answered with %v", err)
	}
	if body, err := store.Get(ctx, "commits/a"); err != nil || string(body) != "1" {
		t.Errorf("it holds %q, %v", body, err)
	}
	if _, err := store.Get(ctx, "commits/b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is absent is answered with %v", err)
	}
}

// An address that is none says how one is written.
func TestOpenRefuses(t *testing.T) {
	for _, address := range []string{"", "bucket", "s3://", "gs://bucket", "file://host/dir", "file:relative"} {
		if _, err := Open(context.Background(), address); err == nil || !strings.Contains(err.Error(), "s3://bucket/prefix") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
