package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/cluster"
	"headwater.internal/platform/internal/kafkatest"
)

var emptyAfter = resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}

// What is written in units reaches the brokers as their settings, keeps the way it
// is written, and is made good when it is changed outside.
func TestTopicUnits(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	written := topic("raw.web.clicked", 1, `
  retention        = "7d"
  retention_size   = "1.5GiB"
  segment_age      = "1d12h"
  segment_size     = "512MiB"
  max_message_size = "4MiB"
  config           = { "cleanup.policy" = "delete" }`)
	want := map[string]string{
		"retention.ms": "604800000", "retention.bytes": "1610612736", "segment.ms": "129600000",
		"segment.bytes": "536870912", "max.message.bytes": "4194304", "cleanup.policy": "delete",
	}
	refuse := func(rest, message string) resource.TestStep {
		return resource.TestStep{Config: on(c, topic("raw.web.clicked", 1, rest)), PlanOnly: true, ExpectError: flexible(message)}
	}
	accept(t,
		resource.TestStep{Config: on(c, written), ConfigPlanChecks: emptyAfter, Check: brokersHave(c, "raw.web.clicked", 1, want)},
		resource.TestStep{
			PreConfig: func() { setTopicConfig(t, c, "raw.web.clicked", "segment.bytes", "1073741824") },
			Config:    on(c, written), ConfigPlanChecks: emptyAfter, Check: brokersHave(c, "raw.web.clicked", 1, want),
		},
		refuse(`segment_size = "1KiB"`, "must be at least 1048576"),
		refuse(`segment_size = "much"`, `"much" is not a size`),
		refuse("segment_size = \"1GiB\"\n config = { \"segment.bytes\" = \"1073741824\" }", "are the same setting"),
		resource.TestStep{Config: on(c, written)},
	)
}

// A size is written so that it reads back the same.
func TestFormatSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{1610612736: "1.5GiB", 1 << 20: "1MiB", 1000: "1000", 1000012: "1000012", 1<<40 + 1<<38: "1.25TiB"} {
		back, err := parseBytes(formatSize(n))
		if diff := cmp.Diff(want, formatSize(n)); diff != "" || back != n || err != nil {
			t.Errorf("%d: %s, read back as %d, %v", n, diff, back, err)
		}
	}
}

// A topic that is there is taken over on request only, keeps its records and what
// is not declared, and is refused where that would take something from it.
func TestTopicAdoption(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.CreateTopic("raw.web.clicked", 2, map[string]string{"segment.ms": "3600000", "retention.ms": "1000000"})
	c.Produce("raw.web.clicked", "kept")
	declare := func(partitions int, rest string) string {
		return on(c, topic("raw.web.clicked", partitions, "deletion_protection = false\n retention = \"7d\"\n"+rest))
	}
	accept(t,
		resource.TestStep{Config: declare(4, ""), PlanOnly: true, ExpectError: flexible("Set adopt_existing = true")},
		resource.TestStep{Config: declare(1, "adopt_existing = true"), PlanOnly: true, ExpectError: flexible("it has 2 partitions, which cannot become 1")},
		resource.TestStep{
			Config: strings.Replace(declare(4, "adopt_existing = true"), "= 3", "= 2", 1), PlanOnly: true, ExpectError: flexible("it has 3 replicas"),
		},
		resource.TestStep{
			Config: declare(4, "adopt_existing = true"), ConfigPlanChecks: emptyAfter,
			Check: resource.ComposeTestCheckFunc(
				brokersHave(c, "raw.web.clicked", 4, map[string]string{"segment.ms": "3600000", "retention.ms": "604800000"}),
				func(*terraformState) error {
					ends, err := c.Admin().ListEndOffsets(context.Background(), "raw.web.clicked")
					if n := ends["raw.web.clicked"][0].Offset + ends["raw.web.clicked"][1].Offset; err != nil || n != 1 {
						return fmt.Errorf("%d records are there, want 1 (%w)", n, err)
					}
					return nil
				},
			),
		},
	)
}

// A protected topic is not destroyed under a group that reads it, empty or not,
// whatever force_destroy permits; once the group has left it is.
func TestTopicProtectionOfReaders(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	config := on(c, topic("raw.web.clicked", 1, "force_destroy = true"))
	var reader *kgo.Client
	accept(t,
		resource.TestStep{Config: config, Check: func(*terraformState) error {
			c.Produce("raw.web.clicked", "x")
			reader = c.Client(kgo.ConsumerGroup("funnel"), kgo.ConsumeTopics("raw.web.clicked"))
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if reader.PollFetches(ctx).NumRecords() == 0 {
				return fmt.Errorf("the reader was given nothing: %w", ctx.Err())
			}
			return nil
		}},
		resource.TestStep{Config: on(c, ""), PlanOnly: true, ExpectError: flexible(`Topic "raw.web.clicked" is protected and being read`)},
		resource.TestStep{Config: config, Destroy: true, ExpectError: flexible("Active on it: funnel")},
		resource.TestStep{PreConfig: func() { reader.Close() }, Config: on(c, "")},
	)
}

