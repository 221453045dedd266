package sizing

import (
	"os"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsimple"
)

// what the clusters' terraform.tfvars say of their brokers.
type placeFile struct {
	Kafka struct {
		Load struct {
			GBPerDay      float64 `cty:"gb_per_day"`
			RetentionDays float64 `cty:"retention_days"`
		} `cty:"load"`
		Sizes struct {
			Broker struct {
				InstanceType string  `cty:"instance_type"`
				VolumeGB     float64 `cty:"volume_gb"`
			} `cty:"broker"`
		} `cty:"sizes"`
		Nodes map[string]struct {
			Role   string `cty:"role"`
			ZoneID string `cty:"zone_id"`
		} `cty:"nodes"`
	} `hcl:"kafka"`
	Rest hcl.Body `hcl:",remain"`
}

// The sizes of dev, staging and prod are what headwater capacity says, with its
// reasons in docs/capacity.md: a load that grew in one place only is seen here.
func TestEnvironmentsAreLargeEnough(t *testing.T) {
	for place, eventsPerDay := range map[string]float64{"dev": 4e6, "staging": 20e6, "prod": 200e6} {
		var file placeFile
		path := "../../../environments/" + place + "/cluster/terraform.tfvars"
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := hclsimple.Decode(path+".hcl", text, nil, &file); err != nil {
			t.Fatal(err)
		}
		brokers, zones := 0, map[string]bool{}
		for _, node := range file.Kafka.Nodes {
			if node.Role == "broker" {
				brokers++
				zones[node.ZoneID] = true
			}
		}
		w := Defaults()
		w.EventsPerDay, w.Brokers, w.Zones = eventsPerDay, brokers, len(zones)
		w.RetentionDays, w.Instance = file.Kafka.Load.RetentionDays, file.Kafka.Sizes.Broker.InstanceType
		s := size(t, w)
		near(t, place+": GB a day", file.Kafka.Load.GBPerDay, s.Rates.GBPerDay, 1e-9)
		if !s.Survives {
			t.Errorf("%s: brokers are used %.0f%% with a zone lost", place, 100*s.ZoneLost.Utilization)
		}
		if file.Kafka.Sizes.Broker.VolumeGB < s.Disk.PerBroker {
			t.Errorf("%s: volumes have %g GB, and %g are needed", place, file.Kafka.Sizes.Broker.VolumeGB, s.Disk.PerBroker)
		}
	}
}

// what the platforms' terraform.tfvars say of topics and tasks.
type platformFile struct {
	Sizes map[string]struct {
		Partitions int `cty:"partitions"`
	} `hcl:"sizes"`
	Processors map[string]struct {
		Autoscale struct {
			Min int `cty:"min_tasks"`
			Max int `cty:"max_tasks"`
		} `cty:"autoscale"`
	} `hcl:"processors"`
	Rest hcl.Body `hcl:",remain"`
}

// Partitions are chosen once, and tasks may not be short of them: each place has
// what its load needs at the peak, and ten times that on what all events pass.
func TestPlacesHaveTheTasksAndPartitions(t *testing.T) {
	for place, eventsPerDay := range map[string]float64{"dev": 4e6, "staging": 20e6, "prod": 200e6} {
		var file platformFile
		path := "../../../environments/" + place + "/platform/terraform.tfvars"
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := hclsimple.Decode(path+".hcl", text, nil, &file); err != nil {
			t.Fatal(err)
		}
		w := Defaults()
		w.EventsPerDay = eventsPerDay
		need := size(t, w).Tasks
		if has := file.Sizes["keyed"].Partitions; has < need.Partitions {
			t.Errorf("%s: keyed topics have %d partitions, and ten times the load needs %d", place, has, need.Partitions)
		}
		for name, p := range file.Processors {
			fixed := p.Autoscale.Min == p.Autoscale.Max // the archive: none of it is in anybody's way
			if p.Autoscale.Min < 2 || !fixed && p.Autoscale.Max < need.Peak {
				t.Errorf("%s: %s has %d to %d tasks, and the peak needs %d", place, name, p.Autoscale.Min, p.Autoscale.Max, need.Peak)
			}
		}
		if len(file.Processors) == 0 {
			t.Errorf("%s has no processors", place)
		}
	}
}
