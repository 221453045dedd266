package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// The peer: the same sessions in Kafka Streams, from the same topic.
const (
	peerDir   = "bench/peers/kafka-streams"
	peerBuild = "build/peers/kafka-streams"
	peerTopic = "bench.peer-sessions"
	peerGroup = "bench-peer"
	peerState = peerGroup + "-sessions-changelog" // as Kafka Streams names it
)

// peer is sessionize against Kafka Streams: medians over the runs, each measured
// after its warm-up.
type peer struct {
	Runs     int                   `json:"runs"`
	WarmUp   int                   `json:"warm_up_events"`
	Events   int                   `json:"events"`
	Medians  map[string]measured   `json:"medians"`
	Each     map[string][]measured `json:"each"`
	CPU      float64               `json:"cpu_of_peer"`
	Memory   float64               `json:"memory_of_peer"`
	PerWall  float64               `json:"throughput_of_peer"`
	Sessions int                   `json:"sessions"`
	Differ   int                   `json:"sessions_that_differ"` // must be none, or the comparison means nothing
	Java     string                `json:"java_flags"`
}

const (
	ours        = "sessionize"
	kafkaStream = "kafka-streams"
)

// buildPeer has Maven build the peer. What is missing on the machine is named.
func buildPeer(ctx context.Context) error {
	for program, what := range map[string]string{
		"java":  "Java 17 runs Kafka Streams: install it (Debian: openjdk-17-jdk-headless)",
		"javac": "a JDK builds the peer: install one (Debian: openjdk-17-jdk-headless)",
		"mvn":   "Maven builds the peer and downloads Kafka Streams: install it (Debian: maven)",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("find %s: %w: %s", program, err, what)
		}
	}
	say("build Kafka Streams' sessionize")
	cmd := exec.CommandContext(ctx, "mvn", "--quiet", "--batch-mode", "--file", filepath.Join(peerDir, "pom.xml"), "package")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s with Maven: %w\n%s", peerDir, err, out)
	}
	return nil
}

// peerSubject is the peer as a program to measure.
func (p *platform) peerSubject(ctx context.Context, o *options) (subject, error) {
	from, err := p.registered(ctx, processed.CustomerEventTopic)
	if err != nil {
		return subject{}, err
	}
	to, err := p.registered(ctx, aggregates.SessionTopic)
	if err != nil {
		return subject{}, err
	}
	command := append([]string{"java"}, strings.Fields(o.PeerJava)...)
	classPath := filepath.Join(peerBuild, "classes") + ":" + filepath.Join(peerBuild, "libs", "*")
	return subject{
		name: kafkaStream, inputs: []string{processed.CustomerEventTopic}, outputs: []string{peerTopic}, state: []string{peerState},
		group: peerGroup, as: "admin",
		command: append(command, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath, "headwater.peer.Sessionize"),
		env: []string{
			"PEER_APPLICATION=" + peerGroup, "PEER_FROM=" + processed.CustomerEventTopic, "PEER_TO=" + peerTopic,
			"PEER_FROM_SCHEMA=" + strconv.Itoa(from.ID()), "PEER_TO_SCHEMA=" + strconv.Itoa(to.ID()),
			"PEER_COMMIT_MS=" + strconv.FormatInt(commitInterval.Milliseconds(), 10), "PEER_THREADS=" + strconv.Itoa(o.PeerThreads),
			"MALLOC_ARENA_MAX=2", // RocksDB's memory guide advises it
		},
	}, nil
}

func measurePeer(ctx context.Context, p *platform, g *generator, o *options) (*peer, error) {
	if err := buildPeer(ctx); err != nil {
		return nil, err
	}
	if err := p.fillProcessed(ctx, g, o.PeerWarmUp+o.PeerEvents); err != nil {
		return nil, err
	}
	theirs, err := p.peerSubject(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := p.peerTopics(ctx); err != nil {
		return nil, err
	}
	r := &peer{Runs: o.Runs, WarmUp: o.PeerWarmUp, Events: o.PeerEvents, Java: o.PeerJava, Each: map[string][]measured{}, Medians: map[string]measured{}}
	for run := range o.Runs {
		for _, s := range []subject{p.sessionize(), theirs} {
			m, err := p.runWarm(ctx, s, o.PeerWarmUp, o.PeerEvents)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", s.name, err)
			}
			say("run %d of %d: %-13s %.1f us of CPU per event, %.0f/s, %.0f MiB, %.2f outputs per input", run+1, o.Runs, s.name, m.CPU, m.PerWall, m.Memory, m.Outputs)
			r.Each[s.name] = append(r.Each[s.name], m)
		}
		if run == 0 {
			if r.Sessions, r.Differ, err = p.compareSessions(ctx); err != nil {
				return nil, err
			}
		}
	}
	for name, each := range r.Each {
		r.Medians[name] = medians(each)
	}
	a, b := r.Medians[ours], r.Medians[kafkaStream]
	r.CPU, r.Memory, r.PerWall = a.CPU/b.CPU, a.Memory/b.Memory, a.PerWall/b.PerWall
	return r, nil
}

