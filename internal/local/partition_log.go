package local

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// producer is one incarnation of a transactional producer.
type producer struct {
	id    int64
	epoch int16
}

// partitionLog is what the files of one partition say about its transactions.
type partitionLog struct {
	active      string // path of the last segment, without its suffix
	open        map[int64]int16
	committed   map[producer]bool
	next        int64 // offset of the next batch
	leaderEpoch int32
}

// Parts of a record batch on disk, and of an entry in kfake's index.
const (
	batchHeader           = 61
	attributeTxn          = 0x10
	attributeControl      = 0x20
	indexEntry            = 15
	indexVersion          = 1
	indexTxn         byte = 1
)

// openPartitionLog reads the segments in dir, nil when there are none, and cuts
// off what a kill left half written in the last one.
func openPartitionLog(dir string) (*partitionLog, error) {
	bases, err := segments(dir)
	if err != nil || len(bases) == 0 {
		return nil, err
	}
	l := &partitionLog{open: map[int64]int16{}, committed: map[producer]bool{}}
	for i, base := range bases {
		l.active = filepath.Join(dir, strconv.FormatInt(base, 10))
		raw, err := os.ReadFile(l.active + ".dat")
		if err != nil {
			return nil, err
		}
		whole, index := l.read(raw)
		if i < len(bases)-1 {
			continue
		}
		if l.next == 0 {
			l.next = base
		}
		if err := l.mend(whole, int64(len(raw)), index); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func segments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".dat")
		if !ok {
			continue
		}
		if base, err := strconv.ParseInt(name, 10, 64); err == nil {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	return bases, nil
}

// read follows the batches of one segment. It returns how many bytes are whole
// batches, and the index that belongs to them.
func (l *partitionLog) read(raw []byte) (whole int64, index []byte) {
	rest := raw
	for len(rest) >= batchHeader {
		size := 12 + int(binary.BigEndian.Uint32(rest[8:]))
		if size < batchHeader || size > len(rest) || crc32.Checksum(rest[21:size], castagnoli) != binary.BigEndian.Uint32(rest[17:]) {
			break
		}
		index = append(index, l.batch(rest[:size])...)
		rest = rest[size:]
	}
	return int64(len(raw) - len(rest)), index
}

// batch notes what one batch does to the transactions and returns its index entry.
func (l *partitionLog) batch(b []byte) []byte {
	attributes := binary.BigEndian.Uint16(b[21:])
	p := producer{int64(binary.BigEndian.Uint64(b[43:])), int16(binary.BigEndian.Uint16(b[51:]))}
	l.next = int64(binary.BigEndian.Uint64(b)) + int64(binary.BigEndian.Uint32(b[23:])) + 1
	l.leaderEpoch = int32(binary.BigEndian.Uint32(b[12:]))
	inTxn := attributes&attributeTxn != 0 && attributes&attributeControl == 0
	switch {
	case inTxn:
		l.open[p.id] = p.epoch
	case attributes&attributeControl != 0:
		delete(l.open, p.id)
		if isCommit(b) {
			l.committed[p] = true
		}
	}
	return encodeIndex(l.leaderEpoch, int64(binary.BigEndian.Uint64(b[35:])), inTxn)
}

// isCommit reads the one record of a control batch.
func isCommit(b []byte) bool {
	var batch kmsg.RecordBatch
	var record kmsg.Record
	var key kmsg.ControlRecordKey
	return batch.ReadFrom(b) == nil && record.ReadFrom(batch.Records) == nil && key.ReadFrom(record.Key) == nil &&
		key.Type == kmsg.ControlRecordKeyTypeCommit
}

// mend cuts the last segment to its whole batches and gives each its index
// entry: a kill can fall between the two files.
func (l *partitionLog) mend(whole, size int64, index []byte) error {
	if whole < size {
		if err := os.Truncate(l.active+".dat", whole); err != nil {
			return err
		}
	}
	info, err := os.Stat(l.active + ".idx")
	if err == nil && info.Size() == int64(len(index)) {
		return nil
	}
	return os.WriteFile(l.active+".idx", index, 0o644)
}

// end writes the marker that commits or aborts p's open transaction.
func (l *partitionLog) end(p producer, commit bool) error {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	var value kmsg.EndTxnMarker
	record := kmsg.Record{Key: key.AppendTo(nil), Value: value.AppendTo(nil)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without the length itself, one byte here
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		FirstOffset: l.next, PartitionLeaderEpoch: l.leaderEpoch, Magic: 2, Attributes: attributeTxn | attributeControl,
		FirstTimestamp: now, MaxTimestamp: now, ProducerID: p.id, ProducerEpoch: p.epoch, FirstSequence: -1,
		NumRecords: 1, Records: record.AppendTo(nil),
	}
	encoded := batch.AppendTo(nil)
	batch.Length = int32(len(encoded) - 12)
	batch.CRC = int32(crc32.Checksum(encoded[21:], castagnoli))
	l.next++
	if err := appendTo(l.active+".dat", batch.AppendTo(nil)); err != nil {
		return err
	}
	return appendTo(l.active+".idx", encodeIndex(l.leaderEpoch, now, false))
}

func appendTo(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		_ = file.Close()
		return fmt.Errorf("append to %s: %w", path, err)
	}
	return file.Close()
}

func encodeIndex(leaderEpoch int32, timestamp int64, inTxn bool) []byte {
	e := make([]byte, indexEntry)
	e[0] = indexVersion
	binary.LittleEndian.PutUint32(e[2:], uint32(leaderEpoch))
	binary.LittleEndian.PutUint64(e[6:], uint64(timestamp))
	if inTxn {
		e[14] = indexTxn
	}
	e[1] = byte(crc32.Checksum(e[2:], castagnoli))
	return e
}
