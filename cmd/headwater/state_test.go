package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/supervisor"
	"headwater.internal/platform/internal/topology"
)

// stateTask plays a task that has the partitions, and says whom it was asked for.
func stateTask(t *testing.T, partitions string, answer func(number string) (int, string)) (supervisor.Task, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/topology" {
			fmt.Fprintf(w, `{"name":"p","task":{"number":"0","ready":true,"partitions":%s}}`, partitions)
			return
		}
		number := r.URL.Query().Get("partition")
		asked = append(asked, number)
		code, body := answer(number)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return supervisor.Task{HTTPAddress: strings.TrimPrefix(server.URL, "http://")}, &asked
}

// Defends who is asked: the task that has the partition and no other, once more
// where the partition was on its way, and a mistaken key only once.
func TestStateAsksTheOwner(t *testing.T) {
	refusals := 2
	one, askedOne := stateTask(t, `{"0":["a"],"2":["a"]}`, func(string) (int, string) { return 200, `{"partitions":{}}` })
	two, askedTwo := stateTask(t, `{"1":["a"]}`, func(string) (int, string) {
		if refusals--; refusals >= 0 {
			return http.StatusMisdirectedRequest, `{"error":"moving"}`
		}
		return 200, `{"partitions":{"1":{"n":5}}}`
	})
	tasks := func(context.Context) ([]supervisor.Task, error) { return []supervisor.Task{one, two}, nil }
	found, err := askState(t.Context(), "p", "k", []int32{1}, tasks)
	if diff := cmp.Diff(map[int32]any{1: map[string]any{"n": 5.0}}, found); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	if len(*askedOne) != 0 || len(*askedTwo) != 3 {
		t.Errorf("asked %v and %v, want only the owner until it answers", *askedOne, *askedTwo)
	}
	if _, err := askState(t.Context(), "p", "k", []int32{0, 2}, tasks); err == nil || !strings.Contains(err.Error(), `p holds nothing of "k"`) {
		t.Errorf("a key of which nothing is held: %v", err)
	}
	bad, asked := stateTask(t, `{"0":["a"]}`, func(string) (int, string) { return http.StatusUnprocessableEntity, `{"error":"write it so"}` })
	_, err = askState(t.Context(), "p", "k", []int32{0}, func(context.Context) ([]supervisor.Task, error) { return []supervisor.Task{bad}, nil })
	if err == nil || !strings.Contains(err.Error(), "write it so") || len(*asked) != 1 {
		t.Errorf("a mistaken key: %v after %v", err, *asked)
	}
	_, err = askState(t.Context(), "p", "k", []int32{0}, func(context.Context) ([]supervisor.Task, error) { return nil, nil })
	if err == nil || !strings.Contains(err.Error(), "not running") {
		t.Errorf("no tasks: %v", err)
	}
}

// Defends the partition of a key: the one where Kafka's producers put it
// (murmur2, as in Kafka's own UtilsTest), or all where keys are spread.
func TestWantedPartitions(t *testing.T) {
	var about topology.Description
	if got := wantedPartitions(about, 1000, "21"); !slices.Equal(got, []int32{(-973932308 & 0x7fffffff) % 1000}) {
		t.Errorf("21 is in %v", got)
	}
	about.Rule.Spread = true
	if got := wantedPartitions(about, 3, "21"); !slices.Equal(got, []int32{0, 1, 2}) {
		t.Errorf("spread: %v", got)
	}
}
