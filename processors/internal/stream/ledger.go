package stream

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"time"
)

// counts is one line of the ledger: what became of the records received on one
// partition in one minute, or by one import. It is kept as state, so that it
// adds up over restarts.
type counts struct {
	in, applied, duplicate, late, out int64
	dead                              [len(Classes)]int64
	updated                           time.Time // clock at the last change
}

// ledgerRetention is how long after its last change a line may still grow. A
// record of a minute that is older begins a new line under the same key.
const ledgerRetention = 48 * time.Hour

func (c *counts) add(v Verdict) {
	c.in++
	switch v.outcome {
	case applied:
		c.applied++
	case duplicate:
		c.duplicate++
	case late:
		c.late++
	case deadLetter:
		for i, class := range Classes {
			if class == v.class {
				c.dead[i]++
			}
		}
	case retry: // is not a verdict on the record
	}
}

// sum adds other to c, all but when it was updated.
func (c *counts) sum(other *counts) {
	c.in += other.in
	c.applied += other.applied
	c.duplicate += other.duplicate
	c.late += other.late
	c.out += other.out
	for i, n := range other.dead {
		c.dead[i] += n
	}
}

func (c *counts) encode() []byte {
	b := binary.AppendVarint(make([]byte, 0, 32), c.updated.UnixMilli())
	for _, n := range []int64{c.in, c.applied, c.duplicate, c.late, c.out} {
		b = binary.AppendVarint(b, n)
	}
	for _, n := range c.dead {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// parseCounts reads what encode wrote; an absent value, or classes that an
// older build did not know, are zero.
func parseCounts(b []byte) counts {
	next := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			return 0
		}
		b = b[n:]
		return v
	}
	c := counts{updated: time.UnixMilli(next()).UTC()}
	for _, field := range []*int64{&c.in, &c.applied, &c.duplicate, &c.late, &c.out} {
		*field = next()
	}
	for i := range c.dead {
		c.dead[i] = next()
	}
	return c
}

// ledgers gathers a transaction's counts of one partition.
type ledgers struct {
	minutes map[int64]*counts // by minute of receipt, Unix
	asides  map[asideLine]*counts
	imports map[string]*counts
	last    int64 // minute looked up last, and its counts
	current *counts
}

func (l *ledgers) minute(at time.Time) *counts {
	minute := at.Unix() / 60
	if l.current != nil && l.last == minute {
		return l.current
	}
	if l.minutes == nil {
		l.minutes = make(map[int64]*counts)
	}
	c := l.minutes[minute]
	if c == nil {
		c = new(counts)
		l.minutes[minute] = c
	}
	l.last, l.current = minute, c
	return c
}

// asideLine names a line of a stage that is not the processor's own.
type asideLine struct {
	stage  string
	minute int64
}

func (l *ledgers) aside(stage string, at time.Time) *counts {
	line := asideLine{stage, at.Unix() / 60}
	if l.asides == nil {
		l.asides = make(map[asideLine]*counts)
	}
	c := l.asides[line]
	if c == nil {
		c = new(counts)
		l.asides[line] = c
	}
	return c
}

func (l *ledgers) importRun(id string) *counts {
	if l.imports == nil {
		l.imports = make(map[string]*counts)
	}
	c := l.imports[id]
	if c == nil {
		c = new(counts)
		l.imports[id] = c
	}
	return c
}

// writeLedgers adds the transaction's counts to the state and publishes the
// lines that changed.
func (p *partition) writeLedgers(tx *Tx) {
	for _, minute := range slices.Sorted(maps.Keys(p.ledgers.minutes)) { // so that runs are alike
		p.writeMinute(tx, p.spec.Name, minute, "", p.ledgers.minutes[minute])
	}
	for line, c := range p.ledgers.asides {
		p.writeMinute(tx, line.stage, line.minute, "/"+line.stage, c)
	}
	for id, c := range p.ledgers.imports {
		total := p.addCounts(tx, runtimeKey(keyImportLedger, id), c)
		key := "import/" + id + "/" + strconv.Itoa(int(p.number))
		tx.upsert(Sink{Topic: LedgerTopic}, []byte(key), total.importJSON(p.spec.Name, p.number, id))
	}
	p.ledgers = ledgers{}
}

// writeMinute adds to one line. suffix tells the line's state from that of the
// processor's own stage.
func (p *partition) writeMinute(tx *Tx, stage string, minute int64, suffix string, c *counts) {
	at := time.Unix(minute*60, 0).UTC().Format(time.RFC3339)
	total := p.addCounts(tx, runtimeKey(keyLedger, at+suffix), c)
	key := stage + "/" + strconv.Itoa(int(p.number)) + "/" + at
	tx.upsert(Sink{Topic: LedgerTopic}, []byte(key), total.minuteJSON(stage, p.number, at))
}

func (p *partition) addCounts(tx *Tx, stored string, c *counts) counts {
	total := parseCounts(tx.get([]byte(stored)))
	total.sum(c)
	total.updated = p.clock
	tx.change(stored, total.encode())
	return total
}

func (c *counts) minuteJSON(stage string, partition int32, minute string) []byte {
	b := append(make([]byte, 0, 256), `{"stage":`...)
	b = strconv.AppendQuote(b, stage)
	b = append(b, `,"partition":`...)
	b = strconv.AppendInt(b, int64(partition), 10)
	b = append(b, `,"minute":"`...)
	b = append(append(b, minute...), '"')
	b = appendCount(b, "in", c.in)
	b = appendCount(b, "applied", c.applied)
	b = appendCount(b, "duplicate", c.duplicate)
	b = appendCount(b, "late", c.late)
	b = c.appendDead(b)
	b = appendCount(b, "out", c.out)
	return append(b, '}')
}

func (c *counts) importJSON(stage string, partition int32, id string) []byte {
	b := append(make([]byte, 0, 256), `{"import_id":`...)
	b = appendJSONString(b, id)
	b = append(b, `,"stage":`...)
	b = strconv.AppendQuote(b, stage)
	b = append(b, `,"partition":`...)
	b = strconv.AppendInt(b, int64(partition), 10)
	b = appendCount(b, "in", c.in)
	b = appendCount(b, "applied", c.applied)
	b = appendCount(b, "duplicate", c.duplicate)
	b = c.appendDead(b)
	return append(b, '}')
}

func (c *counts) appendDead(b []byte) []byte {
	b = append(b, `,"dead_lettered":{`...)
	comma := false
	for i, class := range Classes {
		if c.dead[i] == 0 {
			continue
		}
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = append(append(append(b, '"'), class...), `":`...)
		b = strconv.AppendInt(b, c.dead[i], 10)
	}
	return append(b, '}')
}

func appendCount(b []byte, name string, n int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, n, 10)
}
