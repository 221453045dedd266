package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// report is all figures of one go of the bench.
type report struct {
	Date       string       `json:"date"`
	Commit     string       `json:"commit"`
	Machine    string       `json:"machine"`
	LoadBefore string       `json:"load_before"`
	LoadAfter  string       `json:"load_after"`
	Minutes    float64      `json:"minutes"`
	Command    string       `json:"command"`
	Runs       int          `json:"runs"`
	EventBytes int          `json:"event_bytes"`
	Seed       uint64       `json:"seed"`
	Alone      *alone       `json:"alone,omitempty"`
	Path       *flow        `json:"path,omitempty"`
	Latency    []*latencies `json:"latency,omitempty"`
	Peer       *peer        `json:"peer,omitempty"`
	State      *stateSize   `json:"state,omitempty"`
	Sizes      []sized      `json:"sizes,omitempty"`
	Failed     []failure    `json:"not_measured,omitempty"`

	begun time.Time
}

// failure is a section that could not be measured, which is a miss of its goals.
type failure struct {
	Section string `json:"section"`
	Reason  string `json:"reason"`
}

// goals are the figures to reach. What misses one is in docs/benchmarks.md, with
// what limits it.
var goals = struct {
	ofLimit              map[string]float64
	path, ofPeer, slower float64
	stateMiB, restartMS  float64
}{
	ofLimit:   map[string]float64{"refine": .45, "sessionize": .4, "aggregate": .4},
	path:      30_000,
	ofPeer:    1. / 3,
	slower:    1.2, // p99 with 10 million customers, of that with few
	stateMiB:  2_048,
	restartMS: 2_000,
}

// latencyGoal is what the percentiles must stay under at a rate, in milliseconds;
// zero for none.
func latencyGoal(rate int) (p50, p99 float64) {
	if rate <= 2_315 {
		return 60, 100
	}
	return 0, 500
}

func newReport(o *options) *report {
	return &report{
		Date: time.Now().UTC().Format(time.RFC3339), Commit: commit(), Machine: machine(), LoadBefore: loadAverage(), Seed: o.Seed, Runs: o.Runs,
		Command: strings.TrimSpace("make bench " + given(os.Args[1:])), begun: time.Now(),
	}
}

// given is the part of the command that says what was asked for.
func given(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf("BENCH=%q", strings.Join(args, " "))
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output() //nolint:noctx // returns at once
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func machine() string {
	model := "unknown CPU"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}

// loadAverage is what else ran: of the last 1, 5 and 15 minutes.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}

func (r *report) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}
