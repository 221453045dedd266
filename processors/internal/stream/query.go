package stream

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"headwater.internal/platform/internal/topology"
)

// Reader is a rule that shows what its state holds of a key, for `headwater
// state`. Other rules' entries are listed in hexadecimal.
type Reader interface {
	// Read renders what one partition's committed state holds of key as a value
	// for [encoding/json]; nil for nothing. An error says what is wrong with the
	// key. It runs beside the other methods, so it looks at nothing but its
	// arguments and the rule's settings. What it changes of tx is forgotten, and
	// tx has no clock.
	Read(tx *Tx, key string) (any, error)
	// Spread says that keys are not those of the inputs' records, so that any
	// partition may hold some of one.
	Spread() bool
}

// readables are the stores that queries may read: those of partitions that the
// task has, while no migration rewrites them. The loop adds and removes them.
type readables struct {
	leaving atomic.Int32 // waits for queries to end: they hurry

	mu     sync.RWMutex
	stores map[int32]*store
}

func (r *readables) add(number int32, s *store) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stores == nil {
		r.stores = make(map[int32]*store)
	}
	r.stores[number] = s
}

// remove returns once nobody reads the store, which may be closed then.
func (r *readables) remove(number int32) {
	r.leaving.Add(1)
	defer r.leaving.Add(-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stores, number)
}

func (r *readables) numbers() []int32 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.stores))
}

// errMoving says that a partition's state cannot be read here, for now.
var errMoving = errors.New("it is on another task, moving, being restored or being migrated")

// errInterrupted ends a query that a rebalance waits for.
var errInterrupted = errors.New("the task was given other partitions meanwhile: ask again")

// read hands f the committed state of one moment as a transaction that is never
// committed.
func (r *readables) read(number int32, spec Spec, rule Rule, f func(tx *Tx) error) (err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.stores[number]
	if s == nil {
		return fmt.Errorf("partition %d: %w", number, errMoving)
	}
	snap := s.db.NewSnapshot()
	defer func() { err = errors.Join(err, snap.Close()) }()
	p := newPartition(number, spec, rule, nil, &store{dir: s.dir, snap: snap})
	meta, err := p.store.get([]byte(runtimeKey(keyMeta, "")))
	if err == nil && meta != nil {
		if err = json.Unmarshal(meta, &p.meta); err == nil {
			copy(p.meta.secret[:], p.meta.Key)
		}
	}
	if err != nil {
		return fmt.Errorf("read what the state was made with: %w", err)
	}
	tx := newTx(p)
	tx.hurry = func() bool { return r.leaving.Load() > 0 }
	defer func() { err = errors.Join(err, tx.close()) }()
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the rule panicked: %v", cause)
		}
	}()
	return errors.Join(f(tx), tx.err)
}

// query reads what one partition holds of the key.
func (r *readables) query(ctx context.Context, number int32, spec Spec, rule Rule, key string) (held any, err error) {
	err = r.read(number, spec, rule, func(tx *Tx) error {
		reader, ok := rule.(Reader)
		if !ok {
			held = list(ctx, tx, key)
			return nil
		}
		held, err = reader.Read(tx, key)
		return err
	})
	return held, err
}

// snapshot is the iterator of a query: over the state of one moment.
func (tx *Tx) snapshot() *pebble.Iterator {
	if tx.it == nil {
		var err error
		tx.it, err = tx.p.store.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceRule}, UpperBound: []byte{spaceRule + 1}})
		tx.fail(err)
	}
	return tx.it
}

// entries are what a rule without a [Reader] shows.
type entries struct {
	Entries []entry `json:"entries"`
	// Truncated says that there may be more.
	Truncated bool `json:"truncated,omitempty"`
}

type entry struct {
	Key   string `json:"key"`   // hexadecimal
	Text  string `json:"text"`  // the same, quoted
	Value string `json:"value"` // hexadecimal
}

const (
	queryTime    = 4 * time.Second // of one query; its client waits a second longer
	queryEntries = 1_000           // most that are listed
	queryLook    = 4_096           // entries between two looks at the clock
)

// list shows the entries whose key contains the text. Nothing is known of where
// the rule puts it, so all entries are passed.
func list(ctx context.Context, tx *Tx, text string) any {
	var found entries
	seen := 0
	for k, value := range tx.Scan(nil, bytes.Repeat([]byte{0xff}, 16)) {
		if seen++; len(found.Entries) == queryEntries || seen%queryLook == 0 && ctx.Err() != nil {
			found.Truncated = true
			break
		}
		if bytes.Contains(k, []byte(text)) {
			found.Entries = append(found.Entries, entry{hex.EncodeToString(k), strconv.Quote(string(k)), hex.EncodeToString(value)})
		}
	}
	if len(found.Entries) == 0 && !found.Truncated {
		return nil
	}
	return found
}

// answerState answers GET /state?key=K[&partition=N]: what the named partition,
// or each that the task has, holds of the key.
func (s *server) answerState(w http.ResponseWriter, req *http.Request) {
	refuse := func(code int, err error) { answer(w, code, map[string]string{"error": err.Error()}) }
	t := s.task.Load()
	if t == nil {
		refuse(http.StatusServiceUnavailable, errors.New("the task is starting"))
		return
	}
	query := req.URL.Query()
	key, numbers := query.Get("key"), t.readables.numbers()
	if key == "" {
		refuse(http.StatusBadRequest, errors.New("the parameter key is empty"))
		return
	}
	if text := query.Get("partition"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			refuse(http.StatusBadRequest, fmt.Errorf("partition %q is no number", text))
			return
		}
		numbers = []int32{int32(n)}
	}
	ctx, cancel := context.WithTimeout(req.Context(), queryTime)
	defer cancel()
	found := topology.Held{Asked: numbers, Partitions: map[int32]any{}}
	for _, number := range numbers {
		held, err := t.readables.query(ctx, number, t.spec, t.rule, key)
		switch {
		case errors.Is(err, errMoving), errors.Is(err, errInterrupted):
			refuse(http.StatusMisdirectedRequest, err)
			return
		case err != nil:
			refuse(http.StatusUnprocessableEntity, err)
			return
		case held != nil:
			found.Partitions[number] = held
		}
	}
	answer(w, http.StatusOK, found)
}

// Read is what the driver's committed state holds of key, as `headwater state`
// shows it.
func (d *Driver) Read(key string) (any, error) {
	var r readables
	r.add(d.p.number, d.p.store)
	return r.query(context.Background(), d.p.number, d.p.spec, d.p.rule, key)
}
