package main

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// A relay that did not delay, delayed once for all bytes or lost some would make
// every figure at 20 ms a lie.
func TestRelay(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { echo.Close() })
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	var r relays
	t.Cleanup(func() { r.close() })
	address, err := r.to(echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const trip = 40 * time.Millisecond
	for _, want := range []time.Duration{0, trip} {
		r.set(want)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		answer := func(n int) time.Duration {
			sent := bytes.Repeat([]byte{byte(n)}, n)
			begun := time.Now()
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d bytes did not come back: %v", n, err)
			}
			return time.Since(begun)
		}
		answer(1) // with the handshake
		for range 3 {
			if took := answer(100); took < want {
				t.Errorf("a round trip of %s took %s", want, took)
			}
		}
		if took := answer(2 << 20); took < want || want > 0 && took > 40*want {
			t.Errorf("2 MiB at a round trip of %s took %s: chunks must travel together", want, took)
		}
		conn.Close()
	}
}
