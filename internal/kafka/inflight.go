package kafka

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"
)

// dialFunc opens a connection.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// gatedDial dials connections that share a number of turns: each request takes one
// when it is written and gives it back when its answer has been read. The client
// itself sends all it has at once.
func gatedDial(turns int, dial dialFunc) dialFunc {
	gate := make(chan struct{}, turns)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return newGatedConn(conn, gate), nil
	}
}

// gatedConn counts on two habits of the client: one Write is one request, and
// every request has an answer, which begins with its size in four bytes.
type gatedConn struct {
	net.Conn
	gate   chan struct{}
	closed chan struct{}

	mu        sync.Mutex
	held      int           // turns that answers have not given back yet
	timeout   time.Duration // of the next write, counted from its turn on; 0 for none
	cancelled chan struct{} // closed when the writer is to give up waiting

	head [4]byte // of the answer that is being read; the reader's alone
	have int     // bytes of head
	left uint32  // bytes of the body still to come
}

func newGatedConn(conn net.Conn, gate chan struct{}) *gatedConn {
	return &gatedConn{Conn: conn, gate: gate, closed: make(chan struct{}), cancelled: make(chan struct{})}
}

// SetWriteDeadline takes a time in the future for how long a write may take once
// its turn has come, and one in the past for the end of all waiting.
func (c *gatedConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timeout = 0
	if t.IsZero() {
		select {
		case <-c.cancelled:
			c.cancelled = make(chan struct{})
		default:
		}
		return c.Conn.SetWriteDeadline(t)
	}
	if c.timeout = time.Until(t); c.timeout > 0 {
		return nil
	}
	select {
	case <-c.cancelled:
	default:
		close(c.cancelled)
	}
	return c.Conn.SetWriteDeadline(t)
}

// Write waits for a turn and sends one request.
func (c *gatedConn) Write(request []byte) (int, error) {
	c.mu.Lock()
	cancelled := c.cancelled
	c.mu.Unlock()
	select {
	case c.gate <- struct{}{}:
	case <-cancelled:
		return 0, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, net.ErrClosed
	}
	if err := c.take(); err != nil {
		return 0, err
	}
	return c.Conn.Write(request)
}

// take books the turn that was got, unless the connection was closed meanwhile.
func (c *gatedConn) take() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		<-c.gate
		return net.ErrClosed
	default:
	}
	c.held++
	if c.timeout > 0 {
		return c.Conn.SetWriteDeadline(time.Now().Add(c.timeout))
	}
	return nil
}

// Read reads, and gives a turn back for every answer that is complete.
func (c *gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if c.have < len(c.head) {
			taken := copy(c.head[c.have:], rest)
			c.have += taken
			rest = rest[taken:]
			c.left = binary.BigEndian.Uint32(c.head[:])
		}
		if c.have == len(c.head) {
			taken := min(uint32(len(rest)), c.left)
			c.left -= taken
			rest = rest[taken:]
			if c.left == 0 {
				c.have = 0
				c.release(1)
			}
		}
	}
	return n, err
}

// Close closes the connection and gives back the turns of answers that never came.
func (c *gatedConn) Close() error {
	c.mu.Lock()
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	held := c.held
	c.mu.Unlock()
	c.release(held)
	return c.Conn.Close()
}

func (c *gatedConn) release(turns int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range min(turns, c.held) {
		c.held--
		<-c.gate
	}
}
