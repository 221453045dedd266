package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"headwater.internal/platform/internal/capacity/sizing"
)

// amount is a number that may be written with k, M or B for a thousand, a
// million or a billion.
type amount float64

// UnmarshalText reads the number.
func (a *amount) UnmarshalText(text []byte) error {
	digits, scale := string(text), 1.0
	for suffix, by := range map[string]float64{"k": 1e3, "M": 1e6, "B": 1e9} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, scale = rest, by
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return fmt.Errorf("%q is no amount: write a number, with k, M or B for a thousand, a million or a billion, like 200M", text)
	}
	*a = amount(n * scale)
	return nil
}

type capacityCommand struct {
	EventsPerDay   amount  `default:"200M" placeholder:"N" help:"Events a day, like 200M (default)."`
	EventBytes     float64 `default:"1000" placeholder:"N" help:"Bytes of one event before compression (default 1000)."`
	Compression    float64 `default:"4" placeholder:"N" help:"Bytes before compression over those after (default 4)."`
	Peak           float64 `default:"4" placeholder:"N" help:"Rate in the busiest second over the mean (default 4)."`
	ConsumerGroups int     `default:"4" placeholder:"N" help:"Consumer groups that read all events (default 4)."`
	RetentionDays  float64 `default:"7" placeholder:"N" help:"Days that events are kept (default 7)."`
	Replication    int     `default:"3" placeholder:"N" help:"Copies (default 3)."`
	Brokers        int     `default:"6" placeholder:"N" help:"Brokers, a multiple of the zones (default 6)."`
	Controllers    int     `default:"3" placeholder:"N" help:"Controllers (default 3)."`
	Zones          int     `default:"3" placeholder:"N" help:"Zones (default 3)."`
	DiskUsed       float64 `default:"0.6" placeholder:"SHARE" help:"Share of a volume that may be full (default 0.6)."`
	Growth         float64 `default:"10" placeholder:"N" help:"Times the load that partitions must carry, since they cannot grow later (default 10)."`
	TaskRate       float64 `default:"2500" placeholder:"N" help:"Events that one task handles in a second in which it is busy (default 2500)."`
	Utilization    float64 `default:"0.78" placeholder:"SHARE" help:"Share of its time that a task is to be busy (default 0.78)."`
	Processors     int     `default:"3" placeholder:"N" help:"Processors of that rate (default 3)."`
	TaskVcpus      float64 `default:"1" placeholder:"N" help:"vCPUs of a task (default 1)."`
	TaskGb         float64 `default:"2" placeholder:"N" help:"GB of memory of a task (default 2)."`
	Instance       string  `placeholder:"TYPE" help:"Machine of a broker (default: the cheapest that is used no more than 95% with a zone lost)."`
	People         amount  `default:"0" placeholder:"DOLLARS" help:"What running Kafka oneself costs a year in people, like 100k (default 0)."`
	Prices         string  `type:"existingfile" placeholder:"FILE" help:"A price file, in the form of internal/capacity/sizing/prices.yaml, which is the default."`
	JSON           bool    `help:"Print JSON."`
}

// Help is shown under headwater capacity --help.
func (c *capacityCommand) Help() string {
	return `Computes what a load needs and costs: partitions, brokers that survive the loss of a zone, disks, tasks, and the monthly bill beside that of managed Kafka, with where the two are equal. docs/capacity.md has the formulae. It says which of the prices are to be checked before anybody decides by them.

Examples:
  headwater capacity --events-per-day 200M --event-bytes 1000
  headwater capacity --events-per-day 2B --growth 5 --people 100k
  headwater capacity --json | jq .zone_lost.utilization`
}

// Run is the command.
func (c *capacityCommand) Run(_ context.Context) error {
	prices, err := sizing.DefaultPrices()
	if c.Prices != "" {
		var text []byte
		if text, err = os.ReadFile(c.Prices); err == nil {
			prices, err = sizing.ReadPrices(text)
		}
	}
	if err != nil {
		return err
	}
	s, err := sizing.Workload{
		EventsPerDay: float64(c.EventsPerDay), EventBytes: c.EventBytes, Compression: c.Compression, PeakToMean: c.Peak,
		ConsumerGroups: c.ConsumerGroups, RetentionDays: c.RetentionDays, ReplicationFactor: c.Replication,
		Brokers: c.Brokers, Controllers: c.Controllers, Zones: c.Zones, DiskUsed: c.DiskUsed, Growth: c.Growth,
		TaskRate: c.TaskRate, TargetUtilization: c.Utilization, TaskVCPUs: c.TaskVcpus, TaskGB: c.TaskGb, Processors: c.Processors,
		Instance: c.Instance, PeopleYear: float64(c.People),
	}.Size(prices)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, s, true)
	}
	printSizing(os.Stdout, s)
	return nil
}

