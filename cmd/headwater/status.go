package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

type statusCommand struct {
	placeFlags

	JSON bool `help:"Print one JSON object."`
}

// Help is shown under headwater status --help.
func (c *statusCommand) Help() string {
	return `Shows the addresses, each deployment with its tasks, how many tasks the load needs and why where the load decides, each topic with its records, how long events take to their session, and what the aggregates hold. It fails when the platform is down.

Records are counted by reading while the platform holds fewer than 500,000 offsets, so that transaction markers do not count; beyond that they are a difference of offsets and marked (~, or "records_exact": false).

Examples:
  headwater status
  headwater status --json | jq '.topics[] | select(.records > 0)'
  headwater status --json | jq .latency`
}

// status is what the command prints. Its JSON is read by programs.
type status struct {
	BootstrapServers string             `json:"bootstrap_servers"`
	RegistryURL      string             `json:"registry_url"`
	CollectorURL     string             `json:"collector_url"`
	SupervisorURL    string             `json:"supervisor_url"`
	ClusterID        string             `json:"cluster_id"`
	PID              int                `json:"pid"`
	Deployments      []deploymentStatus `json:"deployments"`
	Topics           []topicStatus      `json:"topics"`
	Latency          latency            `json:"latency"`
	Denied           map[string]int64   `json:"denied"` // requests by principal, since the platform's start
	Events           events             `json:"events"`
	Sessions         sessionTotals      `json:"sessions"`
	Counts           countTotals        `json:"counts"`
}

type deploymentStatus struct {
	Name      string                `json:"name"`
	Desired   int                   `json:"desired"`
	Paused    bool                  `json:"paused"` // no task runs until headwater resume
	Tasks     []supervisor.Task     `json:"tasks"`
	Autoscale *supervisor.Autoscale `json:"autoscale,omitempty"`
	Scaling   *supervisor.Scaling   `json:"scaling,omitempty"`
}

// Run is the command.
func (c *statusCommand) Run(ctx context.Context) error {
	place, secrets, err := c.open()
	if err != nil {
		return err
	}
	if !answers(ctx, place, secrets) {
		return errNotUp
	}
	s, err := readStatus(ctx, place, secrets)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	}
	return s.print()
}

func readStatus(ctx context.Context, place local.Place, secrets local.Secrets) (status, error) {
	s := status{
		BootstrapServers: place.BootstrapList(), RegistryURL: place.RegistryURL, CollectorURL: place.CollectorURL,
		SupervisorURL: place.SupervisorURL, ClusterID: place.ClusterID, PID: place.PID,
		Deployments: []deploymentStatus{},
	}
	list, err := supervisorClient(place, secrets).List(ctx)
	if err != nil {
		return s, err
	}
	for _, d := range list {
		s.Deployments = append(s.Deployments, deploymentStatus{d.Name, d.Tasks, d.Paused, d.TasksStatus, d.Autoscale, d.Scaling})
	}
	m := measure(ctx, list)
	s.Latency, s.Events = m.latency.latency(), m.events
	s.Denied = readDenials(ctx, place.SupervisorURL)
	if s.Topics, err = readTopics(ctx, place.AdminConfig(secrets)); err != nil {
		return s, err
	}
	// Before the first apply there are no aggregates yet.
	if s.has("aggregates.sessions") {
		if s.Sessions, err = readSessions(ctx, place, secrets); err != nil {
			return s, err
		}
	}
	if s.has("aggregates.event-counts") {
		s.Counts, err = readCounts(ctx, place, secrets)
	}
	return s, err
}

func (s status) has(topic string) bool {
	for _, t := range s.Topics {
		if t.Name == topic {
			return true
		}
	}
	return false
}

func (s status) print() error {
	fmt.Printf("collector   %s\nbrokers     %s\nregistry    %s\nsupervisor  %s\nprocess     %d\n\n",
		s.CollectorURL, s.BootstrapServers, s.RegistryURL, s.SupervisorURL, s.PID)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEPLOYMENT\tTASK\tSTATE\tPID\tRESTARTS\tSINCE")
	for _, d := range s.Deployments {
		if len(d.Tasks) == 0 {
			fmt.Fprintf(w, "%s\t-\t%s\t\t\t\n", d.Name, d.idle())
		}
		for _, t := range d.Tasks {
			fmt.Fprintf(w, "%s\t%d of %d\t%s\t%d\t%d\t%s\n", d.Name, t.Ordinal, d.Desired, t.State, t.PID, t.Restarts,
				time.Since(t.Since).Round(time.Second))
		}
	}
	printScaling(w, s.Deployments)
	fmt.Fprintln(w, "\nTOPIC\tPARTITIONS\tRECORDS")
	for _, t := range s.Topics {
		about := ""
		if !t.Exact {
			about = "~"
		}
		fmt.Fprintf(w, "%s\t%d\t%s%d\n", t.Name, t.Partitions, about, t.Records)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("\nevents      %d accepted, %d refused since the collector started\n", s.Events.Accepted, s.Events.Refused)
	fmt.Printf("sessions    %d of %d customers (%d open, %d final)\n", s.Sessions.Sessions, s.Sessions.Customers, s.Sessions.Open, s.Sessions.Final)
	fmt.Printf("counts      %d events of %d unique customers\n", s.Counts.Events, s.Counts.UniqueCustomers)
	if s.Latency.Samples > 0 {
		fmt.Printf("latency     p50 %.1f ms, p90 %.1f ms, p99 %.1f ms from receipt to session (%d events)\n",
			s.Latency.P50, s.Latency.P90, s.Latency.P99, s.Latency.Samples)
	}
	for _, d := range s.Deployments {
		if d.Paused {
			fmt.Println("paused     ", isPaused(d.Name))
		}
	}
	for _, principal := range slices.Sorted(maps.Keys(s.Denied)) {
		fmt.Printf("denied      %s: %d requests for want of a right since the platform started (see logs/platform.log)\n", principal, s.Denied[principal])
	}
	return nil
}

// topicStatus is one topic. Records are data records, not transaction markers.
type topicStatus struct {
	Name       string `json:"name"`
	Partitions int    `json:"partitions"`
	Records    int64  `json:"records"`
	Exact      bool   `json:"records_exact"`
}

// exactBelow is up to how many offsets, over all topics, records are counted by
// reading them: about a second.
const exactBelow = 500_000

// readTopics lists all topics by name.
func readTopics(ctx context.Context, brokers kafka.Config) ([]topicStatus, error) {
	client, err := brokers.Client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx)
	if err = errors.Join(err, starts.Error()); err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	ends, err := admin.ListCommittedOffsets(ctx)
	if err = errors.Join(err, ends.Error()); err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	spans, total := spansOf(starts, ends)
	counted := map[string]int64{}
	if total <= exactBelow {
		if counted, err = countRecords(ctx, brokers, spans); err != nil {
			return nil, err
		}
	}
	topics := []topicStatus{}
	for name, partitions := range ends {
		t := topicStatus{Name: name, Partitions: len(partitions), Records: counted[name], Exact: total <= exactBelow}
		if !t.Exact {
			for _, s := range spans[name] {
				t.Records += s.end - s.start
			}
		}
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b topicStatus) int { return strings.Compare(a.Name, b.Name) })
	return topics, nil
}
