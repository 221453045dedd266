package test

import (
	"strings"
	"time"
)

// session is what a test reads of a record of aggregates.sessions.
type session struct {
	ID        string    `json:"session_id"`
	Customer  string    `json:"customer"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Events    int64     `json:"events"`
	PageViews int64     `json:"page_views"`
	Revision  int64     `json:"revision"`
	State     string    `json:"state"`
}

// sessions returns the sessions of the customers whose id has the prefix.
func (p *platform) sessions(prefix string) []session {
	p.t.Helper()
	var found []session
	for _, s := range latest[session](p.t, p.tail("aggregates.sessions")) {
		if strings.HasPrefix(s.Customer, prefix) {
			found = append(found, s)
		}
	}
	return found
}

// count is what a test reads of a record of aggregates.event-counts.
type count struct {
	Type            string `json:"type"`
	Window          string `json:"window"`
	Partition       int32  `json:"partition"`
	Events          int64  `json:"events"`
	UniqueCustomers int64  `json:"unique_customers"`
	RevenueMicros   int64  `json:"revenue_micros"`
}

// allTime sums the all-time counts of each event type over the partitions.
func (p *platform) allTime() map[string]count {
	p.t.Helper()
	sums := map[string]count{}
	for _, c := range latest[count](p.t, p.tail("aggregates.event-counts")) {
		if c.Window != "ALL_TIME" {
			continue
		}
		sum := sums[c.Type]
		sum.Events += c.Events
		sum.UniqueCustomers += c.UniqueCustomers
		sum.RevenueMicros += c.RevenueMicros
		sums[c.Type] = sum
	}
	return sums
}
