package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// link is how one simulated process reaches the brokers: all that a network can
// do to it is done here.
type link struct {
	network *kfake.VirtualNetwork

	mu     sync.Mutex
	wires  map[*wire]bool
	down   bool          // for good
	frozen chan struct{} // closed when the process goes on; nil while it runs
	delay  func() time.Duration
	plans  []plan
}

// plan is what happens to the next request of one kind.
type plan struct {
	key  kmsg.Key
	harm harm
	late time.Duration // of a ghost
}

type harm int

const (
	loseRequest harm = iota // the connection breaks before the broker sees it
	loseAnswer              // the broker acts on it, the connection breaks
	ghost                   // the connection breaks; the broker sees the request later
)

var errLinkDown = errors.New("the simulated link is down")

func newLink(network *kfake.VirtualNetwork) *link {
	return &link{network: network, wires: make(map[*wire]bool)}
}

// dial makes a connection.
func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.pass()
	conn, err := l.network.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.Join(errLinkDown, conn.Close())
	}
	w := &wire{Conn: conn, link: l, address: address}
	l.wires[w] = true
	return w, nil
}

// pass waits as long as the process is frozen.
func (l *link) pass() {
	l.mu.Lock()
	frozen := l.frozen
	l.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
}

func (l *link) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

// cut breaks all connections; for good when the process is dead.
func (l *link) cut(forGood bool) {
	l.mu.Lock()
	l.down = l.down || forGood
	wires := l.wires
	l.wires = make(map[*wire]bool)
	l.mu.Unlock()
	for w := range wires {
		_ = w.Conn.Close()
	}
}

// slow sets how long each request is under way; nil for no time at all.
func (l *link) slow(delay func() time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = delay
}

func (l *link) intend(p plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans = append(l.plans, p)
}

// heal takes back what has not happened yet.
func (l *link) heal() {
	l.slow(nil)
	l.thaw()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans = nil
}

func (l *link) next(request []byte) (*plan, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var late time.Duration
	if l.delay != nil {
		late = l.delay()
	}
	if len(request) < 6 {
		return nil, late
	}
	key := kmsg.Key(binary.BigEndian.Uint16(request[4:]))
	for i, p := range l.plans {
		if p.key == key {
			l.plans = append(l.plans[:i:i], l.plans[i+1:]...)
			return &p, late
		}
	}
	return nil, late
}

// wire is one connection. The client writes each request in one call.
type wire struct {
	net.Conn

	link    *link
	address string
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.link.pass()
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	w.link.pass()
	p, late := w.link.next(b)
	if late > 0 {
		time.Sleep(late)
	}
	if p == nil {
		return w.Conn.Write(b)
	}
	switch p.harm {
	case loseAnswer:
		n, err := w.Conn.Write(b)
		time.AfterFunc(time.Millisecond, func() { _ = w.Close() })
		return n, err
	case ghost:
		request := append([]byte(nil), b...)
		time.AfterFunc(p.late, func() { w.link.haunt(w.address, request) })
	case loseRequest:
	}
	return 0, errors.Join(errLinkDown, w.Close())
}

func (w *wire) Close() error {
	w.link.mu.Lock()
	delete(w.link.wires, w)
	w.link.mu.Unlock()
	return w.Conn.Close()
}

// haunt delivers a request that everybody has given up.
func (l *link) haunt(address string, request []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := l.network.DialContext(ctx, "tcp", address)
	if err != nil {
		return // the broker is gone
	}
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(request); err == nil {
		_, _ = conn.Read(make([]byte, 4<<10))
	}
	_ = conn.Close()
}
