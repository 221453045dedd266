package sizing

import (
	"bytes"
	_ "embed" // for the price file
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed prices.yaml
var defaultPrices []byte

// Price is one price and how far it is to be trusted.
type Price struct {
	Price    float64 `yaml:"price"`    // US dollars, of the unit in the field's name
	Standing string  `yaml:"standing"` // published or unverified
}

// Instance is a machine that a broker can run on.
type Instance struct {
	VCPUs           int     `yaml:"vcpus"`
	NetworkMBps     float64 `yaml:"network_mbps"` // MB/s at all times, each way
	EBSMBps         float64 `yaml:"ebs_mbps"`     // MB/s at all times
	Hour            float64 `yaml:"hour"`         // US dollars
	ManagedHour     float64 `yaml:"managed_hour"` // US dollars of a managed broker of that shape
	Standing        string  `yaml:"standing"`
	ManagedStanding string  `yaml:"managed_standing"`
}

// Prices is a dated price file.
type Prices struct {
	Date       string              `yaml:"date"` // YYYY-MM-DD, when the prices were looked up
	Region     string              `yaml:"region"`
	Instances  map[string]Instance `yaml:"instances"`
	Controller string              `yaml:"controller"` // instance of a controller
	Volume     struct {
		GBMonth   Price `yaml:"gb_month"`
		MBpsMonth Price `yaml:"mbps_month"`
	} `yaml:"volume"`
	Transfer struct {
		ZoneGB Price `yaml:"zone_gb"`
	} `yaml:"transfer"`
	Task struct {
		VCPUHour Price `yaml:"vcpu_hour"`
		GBHour   Price `yaml:"gb_hour"`
	} `yaml:"task"`
	MSK struct {
		GBMonth Price `yaml:"gb_month"`
	} `yaml:"msk"`
	Confluent struct {
		UnitHour    Price   `yaml:"unit_hour"`
		GB          Price   `yaml:"gb"`
		GBMonth     Price   `yaml:"gb_month"`
		UnitInMBps  float64 `yaml:"unit_in_mbps"`
		UnitOutMBps float64 `yaml:"unit_out_mbps"`
	} `yaml:"confluent"`
}

// DefaultPrices is the price file that is built in.
func DefaultPrices() (Prices, error) { return ReadPrices(defaultPrices) }

// ReadPrices reads a price file. The error names what is missing or misspelt:
// half a price list would make a wrong sum.
func ReadPrices(text []byte) (Prices, error) {
	var p Prices
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("read the prices: %w", err)
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		return p, fmt.Errorf("read the prices: date is %q: write the day on which they were looked up, like 2026-11-27", p.Date)
	}
	if _, ok := p.Instances[p.Controller]; !ok {
		return p, fmt.Errorf("read the prices: controller is %q, which is none of instances", p.Controller)
	}
	var faults []error
	for name, value := range p.named() {
		if value <= 0 {
			faults = append(faults, fmt.Errorf("read the prices: %s is %g: it must be above 0", name, value))
		}
	}
	return p, errors.Join(faults...)
}

// named lists every number by its path in the file.
func (p Prices) named() map[string]float64 {
	all := map[string]float64{
		"volume.gb_month": p.Volume.GBMonth.Price, "volume.mbps_month": p.Volume.MBpsMonth.Price,
		"transfer.zone_gb": p.Transfer.ZoneGB.Price, "task.vcpu_hour": p.Task.VCPUHour.Price, "task.gb_hour": p.Task.GBHour.Price,
		"msk.gb_month": p.MSK.GBMonth.Price, "confluent.unit_hour": p.Confluent.UnitHour.Price, "confluent.gb": p.Confluent.GB.Price,
		"confluent.gb_month": p.Confluent.GBMonth.Price, "confluent.unit_in_mbps": p.Confluent.UnitInMBps, "confluent.unit_out_mbps": p.Confluent.UnitOutMBps,
	}
	for name, i := range p.Instances {
		all["instances."+name+".vcpus"] = float64(i.VCPUs)
		all["instances."+name+".network_mbps"] = i.NetworkMBps
		all["instances."+name+".ebs_mbps"] = i.EBSMBps
		all["instances."+name+".hour"] = i.Hour
		all["instances."+name+".managed_hour"] = i.ManagedHour
	}
	return all
}

// byPrice lists the instances of a broker's family, cheapest first: t3 is left
// out, since its credits end under a steady load.
func (p Prices) byPrice() []string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(p.Instances)), func(name string) bool { return name[0] == 't' })
	slices.SortStableFunc(names, func(a, b string) int {
		switch x, y := p.Instances[a].Hour, p.Instances[b].Hour; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return names
}
