package stream

import (
	"bytes"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// What wants to be woken stands in an index by time, which is derived from the
// state and therefore not in the changelog. For each entry that is due at d the
// index holds an entry at d or before: one that has been put off leaves the
// early entry standing, which finds out when it comes up. So an entry that is
// put off with each record, as a session is, costs nothing. Entries of one commit
// that are due at the same time, as what one hour forgets is, stand together.

// dueOf is when the entry wants to be woken.
func dueOf(waker Waker, stored, value []byte) (time.Time, bool) {
	if value == nil {
		return time.Time{}, false
	}
	switch stored[0] {
	case spaceRule:
		if waker == nil {
			return time.Time{}, false
		}
		return waker.Due(stored[1:], value)
	case spaceRuntime:
		if stored[1] == keyLedger[0] || stored[1] == keyImportLedger[0] {
			return parseCounts(value).updated.Add(ledgerRetention), true
		}
	}
	return time.Time{}, false
}

// index keeps the promise above for one key that a commit changes.
func (p *partition) index(list *dueList, stored, value []byte) {
	due, ok := dueOf(p.waker, stored, value)
	if !ok {
		return
	}
	// A rule reads what it changes, so the old value is nearly always at hand;
	// where it is not, one index entry too many costs less than a read.
	if before, had := dueOf(p.waker, stored, p.cache.get(stored)); had && !due.Before(before) && !p.parked(p.tx, stored) {
		return
	}
	p.arm(list, due, stored)
}

func (p *partition) arm(list *dueList, due time.Time, stored []byte) {
	p.look(due)
	list.add(due, stored)
}

// look has the index looked at by that time.
func (p *partition) look(due time.Time) {
	if !p.nextDue.IsZero() && due.Before(p.nextDue) { // zero stays: something earlier may stand in the index
		p.nextDue = due
	}
}

// reindex takes out the index entries that came up and puts in those that their
// keys need next.
func (p *partition) reindex(batch *pebble.Batch, tx *Tx, list *dueList) error {
	for _, entry := range tx.fired {
		if err := entry.remove(batch); err != nil {
			return err
		}
		if !entry.done() {
			p.look(parseDueKey(entry.index))
		}
		for _, stored := range entry.keys[:entry.came] {
			p.rearm(tx, list, stored)
		}
	}
	return tx.err
}

func (p *partition) rearm(tx *Tx, list *dueList, stored []byte) {
	due, ok := dueOf(p.waker, stored, tx.get(stored))
	if !ok {
		return
	}
	switch at, woken := tx.woken[string(stored)]; {
	case due.After(p.clock), !woken || !at.Equal(due): // to come, or the clock has passed it since
	case p.parked(tx, stored):
		due = p.clock.Add(parkedRetry)
	default: // a rule that put nothing off; do not spin on it
		due = p.clock.Add(time.Second)
	}
	p.arm(list, due, stored)
}

// wake wakes up to limit entries that are due by the partition's clock. It
// reports how many came up.
func (p *partition) wake(limit int) (int, error) {
	if p.nextDue.After(p.clock) {
		return 0, nil
	}
	tx := p.tx
	if tx == nil || len(tx.fired) == 0 || tx.fired[len(tx.fired)-1].done() {
		entries, err := p.dueEntries(limit)
		if err != nil || len(entries) == 0 {
			return 0, err
		}
		tx = p.open()
		return p.fire(tx, entries, limit), tx.err
	}
	last := tx.fired[len(tx.fired)-1]
	tx.fired = tx.fired[:len(tx.fired)-1]
	p.nextDue = time.Time{} // the index has to be read on
	return p.fire(tx, []dueEntry{last}, limit), tx.err
}

// fire has up to limit keys of the entries come up, and says how many.
func (p *partition) fire(tx *Tx, entries []dueEntry, limit int) (woken int) {
	for _, entry := range entries {
		keys := entry.next(limit - woken)
		woken += len(keys)
		tx.fired = append(tx.fired, entry)
		for _, stored := range keys {
			p.comeUp(tx, stored)
		}
		if !entry.done() {
			p.nextDue = parseDueKey(entry.index)
		}
	}
	return woken
}

// comeUp wakes what the key holds, unless it was deleted or put off since the
// index entry was made.
func (p *partition) comeUp(tx *Tx, stored []byte) {
	value := tx.get(stored)
	due, ok := dueOf(p.waker, stored, value)
	if value == nil && p.parked(tx, stored) {
		tx.change(parkedKey(stored), nil)
	}
	if !ok || due.After(p.clock) {
		return
	}
	tx.begin(nil)
	if stored[0] == spaceRuntime {
		tx.change(string(stored), nil)
		return
	}
	p.wakeOne(tx, stored, value, due)
}

// wakeOne wakes one entry, or sets its timer aside.
func (p *partition) wakeOne(tx *Tx, stored, value []byte, due time.Time) {
	if tx.woken == nil {
		tx.woken = make(map[string]time.Time)
	}
	tx.woken[string(stored)] = due
	u := unit{timer: string(stored)}
	p.suspects.add(u)
	v, known := p.suspects.verdict(u)
	if !known {
		v = p.call(tx, func() Verdict { p.waker.Wake(tx, stored[1:], value); return Applied })
	}
	if !v.OK() {
		p.park(tx, stored, value, due, v)
		return
	}
	if p.parked(tx, stored) {
		tx.change(parkedKey(stored), nil)
	}
	p.flushAppends(tx, p.clock, v)
}

// dueEntries lists index entries that are due and have not come up in this
// transaction yet, until they have limit keys.
func (p *partition) dueEntries(limit int) ([]dueEntry, error) {
	lower := []byte{spaceDue}
	if p.tx != nil && len(p.tx.fired) > 0 {
		lower = append(bytes.Clone(p.tx.fired[len(p.tx.fired)-1].index), 0)
	}
	it, err := p.store.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{spaceDue + 1}})
	if err != nil {
		return nil, fmt.Errorf("read what is due: %w", err)
	}
	defer it.Close()
	var entries []dueEntry
	keys := 0
	p.nextDue = endOfTime
	for ok := it.First(); ok; ok = it.Next() {
		if due := parseDueKey(it.Key()); due.After(p.clock) || keys >= limit {
			p.nextDue = due
			break
		}
		entry := readDueEntry(it.Key(), it.Value())
		entries = append(entries, entry)
		keys += len(entry.keys)
	}
	return entries, it.Error()
}

// endOfTime is later than any clock.
var endOfTime = time.UnixMilli(1<<62 - 1)
