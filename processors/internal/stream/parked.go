package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A timer whose rule fails is set aside: its entry stays as it is and goes to the
// dead letters once, the mark that says so is part of the state, and the
// partition goes on. It is tried again when its entry changes, by each new task,
// since that may be a build with the bug mended, and every parkedRetry.

// parkedRetry is how long a timer that was set aside rests, by the partition's clock.
const parkedRetry = time.Hour

func parkedKey(stored []byte) string { return runtimeKey(keyParked, string(stored)) }

// digest tells an entry's values apart.
func digest(value []byte) []byte {
	h := fnv.New64a()
	_, _ = h.Write(value) // never fails
	return binary.BigEndian.AppendUint64(nil, h.Sum64())
}

// park takes back what the rule did when it was woken, and sets the timer aside.
func (p *partition) park(tx *Tx, stored, value []byte, due time.Time, v Verdict) {
	tx.rollback()
	p.parks = true
	mark := digest(value)
	if bytes.Equal(tx.get([]byte(parkedKey(stored))), mark) {
		return // it was told before
	}
	tx.change(parkedKey(stored), mark)
	v.reason = fmt.Sprintf("wake state entry %q, due %s: %s", stored[1:], due.UTC().Format(time.RFC3339), v.reason)
	// Without a topic: it did not come from one, and must not be sent to any.
	in := Input{Partition: p.number, Offset: -1, Key: stored[1:], Value: value, Received: due}
	p.send(deadLetterRecord(p.spec.Name, &in, v, time.Now()))
	if p.onPark != nil {
		p.onPark(stored, v)
	}
}

// parked says whether the timer of the stored key is set aside.
func (p *partition) parked(tx *Tx, stored []byte) bool {
	if !p.parksKnown {
		p.parksKnown = true
		p.parks = p.parks || p.findParked()
	}
	return p.parks && tx.get([]byte(parkedKey(stored))) != nil
}

// findParked says whether the state has any timer that is set aside.
func (p *partition) findParked() bool {
	from := []byte(runtimeKey(keyParked, ""))
	to := append(bytes.Clone(from[:len(from)-1]), from[len(from)-1]+1)
	it, err := p.store.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return true // asking for each is slower, not wrong
	}
	defer it.Close()
	return it.First()
}