// Where Kafka knows no cordon ours is heeded: neither a new topic nor new
// partitions are asked for on the broker. (The fake takes no assignment over, so
// what it is asked for is looked at.)
func TestOwnCordon(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	var asked sync.Map // partitions by whether broker 2 was to hold one
	note := func(replicas []int32) { asked.Store(slices.Contains(replicas, 2), true) }
	c.Fake().ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake().KeepControl()
		for _, one := range req.(*kmsg.CreateTopicsRequest).Topics[0].ReplicaAssignment {
			note(one.Replicas)
		}
		return nil, nil, false
	})
	c.Fake().ControlKey(int16(kmsg.CreatePartitions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake().KeepControl()
		for _, one := range req.(*kmsg.CreatePartitionsRequest).Topics[0].Assignment {
			note(one.Replicas)
		}
		return nil, nil, false
	})
	spares := func(*terraformState) error {
		_, on := asked.Load(true)
		_, off := asked.Load(false)
		asked.Clear()
		if on || !off {
			return fmt.Errorf("asked for broker 2: %v, for others: %v", on, off)
		}
		return nil
	}
	older := kadm.FeatureUpdate{Feature: "metadata.version", MaxVersionLevel: 29, UpgradeType: 2} // 4.2
	if updated, err := c.Admin().UpdateFeatures(context.Background(), false, older); err != nil || updated["metadata.version"].Err != nil {
		t.Fatal(err, updated)
	}
	cordoned := broker(2, `state = "cordoned"`)
	accept(t,
		resource.TestStep{Config: on(c, cordoned), ConfigPlanChecks: emptyAfter},
		resource.TestStep{Config: on(c, cordoned+otherTopic(12)), Check: spares},
		resource.TestStep{Config: on(c, cordoned+otherTopic(24)), ConfigPlanChecks: emptyAfter, Check: spares},
		resource.TestStep{
			Config: on(c, broker(2, "")+otherTopic(24)), ConfigPlanChecks: emptyAfter,
			Check: func(*terraformState) error {
				s, err := cluster.Read(context.Background(), c.Client())
				if b, _ := s.Broker(2); b.Cordoned {
					return fmt.Errorf("broker 2 is still cordoned")
				}
				return err
			},
		},
	)
}

// otherTopic is a topic beside a broker that is called test.
func otherTopic(partitions int) string {
	return strings.Replace(topic("raw.web.clicked", partitions, ""), `"test"`, `"other"`, 1)
}

// A placement holds for new topics, new partitions and topics that stand elsewhere;
// one that cannot be had is refused in the plan.
func TestTopicPlacement(t *testing.T) {
	c := kafkatest.Start(t)
	c.NeedsReal()
	at := func(partitions, factor int, placement string) string {
		return on(c, fmt.Sprintf("resource \"headwater_topic\" \"test\" {\n name = \"raw.web.clicked\"\n partitions = %d\n replication_factor = %d\n %s\n}\n", partitions, factor, placement))
	}
	stands := func(partitions int, brokers ...int32) resource.TestCheckFunc {
		return func(*terraformState) error {
			s, err := cluster.Read(context.Background(), c.Client())
			found := 0
			for _, p := range s.Partitions {
				if p.Topic == "raw.web.clicked" {
					found++
					if slices.ContainsFunc(p.Replicas, func(id int32) bool { return !slices.Contains(brokers, id) }) {
						return fmt.Errorf("%s stands on %v, want %v", p, p.Replicas, brokers)
					}
				}
			}
			if found != partitions {
				return fmt.Errorf("%d partitions, want %d (%w)", found, partitions, err)
			}
			return nil
		}
	}
	accept(t,
		resource.TestStep{Config: at(3, 2, `placement = { racks = ["a", "b"] }`), ConfigPlanChecks: emptyAfter, Check: stands(3, 0, 1)},
		resource.TestStep{Config: at(9, 2, `placement = { racks = ["a", "b"] }`), ConfigPlanChecks: emptyAfter, Check: stands(9, 0, 1)},
		resource.TestStep{Config: at(9, 3, `placement = { racks = ["a", "b"] }`), PlanOnly: true, ExpectError: flexible("Replicas cannot be placed")},
		resource.TestStep{Config: at(9, 2, `placement = { racks = ["a", "z"] }`), PlanOnly: true, ExpectError: flexible(`no broker stands in rack "z": the racks are a, b, c`)},
		resource.TestStep{
			Config: at(9, 2, `placement = { brokers = [1, 2] }`), ConfigPlanChecks: emptyAfter,
			Check: resource.ComposeTestCheckFunc(stands(9, 1, 2), placed(c, 2, 2, "raw.web.clicked")),
		},
	)
}
