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
