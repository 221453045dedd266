package review

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// What a ledger's entry says of a conflict.
const (
	Caught    = "caught"
	Mended    = "mended"    // the change was corrected
	Withdrawn = "withdrawn" // the change was given up
)

// Entry is one line of the ledger of conflicts: append-only NDJSON, so that
// what was caught can be counted for ever.
type Entry struct {
	ID        string    `json:"id"`    // same for the catching and the end of one conflict
	State     string    `json:"state"` // caught, mended or withdrawn
	At        time.Time `json:"at"`
	Change    string    `json:"change"` // the pull request or branch
	Base      string    `json:"base"`
	Head      string    `json:"head,omitempty"`
	Event     string    `json:"event"`
	Subject   string    `json:"subject"`
	Owner     string    `json:"owner"`
	Consumers []string  `json:"consumers"` // who would have been hit
	Level     string    `json:"level"`
	Rule      string    `json:"rule"`
	Path      string    `json:"path"`
	Message   string    `json:"message"`
	OpenHours float64   `json:"open_hours,omitempty"` // from the catching to the end
}

// Ledger is the file of conflicts that were caught.
type Ledger struct {
	Entries []Entry
	path    string
}

// OpenLedger reads a ledger; one that does not exist is empty. The error names
// the line that is no entry.
func OpenLedger(path string) (*Ledger, error) {
	l := &Ledger{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return nil, fmt.Errorf("read the ledger %s: its last line is cut short: remove that line", path)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.ID == "" || e.State == "" {
			return nil, fmt.Errorf("read the ledger %s: line %d is no entry: remove it (%w)", path, number, errors.Join(err, errors.New("id and state must be set")))
		}
		l.Entries = append(l.Entries, e)
	}
	return l, lines.Err()
}

// Open lists the conflicts of a change, or of all when change is empty, that
// were caught and have not ended, by id.
func (l *Ledger) Open(change string) map[string]Entry {
	open := map[string]Entry{}
	for _, e := range l.Entries {
		switch {
		case change != "" && e.Change != change:
		case e.State == Caught:
			open[e.ID] = e
		default:
			delete(open, e.ID)
		}
	}
	return open
}

// Record appends what the review of a change says that the ledger does not: the
// conflicts caught now, and the end of those that are no more. Reviewing the
// same change again appends nothing.
func (l *Ledger) Record(r *Report, change string, now time.Time) error {
	open := l.Open(change)
	var fresh []Entry
	still := map[string]bool{}
	for _, event := range r.Events {
		for _, conflict := range event.Conflicts {
			e := newEntry(r, event, conflict, change, now)
			if _, known := open[e.ID]; !known && !still[e.ID] {
				fresh = append(fresh, e)
			}
			still[e.ID] = true
		}
	}
	return l.append(append(fresh, ended(open, still, Mended, now)...))
}

// Withdraw ends all open conflicts of a change that was given up.
func (l *Ledger) Withdraw(change string, now time.Time) error {
	return l.append(ended(l.Open(change), nil, Withdrawn, now))
}

func newEntry(r *Report, event EventReview, c Conflict, change string, now time.Time) Entry {
	e := Entry{
		State: Caught, At: now.UTC(), Change: change, Base: r.Base, Head: r.Head,
		Event: event.Event, Subject: event.Subject, Owner: event.Owner, Consumers: []string{},
		Level: event.Level, Rule: c.Rule, Path: c.Path, Message: c.Message,
	}
	for _, reader := range event.Consumers {
		e.Consumers = append(e.Consumers, reader.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{change, e.Subject, c.Rule, c.Path}, "\x00")))
	e.ID = hex.EncodeToString(sum[:6])
	return e
}

// ended is the last entry of each open conflict that is not there still, in the
// order of their ids.
func ended(open map[string]Entry, still map[string]bool, state string, now time.Time) []Entry {
	var ends []Entry
	for _, id := range sortedKeys(open) {
		if still[id] {
			continue
		}
		e := open[id]
		e.OpenHours = now.Sub(e.At).Hours()
		e.State, e.At = state, now.UTC()
		ends = append(ends, e)
	}
	return ends
}

// append writes the entries in one go, so that a kill leaves whole lines.
func (l *Ledger) append(entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var lines bytes.Buffer
	for _, e := range entries {
		text, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write the ledger: %w", err)
		}
		lines.Write(append(text, '\n'))
	}
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	_, err = file.Write(lines.Bytes())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	l.Entries = append(l.Entries, entries...)
	return nil
}
