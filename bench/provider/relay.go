package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relays stand between clients and the brokers and registry, and hold each byte
// back for half a round trip in each direction. The round trip may change while
// they run; zero passes bytes on as they come.
type relays struct {
	trip atomic.Int64 // nanoseconds

	mu        sync.Mutex
	listeners []net.Listener
}

// chunk is bytes on their way.
type chunk struct {
	bytes []byte
	due   time.Time
}

// set changes the round trip.
func (r *relays) set(trip time.Duration) { r.trip.Store(int64(trip)) }

func (r *relays) roundTrip() time.Duration { return time.Duration(r.trip.Load()) }

// to returns the address of a relay to target, which it dials for each client.
func (r *relays) to(target string) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	r.listeners = append(r.listeners, listener)
	r.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go r.connect(client, target)
		}
	}()
	return listener.Addr().String(), nil
}

// close ends all relays; connections end with their clients.
func (r *relays) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	for _, l := range r.listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// connect carries one client's connection until either side ends it. The client
// waits a round trip for it, as for a handshake.
func (r *relays) connect(client net.Conn, target string) {
	defer client.Close()
	time.Sleep(r.roundTrip())
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { r.carry(server, client) })
	both.Go(func() { r.carry(client, server) })
	both.Wait()
}

// carry copies one direction, each chunk when it is due. The line takes more than
// one chunk at a time: it has a delay and no limit of its own.
func (r *relays) carry(to, from net.Conn) {
	line := make(chan chunk, 1024)
	go func() {
		defer close(line)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				line <- chunk{buffer[:n], time.Now().Add(r.roundTrip() / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range line {
		time.Sleep(time.Until(c.due))
		if _, err := to.Write(c.bytes); err != nil {
			from.Close()     // the reader ends and with it the line
			for range line { // what is still on its way is lost
			}
			return
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		half.CloseWrite() // the other side may be gone, which is the same
	}
}
