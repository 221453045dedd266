package stream

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Defends what the supervisor sees: healthy at once, ready when joined and
// restored, metrics under the names that operators know, and an orderly end.
func TestServesItsState(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	env := environment{
		task: "0", stateDir: p.dir, httpAddress: freeAddress(t), registryURL: p.registry.URL(), limits: DefaultLimits(),
	}
	done := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	go func() { done <- run(ctx, p.cluster.Config, tallySpec, &tallyRule{}, env, log) }()
	await(t, env.httpAddress, "/healthz", "ok")
	await(t, env.httpAddress, "/readyz", "ready")
	await(t, env.httpAddress, "/topology", `"task":{"number":"0","ready":true,"partitions":{"0":["raw.a"],"1":["raw.a"]}}`)
	p.checkCopies(p.produceKeys("raw.a", 100))
	for _, want := range []string{
		`headwater_stream_record_e2e_latency_seconds_bucket{processor="tally",le="0.1"}`,
		`headwater_stream_process_total{processor="tally",verdict="applied"} 100`,
		`headwater_stream_dead_letters_total{class="bad_payload",processor="tally"} 0`,
		`headwater_stream_records_lag{partition="1",processor="tally",topic="raw.a"} 0`,
	} {
		await(t, env.httpAddress, "/metrics", want)
	}
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it did not end")
	}
}

func await(t *testing.T, address, path, want string) {
	t.Helper()
	var last string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if last = string(body); resp.StatusCode == http.StatusOK && strings.Contains(last, want) {
			return
		}
	}
	t.Errorf("%s never said %s; last: %s", path, want, last)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
