package apache_test

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/apache"
)

// A new authority takes the place of the old one, node by node, under a client that
// lives on: it trusts what its file says at each connection, no record of it fails,
// and in the end nobody shows a certificate of the old authority.
func TestAuthorityTurnsUnderAClient(t *testing.T) {
	o := options(t)
	o.Brokers, o.Combined = 3, true
	c := start(t, o)
	config := c.Config()
	old, err := config.TLS.Config()
	if err != nil {
		t.Fatal(err)
	}
	producer := client(t, config, kgo.DefaultProduceTopic("events"), kgo.RequiredAcks(kgo.AllISRAcks()))
	if _, err := kadm.NewClient(producer).CreateTopic(t.Context(), 3, 3, nil, "events"); err != nil {
		t.Fatal(err)
	}
	stop, result := make(chan struct{}), make(chan error, 1)
	acknowledged := 0
	go func() {
		for {
			select {
			case <-stop:
				result <- nil
				return
			case <-time.After(5 * time.Millisecond):
			}
			if err := producer.ProduceSync(context.Background(), &kgo.Record{Value: []byte("event")}).FirstErr(); err != nil {
				result <- err
				return
			}
			acknowledged++
		}
	}()
	for last := false; !last; {
		renewal, err := apache.NewRenewal(o.DataDir, true)
		if err != nil {
			t.Fatal(err)
		}
		var what string
		if what, _, last, err = renewal.Step(); err != nil {
			t.Fatal(err)
		}
		t.Log(what)
		for _, id := range c.Nodes() {
			if err := c.Restart(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			awaitInSync(t, kadm.NewClient(producer))
		}
		if err := renewal.Restarted(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-result; err != nil {
		t.Errorf("record %d: %v", acknowledged, err)
	}
	if got := countRecords(t, config, "events"); got != acknowledged {
		t.Errorf("%d records, want the %d acknowledged", got, acknowledged)
	}
	for _, server := range config.BootstrapServers {
		if conn, err := tls.Dial("tcp", server, old); err == nil {
			conn.Close()
			t.Errorf("the broker at %s shows a certificate that the old authority signed", server)
		}
	}
}

// awaitInSync waits until every replica has caught up.
func awaitInSync(t *testing.T, admin *kadm.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		behind := 0
		meta, err := admin.Metadata(ctx)
		for _, topic := range meta.Topics {
			for _, p := range topic.Partitions {
				if len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
					behind++
				}
			}
		}
		if err == nil && behind == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d partitions are behind, %v", behind, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
