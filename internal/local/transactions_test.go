package local

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const out = "processed.test"

// begin starts a transaction with one record in each of three partitions, all on
// the brokers' disks.
func begin(t *testing.T, c *child, values ...string) *kgo.Client {
	t.Helper()
	client := c.admin(kgo.TransactionalID("refine-0"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: out, Partition: int32(i), Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

func commitAll(t *testing.T, client *kgo.Client) {
	t.Helper()
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

// A transaction that a kill left open is aborted, and what the same producer commits afterwards is seen by
// whoever reads both: the abort has its marker.
func TestKillAbortsOpenTransactions(t *testing.T) {
	c := startChild(t)
	c.createTopic(3, out)
	commitAll(t, begin(t, c, "a0", "a1", "a2"))
	begin(t, c, "lost0", "lost1", "lost2")
	c.kill()
	c.start()
	commitAll(t, begin(t, c, "b0", "b1", "b2"))
	want := map[string]int{"a0": 1, "a1": 1, "a2": 1, "b0": 1, "b1": 1, "b2": 1}
	if diff := cmp.Diff(want, c.values(out)); diff != "" {
		t.Errorf("after the kill (-want +got):\n%s", diff)
	}
	c.terminate() // the second life reads the files again, from its snapshot
	c.start()
	if diff := cmp.Diff(want, c.values(out)); diff != "" {
		t.Errorf("after an orderly stop (-want +got):\n%s", diff)
	}
	c.kill()
	c.start()
	if diff := cmp.Diff(want, c.values(out)); diff != "" {
		t.Errorf("after a second kill (-want +got):\n%s", diff)
	}
}

// A kill in the middle of a commit leaves no half of it: all partitions and the offsets are committed, since
// the decision stood in the journal. marked is how many partitions had their marker.
func TestKillInTheMiddleOfACommit(t *testing.T) {
	for marked := range 4 {
		t.Run(fmt.Sprintf("after %d markers", marked), func(t *testing.T) {
			c := startChild(t)
			c.createTopic(3, out)
			commitAll(t, begin(t, c, "a0", "a1", "a2"))
			client := begin(t, c, "b0", "b1", "b2")
			id, epoch, err := client.ProducerID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.kill()
			decide(t, c, producer{id, epoch}, marked)
			c.start()
			want := map[string]int{"a0": 1, "a1": 1, "a2": 1, "b0": 1, "b1": 1, "b2": 1}
			if diff := cmp.Diff(want, c.values(out)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			offsets, err := kadm.NewClient(c.admin()).FetchOffsets(t.Context(), "refine")
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := offsets.Lookup(out, 0); !ok || got.At != 42 {
				t.Errorf("offset %+v, %v", got, ok)
			}
		})
	}
}

// decide writes what the journal and the first partitions hold when the kill
// falls into the commit.
func decide(t *testing.T, c *child, p producer, marked int) {
	t.Helper()
	j, err := openJournal(filepath.Join(c.dir, "kafka.commit"))
	if err != nil {
		t.Fatal(err)
	}
	err = j.write(commit{ProducerID: p.id, Epoch: p.epoch, Offsets: []commitOffset{{Group: "refine", Topic: out, Offset: 42, LeaderEpoch: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	_ = j.Close()
	for i := range marked {
		l, err := openPartitionLog(filepath.Join(c.dir, "kafka", "partitions", fmt.Sprintf("%s-%d", out, i)))
		if err != nil {
			t.Fatal(err)
		}
		if l.open[p.id] != p.epoch {
			t.Fatalf("partition %d: open %v, want %v", i, l.open, p)
		}
		if err := l.end(p, true); err != nil {
			t.Fatal(err)
		}
	}
}

// Each commit of a client has an epoch of its own: the journal tells an old commit from an open transaction by it.
func TestEpochRisesWithEachTransaction(t *testing.T) {
	c := startChild(t)
	c.createTopic(3, out)
	client := begin(t, c, "a")
	_, first, err := client.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commitAll(t, client)
	_, second, err := client.ProducerID(t.Context())
	if err != nil || second <= first {
		t.Errorf("epochs %d, then %d, %v", first, second, err)
	}
}

// An offset that was committed before the kill, in a transaction that had ended, is not set back by its journal entry.
func TestEndedCommitIsNotRepeated(t *testing.T) {
	c := startChild(t)
	c.createTopic(3, out)
	client := begin(t, c, "a0", "a1", "a2")
	id, epoch, err := client.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stageOffset(t, client, id, epoch)
	commitAll(t, client)
	later := kadm.Offsets{}
	later.AddOffset(out, 0, 7, -1)
	if err := kadm.NewClient(c.admin()).CommitAllOffsets(t.Context(), "refine", later); err != nil {
		t.Fatal(err)
	}
	c.kill()
	c.start()
	offsets, err := kadm.NewClient(c.admin()).FetchOffsets(t.Context(), "refine")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := offsets.Lookup(out, 0); got.At != 7 {
		t.Errorf("offset %d, want the later one, 7", got.At)
	}
}

// stageOffset adds offset 1 of the topic to the open transaction.
func stageOffset(t *testing.T, client *kgo.Client, id int64, epoch int16) {
	t.Helper()
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	r.TransactionalID, r.Group, r.ProducerID, r.ProducerEpoch = "refine-0", "refine", id, epoch
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topics, err := kadm.NewClient(client).ListTopics(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	topic.Topic, topic.TopicID = out, topics[out].ID
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Offset = 1
	topic.Partitions = append(topic.Partitions, partition)
	r.Topics = append(r.Topics, topic)
	response, err := r.RequestWith(t.Context(), client)
	if err != nil || response.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("stage an offset: %+v, %v", response, err)
	}
}
