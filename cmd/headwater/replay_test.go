package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/archive"
	"headwater.internal/platform/internal/event"
)

// archived writes an archive of n events, a minute apart from midnight, of two
// types, and returns its address.
func archived(t *testing.T, n int) string {
	t.Helper()
	address := "file://" + t.TempDir()
	store, err := archive.Open(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	var rows []archive.Row
	for i := range n {
		at := midnight.Add(time.Duration(i) * time.Minute).UnixMilli()
		customer := fmt.Sprint("c", i)
		rows = append(rows, archive.Row{
			Type: []string{"shop.item_seen", "shop.item_bought"}[i%2], Source: "test", ID: fmt.Sprint("id-", i),
			Customer: customer, Subject: &customer, Time: at, ReceivedTime: at, SchemaID: 1, Data: `{"n":1}`, Offset: int64(i),
		})
	}
	s := archive.Stream{TopicID: strings.Repeat("0", 32), Partition: 0}
	if _, err := archive.NewWriter(store, processedTopic).Write(context.Background(), s, 0, int64(n), rows); err != nil {
		t.Fatal(err)
	}
	return address
}

var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func runReplay(t *testing.T, address string, args ...string) (replayReport, error) {
	t.Helper()
	out, err := cli(t, append([]string{"replay", "--json", "--from", address, "--since", "2026-03-01T00:00:00Z", "--until", "2026-03-01T02:00:00Z"}, args...)...)
	var r replayReport
	if jsonErr := json.Unmarshal([]byte(out), &r); jsonErr != nil && err == nil {
		t.Fatalf("%v:\n%s", jsonErr, out)
	}
	return r, err
}

// process puts the event on the processed topic, as refine does.
func process(t *testing.T, client *kgo.Client, i int) {
	t.Helper()
	at := midnight.Add(time.Duration(i) * time.Minute)
	envelope := event.Envelope{
		ID: fmt.Sprint("id-", i), Source: "test", Type: []string{"shop.item_seen", "shop.item_bought"}[i%2],
		Subject: "c", Time: at, ReceivedTime: at,
	}
	r := &kgo.Record{Topic: processedTopic, Key: []byte("c"), Value: []byte("v"), Headers: envelope.Headers(), Timestamp: at}
	if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// Defends that a replay sends what the platform lacks, of the range and the types
// asked for, under the ids and times of old, and doubles nothing when it is repeated
// or interrupted by the collector.
func TestReplaySendsWhatIsMissing(t *testing.T) {
	c := smallKafka(t)
	c.CreateTopic(ledgerTopic, 3, nil)
	c.CreateTopic(processedTopic, 3, nil)
	for i := range 30 {
		process(t, c.Client(), i)
	}
	collector := startCollector(t, &fakeCollector{ledger: c.Client(), fate: func(request, _ int) fate {
		return []fate{take, fail, takeHalf, loseReply}[request%4]
	}})
	address := archived(t, 200) // 120 of them in the two hours
	dry, err := runReplay(t, address, "--dry-run")
	if err != nil || dry.Archived != 120 || dry.Held != 30 || dry.Sent.Events != 90 || len(collector.stored) != 0 {
		t.Errorf("dry run: %+v, %v, %d stored", dry, err, len(collector.stored))
	}
	bought, err := runReplay(t, address, "--type", "shop.item_bought", "--batch", "7")
	if err != nil || bought.Archived != 60 || bought.Held != 15 || bought.Sent.Accepted != 45 || len(collector.stored) != 45 {
		t.Errorf("one type: %+v, %v, %d stored", bought, err, len(collector.stored))
	}
	want := received{ID: "id-31", Source: "test", Type: "shop.item_bought", Subject: "c31", Time: "2026-03-01T00:31:00Z", Data: []byte(`{"n":1}`)}
	if diff := cmp.Diff(want, collector.stored["test id-31"]); diff != "" {
		t.Errorf("an event (-archived +sent): %s", diff)
	}
	all, err := runReplay(t, address)
	if err != nil || all.Sent.Accepted != 90 || all.Sent.Applied != 45 || all.Sent.Duplicate < 45 || len(collector.stored) != 90 {
		t.Errorf("all: %+v, %v, %d stored", all, err, len(collector.stored))
	}
}

// Defends that events of which the platform has forgotten whether it had them are
// not sent on a guess.
func TestReplayDoesNotGuess(t *testing.T) {
	c := smallKafka(t)
	c.CreateTopic(ledgerTopic, 3, nil)
	c.CreateTopic(processedTopic, 1, nil)
	for i := range 30 {
		process(t, c.Client(), i)
	}
	dropped := kadm.Offsets{}
	dropped.Add(kadm.Offset{Topic: processedTopic, Partition: 0, At: 20, LeaderEpoch: -1})
	if _, err := c.Admin().DeleteRecords(context.Background(), dropped); err != nil {
		t.Fatal(err)
	}
	collector := startCollector(t, &fakeCollector{ledger: c.Client()})
	address := archived(t, 40)
	r, err := runReplay(t, address)
	if err == nil || !strings.Contains(err.Error(), "20 events were left out") || !strings.Contains(err.Error(), "--expired") {
		t.Errorf("it ends with %v", err)
	}
	if r.Held != 10 || r.Expired != 20 || r.Sent.Accepted != 10 || len(collector.stored) != 10 {
		t.Errorf("%+v, %d stored", r, len(collector.stored))
	}
	if r, err = runReplay(t, address, "--expired"); err != nil || r.Sent.Accepted != 30 || len(collector.stored) != 30 {
		t.Errorf("with --expired: %+v, %v, %d stored", r, err, len(collector.stored))
	}
}

// Defends the messages for an archive that is none and a range that is empty.
func TestReplayRefuses(t *testing.T) {
	smallKafka(t)
	for want, args := range map[string][]string{
		"is not before":      {"--from", "file:///a", "--since", "2026-03-01T02:00:00Z", "--until", "2026-03-01T01:00:00Z"},
		"s3://bucket/prefix": {"--from", "ftp://a", "--since", "2026-03-01T01:00:00Z", "--until", "2026-03-01T02:00:00Z"},
	} {
		if _, err := cli(t, append([]string{"replay"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, expected %q", args, err, want)
		}
	}
}
