package stream

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// State of an older version is rewritten before the partition takes a record, in
// transactions like all others: what they change goes through the changelog, and
// a task that dies in the middle leaves its successor to go on. A new key may lie
// anywhere, also where an old one still is, so the new entries are put beside the
// old ones first:
//
//	copy    each old entry is read once and what becomes of it is put in spaceNext
//	clear   the old entries are deleted
//	move    the new entries are moved to where the rule reads them
//
// Until clear begins nothing of the old state is touched.

// Migrator is a rule that takes over state which an older version of it wrote.
// [State].Version counts the versions; state of a version that is one or more
// behind goes through Migrate once for each.
type Migrator interface {
	// Migrate turns an entry of version from into entries of version from+1 and
	// puts them; putting none drops it. It is called for each entry once, in the
	// order of keys, and may look at nothing but its arguments. Two entries must
	// not become one. An error stops the processor; the old state stays as it is.
	Migrate(from int, key, value []byte, put func(key, value []byte)) error
}

// migration is how far a partition's state has come on its way.
type migration struct {
	To     int            `json:"to"`
	Phase  migrationPhase `json:"phase"`
	Cursor []byte         `json:"cursor,omitempty"` // of copy: the last key that is done
}

type migrationPhase string

const (
	phaseCopy  migrationPhase = "copy"
	phaseClear migrationPhase = "clear"
	phaseMove  migrationPhase = "move"
)

// Bounds of one transaction's part of a migration.
const (
	migrateEntries = 2_000
	migrateBytes   = 4 << 20
)

// admitVersion says whether state of that meta can be read or migrated.
func (m *stateMeta) admitVersion(spec Spec, migrates bool) error {
	switch want := spec.State.Version; {
	case m.Version == want && m.Migrating == nil:
		return nil
	case m.Version > want:
		return fatalf("start %s: its state has version %d, written by a newer build, and this one reads %d: there is no way back but to run the newer build, or to reset the state",
			spec.Name, m.Version, want)
	case m.Migrating != nil && m.Migrating.To != want:
		return fatalf("start %s: its state is on its way from version %d to %d, and this build reads %d: run the build that reads %d until it is done, or reset the state",
			spec.Name, m.Version, m.Migrating.To, want, m.Migrating.To)
	case !migrates:
		return fatalf("start %s: its state has version %d, this build reads %d and its rule has no Migrate: run the build that wrote it, or reset the state",
			spec.Name, m.Version, want)
	default:
		return nil
	}
}

// migrating says whether the state must be migrated before records are taken.
func (p *partition) migrating() bool { return p.meta.Version != p.spec.State.Version }

// migrate does one transaction's part of the migration, where this transaction
// has done none yet. The caller commits.
func (p *partition) migrate() error {
	if p.tx != nil && p.tx.migrates {
		return nil
	}
	tx := p.open()
	tx.begin(nil)
	tx.migrates = true
	p.metaBefore = new(p.meta)
	if p.meta.Migrating == nil {
		p.meta.Migrating = &migration{To: p.spec.State.Version, Phase: phaseCopy}
	}
	next := *p.meta.Migrating // the one that metaBefore points to stays
	p.meta.Migrating, p.meta.dirty = &next, true
	done, err := p.migrateSome(tx, &next)
	switch {
	case err != nil:
		return fatalf("migrate %s, partition %d, from version %d to %d: %v: the old state is kept; mend the rule, or run the build that wrote it",
			p.spec.Name, p.number, p.meta.Version, next.To, err)
	case !done:
	case next.Phase == phaseCopy:
		next.Phase, next.Cursor = phaseClear, nil
	case next.Phase == phaseClear:
		next.Phase = phaseMove
	default:
		p.meta.Version, p.meta.Migrating = next.To, nil
	}
	return tx.err
}

// migrateSome works through entries of the phase and says whether none is left.
func (p *partition) migrateSome(tx *Tx, m *migration) (done bool, err error) {
	space := byte(spaceRule)
	if m.Phase == phaseMove {
		space = spaceNext
	}
	lower := append([]byte{space}, m.Cursor...)
	if len(m.Cursor) > 0 {
		lower = append(lower, 0) // the key after it
	}
	it, err := p.store.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{space + 1}})
	if err != nil {
		return false, fmt.Errorf("read state: %w", err)
	}
	defer it.Close()
	entries, size := 0, 0
	for ok := it.First(); ok; ok = it.Next() {
		if entries == migrateEntries || size > migrateBytes {
			return false, nil
		}
		key, value := bytes.Clone(it.Key()[1:]), bytes.Clone(it.Value())
		entries, size = entries+1, size+len(key)+len(value)
		switch m.Phase {
		case phaseCopy:
			err = p.migrateEntry(tx, key, value)
			m.Cursor = key
		case phaseClear:
			tx.change(string(it.Key()), nil)
		case phaseMove:
			tx.change(string(it.Key()), nil)
			tx.Put(key, value)
		}
		if err != nil {
			return false, err
		}
	}
	return true, it.Error()
}

// migrateEntry takes one entry through all versions.
func (p *partition) migrateEntry(tx *Tx, key, value []byte) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the rule panicked on key %q: %v", key, cause)
		}
	}()
	migrator, ok := p.rule.(Migrator)
	if !ok {
		return errors.New("the rule has no Migrate")
	}
	type entry struct{ key, value []byte }
	entries := []entry{{key, value}}
	for from := p.meta.Version; from < p.spec.State.Version; from++ {
		var next []entry
		for _, e := range entries {
			put := func(k, v []byte) {
				next = append(next, entry{bytes.Clone(k), append([]byte{}, v...)}) // an empty value is one
			}
			if err := migrator.Migrate(from, e.key, e.value, put); err != nil {
				return fmt.Errorf("key %q, version %d: %w", e.key, from, err)
			}
		}
		entries = next
	}
	for _, e := range entries {
		stored := append([]byte{spaceNext}, e.key...)
		if tx.get(stored) != nil {
			return fmt.Errorf("key %q becomes %q, as another did", key, e.key)
		}
		tx.change(string(stored), e.value)
	}
	return nil
}

// migrateAll lets each partition whose state is of an older version do its part
// of the transaction, and takes in the inputs of those that are done. Topics that
// came up meanwhile are held back as well.
func (t *task) migrateAll() error {
	for number, p := range t.parts {
		switch {
		case p.migrating():
			if err := t.begin(); err != nil {
				return err
			}
			t.client.PauseFetchPartitions(t.inputsOf(number))
			t.open.timed[number] = true // fenced like timers: no record's offset comes with it
			if err := p.migrate(); err != nil {
				return err
			}
		case p.held && p.tx == nil: // done and committed
			t.log.Info("migrated state", "partition", number, "version", p.meta.Version)
			t.client.ResumeFetchPartitions(t.inputsOf(number))
			p.held = false
			t.readables.add(number, p.store)
		}
	}
	return nil
}

func (t *task) inputsOf(number int32) map[string][]int32 {
	inputs := make(map[string][]int32)
	for _, topic := range t.group.topics()[number] {
		inputs[topic] = []int32{number}
	}
	return inputs
}