func printSizing(w io.Writer, s sizing.Sizing) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("load", "%.0f events/s in the mean, %.0f at the peak; %.2f MB/s and %.2f MB/s compressed, %.0f GB a day", s.Rates.EventsMean, s.Rates.EventsPeak, s.Rates.WireMean, s.Rates.WirePeak, s.Rates.GBPerDay)
	line("partitions", "%d, for %g times the load", s.Tasks.Partitions, s.Workload.Growth)
	line("tasks", "%d a processor at the peak, busy %.0f%%; %.2f are needed at %.0f%%", s.Tasks.Peak, 100*s.Tasks.Utilization, s.Tasks.Needed, 100*s.Workload.TargetUtilization)
	line("brokers", "%d of %s; at the peak each takes %.1f MB/s, gives %.1f MB/s, used %.1f%% (%s)", s.AllUp.Brokers, s.Instance, s.AllUp.In, s.AllUp.Out, 100*s.AllUp.Utilization, s.AllUp.Limit)
	switch {
	case s.ZoneLost.Brokers == 0:
		line("a zone lost", "nothing is left: there is one zone")
	case s.Survives:
		line("a zone lost", "%d brokers; each takes %.1f MB/s, gives %.1f MB/s, used %.1f%% of at most 95%%", s.ZoneLost.Brokers, s.ZoneLost.In, s.ZoneLost.Out, 100*s.ZoneLost.Utilization)
	default:
		line("a zone lost", "%d brokers WOULD BE USED %.0f%%, over 95%%: take larger ones or more", s.ZoneLost.Brokers, 100*s.ZoneLost.Utilization)
	}
	if s.ZoneLost.Brokers > 0 {
		line("headroom", "up to %.0f MB/s from producers, or %.3g such events a day, with a zone lost", s.MostMBps, s.MostEvents)
	}
	line("disk", "%.0f GB kept, %.0f GB with copies: volumes of %.0f GB, %.0f GB in all", s.Disk.Logical, s.Disk.Used, s.Disk.PerBroker, s.Disk.Provisioned)
	fmt.Fprintf(w, "\n  a month in US dollars, prices of %s, %s\n", s.PricesOf, s.Region)
	for _, b := range append(s.Bills, s.Processors) {
		printBill(w, b)
	}
	fmt.Fprintln(w)
	for _, b := range s.BreakEvens {
		line("break-even", "%s", breakEvenWords(s, b))
	}
	if len(s.Unverified) > 0 {
		fmt.Fprintf(w, "\n  To be checked before anybody decides by it: %s.\n", strings.Join(s.Unverified, ", "))
	}
}

func printBill(w io.Writer, b sizing.Bill) {
	mark := ""
	if b.Unverified {
		mark = " (with unverified prices)"
	}
	fmt.Fprintf(w, "  %-16s %9.0f%s\n", b.Name, b.Total, mark)
	for _, l := range b.Lines {
		fmt.Fprintf(w, "    %9.0f  %s\n", l.Dollars, l.What)
	}
}

func breakEvenWords(s sizing.Sizing, b sizing.BreakEven) string {
	words := fmt.Sprintf("against %s, ", b.Against)
	if b.SavedMonth >= 0 {
		words += fmt.Sprintf("running it oneself saves $%.0f a month", b.SavedMonth)
	} else {
		words += fmt.Sprintf("running it oneself costs $%.0f a month more", -b.SavedMonth)
	}
	if b.EventBytes > 0 {
		words += fmt.Sprintf("; equal at %.0f bytes an event", b.EventBytes)
	} else {
		words += "; at no size up to 100 kB are they equal"
	}
	if b.EventsPerDay > 0 {
		words += fmt.Sprintf(", or at %.3g events a day", b.EventsPerDay)
	} else {
		words += fmt.Sprintf(", nor at any load from %.3g to %.3g events a day", s.Workload.EventsPerDay/100, s.Workload.EventsPerDay*100)
	}
	return words
}
