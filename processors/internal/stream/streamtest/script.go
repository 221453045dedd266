package streamtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/processed"
)

var rewrite = flag.Bool("rewrite", false, "write what the rules do into the golden scripts of testdata")

// Day is the day that a script's times without a date are on.
var Day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// Script runs the golden scripts of a processor. A script is blocks of commands,
// each followed by ---- and what they did:
//
//	event <id> <customer> <type> <time> [received <time>] [revenue <micros>]
//	                   feeds one customer event; its receipt is its time unless said
//	                   [anonymous]: an event whose sender named no customer
//	link <anonymous id> <customer> <time>
//	                   feeds one identity link
//	record <topic> <key> <received> [<JSON>]
//	                   feeds one record of any input, by the schema that the Spec
//	                   gives it; a tombstone without JSON
//	advance <time>     moves the clock, as idle time does
//	abort              ends the transaction without effect
//	restart            loses the disk and restores from the changelog
//	ledger             also shows the ledger lines of this block
//
// Each block is one transaction. What it writes to a topic that the processor
// reads, its repartition topic, is fed to it in the next ones, within the block.
// A verdict other than applied is printed. Times are 15:04:05 on [Day], or RFC
// 3339. Lines that begin with # are comments.
type Script struct {
	Spec  stream.Spec
	Rule  stream.Rule
	Print func(tb testing.TB, o stream.Output) string // one line
}

// Run runs each *.txt of testdata as a test of its own.
func (s Script) Run(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("testdata holds no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { s.runFile(t, path) })
	}
}

func (s Script) runFile(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := run{script: s, tb: t, lookups: NewLookups(t)}
	r.d = Driver(t, s.Spec, s.Rule, r.lookups, 3)
	var all []string
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		commands, want, _ := strings.Cut(block+"\n", "----\n")
		have := r.block(commands)
		if have != want && !*rewrite {
			t.Errorf("%s, block %d:\n%s----\nhave:\n%swant:\n%s", path, i+1, commands, have, want)
		}
		all = append(all, commands+"----\n"+have)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(all, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run is one script under way.
type run struct {
	script  Script
	tb      testing.TB
	lookups *Lookups
	d       *stream.Driver
	out     strings.Builder
	ledger  bool
}

func (r *run) block(commands string) string {
	r.out.Reset()
	r.ledger = false
	for line := range strings.Lines(commands) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := r.command(line); err != nil {
			r.tb.Fatalf("%s: %v", line, err)
		}
	}
	for again := true; again; {
		outputs, err := r.d.Commit()
		if err != nil {
			r.tb.Fatal(err)
		}
		again = r.take(outputs)
	}
	return r.out.String()
}

// take prints the outputs and feeds the rule those that it reads. It says
// whether there were such.
func (r *run) take(outputs []stream.Output) (fed bool) {
	for _, o := range outputs {
		switch {
		case slices.ContainsFunc(r.script.Spec.Reads, func(s stream.Source) bool { return s.Topic == o.Topic }):
			fed = true
			in := o.Input(r.d.Clock())
			if v := Feed(r.tb, r.d, in); !v.OK() {
				fmt.Fprintf(&r.out, "%s for %s: %s\n", o.Topic, o.Key, v)
			}
		case o.Topic != stream.LedgerTopic:
			fmt.Fprintln(&r.out, r.script.Print(r.tb, o))
		case r.ledger:
			fmt.Fprintf(&r.out, "%s %s\n", o.Key, o.Value)
		}
	}
	return fed
}

func (r *run) command(line string) error {
	words := strings.Fields(line)
	if need := map[string]int{"link": 4, "advance": 2, "record": 4, "event": 5}[words[0]]; len(words) < need {
		return fmt.Errorf("%s needs %d words after it, has %q", words[0], need-1, words[1:])
	}
	switch words[0] {
	case "event":
		return r.event(words[1:])
	case "link":
		at, err := parseTime(words[3])
		if err != nil {
			return err
		}
		link := &processed.IdentityLink{AnonymousID: words[1], Customer: words[2], LinkedTime: at}
		return r.feed(words[1], r.lookups.IdentityLink(r.tb, link, at))
	case "record":
		return r.record(line, words)
	case "advance":
		to, err := parseTime(words[1])
		if err != nil {
			return err
		}
		return r.d.Advance(to)
	case "abort":
		return r.d.Abort()
	case "restart":
		return r.d.Restart()
	case "ledger":
		r.ledger = true
		return nil
	default:
		return fmt.Errorf("there is no command %q: event, link, record, advance, abort, restart, ledger", words[0])
	}
}

// feed hands an input over and prints what became of it under its name.
func (r *run) feed(name string, in stream.Input) error {
	v, err := r.d.Feed(in)
	if err == nil && !v.OK() {
		fmt.Fprintf(&r.out, "%s: %s\n", name, v)
	}
	return err
}

func (r *run) record(line string, words []string) error {
	at, err := parseTime(words[3])
	if err != nil {
		return err
	}
	var value any
	text := line
	for range 4 {
		_, text, _ = strings.Cut(strings.TrimLeft(text, " "), " ")
	}
	if text = strings.TrimSpace(text); text != "" {
		value = jsontext.Value(text)
	}
	in, err := r.lookups.record(words[1], words[2], value, at)
	if err != nil {
		return err
	}
	return r.feed(words[2], in)
}

func (r *run) event(words []string) error {
	at, err := parseTime(words[3])
	if err != nil {
		return err
	}
	e := processed.CustomerEvent{ID: words[0], Source: "test", Customer: words[1], Type: words[2], Time: at}
	received := at
	if words[len(words)-1] == "anonymous" {
		words = words[:len(words)-1]
		e.AnonymousID = &e.Customer
	}
	for i := 4; i+1 < len(words); i += 2 {
		switch words[i] {
		case "received":
			if received, err = parseTime(words[i+1]); err != nil {
				return err
			}
		case "revenue":
			n, err := strconv.ParseInt(words[i+1], 10, 64)
			if err != nil {
				return err
			}
			e.RevenueMicros = &n
		default:
			return fmt.Errorf("there is no option %q", words[i])
		}
	}
	return r.feed(words[0], r.lookups.CustomerEvent(r.tb, &e, received))
}

func parseTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.TimeOnly, text); err == nil {
		return Day.Add(t.Sub(t.Truncate(24 * time.Hour))), nil
	}
	return time.Parse(time.RFC3339, text)
}
