package main

import (
	"time"

	"headwater.internal/platform/processors/internal/stream"
)

// typeState is what headwater state shows of an event type: what one partition
// counted of it.
type typeState struct {
	Type    string       `json:"type"`
	LeftOut int          `json:"left_out,omitempty"` // older windows than those shown
	Windows []countState `json:"windows"`            // by day, length and start; all time last
}

type countState struct {
	Window          string    `json:"window"`
	Start           time.Time `json:"start"`
	State           string    `json:"state"`
	Events          int64     `json:"events"`
	UniqueCustomers int64     `json:"unique_customers"`
	RevenueMicros   int64     `json:"revenue_micros"`
	Revision        int64     `json:"revision"`
}

// readWindows is how many windows are shown, the latest.
const readWindows = 500

// Read shows the windows of an event type, or of all types together under *.
func (r rule) Read(tx *stream.Tx, key string) (any, error) { //nolint:unparam // stream.Reader has it
	held := typeState{Type: key}
	for k, value := range tx.Scan([]byte{spaceCounter}, []byte{spaceCounter + 1}) {
		w, start, name := parseCounterKey(k)
		if name != key {
			continue
		}
		if len(held.Windows) == 2*readWindows {
			held.LeftOut += readWindows
			held.Windows = append(held.Windows[:0], held.Windows[readWindows:]...)
		}
		c := decodeCounter(value)
		one := countState{
			Window: w.lower(), Start: start, State: "open",
			Events: c.events, UniqueCustomers: c.customers, RevenueMicros: c.revenue, Revision: c.revision,
		}
		if c.final {
			one.State = "final"
		}
		held.Windows = append(held.Windows, one)
	}
	if len(held.Windows) == 0 {
		return nil, nil
	}
	if more := len(held.Windows) - readWindows; more > 0 {
		held.LeftOut += more
		held.Windows = held.Windows[more:]
	}
	return held, nil
}

// Spread says that each partition counts its own customers' events of a type.
func (rule) Spread() bool { return true }