// sessionize is ours as a subject of its own.
func (p *platform) sessionize() subject {
	return subject{
		name: ours, inputs: []string{processed.CustomerEventTopic}, outputs: []string{aggregates.SessionTopic},
		state: []string{"state.sessionize"}, command: []string{program(ours)}, group: ours, as: ours,
	}
}

// fillProcessed stops all tasks and writes processed.customer-events anew.
func (p *platform) fillProcessed(ctx context.Context, g *generator, n int) error {
	if err := p.deploy(ctx, nil); err != nil {
		return err
	}
	if err := p.empty(ctx, processed.CustomerEventTopic); err != nil {
		return err
	}
	w, err := p.newWriter(ctx, g)
	if err != nil {
		return err
	}
	defer w.client.Close()
	return w.fill(ctx, n)
}

// runWarm measures a subject from where it has committed its warm-up to where it
// has committed everything.
func (p *platform) runWarm(ctx context.Context, s subject, warm, events int) (measured, error) {
	r, err := p.start(ctx, s)
	if err != nil {
		return measured{}, err
	}
	from, err := p.passed(ctx, s, r, float64(warm))
	var to passage
	if err == nil {
		to, err = p.passed(ctx, s, r, float64(warm+events))
	}
	if err := r.stop(err); err != nil {
		return measured{}, err
	}
	out, err := p.records(ctx, s.outputs)
	if err != nil {
		return measured{}, err
	}
	n, cpu := to.count-from.count, to.cpu-from.cpu
	if n <= 0 || cpu <= 0 {
		return measured{}, errors.New("nothing was left to measure after the warm-up: use more events")
	}
	return measured{
		CPU: cpu * 1e6 / n, PerCPU: n / cpu, PerWall: n / to.at.Sub(from.at).Seconds(), Outputs: out / float64(warm+events), Memory: r.peakMiB(),
	}, nil
}

// passage is when a program had committed so many records, and the CPU time that
// it had taken by then.
type passage struct {
	at         time.Time
	count, cpu float64
}

// passed waits until the program has committed at least n records.
func (p *platform) passed(ctx context.Context, s subject, r *running, n float64) (passage, error) {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Minute)
	defer cancel()
	for count := 0.0; ; {
		now, err := p.committed(ctx, s.group, s.inputs)
		if err != nil {
			return passage{}, fmt.Errorf("wait for %s to commit %.0f records: it has %.0f: %w", s.name, n, count, err)
		}
		count = now
		cpu, err := cpuTime(r.cmd.Process.Pid)
		if err != nil {
			return passage{}, fmt.Errorf("%s ended too soon: %w", s.name, err)
		}
		if count >= n {
			return passage{time.Now(), count, cpu}, nil
		}
		if !pause(ctx, 50*time.Millisecond) {
			return passage{}, fmt.Errorf("wait for %s to commit %.0f records: it has %.0f: %w", s.name, n, count, context.Cause(ctx))
		}
	}
}

// peerTopics makes the peer's output like ours, and its changelog as Kafka Streams
// would make it: the embedded broker's answer to that request lacks what Java's
// client expects.
func (p *platform) peerTopics(ctx context.Context) error {
	n, settings, err := p.describe(ctx, aggregates.SessionTopic)
	if err != nil {
		return err
	}
	policy, retention := "compact,delete", strconv.FormatInt((49*time.Hour+31*time.Minute).Milliseconds(), 10)
	return errors.Join(
		p.remake(ctx, peerTopic, n, settings),
		p.remake(ctx, peerState, n, map[string]*string{"cleanup.policy": &policy, "retention.ms": &retention}),
	)
}

// compareSessions counts ours, and those of which the peer says otherwise.
func (p *platform) compareSessions(ctx context.Context) (count, differ int, err error) {
	mine, err := p.sessions(ctx, aggregates.SessionTopic)
	if err != nil {
		return 0, 0, err
	}
	theirs, err := p.sessions(ctx, peerTopic)
	if err != nil {
		return 0, 0, err
	}
	told := 0
	for id, a := range mine {
		b := theirs[id]
		delete(theirs, id)
		// When and how often a session was written depends on where transactions ended.
		a.UpdatedTime, b.UpdatedTime = time.Time{}, time.Time{}
		if diff := cmp.Diff(a, b); diff != "" {
			if differ++; told < 3 {
				fmt.Fprintf(os.Stderr, "session %s (-ours +Kafka Streams):\n%s", id, diff)
				told++
			}
		}
	}
	differ += len(theirs)
	say("%d sessions, %d of them differ from Kafka Streams'", len(mine), differ)
	return len(mine), differ, nil
}

func medians(each []measured) measured {
	pick := func(f func(measured) float64) float64 { return median(each, f) }
	return measured{
		CPU: pick(func(m measured) float64 { return m.CPU }), PerCPU: pick(func(m measured) float64 { return m.PerCPU }),
		PerWall: pick(func(m measured) float64 { return m.PerWall }), Outputs: pick(func(m measured) float64 { return m.Outputs }),
		Memory: pick(func(m measured) float64 { return m.Memory }),
	}
}
