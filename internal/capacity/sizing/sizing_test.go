package sizing

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// near compares with a figure that was worked out by hand to its last digit.
func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s is %g, by hand it is %g", what, got, want)
	}
}

func prices(t *testing.T) Prices {
	t.Helper()
	p, err := DefaultPrices()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func size(t *testing.T, w Workload) Sizing {
	t.Helper()
	s, err := w.Size(prices(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The example of docs/capacity.md, each figure worked out there by hand: 200
// million events of 1,000 bytes a day.
func TestWorkedExample(t *testing.T) {
	s := size(t, Defaults())
	near(t, "events a second", s.Rates.EventsMean, 2314.8, 0.05)
	near(t, "events a second at the peak", s.Rates.EventsPeak, 9259.3, 0.05)
	near(t, "MB/s", s.Rates.WireMean, 0.5787, 0.00005)
	near(t, "GB a day", s.Rates.GBPerDay, 50, 1e-9)
	if s.Instance != "m7g.large" || !s.Survives {
		t.Errorf("the machine is %s, which survives: %t", s.Instance, s.Survives)
	}
	near(t, "in", s.AllUp.In, 1.1574, 0.00005)
	near(t, "out", s.AllUp.Out, 2.3148, 0.00005)
	near(t, "processor", s.AllUp.CPU, 0.0368, 0.00005)
	near(t, "in, a zone lost", s.ZoneLost.In, 1.7361, 0.00005)
	near(t, "out, a zone lost", s.ZoneLost.Out, 3.4722, 0.00005)
	near(t, "used, a zone lost", s.ZoneLost.Utilization, 0.0552, 0.00005)
	near(t, "most MB/s", s.MostMBps, 39.85, 0.005)
	near(t, "logical", s.Disk.Logical, 350, 1e-9)
	near(t, "used", s.Disk.Used, 1050, 1e-9)
	near(t, "a volume", s.Disk.PerBroker, 292, 0)
	near(t, "all volumes", s.Disk.Provisioned, 1752, 0)
	near(t, "tasks needed", s.Tasks.Needed, 4.748, 0.0005)
	if s.Tasks.Partitions != 48 || s.Tasks.Peak != 6 {
		t.Errorf("%d partitions and %d tasks, by hand 48 and 6", s.Tasks.Partitions, s.Tasks.Peak)
	}
	near(t, "busy", s.Tasks.Utilization, 0.6173, 0.00005)
	near(t, "between zones", s.CrossZone, 4058.33, 0.005)
	for i, want := range []float64{670.15, 1089.62, 956.35} {
		near(t, s.Bills[i].Name, s.Bills[i].Total, want, 0.01)
	}
	near(t, "saved against MSK", s.BreakEvens[0].SavedMonth, 419.47, 0.02)
	near(t, "processors", s.Processors.Total, 649.17, 0.01)
}

// What others worked out for the same load and ten times it, so that no slip of
// ours is in the expectation: shares of a broker, partitions, tasks, disks.
func TestTenTimesTheLoad(t *testing.T) {
	w := Defaults()
	w.EventsPerDay, w.Growth = 2e9, 1
	s := size(t, w)
	near(t, "processor", s.AllUp.CPU, 0.37, 0.005)
	near(t, "processor, a zone lost", s.ZoneLost.CPU, 0.55, 0.005)
	near(t, "used GB", s.Disk.Used, 10500, 1e-6)
	if s.Tasks.Partitions != 48 || s.Tasks.Peak != 48 {
		t.Errorf("%d partitions and %d tasks, want 48 and 48", s.Tasks.Partitions, s.Tasks.Peak)
	}
	near(t, "busy", s.Tasks.Utilization, 0.77, 0.005)
	w = Defaults()
	w.Compression = 1
	near(t, "processor, uncompressed", size(t, w).AllUp.CPU, 0.147, 0.0005)
	w = Defaults()
	w.Growth = 25
	if got := size(t, w).Tasks.Partitions; got != 120 {
		t.Errorf("%d partitions for 25 times the load, want prod's 120", got)
	}
}

// A cluster that stands at 78% with all zones up is lost with the first zone:
// the machine is chosen for what is left of it.
func TestMachineSurvivesAZone(t *testing.T) {
	w := Defaults()
	w.EventsPerDay = 4e9
	s := size(t, w)
	if s.Instance == "m7g.large" || !s.Survives || s.AllUp.Utilization > MostUsed*4/6 {
		t.Errorf("got %s, used %g, %g with a zone lost", s.Instance, s.AllUp.Utilization, s.ZoneLost.Utilization)
	}
	w.Instance = "m7g.large"
	if s := size(t, w); s.Survives || s.AllUp.Utilization > MostUsed {
		t.Errorf("m7g.large carries it with all zones (%g) and not without one (%g)", s.AllUp.Utilization, s.ZoneLost.Utilization)
	}
	w.Instance, w.EventsPerDay = "", 1e13
	if _, err := w.Size(prices(t)); err == nil || !strings.Contains(err.Error(), "take more --brokers") {
		t.Errorf("got %v", err)
	}
}

// At the break-even the two bills cross: just below it the one is dearer, just
// above it the other.
func TestBreakEvenIsWhereBillsCross(t *testing.T) {
	w := Defaults()
	w.PeopleYear = 100_000
	s := size(t, w)
	b := s.BreakEvens[1]
	if b.SavedMonth >= 0 || b.EventBytes == 0 || b.EventsPerDay == 0 {
		t.Fatalf("half an engineer must outweigh what is saved at this load, and not at all: %+v", b)
	}
	for by, dearer := range map[float64]bool{1 / 1.02: true, 1: false} {
		w := w
		w.EventBytes = b.EventBytes * by
		if saved, ok := w.saved(prices(t), b.Against); !ok || (saved < 0) != dearer {
			t.Errorf("at %g bytes running it oneself saves %g", w.EventBytes, saved)
		}
	}
}

// Each wrong input is one sentence that says what to set; nothing is computed
// from half of it.
func TestBadInput(t *testing.T) {
	cases := map[string]func(*Workload){
		"5 brokers do not divide among 3 zones":       func(w *Workload) { w.Brokers = 5 },
		"--event-bytes is -1: it must be above 0":     func(w *Workload) { w.EventBytes = -1 },
		"--events-per-day is NaN":                     func(w *Workload) { w.EventsPerDay = math.NaN() },
		"--compression is 0.5":                        func(w *Workload) { w.Compression = 0.5 },
		"--disk-used is 1: leave at least a tenth":    func(w *Workload) { w.DiskUsed = 1 },
		"9 copies need as many brokers":               func(w *Workload) { w.ReplicationFactor = 9 },
		"--instance is m9.huge, which the price file": func(w *Workload) { w.Instance = "m9.huge" },
	}
	for want, spoil := range cases {
		w := Defaults()
		spoil(&w)
		if _, err := w.Size(prices(t)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q alone", err, want)
		}
	}
}

// A price file that lacks a price, or misspells one, would make a wrong sum.
func TestPriceFileIsWhole(t *testing.T) {
	for want, spoil := range map[string][2]string{
		"msk.gb_month is 0":     {"gb_month: {price: 0.10, standing: unverified}", "gb_month: {standing: unverified}"},
		"field gb_mnth":         {"msk:\n  gb_month", "msk:\n  gb_mnth"},
		`date is "yesterday"`:   {"date: 2026-11-27", "date: yesterday"},
		`controller is "none"`:  {"controller: t3.medium", "controller: none"},
		"instances.m7g.large.h": {"hour: 0.0816,", "hour: -1,"},
	} {
		text := strings.Replace(string(defaultPrices), spoil[0], spoil[1], 1)
		if bytes.Equal([]byte(text), defaultPrices) {
			t.Fatalf("%q is not in the price file", spoil[0])
		}
		if _, err := ReadPrices([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
