package sizing

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Line is one line of a monthly bill.
type Line struct {
	What    string  `json:"what"`
	Dollars float64 `json:"dollars_per_month"`
}

// Bill is what a way of running Kafka costs a month, in US dollars.
type Bill struct {
	Name       string  `json:"name"`
	Lines      []Line  `json:"lines"`
	Total      float64 `json:"dollars_per_month"`
	Unverified bool    `json:"unverified"` // whether a price in it is not from the seller
}

func (b *Bill) add(dollars float64, format string, args ...any) {
	b.Lines = append(b.Lines, Line{What: fmt.Sprintf(format, args...), Dollars: dollars})
	b.Total += dollars
}

// BreakEven is where running Kafka oneself costs the same as a managed one.
type BreakEven struct {
	Against      string  `json:"against"`
	EventBytes   float64 `json:"event_bytes,omitempty"`    // at the given events a day; 0 when there is none up to 100 kB
	EventsPerDay float64 `json:"events_per_day,omitempty"` // at the given size; 0 when there is none up to 100 times the load
	SavedMonth   float64 `json:"saved_per_month"`          // US dollars at the given load; below 0: the managed one is cheaper
}

// Sizing is the whole answer.
type Sizing struct {
	Workload   Workload    `json:"workload"`
	PricesOf   string      `json:"prices_of"` // date
	Region     string      `json:"region"`
	Rates      Rates       `json:"rates"`
	Instance   string      `json:"instance"`
	AllUp      Load        `json:"all_zones"`
	ZoneLost   Load        `json:"zone_lost"`
	Survives   bool        `json:"survives_zone"`        // whether no more than 95% is used with a zone lost
	MostMBps   float64     `json:"most_mb_per_second"`   // compressed, that producers may write with a zone lost
	MostEvents float64     `json:"most_events_per_day"`  // the same at this event, peak and compression
	Disk       Disk        `json:"disk"`                 // of the brokers
	Tasks      Tasks       `json:"tasks"`                // of one processor
	CrossZone  float64     `json:"cross_zone_gb_month"`  // from producers and between copies
	Bills      []Bill      `json:"bills"`                // self-managed first
	BreakEvens []BreakEven `json:"break_evens"`          // against each managed one
	Processors Bill        `json:"processors"`           // the same whoever runs Kafka
	Unverified []string    `json:"unverified,omitempty"` // prices that are to be checked first
}

// Size computes the answer. The error names what is wrong with the workload, or
// that no machine of the price file survives the loss of a zone.
func (w Workload) Size(p Prices) (Sizing, error) {
	if err := w.Check(p); err != nil {
		return Sizing{}, err
	}
	name, err := w.instance(p)
	if err != nil {
		return Sizing{}, err
	}
	i := p.Instances[name]
	s := Sizing{
		Workload: w, PricesOf: p.Date, Region: p.Region, Rates: w.rates(), Instance: name,
		Disk: w.disk(), Tasks: w.tasks(), CrossZone: w.crossZone(), Unverified: p.unverified(name),
	}
	s.AllUp = w.on(w.Brokers, i, s.Disk.VolumeMBps)
	if w.left() > 0 {
		s.ZoneLost = w.on(w.left(), i, s.Disk.VolumeMBps)
		s.Survives = s.ZoneLost.Utilization <= MostUsed
		s.MostMBps = s.Rates.WirePeak / s.ZoneLost.Utilization * MostUsed
		s.MostEvents = w.EventsPerDay / s.ZoneLost.Utilization * MostUsed
	}
	s.Bills = w.bills(p, name)
	s.Processors = w.processors(p, s.Tasks)
	for _, managed := range s.Bills[1:] {
		s.BreakEvens = append(s.BreakEvens, w.breakEven(p, managed.Name, managed.Total-s.Bills[0].Total))
	}
	return s, nil
}

// instance is the one asked for, or the cheapest on which a broker is used no
// more than 95% with a zone lost.
func (w Workload) instance(p Prices) (string, error) {
	if w.Instance != "" {
		return w.Instance, nil
	}
	for _, name := range p.byPrice() {
		if w.on(max(w.left(), 1), p.Instances[name], w.disk().VolumeMBps).Utilization <= MostUsed {
			return name, nil
		}
	}
	return "", fmt.Errorf("no machine of the price file carries %.0f MB/s on %d brokers with a zone lost: take more --brokers", w.rates().WirePeak, max(w.left(), 1))
}

// crossZone is what crosses zones in a month, in GB: what producers send to
// leaders elsewhere, and the copies. Consumers read in their own zone.
func (w Workload) crossZone() float64 { return w.fromProducers() + w.betweenCopies() }

func (w Workload) fromProducers() float64 {
	return w.rates().GBPerDay * daysPerMonth * float64(w.Zones-1) / float64(w.Zones)
}

// betweenCopies counts the copies in other zones: all but the first, as far as
// there are zones.
func (w Workload) betweenCopies() float64 {
	return w.rates().GBPerDay * daysPerMonth * float64(min(w.ReplicationFactor, w.Zones)-1)
}

