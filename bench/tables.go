package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (r *report) tables() []*table {
	return []*table{r.goals(), r.aloneTable(), r.latencyTable(), r.stageTable(), r.peerTable(), r.stateTable(), r.sizeTable()}
}

// goals is the table of what must be reached, and the misses in words.
func (r *report) goals() *table {
	t := &table{title: "Goals", head: []string{"what", "measured", "goal", ""}}
	r.goalsAlone(t)
	r.goalsFlow(t)
	r.goalsPeer(t)
	r.goalsState(t)
	for _, f := range r.Failed {
		reason, _, _ := strings.Cut(f.Reason, "\n")
		t.add(f.Section, "not measured: "+reason, "", verdict(false))
	}
	return t
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

// unmet adds what limits a goal that was missed.
func (t *table) unmet(met bool, format string, args ...any) {
	if !met {
		t.notes = append(t.notes, "- "+fmt.Sprintf(format, args...))
	}
}

func (r *report) goalsAlone(t *table) {
	if r.Alone == nil {
		return
	}
	for _, name := range []string{"refine", "sessionize", "aggregate"} {
		of, goal := r.Alone.Versus[name], goals.ofLimit[name]
		t.add(name+" alone, events per CPU second, of the limit", fmt.Sprintf("%.2f (of the byte copy: %.2f)", of, r.Alone.VsBytes[name]),
			fmt.Sprintf(">= %.2f", goal), verdict(of >= goal))
	}
}

func (r *report) goalsFlow(t *table) {
	if r.Path != nil {
		m := r.Path.Median
		met, sum, stages := m.Sustained && m.Rate >= goals.path, 0.0, slices.Collect(maps.Keys(m.CPU))
		slices.SortFunc(stages, func(a, b string) int { return int(m.CPU[b]*100) - int(m.CPU[a]*100) })
		for _, us := range m.CPU {
			sum += us
		}
		t.add("the whole path, sustained", fmt.Sprintf("%.0f/s for %.0f s in %d of %d runs, %.2f cores", m.Rate, m.Seconds, r.Path.Held, len(r.Path.Each), m.Cores),
			fmt.Sprintf(">= %.0f/s", goals.path), verdict(met))
		t.unmet(met && len(stages) > 2, "The whole path: an event costs %.0f us of CPU, where two cores have %.0f us for it at %.0f/s. The most of it: %s %.0f, %s %.0f.",
			sum, 2e6/goals.path, goals.path, stages[0], m.CPU[stages[0]], stages[1], m.CPU[stages[1]])
	}
	for _, l := range r.Latency {
		m := l.Median
		p50, p99 := latencyGoal(m.Rate)
		met := m.Sustained && m.P99 < p99 && (p50 == 0 || m.P50 < p50)
		goal, measured := fmt.Sprintf("p99 < %.0f ms", p99), fmt.Sprintf("p50 %.0f, p99 %.0f ms", m.P50, m.P99)
		if p50 > 0 {
			goal = fmt.Sprintf("p50 < %.0f, ", p50) + goal
		}
		if !m.Sustained {
			measured = fmt.Sprintf("not sustained: %.0f/s, lag growing %.0f/s", m.Reached, m.LagGrowth)
			t.unmet(false, "Latency at %d/s: the path does not sustain that rate.", m.Rate)
		}
		t.add(fmt.Sprintf("receipt to a readable session at %d/s", m.Rate), measured, goal, verdict(met))
	}
}

func (r *report) goalsPeer(t *table) {
	if r.Peer == nil {
		return
	}
	p, goal := r.Peer, fmt.Sprintf("<= %.2f", goals.ofPeer)
	a, b := p.Medians[ours], p.Medians[kafkaStream]
	same := p.Differ == 0
	t.add("sessionize, CPU per event, of Kafka Streams'", fmt.Sprintf("%.2f (%.1f of %.1f us)", p.CPU, a.CPU, b.CPU), goal, verdict(same && p.CPU <= goals.ofPeer))
	t.add("its resident memory", fmt.Sprintf("%.2f (%.0f of %.0f MiB)", p.Memory, a.Memory, b.Memory), goal, verdict(same && p.Memory <= goals.ofPeer))
	t.add("its throughput", fmt.Sprintf("%.2f (%.0f of %.0f/s)", p.PerWall, a.PerWall, b.PerWall), ">= 1.00", verdict(same && p.PerWall >= 1))
	t.unmet(same, "Kafka Streams: %d of %d sessions differ, so the comparison means nothing.", p.Differ, p.Sessions)
}

func (r *report) goalsState(t *table) {
	if r.State == nil {
		return
	}
	s := r.State
	slower := s.Many.P99 / s.Few.P99
	full := s.Customers >= 10_000_000
	t.add(fmt.Sprintf("%d open customers in one task, memory", s.Customers), fmt.Sprintf("%.0f MiB", s.Many.Memory),
		fmt.Sprintf("< %.0f MiB", goals.stateMiB), verdict(full && s.Many.Memory < goals.stateMiB))
	t.add(fmt.Sprintf("their p99, of that with %d", s.FewOpen), fmt.Sprintf("%.2f (%.0f of %.0f ms)", slower, s.Many.P99, s.Few.P99),
		fmt.Sprintf("<= %.2f", goals.slower), verdict(full && s.Many.Sustained && slower <= goals.slower))
	t.unmet(full, "State: the goal is for 10,000,000 open customers; this was a smaller run.")
	held := s.Few.Sustained && s.Many.Sustained
	t.unmet(held, "State and restart: %d/s were not sustained, so latency and restart hold the time that events waited in the queue.", s.Many.Rate)
	big := s.OnDisk >= 1_024
	t.add("SIGKILL to processing again, all partitions", fmt.Sprintf("%.0f ms (of %d: %.0f to %.0f), %.0f MiB of state", s.Restart, len(s.Restarts), slices.Min(s.Restarts), slices.Max(s.Restarts), s.OnDisk),
		fmt.Sprintf("< %.0f ms", goals.restartMS), verdict(big && held && s.Restart < goals.restartMS))
	t.unmet(big, "Restart: the goal is for 1 GiB of local state; this had %.0f MiB.", s.OnDisk)
}

func (r *report) aloneTable() *table {
	t := &table{title: "Each processor alone", head: []string{"program", "events per CPU second", "us per event", "outputs per input", "MiB"}}
	if r.Alone == nil {
		return t
	}
	for _, name := range r.Alone.Subjects {
		m := r.Alone.Medians[name]
		t.add(name, fmt.Sprintf("%.0f", m.PerCPU), fmt.Sprintf("%.1f", m.CPU), fmt.Sprintf("%.2f", m.Outputs), fmt.Sprintf("%.0f", m.Memory))
	}
	return t
}

func (r *report) latencyTable() *table {
	t := &table{title: "Receipt to a readable session", head: []string{"events/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "samples", "cores", "lag growth/s", "sustained"}}
	for _, l := range r.Latency {
		m := l.Median
		t.add(fmt.Sprint(m.Rate), fmt.Sprintf("%.0f", m.P50), fmt.Sprintf("%.0f", m.P90), fmt.Sprintf("%.0f", m.P99), fmt.Sprintf("%.0f", m.P999),
			fmt.Sprint(m.Samples), fmt.Sprintf("%.2f", m.Cores), fmt.Sprintf("%.0f", m.LagGrowth), yes(m.Sustained))
	}
	return t
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// stageTable is the CPU budget of an event.
func (r *report) stageTable() *table {
	stages := []string{"generator", "collect", "brokers", "refine", "sessionize", "aggregate"}
	t := &table{title: "CPU per event by stage, us", head: append(append([]string{"events/s"}, stages...), "together")}
	add := func(rate float64, cpu map[string]float64) {
		row, sum := []string{fmt.Sprintf("%.0f", rate)}, 0.0
		for _, name := range stages {
			row, sum = append(row, fmt.Sprintf("%.1f", cpu[name])), sum+cpu[name]
		}
		t.add(append(row, fmt.Sprintf("%.1f", sum))...)
	}
	for _, l := range r.Latency {
		add(l.Median.Reached, l.Median.CPU)
	}
	if r.Path != nil {
		add(r.Path.Median.Rate, r.Path.Median.CPU)
	}
	return t
}

func (r *report) peerTable() *table {
	t := &table{title: "Sessionize in Kafka Streams 4.3.1", head: []string{"program", "us per event", "events/s", "MiB", "outputs per input"}}
	if r.Peer == nil {
		return t
	}
	for _, name := range []string{ours, kafkaStream} {
		m := r.Peer.Medians[name]
		t.add(name, fmt.Sprintf("%.1f", m.CPU), fmt.Sprintf("%.0f", m.PerWall), fmt.Sprintf("%.0f", m.Memory), fmt.Sprintf("%.2f", m.Outputs))
	}
	t.notes = append(t.notes, fmt.Sprintf("%d events after %d to warm up; Java has `%s`. Of %d sessions that both wrote, %d differ.",
		r.Peer.Events, r.Peer.WarmUp, r.Peer.Java, r.Peer.Sessions, r.Peer.Differ))
	return t
}

func (r *report) stateTable() *table {
	t := &table{title: "Size of the state", head: []string{"open customers", "p50 ms", "p99 ms", "MiB", "us per event"}}
	if r.State == nil {
		return t
	}
	for n, m := range map[int]*steadily{r.State.FewOpen: r.State.Few, r.State.Customers: r.State.Many} {
		t.add(fmt.Sprint(n), fmt.Sprintf("%.0f", m.P50), fmt.Sprintf("%.0f", m.P99), fmt.Sprintf("%.0f", m.Memory), fmt.Sprintf("%.1f", m.Tasks))
	}
	slices.SortFunc(t.rows, func(a, b []string) int { return len(a[0]) - len(b[0]) })
	t.notes = append(t.notes, fmt.Sprintf("Sessionize at %d/s over all customers evenly. They were opened at %.0f/s for %.1f us of CPU each, and take %.0f MiB on disk.",
		r.State.Many.Rate, r.State.LoadSecond, r.State.LoadCPU, r.State.OnDisk))
	return t
}

func (r *report) sizeTable() *table {
	t := &table{title: "Cost against size", head: []string{"size", "us per event", "brokers' us", "p99 ms", "MiB", "grows by", "sustained"}}
	first := map[string]sized{} // by processor
	for _, s := range r.Sizes {
		name, _, _ := strings.Cut(s.What, ",")
		if _, ok := first[name]; !ok {
			first[name] = s
		}
		p99 := ""
		if s.Samples > 0 {
			p99 = fmt.Sprintf("%.0f", s.P99)
		}
		t.add(s.What, fmt.Sprintf("%.1f", s.Tasks), fmt.Sprintf("%.1f", s.Brokers), p99, fmt.Sprintf("%.0f", s.Memory),
			fmt.Sprintf("%.2f", (s.Tasks+s.Brokers)/(first[name].Tasks+first[name].Brokers)), yes(s.Sustained))
	}
	if len(r.Sizes) > 0 {
		t.notes = append(t.notes, fmt.Sprintf("All at %d events/s. What grows is the number of transactions and what each ends: every task commits up to 50 times a second "+
			"whatever it has, and a commit writes a batch of outputs, one of the changelog and a marker on each partition that it touched. "+
			"Memory grows by a task's client and, with partitions, by one store each.", r.Sizes[0].Rate))
	}
	return t
}
