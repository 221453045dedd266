// Package sizing computes what a load needs and costs before there is any:
// partitions, brokers that survive a zone, disks, tasks, dollars. It is
// arithmetic on a dated price file; docs/capacity.md has the formulae and a
// worked example by hand, which the tests hold it to.
package sizing

import (
	"errors"
	"fmt"
	"math"

	"headwater.internal/platform/internal/capacity"
)

// Workload is what is known or assumed of the load and the cluster.
type Workload struct {
	EventsPerDay      float64 `json:"events_per_day"`
	EventBytes        float64 `json:"event_bytes"`        // before compression
	Compression       float64 `json:"compression"`        // bytes before, over bytes on the wire and on disk
	PeakToMean        float64 `json:"peak_to_mean"`       // rate in the busiest second over the mean
	ConsumerGroups    int     `json:"consumer_groups"`    // that read all of it
	RetentionDays     float64 `json:"retention_days"`     // of the raw events
	ReplicationFactor int     `json:"replication_factor"` // copies
	Brokers           int     `json:"brokers"`
	Controllers       int     `json:"controllers"`
	Zones             int     `json:"zones"`
	DiskUsed          float64 `json:"disk_used"`          // share of a volume that may be full
	Growth            float64 `json:"growth"`             // times the load that partitions must carry: they cannot grow later
	TaskRate          float64 `json:"task_rate"`          // events that one task handles in a busy second
	TargetUtilization float64 `json:"target_utilization"` // of a task
	TaskVCPUs         float64 `json:"task_vcpus"`
	TaskGB            float64 `json:"task_gb"`         // memory
	Processors        int     `json:"processors"`      // stages of this rate that run as tasks
	Instance          string  `json:"instance"`        // of a broker; empty for the cheapest that survives a zone's loss
	PeopleYear        float64 `json:"people_per_year"` // US dollars a year that running it oneself costs on top
}

// Defaults is the platform's case: what a flag that is left out means.
func Defaults() Workload {
	return Workload{
		EventsPerDay: 200e6, EventBytes: 1000, Compression: 4, PeakToMean: 4, ConsumerGroups: 4, RetentionDays: 7,
		ReplicationFactor: 3, Brokers: 6, Controllers: 3, Zones: 3, DiskUsed: 0.6, Growth: 10,
		TaskRate: 2500, TargetUtilization: capacity.DefaultPolicy(1, 1).TargetUtilization, TaskVCPUs: 1, TaskGB: 2, Processors: 3,
	}
}

// Check refuses what cannot be computed or must not be built. The error names
// each fault and what to set.
func (w Workload) Check(p Prices) error {
	var faults []error
	positive := []struct {
		flag  string
		value float64
	}{
		{"events-per-day", w.EventsPerDay},
		{"event-bytes", w.EventBytes},
		{"retention-days", w.RetentionDays},
		{"task-rate", w.TaskRate},
		{"brokers", float64(w.Brokers)},
		{"zones", float64(w.Zones)},
		{"replication", float64(w.ReplicationFactor)},
		{"task-vcpus", w.TaskVCPUs},
		{"task-gb", w.TaskGB},
		{"processors", float64(w.Processors)},
	}
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	for _, f := range positive {
		refuse(!(f.value > 0) || math.IsInf(f.value, 0), "--%s is %g: it must be above 0", f.flag, f.value)
	}
	refuse(!(w.Compression >= 1), "--compression is %g: it is at least 1, for none", w.Compression)
	refuse(!(w.PeakToMean >= 1), "--peak is %g: the peak is at least the mean, 1", w.PeakToMean)
	refuse(!(w.Growth >= 1), "--growth is %g: partitions must carry at least today's load, 1", w.Growth)
	refuse(w.ConsumerGroups < 0 || w.PeopleYear < 0 || w.Controllers < 0, "--consumer-groups, --controllers and --people are not below 0")
	refuse(!(w.DiskUsed > 0 && w.DiskUsed <= 0.9), "--disk-used is %g: leave at least a tenth of a volume free, like 0.6", w.DiskUsed)
	refuse(!(w.TargetUtilization > 0 && w.TargetUtilization <= 1), "--utilization is %g: it is above 0 and at most 1", w.TargetUtilization)
	refuse(w.Zones > 0 && w.Brokers%max(w.Zones, 1) != 0, "%d brokers do not divide among %d zones: a zone with fewer would hold more of each copy; take a multiple", w.Brokers, w.Zones)
	refuse(w.ReplicationFactor > w.Brokers, "%d copies need as many brokers, and there are %d", w.ReplicationFactor, w.Brokers)
	if _, ok := p.Instances[w.Instance]; w.Instance != "" && !ok {
		faults = append(faults, fmt.Errorf("--instance is %s, which the price file of %s does not have", w.Instance, p.Date))
	}
	return errors.Join(faults...)
}

