package apache

import (
	"strings"
	"testing"
)

// What stands between must be what clients are told, and never what nodes tell
// each other: then a delay put in for clients would slow replication too.
func TestAdvertise(t *testing.T) {
	t.Parallel()
	n := node{Broker: true, Controller: true, Ports: map[string]int{
		listenerClient: 1, listenerReplication: 2, listenerController: 3, listenerOpen: 4, listenerOpenSASL: 5,
	}}
	o := Options{Open: true, Advertise: func(address string) string { return "between-" + address }}
	p := n.place(o)
	for url := range strings.SplitSeq(p["advertised.listeners"], ",") {
		name, address, _ := strings.Cut(url, "://")
		inner := name == listenerReplication || name == listenerController
		if strings.HasPrefix(address, "between-") == inner {
			t.Errorf("%s advertises %s", name, address)
		}
	}
	if strings.Contains(p["listeners"], "between-") {
		t.Errorf("the brokers listen on %s", p["listeners"])
	}
}
