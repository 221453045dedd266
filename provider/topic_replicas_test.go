package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"headwater.internal/platform/internal/cluster"
	"headwater.internal/platform/internal/kafkatest"
)

// replicated declares topics with a number of replicas.
func replicated(factor int, names ...string) string {
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "resource \"headwater_topic\" \"t%d\" {\n name = %q\n partitions = 3\n replication_factor = %d\n config = { \"min.insync.replicas\" = %q }\n}\n",
			i, name, factor, fmt.Sprint(min(2, factor)))
	}
	return b.String()
}

// More replicas and fewer, in place, over the racks, several topics at once; the
// limits of the moves are gone afterwards and the plan is empty.
func TestReplicationFactorInPlace(t *testing.T) {
	c := kafkatest.Start(t)
	c.NeedsReal()
	names := []string{"raw.web.clicked", "raw.web.viewed"}
	settled := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	accept(t,
		resource.TestStep{Config: on(c, replicated(1, names...)), ConfigPlanChecks: settled},
		resource.TestStep{
			PreConfig: func() { c.Produce("raw.web.clicked", "kept") },
			Config:    on(c, replicated(3, names...)),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("headwater_topic.t0", plancheck.ResourceActionUpdate)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("headwater_topic.t0", tfjsonpath.New("reassignment"), knownvalue.StringExact("none")),
			},
			Check: placed(c, 3, 3, names...),
		},
		resource.TestStep{Config: on(c, replicated(9, names...)), PlanOnly: true, ExpectError: flexible("Replicas cannot be placed")},
		resource.TestStep{Config: on(c, replicated(2, names...)), ConfigPlanChecks: settled, Check: placed(c, 2, 2, names...)},
		resource.TestStep{ // what an apply that was killed leaves behind
			PreConfig: func() {
				setTopicConfig(t, c, "raw.web.clicked", "leader.replication.throttled.replicas", "0:0,1:1")
			},
			Config: on(c, replicated(2, names...)),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("headwater_topic.t0", plancheck.ResourceActionUpdate)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: placed(c, 2, 2, names...),
		},
		resource.TestStep{Config: on(c, strings.ReplaceAll(replicated(2, names...), "partitions", "deletion_protection = false\n partitions"))},
	)
}

// placed holds the replicas of the topics against their number and racks, and
// finds limits that were left.
func placed(c *kafkatest.Cluster, factor, racks int, names ...string) resource.TestCheckFunc {
	return func(*terraformState) error {
		ctx := context.Background()
		s, err := cluster.Read(ctx, c.Client())
		if err != nil {
			return err
		}
		for _, p := range s.Partitions {
			if !slices.Contains(names, p.Topic) {
				continue
			}
			seen := map[string]bool{}
			for _, id := range p.Replicas {
				b, _ := s.Broker(id)
				seen[b.Rack] = true
			}
			if len(p.Replicas) != factor || len(seen) != racks || p.Moving() {
				return fmt.Errorf("%s has replicas %v in %d racks, moving: %v; want %d in %d", p, p.Replicas, len(seen), p.Moving(), factor, racks)
			}
		}
		configs, err := c.Admin().DescribeTopicConfigs(ctx, names...)
		if err != nil {
			return err
		}
		for _, topic := range configs {
			for _, config := range topic.Configs {
				if throttleKeys[config.Key] && config.Value != nil && *config.Value != "" {
					return fmt.Errorf("%s is left on %s: %s", config.Key, topic.Name, *config.Value)
				}
			}
		}
		return nil
	}
}

// Brokers that accept a move and do not make it, as the embedded ones, are told
// from slow ones: the apply ends, and says so.
func TestMoveThatIsNotMade(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Fake()
	accept(t,
		resource.TestStep{Config: on(c, replicated(1, "raw.web.clicked"))},
		resource.TestStep{Config: on(c, replicated(2, "raw.web.clicked")), ExpectError: flexible("The brokers took the move of raw.web.clicked-")},
		resource.TestStep{Config: on(c, replicated(1, "raw.web.clicked"))},
	)
}
