package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cut loses what passes about the end of a transaction, as often as its counters say.
type cut struct{ requests, answers atomic.Int32 }

func (c *cut) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &cutConn{Conn: conn, cut: c}, err
}

type cutConn struct {
	net.Conn

	cut  *cut
	deaf atomic.Bool // the next answer is lost
}

func (c *cutConn) Write(b []byte) (int, error) {
	if len(b) > 6 && int16(binary.BigEndian.Uint16(b[4:])) == int16(kmsg.EndTxn) {
		if c.cut.requests.Add(-1) >= 0 {
			_ = c.Close()
			return 0, io.ErrClosedPipe
		}
		if c.cut.answers.Add(-1) >= 0 {
			c.deaf.Store(true)
		}
	}
	return c.Conn.Write(b)
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.deaf.Load() { // the broker has done what it was asked: it answers
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// Defends exactly once where nobody knows how a transaction ended: the request
// is lost, its answer is, or the broker says an error and nothing else. Whether
// the task goes on or a new one does, every record counts once.
func TestUnknownOutcomeOfACommit(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*cut, *kfake.Cluster){
		"the request is lost": func(c *cut, _ *kfake.Cluster) { c.requests.Store(2) },
		"the answer is lost":  func(c *cut, _ *kfake.Cluster) { c.answers.Store(2) },
		"an error is answered": func(_ *cut, fake *kfake.Cluster) {
			fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError, TopLevel: true, Count: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 2, "raw.a")
			fake := p.cluster.Fake()
			var c cut
			c.requests.Store(-1)
			c.answers.Store(-1)
			p.cluster.Config.Dial = c.dial
			r := p.start(tallySpec, &tallyRule{}, 0, nil)
			sent := p.produceKeys("raw.a", 100)
			p.checkCopies(sent)
			for range 5 {
				trouble(&c, fake)
				add(sent, p.produceKeys("raw.a", 34))
				select {
				case err := <-r.done: // as keepGoing does
					t.Logf("the task ended: %v", err)
					r.done <- nil
					r = p.start(tallySpec, &tallyRule{}, 0, nil)
				case <-time.After(500 * time.Millisecond):
				}
			}
			select {
			case <-r.done:
				r.done <- nil
				p.start(tallySpec, &tallyRule{}, 0, nil)
			case <-time.After(time.Second):
			}
			p.checkCopies(sent)
		})
	}
}

// Defends the restore against a changelog that ends in what no reader is shown:
// an aborted transaction and its marker. It ends, and counts nothing of that.
func TestRestoreEndsBehindAnAbortedTransaction(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := p.produceKeys("raw.a", 100)
	p.checkCopies(sent)
	r.drain(t)
	writer := p.cluster.Client(kgo.TransactionalID("somebody"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for range 3 {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		key := ruleKey(nil, []byte("k0"))
		rubbish := &kgo.Record{Topic: tallySpec.State.Topic, Key: key, Value: tally{Count: 1_000_000}.encode()}
		if err := writer.ProduceSync(t.Context(), rubbish).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(p.dir, tallySpec.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	p.start(tallySpec, &tallyRule{}, 0, nil)
	add(sent, p.produceKeys("raw.a", 34))
	p.checkCopies(sent)
}
