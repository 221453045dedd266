package local

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// recovery is what was mended after the platform was killed.
type recovery struct {
	Committed int // partitions in which a decided commit was finished
	Aborted   int // partitions in which an open transaction was aborted
	Offsets   int // of groups that the finished commit brought
}

// recoverCommits mends the embedded Kafka's files after a kill, before it opens
// them. A transaction whose commit stands in the journal is finished, every other
// open one is aborted, each by the marker that a coordinator would write. Without
// the marker a reader would hold what the same producer commits later for part of
// the aborted transaction, since producer ids are kept.
func recoverCommits(dir string, decided *commit) (recovery, error) {
	var r recovery
	partitions, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("recover transactions: %w", err)
	}
	begun := false // the decided commit left a trace in a partition
	for _, p := range partitions {
		l, err := openPartitionLog(filepath.Join(dir, "partitions", p.Name()))
		if err != nil {
			return r, fmt.Errorf("recover transactions of %s: %w", p.Name(), err)
		}
		if l == nil {
			continue
		}
		if decided != nil && l.committed[producer{decided.ProducerID, decided.Epoch}] {
			begun = true
		}
		for pid, epoch := range l.open {
			ours := decided != nil && pid == decided.ProducerID && epoch == decided.Epoch
			if err := l.end(producer{pid, epoch}, ours); err != nil {
				return r, fmt.Errorf("recover transactions of %s: %w", p.Name(), err)
			}
			if ours {
				begun = true
				r.Committed++
			} else {
				r.Aborted++
			}
		}
	}
	if !begun {
		return r, nil
	}
	r.Offsets, err = recoverOffsets(dir, *decided)
	return r, err
}

// recoverOffsets gives the groups the offsets of a decided commit, unless the
// embedded Kafka had noted the commit's end: then later offsets may stand.
func recoverOffsets(dir string, c commit) (int, error) {
	ended, err := noted(filepath.Join(dir, "pids.log"), c)
	if err != nil || ended || len(c.Offsets) == 0 {
		return 0, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "groups.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, fmt.Errorf("recover offsets: %w", err)
	}
	now := time.Now().UnixMilli()
	for _, o := range c.Offsets {
		entry, err := json.Marshal(map[string]any{
			"type": "commit", "g": o.Group, "t": o.Topic, "p": o.Partition, "o": o.Offset, "e": o.LeaderEpoch, "m": o.Metadata, "lc": now,
		})
		if err == nil {
			_, err = file.Write(logEntry(entry))
		}
		if err != nil {
			return 0, errors.Join(fmt.Errorf("recover offsets: %w", err), file.Close())
		}
	}
	return len(c.Offsets), file.Close()
}

// noted reports whether the producers' log has the end of c, or anything after it.
func noted(path string, c commit) (bool, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("recover offsets: %w", err)
	}
	for _, data := range logEntries(raw) {
		var e struct {
			Type  string `json:"type"`
			PID   int64  `json:"pid"`
			Epoch int16  `json:"epoch"`
		}
		if json.Unmarshal(data, &e) != nil || e.PID != c.ProducerID {
			continue
		}
		if e.Epoch > c.Epoch || e.Type == "endtx" && e.Epoch == c.Epoch {
			return true, nil
		}
	}
	return false, nil
}

// The framing of kfake's groups.log and pids.log: length, CRC-32C of what
// follows, version, JSON; little-endian.
const logVersion = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func logEntry(data []byte) []byte {
	entry := make([]byte, 10, 10+len(data))
	entry = append(entry, data...)
	binary.LittleEndian.PutUint32(entry, uint32(2+len(data)))
	binary.LittleEndian.PutUint16(entry[8:], logVersion)
	binary.LittleEndian.PutUint32(entry[4:], crc32.Checksum(entry[8:], castagnoli))
	return entry
}

func logEntries(raw []byte) [][]byte {
	var entries [][]byte
	for len(raw) >= 10 {
		size := int(binary.LittleEndian.Uint32(raw))
		if size < 2 || 8+size > len(raw) || crc32.Checksum(raw[8:8+size], castagnoli) != binary.LittleEndian.Uint32(raw[4:]) {
			break
		}
		entries = append(entries, raw[10:8+size])
		raw = raw[8+size:]
	}
	return entries
}
