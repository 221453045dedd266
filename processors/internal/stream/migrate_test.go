package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// tallySpec2 keeps its tallies under keys that sort the other way round and wakes
// them; its rule meets no key of version 1.
func tallySpec2() Spec {
	spec := tallySpec
	spec.State.Version = 2
	return spec
}

type tallyRule2 struct {
	broken func(key []byte) error
}

func turned(key []byte) []byte {
	out := []byte("2")
	for _, b := range key {
		out = append(out, ^b)
	}
	return out
}

func (r *tallyRule2) Apply(tx *Tx, in *Input) Verdict {
	key := turned(in.Key)
	t := parseTally(string(in.Key), tx.Get(key))
	t.Count++
	t.Sum += int64(binary.BigEndian.Uint64(in.Value))
	tx.Put(key, t.encode())
	if err := tx.Append("copies", in.Key, &tally{t.Key, t.Count, 0}, nil); err != nil {
		return DeadLetter(RuleError, "%v", err)
	}
	return Applied
}

// Due panics on a key of version 1, as a rule may that reads its own format.
func (r *tallyRule2) Due(key, _ []byte) (time.Time, bool) {
	if key[0] != '2' {
		panic("a key of version 1")
	}
	return time.Time{}, false
}

func (r *tallyRule2) Wake(*Tx, []byte, []byte) {}

func (r *tallyRule2) Migrate(from int, key, value []byte, put func(key, value []byte)) error {
	if r.broken != nil {
		if err := r.broken(key); err != nil {
			return err
		}
	}
	if from != 1 || key[0] == '2' {
		return fmt.Errorf("version %d, key %q", from, key)
	}
	put(turned(key), value)
	return nil
}

func feedTallies(t *testing.T, d *Driver, n int) {
	t.Helper()
	for i := range n {
		in := number("raw.a", fmt.Sprintf("k%05d", i), 1)
		if v, err := d.Feed(Input{Topic: "raw.a", Key: in.Key, Value: in.Value, Received: time.Unix(1e9, 0)}); err != nil || !v.OK() {
			t.Fatal(v, err)
		}
	}
	if _, err := d.Commit(); err != nil {
		t.Fatal(err)
	}
}

func checkMigrated(t *testing.T, d *Driver, n int) {
	t.Helper()
	if d.p.migrating() || d.Keys([]byte("2")) != n || d.Keys([]byte("k")) != 0 {
		t.Fatalf("migrating: %v, %d new keys, %d old ones, want %d and 0", d.p.migrating(), d.Keys([]byte("2")), d.Keys([]byte("k")), n)
	}
	for i := range n {
		key := fmt.Sprintf("k%05d", i)
		if got := parseTally(key, d.p.committed(t, turned([]byte(key)))); got.Count != 1 {
			t.Fatalf("%s has count %d after the migration", key, got.Count)
		}
	}
}

func (p *partition) committed(t *testing.T, key []byte) []byte {
	t.Helper()
	value, err := p.store.get(ruleKey(nil, key))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Defends state across versions: each entry becomes what Migrate says of it, once,
// wherever the migration is interrupted: by an abort, or by a task that dies and
// leaves its successor with the changelog.
func TestMigrationSurvivesInterruption(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprintf("dies=%v", dies), func(t *testing.T) {
			t.Parallel()
			interruptMigration(t, dies)
		})
	}
}

// interruptMigration interrupts a migration at its first transaction, then at its
// second, and so on.
func interruptMigration(t *testing.T, dies bool) {
	t.Helper()
	const n = 2*migrateEntries + 500
	for interrupted := 0; ; interrupted++ {
		d, err := NewDriver(tallySpec, &tallyRule{}, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		feedTallies(t, d, n)
		d.p.spec, d.p.rule = tallySpec2(), &tallyRule2{}
		if err := d.Restart(); err != nil {
			t.Fatal(err)
		}
		reached := false
		for step := 0; d.p.migrating(); step++ {
			if err := d.p.migrate(); err != nil {
				t.Fatal(err)
			}
			if step == interrupted {
				reached = true
				err := d.Abort()
				if dies && err == nil {
					err = d.Restart()
				}
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			if _, err := d.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		checkMigrated(t, d, n)
		if err := d.Restart(); err != nil { // nothing of it was on disk only
			t.Fatal(err)
		}
		checkMigrated(t, d, n)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if !reached {
			break
		}
	}
}

// Defends the old state: a rule that cannot migrate, or fails at it, changes
// nothing, and there is no way back to a build that reads an older version.
func TestMigrationRefused(t *testing.T) {
	t.Parallel()
	d, err := NewDriver(tallySpec, &tallyRule{}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	feedTallies(t, d, 3)
	refused := func(err error, want string) {
		t.Helper()
		var fatal *fatalError
		if !errors.As(err, &fatal) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused(d.Upgrade(tallySpec2(), &tallyRule{}), "its rule has no Migrate")
	failing := &tallyRule2{broken: func(key []byte) error {
		if bytes.HasSuffix(key, []byte("2")) {
			return errors.New("unreadable")
		}
		return nil
	}}
	refused(d.Upgrade(tallySpec2(), failing), "unreadable")
	failing.broken = func([]byte) error { panic("bang") }
	refused(d.Upgrade(tallySpec2(), failing), "bang")
	if err := d.Upgrade(tallySpec, &tallyRule{}); err != nil || d.Keys([]byte("k")) != 3 {
		t.Fatalf("the old build meets %d keys, %v", d.Keys([]byte("k")), err)
	}
	if err := d.Upgrade(tallySpec2(), &tallyRule2{}); err != nil {
		t.Fatal(err)
	}
	checkMigrated(t, d, 3)
	refused(d.Upgrade(tallySpec, &tallyRule{}), "written by a newer build")
}

// Defends an upgrade on brokers: the new build crashes in the middle of the
// migration, between flush and commit and between commit and disk, and what comes
// of it counts on from where the old build stopped.
func TestMigrationOnBrokers(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	old := p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := p.produceKeys("raw.a", 200)
	p.checkCopies(sent)
	old.drain(t)
	for _, point := range []string{"flushed", "committed", "flushed"} {
		r := p.start(tallySpec2(), &tallyRule2{}, 0, func(task *task) {
			task.fault = func(at string) error {
				if at == point {
					return errCrash
				}
				return nil
			}
		})
		select {
		case err := <-r.done:
			if !errors.Is(err, errCrash) {
				t.Fatalf("the task ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("it committed nothing")
		}
		r.done <- nil
	}
	p.start(tallySpec2(), &tallyRule2{}, 0, nil)
	add(sent, p.produceKeys("raw.a", 200))
	p.checkCopies(sent)
}
