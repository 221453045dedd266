package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/twmb/franz-go/pkg/sr"
)

// journalName is the registry's only file: one change a line, oldest first.
const journalName = "registry.log"

// change is one line of the journal. What is not part of the operation is empty.
type change struct {
	Operation string     `json:"op"` // register, delete, level or mode
	Subject   string     `json:"subject,omitempty"`
	Version   int        `json:"version,omitempty"`
	ID        int        `json:"id,omitempty"`
	Schema    *sr.Schema `json:"schema,omitempty"` // with register, when the id is new
	Versions  []int      `json:"versions,omitempty"`
	Permanent bool       `json:"permanent,omitempty"`
	Value     string     `json:"value,omitempty"` // of level and mode; empty removes it
}

// journal is an append-only file. A line is its checksum, a blank, JSON and a
// line feed; it is on disk before append returns.
type journal struct {
	file   *os.File
	size   int64 // of the lines known to be whole
	broken error // set when a failed write could not be undone
}

// openJournal replays the changes of dir through apply, cuts off a torn last
// line (its change was never answered) and takes the directory for itself.
func openJournal(dir string, apply func(change) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make registry directory: %w", err)
	}
	path := filepath.Join(dir, journalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640) //nolint:gosec // the directory is the caller's choice
	if err != nil {
		return nil, fmt.Errorf("open registry journal: %w", err)
	}
	j := &journal{file: file}
	if err := j.load(dir, apply); err != nil {
		return nil, errors.Join(fmt.Errorf("load registry journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

func (j *journal) load(dir string, apply func(change) error) error {
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process has it open: %w", err)
	}
	text, err := io.ReadAll(j.file)
	if err != nil {
		return err
	}
	if err := j.replay(text, apply); err != nil {
		return err
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	if _, err := j.file.Seek(j.size, io.SeekStart); err != nil {
		return err
	}
	return syncDir(dir)
}

func (j *journal) replay(text []byte, apply func(change) error) error {
	for number := 1; len(text) > 0; number++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		c, err := parseLine(line)
		if !whole || err != nil {
			if len(rest) == 0 {
				return nil // torn by a crash in mid-write
			}
			return fmt.Errorf("line %d is damaged (%w) and %d bytes follow it: restore the file from a backup", number, err, len(rest))
		}
		if err := apply(c); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		j.size += int64(len(line) + 1)
		text = rest
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func parseLine(line []byte) (change, error) {
	var c change
	sum, body, ok := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !ok || err != nil || uint32(want) != crc32.Checksum(body, castagnoli) {
		return c, errors.New("its checksum does not match")
	}
	return c, json.Unmarshal(body, &c)
}

// append writes a change and returns once it is on disk. A failed write is cut
// off again, so that the next one does not follow a torn line; when even that
// fails, the journal refuses all further writes until it is opened anew.
func (j *journal) append(c change) error {
	if j.broken != nil {
		return j.broken
	}
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode registry change: %w", err)
	}
	line := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, castagnoli), body)
	_, err = j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		j.size += int64(len(line))
		return nil
	}
	return fmt.Errorf("write registry journal: %w", errors.Join(err, j.undo()))
}

func (j *journal) undo() error {
	err := j.file.Truncate(j.size)
	if err == nil {
		_, err = j.file.Seek(j.size, io.SeekStart)
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("write registry journal: an earlier write failed and could not be undone, restart the registry: %w", err)
	}
	return err
}

func (j *journal) close() error { return j.file.Close() }

// syncDir makes the file's own entry durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the directory is the caller's choice
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
