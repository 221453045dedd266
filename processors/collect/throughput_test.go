package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// The whole gateway on the fake cluster: HTTP batches of 100 orders, two senders
// a core, each waiting for all replicas. ns/op is for one event.
func BenchmarkGateway(b *testing.B) {
	p := start(b)
	var next atomic.Int64
	b.SetParallelism(2)
	b.RunParallel(func(pb *testing.PB) {
		for more := true; more; {
			var events []string
			for more = pb.Next(); more; more = pb.Next() {
				if events = append(events, order("e1", fmt.Sprint(next.Add(1)))); len(events) == 100 {
					break
				}
			}
			if len(events) == 0 {
				return
			}
			send(b, p, "["+strings.Join(events, ",")+"]")
		}
	})
}

func send(b *testing.B, p *platform, body string) {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, p.url+"/v1/events", bytes.NewBufferString(body))
	if err != nil {
		b.Error(err)
		return
	}
	r.Header.Set("Content-Type", mediaBatch)
	r.Header.Set("X-Write-Key", testKey)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusAccepted {
		b.Errorf("%s %.200s %v", res.Status, text, err)
	}
}
