package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// report is all figures of one go of the bench.
type report struct {
	Date       string     `json:"date"`
	Commit     string     `json:"commit"`
	Machine    string     `json:"machine"`
	LoadBefore string     `json:"load_before"`
	LoadAfter  string     `json:"load_after"`
	EventBytes int        `json:"event_bytes"`
	Seed       uint64     `json:"seed"`
	Alone      *alone     `json:"alone,omitempty"`
	Path       *path      `json:"path,omitempty"`
	Peer       *peer      `json:"peer,omitempty"`
	Latency    []*latency `json:"latency,omitempty"`
}

// goals are the figures to reach. What misses one is in docs/benchmarks.md, with
// what limits it.
var goals = struct {
	ofLimit map[string]float64
	path    float64
	ofPeer  float64
}{
	ofLimit: map[string]float64{"refine": .45, "sessionize": .4, "aggregate": .4},
	path:    30_000,
	ofPeer:  1. / 3,
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
		Date: time.Now().UTC().Format(time.RFC3339), Commit: commit(), Machine: machine(), LoadBefore: loadAverage(), Seed: o.Seed,
	}
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

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, commit %s, %s\n", r.Date, r.Commit, r.Machine)
	fmt.Fprintf(w, "load average before %s, after %s; raw records of %d bytes, seed %d\n\n", r.LoadBefore, r.LoadAfter, r.EventBytes, r.Seed)
	fmt.Fprintln(w, "| what | measured | goal | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- |")
	r.printAlone(w)
	r.printPath(w)
	r.printPeer(w)
	for _, l := range r.Latency {
		p50, p99 := latencyGoal(l.Rate)
		measured := fmt.Sprintf("p50 %.0f ms, p99 %.0f ms, p99.9 %.0f ms (%d samples, %.2f cores)", l.P50, l.P99, l.P999, l.Samples, l.Cores)
		goal := fmt.Sprintf("p99 < %.0f ms", p99)
		if p50 > 0 {
			goal = fmt.Sprintf("p50 < %.0f ms, ", p50) + goal
		}
		ok := l.Sustained && l.P99 < p99 && (p50 == 0 || l.P50 < p50)
		if !l.Sustained {
			measured += fmt.Sprintf("; not sustained: %.0f/s, lag growing %.0f/s", l.Reached, l.LagGrowth)
		}
		row(w, fmt.Sprintf("receipt to readable session at %d/s", l.Rate), measured, goal, ok)
	}
}

func row(w io.Writer, what, measured, goal string, ok bool) {
	mark := "missed"
	if ok {
		mark = "met"
	}
	fmt.Fprintf(w, "| %s | %s | %s | %s |\n", what, measured, goal, mark)
}

func (r *report) printAlone(w io.Writer) {
	if r.Alone == nil {
		return
	}
	for _, name := range []string{"refine", "sessionize", "aggregate"} {
		m, goal := r.Alone.Medians[name], goals.ofLimit[name]
		row(w, name+" alone, events per CPU second against the limit",
			fmt.Sprintf("%.2f (%.2f of the byte copy; %.0f/s, %.1f us, %.2f outputs per input, %.0f MiB)",
				r.Alone.Versus[name], r.Alone.VsBytes[name], m.PerCPU, m.CPU, m.Outputs, m.Memory),
			fmt.Sprintf(">= %.2f", goal), r.Alone.Versus[name] >= goal)
	}
	for _, name := range r.Alone.Subjects {
		if m := r.Alone.Medians[name]; goals.ofLimit[name] == 0 {
			fmt.Fprintf(w, "| %s | %.0f events per CPU second, %.1f us | | |\n", name, m.PerCPU, m.CPU)
		}
	}
}

func (r *report) printPath(w io.Writer) {
	if r.Path == nil {
		return
	}
	var budget []string
	for _, name := range []string{"generator", "collect", "brokers", "refine", "sessionize", "aggregate"} {
		budget = append(budget, fmt.Sprintf("%s %.1f", name, r.Path.CPU[name]))
	}
	row(w, "whole path, highest sustained rate",
		fmt.Sprintf("%.0f/s for %.0f s (lag %.0f, growing %.0f/s; %.2f cores)", r.Path.Rate, r.Path.Seconds, r.Path.LagEnd, r.Path.LagGrowth, r.Path.Cores),
		fmt.Sprintf(">= %.0f/s", goals.path), r.Path.Sustained && r.Path.Rate >= goals.path)
	fmt.Fprintf(w, "| CPU per event by stage, us | %s | | |\n", strings.Join(budget, ", "))
}

func (r *report) printPeer(w io.Writer) {
	if r.Peer == nil {
		return
	}
	a, b := r.Peer.Medians[ours], r.Peer.Medians[kafkaStream]
	row(w, "sessionize against Kafka Streams: CPU per event", fmt.Sprintf("%.2f (%.1f of %.1f us)", r.Peer.CPU, a.CPU, b.CPU),
		fmt.Sprintf("<= %.2f", goals.ofPeer), r.Peer.CPU <= goals.ofPeer && r.Peer.Differ == 0)
	row(w, "its resident memory", fmt.Sprintf("%.2f (%.0f of %.0f MiB)", r.Peer.Memory, a.Memory, b.Memory),
		fmt.Sprintf("<= %.2f", goals.ofPeer), r.Peer.Memory <= goals.ofPeer)
	row(w, "its throughput", fmt.Sprintf("%.2f (%.0f of %.0f/s)", r.Peer.PerWall, a.PerWall, b.PerWall), ">= 1.00", r.Peer.PerWall >= 1)
	row(w, "its sessions", fmt.Sprintf("%d, of which %d differ", r.Peer.Sessions, r.Peer.Differ), "none differ", r.Peer.Differ == 0)
}