// Rates are of the load, in events and megabytes (10^6) a second.
type Rates struct {
	EventsMean float64 `json:"events_mean_per_second"`
	EventsPeak float64 `json:"events_peak_per_second"`
	WireMean   float64 `json:"wire_mean_mb_per_second"`
	WirePeak   float64 `json:"wire_peak_mb_per_second"`
	GBPerDay   float64 `json:"gb_per_day"` // compressed, one copy
}

func (w Workload) rates() Rates {
	r := Rates{EventsMean: w.EventsPerDay / secondsPerDay, GBPerDay: w.EventsPerDay * w.EventBytes / w.Compression / 1e9}
	r.EventsPeak = r.EventsMean * w.PeakToMean
	r.WireMean = r.GBPerDay * 1e3 / secondsPerDay
	r.WirePeak = r.WireMean * w.PeakToMean
	return r
}

// Load is what one broker carries at the peak, in MB/s, and how busy that makes
// it: the largest share of what its processor, network, link to its disk and
// disk can do.
type Load struct {
	Brokers     int     `json:"brokers"`
	In          float64 `json:"in_mb_per_second"`
	Out         float64 `json:"out_mb_per_second"`
	CPU         float64 `json:"cpu"` // share
	Utilization float64 `json:"utilization"`
	Limit       string  `json:"limit"` // what is the fullest
}

// Disk is what retention needs.
type Disk struct {
	Logical     float64 `json:"logical_gb"`      // one copy
	Used        float64 `json:"used_gb"`         // all copies
	PerBroker   float64 `json:"volume_gb"`       // whole GB of one volume
	Provisioned float64 `json:"provisioned_gb"`  // all volumes
	VolumeMBps  float64 `json:"volume_mb_per_s"` // throughput that a volume needs with a zone lost
}

// Tasks is what a processor needs at the peak.
type Tasks struct {
	Partitions  int     `json:"partitions"`  // of a topic that all events pass
	Needed      float64 `json:"needed"`      // tasks, before rounding
	Peak        int     `json:"tasks_peak"`  // the smallest divisor of the partitions that is enough
	Utilization float64 `json:"utilization"` // of each of them at the peak
}

const (
	secondsPerDay = 86400
	daysPerMonth  = 365.25 / 12
	hoursPerMonth = daysPerMonth * 24

	// cpuRate is what producers may write through one vCPU of a broker, in MB/s:
	// 5 MiB/s, with three times that read and TLS.
	cpuRate = 5 * 1.048576
	// MostUsed is the share of a broker that may be used with a zone lost.
	MostUsed = 0.95
	// includedMBps is the throughput of a gp3 volume that costs nothing more.
	includedMBps = 125
	mostMBps     = 1000
)

// on is the load of each of n brokers that share the cluster's whole peak.
func (w Workload) on(n int, i Instance, volumeMBps float64) Load {
	peak := w.rates().WirePeak
	l := Load{
		Brokers: n,
		In:      peak * float64(w.ReplicationFactor) / float64(n),
		Out:     peak * float64(w.ConsumerGroups+w.ReplicationFactor-1) / float64(n),
	}
	l.CPU = peak / float64(n) / (cpuRate * float64(i.VCPUs))
	for _, part := range []struct {
		name string
		used float64
	}{
		{"processor", l.CPU},
		{"network", max(l.In, l.Out) / i.NetworkMBps},
		{"link to its disk", l.In / i.EBSMBps},
		{"disk", l.In / volumeMBps},
	} {
		if part.used > l.Utilization {
			l.Utilization, l.Limit = part.used, part.name
		}
	}
	return l
}

// left is how many brokers there are without one zone.
func (w Workload) left() int { return w.Brokers - w.Brokers/w.Zones }

func (w Workload) disk() Disk {
	d := Disk{Logical: w.rates().GBPerDay * w.RetentionDays}
	d.Used = d.Logical * float64(w.ReplicationFactor)
	d.PerBroker = math.Ceil(d.Used / w.DiskUsed / float64(w.Brokers))
	d.Provisioned = d.PerBroker * float64(w.Brokers)
	in := w.rates().WirePeak * float64(w.ReplicationFactor) / float64(max(w.left(), 1))
	d.VolumeMBps = min(max(includedMBps, math.Ceil(in/MostUsed)), mostMBps)
	return d
}

func (w Workload) tasks() Tasks {
	perTask := w.TaskRate * w.TargetUtilization
	peak := w.rates().EventsPeak
	t := Tasks{Needed: peak / perTask}
	brokers := float64(w.Brokers)
	t.Partitions = int(max(1, math.Ceil(w.Growth*t.Needed/brokers-1e-9)) * brokers)
	for _, n := range capacity.Allowed(t.Partitions, 1, t.Partitions) {
		if t.Peak = n; float64(n) >= t.Needed {
			break
		}
	}
	t.Utilization = peak / float64(t.Peak) / w.TaskRate
	return t
}
