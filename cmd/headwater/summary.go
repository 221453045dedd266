package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"headwater.internal/platform/internal/local"
)

// summary is what up says at its end.
type summary struct {
	place    local.Place
	sample   *played
	sessions sessionTotals
	counts   countTotals
	latency  latency
}

// read fills in what the platform holds.
func (s *summary) read(ctx context.Context, place local.Place, secrets local.Secrets) error {
	var err error
	if s.sessions, err = readSessions(ctx, place, secrets); err != nil {
		return err
	}
	if s.counts, err = readCounts(ctx, place, secrets); err != nil {
		return err
	}
	list, err := supervisorClient(place, secrets).List(ctx)
	if err != nil {
		return err
	}
	m := measure(ctx, list)
	s.latency = m.latency.latency()
	return nil
}

func (s *summary) print(took time.Duration) {
	fmt.Printf("\nThe platform is up (%.0f s).\n\n", took.Seconds())
	line := func(name, format string, args ...any) { fmt.Printf("  %-12s %s\n", name, fmt.Sprintf(format, args...)) }
	line("collector", "%s", s.place.CollectorURL)
	line("brokers", "%s", s.place.BootstrapList())
	line("registry", "%s", s.place.RegistryURL)
	line("supervisor", "%s", s.place.SupervisorURL)
	line("write key", "%s credentials local", os.Args[0])
	fmt.Println()
	if s.sample != nil {
		if s.sample.skipped != "" {
			line("sample", "not played: %s", s.sample.skipped)
		} else {
			line("sample", "%s", s.sample)
		}
	}
	line("sessions", "%d of %d customers (%d open, %d final)", s.sessions.Sessions, s.sessions.Customers, s.sessions.Open, s.sessions.Final)
	line("counts", "%d events of %d unique customers, in %d windows", s.counts.Events, s.counts.UniqueCustomers, s.counts.Windows)
	// Without the sample the latency is mostly that of events that waited for the
	// platform to come back.
	if s.latency.Samples > 0 && s.sample != nil && s.sample.skipped == "" {
		line("latency", "p50 %.0f ms, p99 %.0f ms from receipt to session (%d events)", s.latency.P50, s.latency.P99, s.latency.Samples)
	}
	fmt.Printf(`
Next:
  %[1]s status
  %[1]s send browsing.page_viewed --customer ada --data '{"url":"https://example.com/"}'
  %[1]s tail aggregates.sessions --from-start --limit 5
  %[1]s credentials local          the write key for your own client
`, os.Args[0])
}
