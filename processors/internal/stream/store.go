package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	storeFormat = 2 // of the directory: spaces, local meta, index of what is due

	memTableBytes = 4 << 20 // small: a task holds one store per partition
	cacheBytes    = 64 << 20

	// indexBlockBytes keeps a table's index in one block: two levels of it would
	// cost each look-up another block.
	indexBlockBytes = 256 << 10

	// maxStoreAge bounds how long a directory may lie idle and still be caught up
	// from the changelog. It must stay below the topic's delete.retention.ms
	// (24 h by default): a tombstone that is gone cannot be replayed.
	maxStoreAge = 12 * time.Hour
)

// store is the state of one partition on disk: everything up to one committed
// position of the changelog, and that position with it.
type store struct {
	db    *pebble.DB
	fs    vfs.FS
	snap  *pebble.Snapshot // what a query reads instead of db; else nil
	dir   string
	local localMeta
	known known
	freed func() // told of the close; may be nil

	corrupt atomic.Bool // close drops the directory, since it cannot be read
}

// blockCache is shared by all stores of the process: partitions differ in what
// they need.
var blockCache = sync.OnceValue(func() *pebble.Cache { return pebble.NewCache(cacheBytes) })

// localMeta says what a directory holds. It is written in the batch that it
// speaks of.
type localMeta struct {
	topicID    [16]byte  // of the changelog; one made anew is another changelog
	next       int64     // first offset of the changelog that is not in here
	appliedAt  time.Time // wall clock of the last batch
	dueEntries uint64    // greatest number of an entry in the index of what is due
}

const localMetaBytes = 1 + 16 + 8 + 8 + 8

func (m localMeta) encode() []byte {
	b := make([]byte, 0, localMetaBytes)
	b = append(b, storeFormat)
	b = append(b, m.topicID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.next))                  //nolint:gosec // offsets are not negative
	b = binary.BigEndian.AppendUint64(b, uint64(m.appliedAt.UnixMilli())) //nolint:gosec // after 1970
	return binary.BigEndian.AppendUint64(b, m.dueEntries)
}

func parseLocalMeta(b []byte) (localMeta, bool) {
	if len(b) != localMetaBytes || b[0] != storeFormat {
		return localMeta{}, false
	}
	var m localMeta
	copy(m.topicID[:], b[1:17])
	m.next = int64(binary.BigEndian.Uint64(b[17:25]))                      //nolint:gosec // was an offset
	m.appliedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(b[25:33]))) //nolint:gosec // was a time
	m.dueEntries = binary.BigEndian.Uint64(b[33:41])
	return m, true
}

// openStore opens or makes the directory. A directory that Pebble finds corrupt
// or that another format wrote is an error with [errUnusable] in its chain.
func openStore(fs vfs.FS, dir string) (*store, error) {
	s := &store{fs: fs, dir: dir}
	opts := &pebble.Options{
		// Its default ends the process.
		EventListener: &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) { s.corrupt.Store(true) }},

		FS:                 fs,
		FormatMajorVersion: pebble.FormatValueSeparation,
		MemTableSize:       memTableBytes,
		Cache:              blockCache(),
		Logger:             quiet{},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.Levels[i].IndexBlockSize = indexBlockBytes
		// Hashes do not shrink, and a block that is read costs more to inflate than
		// to fetch; Kafka Streams sets the same for RocksDB.
		opts.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		if pebble.IsCorruptionError(err) {
			err = errors.Join(errUnusable, err)
		}
		return nil, fmt.Errorf("open state %s: %w", dir, err)
	}
	s.db = db
	value, err := s.get(localMetaKey)
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("open state %s: %w", dir, err), db.Close())
	case value != nil:
		var ok bool
		if s.local, ok = parseLocalMeta(value); !ok {
			return nil, errors.Join(fmt.Errorf("open state %s: its format is not %d: %w", dir, storeFormat, errUnusable), db.Close())
		}
	}
	return s, nil
}

// errUnusable marks a directory that must be dropped and restored.
var errUnusable = errors.New("the directory cannot be used")

func (s *store) close() error {
	if s == nil || s.db == nil {
		return nil
	}
	if s.freed != nil {
		defer s.freed()
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state %s: %w", s.dir, err)
	}
	if s.corrupt.Load() {
		if err := s.fs.RemoveAll(s.dir); err != nil {
			return fmt.Errorf("drop damaged state: %w", err)
		}
	}
	return nil
}

// get returns a copy of the value, nil when the key is absent.
func (s *store) get(key []byte) ([]byte, error) {
	get := s.db.Get
	if s.snap != nil {
		get = s.snap.Get
	} else if s.known.lacks(key) {
		return nil, nil
	}
	value, closer, err := get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state %s: %w", s.dir, s.noticeCorruption(err))
	}
	own := make([]byte, len(value))
	copy(own, value)
	return own, closer.Close()
}

// commit applies a batch together with the changelog position that it reaches.
// The write is not synced: what a power loss takes, the changelog gives back.
func (s *store) commit(b *pebble.Batch, meta localMeta) error {
	if err := b.Set(localMetaKey, meta.encode(), nil); err != nil {
		return fmt.Errorf("write state %s: %w", s.dir, err)
	}
	if err := s.known.note(b); err != nil {
		return fmt.Errorf("write state %s: %w", s.dir, err)
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("write state %s: %w", s.dir, err)
	}
	s.local = meta
	if err := s.known.step(s.db); err != nil {
		return fmt.Errorf("read state %s: %w", s.dir, s.noticeCorruption(err))
	}
	return nil
}

// fits says why the directory cannot be caught up from the changelog topicID
// that reaches from start to end, nil when it can.
func (s *store) fits(topicID [16]byte, start, end int64, now time.Time) error {
	switch m := s.local; {
	case m == localMeta{}:
		return nil // new
	case m.topicID != topicID:
		return fmt.Errorf("it belongs to a state topic that was deleted: %w", errUnusable)
	case m.next < start:
		return fmt.Errorf("the changelog begins at %d, it ends at %d: %w", start, m.next, errUnusable)
	case m.next > end:
		return fmt.Errorf("the changelog ends at %d, it is at %d: %w", end, m.next, errUnusable)
	case m.next < end && now.Sub(m.appliedAt) > maxStoreAge:
		return fmt.Errorf("it was last used %s: %w", m.appliedAt.UTC().Format(time.RFC3339), errUnusable)
	default:
		return nil
	}
}

// quiet keeps Pebble's chatter out of the log; its errors come back from calls.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("pebble: "+format, args...)) // Pebble's contract: Fatalf does not return
}
