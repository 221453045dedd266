package stream

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// tallyReader shows a key's tally.
type tallyReader struct{ tallyRule }

func (*tallyReader) Read(tx *Tx, key string) (any, error) {
	if key == "bad" {
		return nil, errors.New("write another")
	}
	value := tx.Get([]byte(key))
	if value == nil {
		return nil, nil
	}
	return parseTally(key, value), nil
}

func (*tallyReader) Spread() bool { return false }

func askState(t *testing.T, s *server, query string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.answerState(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/state?"+query, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// Defends live queries: what was committed is shown while the task works, by the
// partition that has it, and what cannot be shown is refused with a reason.
func TestStateIsRead(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	r := p.start(tallySpec, &tallyReader{}, 0, nil)
	p.produce(number("raw.a", "ann", 5), number("raw.a", "ann", 7))
	p.read("copies", func(list []*kgo.Record) bool { return len(list) == 2 })
	var s server
	if code, body := askState(t, &s, "key=ann"); code != http.StatusServiceUnavailable || !strings.Contains(body, "starting") {
		t.Errorf("before the task: %d %s", code, body)
	}
	s.task.Store(r.t)
	var code int
	var body string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		// Kafka has the commit a moment before the disk.
		if code, body = askState(t, &s, "key=ann&partition=0"); strings.Contains(body, `"Sum":12`) {
			break
		}
	}
	if want := `{"asked":[0],"partitions":{"0":{"Key":"ann","Count":2,"Sum":12}}}`; code != http.StatusOK || body != want {
		t.Errorf("ann: %d %s", code, body)
	}
	for query, want := range map[string]int{
		"key=bob": http.StatusOK, "key=bad": http.StatusUnprocessableEntity, "key=": http.StatusBadRequest,
		"key=ann&partition=x": http.StatusBadRequest, "key=ann&partition=9": http.StatusMisdirectedRequest,
	} {
		if code, body := askState(t, &s, query); code != want || strings.Contains(body, "Sum") {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	r.drain(t) // closes the store under the server's feet
	if code, body := askState(t, &s, "key=ann&partition=0"); code != http.StatusMisdirectedRequest {
		t.Errorf("after the task: %d %s", code, body)
	}
}

// Defends a rebalance against a long query: whoever lets go of the partition
// waits for it, and it ends at its next step.
func TestQueryGivesWay(t *testing.T) {
	d, err := NewDriver(tallySpec, &tallyRule{}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Feed(Input{Topic: "raw.a", Key: []byte("a"), Value: make([]byte, 8)}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	var r readables
	r.add(0, d.p.store)
	removed := make(chan struct{})
	err = r.read(0, tallySpec, d.p.rule, func(tx *Tx) error {
		go func() { r.remove(0); close(removed) }()
		for end := time.Now().Add(20 * time.Second); tx.err == nil && time.Now().Before(end); {
			select {
			case <-removed:
				t.Error("the store was let go while it was read")
				return nil
			default:
			}
			for range tx.Scan(nil, []byte{0xff}) {
			}
		}
		return nil
	})
	if !errors.Is(err, errInterrupted) {
		t.Errorf("the query ended with %v", err)
	}
	<-removed
	if err := r.read(0, tallySpec, d.p.rule, func(*Tx) error { return nil }); !errors.Is(err, errMoving) {
		t.Errorf("a partition that is gone: %v", err)
	}
}

// Defends the fallback: entries of a rule that does not render its state are
// found by a part of their key, and what is not committed is not shown.
func TestStateInHexadecimal(t *testing.T) {
	d, err := NewDriver(tallySpec, &tallyRule{}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, key := range []string{"xannx", "bob"} {
		if _, err := d.Feed(Input{Topic: "raw.a", Key: []byte(key), Value: make([]byte, 8)}); err != nil {
			t.Fatal(err)
		}
	}
	if held, err := d.Read("ann"); held != nil || err != nil {
		t.Errorf("before the commit: %v, %v", held, err)
	}
	if _, err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	held, err := d.Read("ann")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(held)
	if want := `{"entries":[{"key":"78616e6e78","text":"\"xannx\"","value":"00000000000000010000000000000000"}]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
