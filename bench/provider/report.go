package main

import (
	"cmp"
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

// report is all figures of one go.
type report struct {
	Date       string  `json:"date"`
	Commit     string  `json:"commit"`
	Machine    string  `json:"machine"`
	Command    string  `json:"command"`
	LoadBefore string  `json:"load_before"`
	LoadAfter  string  `json:"load_after"`
	Lives      []*life `json:"lives"`
}

// life is what one configuration took from its creation to its end.
type life struct {
	Provider    string             `json:"provider"`
	Workload    workload           `json:"workload"`
	Name        string             `json:"name"`
	RoundTripMS int64              `json:"round_trip_ms"`
	Steps       map[string]figures `json:"steps"`
	LoadBefore  string             `json:"load_before"`
	Failed      string             `json:"failed,omitempty"`
}

// Goals, from what the rival needs on the same topics in the same run.
const (
	goalCreate     = 5   // times as fast
	goalDestroy    = 20  // times as fast
	goalPlanFar    = 3   // times as fast, 20 ms away
	goalPlanNear   = 1   // times as fast on loopback
	goalEventsPlan = 15  // seconds, a no-op plan of 1,000 events
	goalMemoryMiB  = 300 // of the provider
)

func newReport() *report {
	commit, err := exec.Command("git", "describe", "--always", "--dirty").Output() //nolint:noctx // returns at once
	if err != nil {
		commit = []byte("unknown")
	}
	return &report{
		Date: time.Now().UTC().Format(time.RFC3339), Commit: strings.TrimSpace(string(commit)), Machine: machine(), LoadBefore: loadAverage(),
		Command: strings.TrimSpace(fmt.Sprintf("make bench-provider BENCH=%q", strings.Join(os.Args[1:], " "))),
	}
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
	return fmt.Sprintf("%d cores of %s, %s", runtime.NumCPU(), model, runtime.GOOS)
}

// loadAverage is what else ran: of the last 1, 5 and 15 minutes.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

// save writes the figures and the table.
func (r *report) save(o *options) error {
	r.LoadAfter = loadAverage()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var table strings.Builder
	r.print(&table)
	for path, content := range map[string]string{o.JSON: string(text) + "\n", o.Markdown: strings.TrimPrefix(table.String(), "\n")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// print writes the table, and the goals below it.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n## %s, commit %s, %s\n\n`%s`. Load average before: %s, after: %s.\n\n", r.Date[:len("2006-01-02")], r.Commit, r.Machine, r.Command, r.LoadBefore, cmp.Or(r.LoadAfter, "unknown"))
	fmt.Fprint(w, "| what | round trip | provider | create | no-op plan | refresh-only plan | destroy | MiB |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, l := range r.Lives {
		fmt.Fprintf(w, "| %s | %d ms | %s |", l.Name, l.RoundTripMS, l.Provider)
		for _, step := range steps {
			fmt.Fprintf(w, " %s |", l.seconds(step))
		}
		fmt.Fprintf(w, " %.0f |\n", l.memory())
	}
	fmt.Fprintln(w)
	for _, line := range r.goals() {
		fmt.Fprintln(w, "- "+line)
	}
	for _, l := range r.Lives {
		if l.Failed != "" {
			reason, _, _ := strings.Cut(l.Failed, "\n")
			fmt.Fprintf(w, "- not measured whole: %s of %s at %d ms: %s\n", l.Name, l.Provider, l.RoundTripMS, reason)
		}
	}
}

func (l *life) seconds(step string) string {
	f, ok := l.Steps[step]
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f s", f.Seconds)
}

// memory is the most that the provider used in any step, in MiB.
func (l *life) memory() float64 {
	most := 0.0
	for _, f := range l.Steps {
		most = max(most, f.ProviderMiB)
	}
	return most
}

// goals are a line each, met or missed.
func (r *report) goals() []string {
	var lines []string
	most := 0.0
	for _, l := range r.Lives {
		if l.Provider != headwater.name {
			continue
		}
		most = max(most, l.memory())
		if f, ok := l.Steps[stepPlan]; ok && l.Workload.Events {
			lines = append(lines, goal(f.Seconds < goalEventsPlan, "a no-op plan of %s at %d ms took %.1f s, the goal is under %d s", l.Name, l.RoundTripMS, f.Seconds, goalEventsPlan))
		}
		if other := r.rivalOf(l); other != nil {
			lines = append(lines, l.against(other)...)
		}
	}
	return append(lines, goal(most < goalMemoryMiB, "the provider used at most %.0f MiB, the goal is under %d MiB", most, goalMemoryMiB))
}

func goal(met bool, format string, args ...any) string {
	if met {
		return "met: " + fmt.Sprintf(format, args...)
	}
	return "MISSED: " + fmt.Sprintf(format, args...)
}

// known is what Mongey's kafka provider needs for a topic, by figures taken on one
// broker at Terraform's default parallelism: creation of 900 topics, a no-op plan of
// 1,000 and their destruction, in seconds.
var known = map[string]float64{stepCreate: 98. / 900, stepPlan: 3.7 / 1000, stepDestroy: 442. / 1000}

// knownRival is what the rival would need for topics alone, nearby; nil for all else.
func knownRival(l *life) *life {
	if l.Workload.ACLs > 0 || l.RoundTripMS > 0 {
		return nil
	}
	other := &life{Steps: map[string]figures{}}
	for step, seconds := range known {
		other.Steps[step] = figures{Seconds: seconds * float64(l.Workload.Topics)}
	}
	return other
}

// rivalOf is what the rival needed for the same, or would by what is known of it.
func (r *report) rivalOf(l *life) *life {
	for _, other := range r.Lives {
		if other.Provider == rival.name && other.Workload == l.Workload && other.RoundTripMS == l.RoundTripMS {
			return other
		}
	}
	return knownRival(l)
}

func (l *life) against(other *life) []string {
	plan := float64(goalPlanNear)
	if l.RoundTripMS > 0 {
		plan = goalPlanFar
	}
	var lines []string
	for _, g := range []struct {
		step string
		want float64
	}{{stepCreate, goalCreate}, {stepPlan, plan}, {stepDestroy, goalDestroy}} {
		ours, measured := l.Steps[g.step]
		theirs, too := other.Steps[g.step]
		if !measured || !too {
			lines = append(lines, goal(false, "%s of %s at %d ms was not measured on both sides", g.step, l.Name, l.RoundTripMS))
			continue
		}
		times := theirs.Seconds / ours.Seconds
		lines = append(lines, goal(times >= g.want, "%s of %s at %d ms is %.1f times as fast as the rival, the goal is %.0f", g.step, l.Name, l.RoundTripMS, times, g.want))
	}
	return lines
}
