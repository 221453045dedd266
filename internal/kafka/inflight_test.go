package kafka

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// answering is a server that answers each request some time later, all at once if
// it may, and remembers how many it had at a time.
func answering(t *testing.T, delay time.Duration) (address string, most *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var open atomic.Int32
	most = &atomic.Int32{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				var writing sync.Mutex
				head := make([]byte, 4)
				for {
					if _, err := io.ReadFull(conn, head); err != nil {
						return
					}
					body := make([]byte, binary.BigEndian.Uint32(head))
					if _, err := io.ReadFull(conn, body); err != nil {
						return
					}
					now := open.Add(1)
					for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
					}
					time.AfterFunc(delay, func() {
						open.Add(-1)
						writing.Lock()
						defer writing.Unlock()
						conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
					})
				}
			}()
		}
	}()
	return listener.Addr().String(), most
}

func frame(size int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), make([]byte, size)...)
}

// No more requests than allowed are out at a time, over all connections together;
// as many as allowed are, so that the limit costs no more than it must.
func TestInFlight(t *testing.T) {
	t.Parallel()
	for _, turns := range []int{1, 3} {
		address, most := answering(t, 2*time.Millisecond)
		dial := gatedDial(turns, new(net.Dialer).DialContext)
		var all sync.WaitGroup
		for range 4 {
			conn, err := dial(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			const requests = 25
			all.Go(func() {
				for i := range requests {
					if _, err := conn.Write(frame(i * 100)); err != nil {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for i := range requests {
					if _, err := io.ReadFull(conn, frame(i*100)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := most.Load(); got != int32(turns) {
			t.Errorf("%d requests were out at a time, want %d", got, turns)
		}
	}
}

// Who waits for a turn can be told to give up, and a connection that goes takes
// no turn with it.
func TestInFlightGivesUp(t *testing.T) {
	t.Parallel()
	address, _ := answering(t, time.Hour)
	dial := gatedDial(1, new(net.Dialer).DialContext)
	first, err := dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	second, err := dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := first.Write(frame(1)); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := second.Write(frame(2))
		failed <- err
	}()
	if err := second.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a writer that gave up got %v", err)
	}
	if err := second.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := second.Write(frame(2))
		failed <- err
	}()
	first.Close()
	if err := <-failed; err != nil {
		t.Errorf("the turn of a closed connection was lost: %v", err)
	}
}

// With one turn a client still logs in, by TLS, and gets its answers.
func TestClientWithOneInFlight(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.issue("broker")
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	servers := start(t, kfake.EnableSASL(), kfake.Superuser(ScramSHA512, "ada", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})) //nolint:gosec // a test's own broker
	config := Config{
		BootstrapServers: servers, TLS: TLS{CA: a.pem}, SASL: SASL{Username: "ada", Password: "secret"}, MaxInFlight: 1,
	}
	client, err := config.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := client.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	config.SASL.Password = "guess"
	if err := ping(t, config); err == nil {
		t.Error("a wrong password was accepted")
	}
	config.TLS.CA = newAuthority(t).pem
	expectRefusal(t, config, "signed by an authority that is not known")
}
