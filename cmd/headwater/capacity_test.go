package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// The command says what docs/capacity.md works out, which prices not to trust,
// and the same as JSON.
func TestCapacity(t *testing.T) {
	out := mustCLI(t, "capacity", "--events-per-day", "200M", "--event-bytes", "1000", "--growth", "25")
	for _, want := range []string{"120, for 25 times the load", "volumes of 292 GB", "used 5.5% of at most 95%", "saves $419 a month", "To be checked before anybody decides by it: confluent.gb,"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	var s struct {
		Survives bool `json:"survives_zone"`
		Disk     struct {
			Volume float64 `json:"volume_gb"`
		} `json:"disk"`
	}
	if err := json.Unmarshal([]byte(mustCLI(t, "capacity", "--json")), &s); err != nil || !s.Survives || s.Disk.Volume != 292 {
		t.Errorf("got %+v, %v", s, err)
	}
	if out := mustCLI(t, "capacity", "--events-per-day", "4B", "--instance", "m7g.large"); !strings.Contains(out, "WOULD BE USED") {
		t.Errorf("a cluster that is lost with a zone is not called that:\n%s", out)
	}
	if _, err := cli(t, "capacity", "--events-per-day", "many"); err == nil || !strings.Contains(err.Error(), "write a number, with k, M or B") {
		t.Errorf("got %v", err)
	}
}