// bills are of the same load three ways; the first is ours.
func (w Workload) bills(p Prices, name string) []Bill {
	d, r, i := w.disk(), w.rates(), p.Instances[name]
	self := Bill{Name: "self-managed", Unverified: i.Standing != "published" || p.Instances[p.Controller].Standing != "published"}
	self.add(float64(w.Brokers)*i.Hour*hoursPerMonth, "%d brokers, %s", w.Brokers, name)
	self.add(float64(w.Controllers)*p.Instances[p.Controller].Hour*hoursPerMonth, "%d controllers, %s", w.Controllers, p.Controller)
	self.add(d.Provisioned*p.Volume.GBMonth.Price+float64(w.Brokers)*(d.VolumeMBps-includedMBps)*p.Volume.MBpsMonth.Price, "%.0f GB of gp3 at %.0f MB/s a volume", d.Provisioned, d.VolumeMBps)
	self.add(w.crossZone()*p.Transfer.ZoneGB.Price, "%.0f GB between zones", w.crossZone())
	if w.PeopleYear > 0 {
		self.add(w.PeopleYear/12, "people")
	}
	msk := Bill{Name: "Amazon MSK", Unverified: i.ManagedStanding != "published" || p.MSK.GBMonth.Standing != "published"}
	msk.add(float64(w.Brokers)*i.ManagedHour*hoursPerMonth, "%d brokers, kafka.%s", w.Brokers, name)
	msk.add(d.Provisioned*p.MSK.GBMonth.Price, "%.0f GB", d.Provisioned)
	msk.add(w.fromProducers()*p.Transfer.ZoneGB.Price, "%.0f GB from producers in other zones", w.fromProducers())

	c := p.Confluent
	out := float64(w.ConsumerGroups)
	units := max(1, math.Ceil(r.WirePeak/c.UnitInMBps), math.Ceil(r.WirePeak*out/c.UnitOutMBps))
	confluent := Bill{Name: "Confluent Cloud", Unverified: c.UnitHour.Standing != "published" || c.GB.Standing != "published" || c.GBMonth.Standing != "published"}
	confluent.add(units*c.UnitHour.Price*hoursPerMonth, "%.0f elastic units", units)
	moved := r.GBPerDay * daysPerMonth * (1 + out)
	confluent.add(moved*c.GB.Price, "%.0f GB in and out", moved)
	confluent.add(d.Logical*c.GBMonth.Price, "%.0f GB kept", d.Logical)
	return []Bill{self, msk, confluent}
}

func (w Workload) processors(p Prices, t Tasks) Bill {
	b := Bill{Name: "processors", Unverified: p.Task.VCPUHour.Standing != "published"}
	n := float64(t.Peak * w.Processors)
	b.add(n*(w.TaskVCPUs*p.Task.VCPUHour.Price+w.TaskGB*p.Task.GBHour.Price)*hoursPerMonth,
		"%d processors of %d tasks, as at the peak all day", w.Processors, t.Peak)
	return b
}

// saved is what running it oneself saves a month against the managed one; not
// known where no machine of the price file is large enough.
func (w Workload) saved(p Prices, against string) (dollars float64, known bool) {
	name, err := w.instance(p)
	if err != nil {
		return 0, false
	}
	bills := w.bills(p, name)
	at := slices.IndexFunc(bills, func(b Bill) bool { return b.Name == against })
	return bills[at].Total - bills[0].Total, true
}

// breakEven looks for the first sign change above the given size and, at the
// size, above the given rate; both in steps of 1%, for a bill has steps.
func (w Workload) breakEven(p Prices, against string, saved float64) BreakEven {
	b := BreakEven{Against: against, SavedMonth: saved}
	w.Instance = "" // larger loads take larger machines
	b.EventBytes = crossing(100, 100_000, func(x float64) (float64, bool) {
		w := w
		w.EventBytes = x
		return w.saved(p, against)
	})
	b.EventsPerDay = crossing(w.EventsPerDay/100, w.EventsPerDay*100, func(x float64) (float64, bool) {
		w := w
		w.EventsPerDay = x
		return w.saved(p, against)
	})
	return b
}

// crossing is where f first changes its sign between from and to, or 0.
func crossing(from, to float64, f func(float64) (float64, bool)) float64 {
	first, known := f(from)
	for x := from; known && x <= to; x *= 1.01 {
		y, ok := f(x)
		if !ok {
			return 0
		}
		if (y < 0) != (first < 0) {
			return x
		}
	}
	return 0
}

// unverified names the prices in the answer that are to be checked first.
func (p Prices) unverified(instance string) []string {
	standings := map[string]string{
		"instances." + instance + ".hour": p.Instances[instance].Standing, "instances." + instance + ".managed_hour": p.Instances[instance].ManagedStanding,
		"instances." + p.Controller + ".hour": p.Instances[p.Controller].Standing,
		"volume.gb_month":                     p.Volume.GBMonth.Standing, "volume.mbps_month": p.Volume.MBpsMonth.Standing, "transfer.zone_gb": p.Transfer.ZoneGB.Standing,
		"task.vcpu_hour": p.Task.VCPUHour.Standing, "task.gb_hour": p.Task.GBHour.Standing, "msk.gb_month": p.MSK.GBMonth.Standing,
		"confluent.unit_hour": p.Confluent.UnitHour.Standing, "confluent.gb": p.Confluent.GB.Standing, "confluent.gb_month": p.Confluent.GBMonth.Standing,
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(standings)) {
		if standings[name] != "published" {
			names = append(names, name)
		}
	}
	return names
}
