package local

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// journal makes a commit of the embedded Kafka one step. kfake ends a
// transaction by writing a marker to each partition and then each offset; killed
// in between it would leave half a commit. A real coordinator first writes its
// decision to its log, and so does the journal: the commit that is being carried
// out stands in it, and [recoverCommits] finishes it after a kill. One slot is
// enough, since kfake carries out one request at a time.
type journal struct {
	file    *os.File
	pending map[int64]*commit   // offsets sent by TxnOffsetCommit, by producer id
	topics  map[[16]byte]string // names by id, which newer clients send instead
}

// commit is the decision to commit one transaction.
type commit struct {
	ProducerID int64          `json:"producer_id"`
	Epoch      int16          `json:"epoch"`
	Offsets    []commitOffset `json:"offsets"`
}

// commitOffset is one offset that becomes the group's with the commit.
type commitOffset struct {
	Group       string  `json:"group"`
	Topic       string  `json:"topic"`
	Partition   int32   `json:"partition"`
	Offset      int64   `json:"offset"`
	LeaderEpoch int32   `json:"leader_epoch"`
	Metadata    *string `json:"metadata"`
}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the commit journal: %w", err)
	}
	return &journal{file: file, pending: map[int64]*commit{}, topics: map[[16]byte]string{}}, nil
}

// follow lets the journal see each commit before the cluster carries it out.
func (j *journal) follow(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.TxnOffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if request, ok := r.(*kmsg.TxnOffsetCommitRequest); ok {
			j.stage(request, cluster)
		}
		return nil, nil, false
	})
	cluster.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		request, ok := r.(*kmsg.EndTxnRequest)
		if !ok {
			return nil, nil, false
		}
		if err := j.end(request); err != nil {
			cluster.KeepControl()
			return nil, err, true // the client's connection closes and it asks again
		}
		return nil, nil, false
	})
}

func (j *journal) stage(r *kmsg.TxnOffsetCommitRequest, cluster *kfake.Cluster) {
	c := j.pending[r.ProducerID]
	if c == nil || c.Epoch != r.ProducerEpoch {
		c = &commit{ProducerID: r.ProducerID, Epoch: r.ProducerEpoch}
		j.pending[r.ProducerID] = c
	}
	for _, t := range r.Topics {
		name := t.Topic
		if name == "" {
			name = j.topic(t.TopicID, cluster)
		}
		for _, p := range t.Partitions {
			c.Offsets = append(c.Offsets, commitOffset{r.Group, name, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata})
		}
	}
}

// topic is the name of a topic by its id, which is never another topic's.
func (j *journal) topic(id [16]byte, cluster *kfake.Cluster) string {
	if _, known := j.topics[id]; !known {
		if info := cluster.TopicIDInfo(id); info != nil {
			j.topics[id] = info.Topic
		}
	}
	return j.topics[id]
}

func (j *journal) end(r *kmsg.EndTxnRequest) error {
	c := j.pending[r.ProducerID]
	delete(j.pending, r.ProducerID)
	if !r.Commit {
		return nil
	}
	if c == nil || c.Epoch != r.ProducerEpoch {
		c = &commit{ProducerID: r.ProducerID, Epoch: r.ProducerEpoch}
	}
	return j.write(*c)
}

// write puts c into the slot. It reaches the page cache, which outlives the
// process; a slot torn by a kill has a wrong checksum and counts as empty, and
// the commit in it was not begun.
func (j *journal) write(c commit) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	slot := make([]byte, 8, 8+len(text))
	binary.BigEndian.PutUint32(slot, uint32(len(text)))
	binary.BigEndian.PutUint32(slot[4:], crc32.ChecksumIEEE(text))
	if _, err := j.file.WriteAt(append(slot, text...), 0); err != nil {
		return fmt.Errorf("write the commit journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *journal) Close() error { return j.file.Close() }

// readJournal returns the commit that stands in the slot, nil for none.
func readJournal(path string) (*commit, error) {
	slot, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the commit journal: %w", err)
	}
	if len(slot) < 8 {
		return nil, nil //nolint:nilnil // no commit is an answer, documented above
	}
	size := int(binary.BigEndian.Uint32(slot))
	if size > len(slot)-8 || crc32.ChecksumIEEE(slot[8:8+size]) != binary.BigEndian.Uint32(slot[4:]) {
		return nil, nil //nolint:nilnil // torn: that commit was not begun
	}
	var c commit
	if err := json.Unmarshal(slot[8:8+size], &c); err != nil {
		return nil, fmt.Errorf("read the commit journal: %w", err)
	}
	return &c, nil
}
