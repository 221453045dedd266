package stream

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// emptyBatch is what the cleaner leaves of a batch whose records are gone: its
// header.
func emptyBatch(first int64, offsets int32) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: first, Length: 49, PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: offsets - 1,
		FirstTimestamp: -1, MaxTimestamp: -1, ProducerID: 7, ProducerEpoch: 1, FirstSequence: 1,
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// hollow has the broker show a record at the end of a partition's log as the
// cleaner leaves it: as a batch without records or, with nothing left, as no more
// than an offset.
func (p *platform) hollow(topic string, nothingLeft bool) {
	p.tb.Helper()
	none := "0" // without sessions each fetch names its partitions
	if _, err := kadm.NewClient(p.client).AlterBrokerConfigs(p.tb.Context(), []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "max.incremental.fetch.session.cache.slots", Value: &none},
	}); err != nil {
		p.tb.Fatal(err)
	}
	details, err := kadm.NewClient(p.client).ListTopics(p.tb.Context(), topic)
	if err != nil {
		p.tb.Fatal(err)
	}
	id := [16]byte(details[topic].ID)
	last := &kgo.Record{Topic: topic, Partition: 0, Value: []byte("no longer there")}
	p.produce(last)
	fake := p.cluster.Fake()
	fake.ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		req := request.(*kmsg.FetchRequest)
		for _, of := range req.Topics {
			for i, part := range of.Partitions {
				switch {
				case of.Topic != topic && of.TopicID != id, part.Partition != 0, part.FetchOffset > last.Offset:
					continue
				case part.FetchOffset < last.Offset:
					of.Partitions[i].PartitionMaxBytes = 1 // and so one batch
					continue
				case nothingLeft:
					of.Partitions[i].FetchOffset++
					continue
				}
				answer := kmsg.NewFetchResponseTopicPartition()
				answer.HighWatermark, answer.LastStableOffset, answer.LogStartOffset = last.Offset+1, last.Offset+1, 0
				answer.RecordBatches = emptyBatch(last.Offset, 1)
				resp := req.ResponseKind().(*kmsg.FetchResponse)
				resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{
					Topic: of.Topic, TopicID: of.TopicID, Partitions: []kmsg.FetchResponseTopicPartition{answer},
				})
				return resp, nil, true
			}
		}
		return nil, nil, false
	})
}

// Defends the end of a restore against a changelog whose last offsets have no
// records: compaction leaves an empty batch, or nothing at all.
func TestRestoreEndsAtAnEmptyTail(t *testing.T) {
	t.Parallel()
	for name, nothingLeft := range map[string]bool{"empty batch": false, "nothing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 1, "raw.a")
			first := p.start(tallySpec, &tallyRule{}, 0, nil)
			sent := p.produceKeys("raw.a", 100)
			p.checkCopies(sent)
			first.drain(t)
			p.hollow(tallySpec.State.Topic, nothingLeft)
			if err := os.RemoveAll(filepath.Join(p.dir, tallySpec.Name)); err != nil {
				t.Fatal(err)
			}
			p.start(tallySpec, &tallyRule{}, 0, nil)
			add(sent, p.produceKeys("raw.a", 100))
			p.checkCopies(sent)
		})
	}
}

// Defends the lag of a warm copy against the same.
func TestStandbyPassesAnEmptyTail(t *testing.T) {
	t.Parallel()
	for name, nothingLeft := range map[string]bool{"empty batch": false, "nothing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 1, "raw.a")
			p.standbys, p.hosts = 1, true
			tasks := []*running{p.start(tallySpec, &tallyRule{}, 0, nil), p.start(tallySpec, &tallyRule{}, 1, nil)}
			p.checkCopies(p.produceKeys("raw.a", 100))
			p.hollow(tallySpec.State.Topic, nothingLeft)
			client := kadm.NewClient(p.client)
			eventually(t, "a copy is at the end", func() bool {
				ends, err := client.ListEndOffsets(t.Context(), tallySpec.State.Topic)
				end, _ := ends.Lookup(tallySpec.State.Topic, 0)
				for _, r := range tasks {
					r.t.standbys.mu.Lock()
					one := r.t.standbys.copied[0]
					at := err == nil && one != nil && one.next == end.Offset
					r.t.standbys.mu.Unlock()
					if at {
						return true
					}
				}
				return false
			})
		})
	}
}

// Defends the clock and the lag of an input whose last offsets have no records:
// the partition counts as having handled everything, and goes on with what comes.
func TestInputPassesAnEmptyTail(t *testing.T) {
	t.Parallel()
	for name, nothingLeft := range map[string]bool{"empty batch": false, "nothing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 1, "raw.a", "raw.b")
			sent := p.produceKeys("raw.a", 10)
			p.hollow("raw.a", nothingLeft)
			r := p.start(tallySpec, &tallyRule{}, 0, nil)
			p.checkCopies(sent)
			eventually(t, "the lag ends", func() bool {
				return value(t, r, "headwater_stream_records_lag", "topic", "raw.a", "partition", "0") == 0
			})
			add(sent, p.produceKeys("raw.a", 10))
			p.checkCopies(sent)
		})
	}
}
