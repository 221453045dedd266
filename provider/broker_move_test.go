package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"headwater.internal/platform/internal/cluster"
	"headwater.internal/platform/internal/kafkatest"
)

// leaving declares broker 3 as a policy of three steps has it, and topics beside it.
func leaving(rest string) string {
	return fmt.Sprintf("resource \"headwater_broker\" \"test\" {\n  node_id = 3\n  %s\n}\n", rest)
}

// A broker's way out and back on real brokers: refused while it holds replicas,
// emptied onto its rack, refused while it runs, unregistered, added back and given
// its share. Records stay where their partitions are.
func TestBrokerLeavesAndComesBack(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.WithBrokers(4))
	c.NeedsReal()
	topics := unprotected(replicated(3, "raw.web.clicked", "raw.web.viewed"))
	with := func(broker string) string { return on(c, topics+broker) }
	settled := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	accept(t,
		resource.TestStep{Config: with(leaving(`rack = "a"`)), ConfigPlanChecks: settled, Check: holding(c, 3, func(n int) bool { return n > 0 })},
		resource.TestStep{Config: with(leaving(`log_dirs = ["/elsewhere"]`)), PlanOnly: true, ExpectError: flexible("Broker with other log directories")},
		resource.TestStep{Config: with(""), PlanOnly: true, ExpectError: flexible("Cannot remove broker 3:")},
		resource.TestStep{
			PreConfig: func() { c.Produce("raw.web.clicked", "kept") },
			Config:    with(leaving(`state = "cordoned"`)), ConfigPlanChecks: settled,
			Check: func(*terraformState) error {
				c.CreateTopic("raw.web.later", 4, nil)
				return avoids(c, 3, "raw.web.later")
			},
		},
		resource.TestStep{
			Config: with(leaving(`state = "drained"`)), ConfigPlanChecks: settled,
			Check: resource.ComposeTestCheckFunc(
				holding(c, 3, func(n int) bool { return n == 0 }), placed(c, 3, 3, "raw.web.clicked", "raw.web.viewed"),
				resource.TestCheckResourceAttr(testBroker, "replicas", "0"),
			),
		},
		resource.TestStep{Config: with(""), PlanOnly: true, ExpectError: flexible("Cannot remove broker 3: it is running")},
		resource.TestStep{
			PreConfig: func() { c.KillBroker(3) },
			Config:    with(""),
			Check: func(*terraformState) error {
				s, err := cluster.Read(context.Background(), c.Client())
				if _, registered := s.Broker(3); registered {
					return fmt.Errorf("broker 3 is still registered")
				}
				return err
			},
		},
		resource.TestStep{
			PreConfig: func() { c.RestartBroker(3) },
			Config:    with(leaving("rebalance = true\n  on_destroy = \"abandon\"")), ConfigPlanChecks: settled,
			Check: resource.ComposeTestCheckFunc(
				holding(c, 3, func(n int) bool { return n > 0 }), placed(c, 3, 3, "raw.web.clicked", "raw.web.viewed"),
				resource.TestCheckResourceAttr(testBroker, "rebalanced", "true"),
			),
		},
	)
}

// unprotected are topics that a test may destroy.
func unprotected(topics string) string {
	return strings.ReplaceAll(topics, "partitions", "deletion_protection = false\n partitions")
}

// holding looks at the replicas of a broker.
func holding(c *kafkatest.Cluster, id int32, right func(int) bool) resource.TestCheckFunc {
	return func(*terraformState) error {
		s, err := cluster.Read(context.Background(), c.Client())
		if err != nil {
			return err
		}
		if held := s.Held(id); !right(len(held)) {
			return fmt.Errorf("broker %d holds %v", id, held)
		}
		return nil
	}
}

// avoids finds replicas of a topic on a broker.
func avoids(c *kafkatest.Cluster, id int32, topic string) error {
	s, err := cluster.Read(context.Background(), c.Client())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(s.Held(id), func(p cluster.Partition) bool { return p.Topic == topic }) {
		return fmt.Errorf("broker %d holds replicas of %s", id, topic)
	}
	return nil
}

// What stands in the way of a drain is said in the plan, and nothing is cordoned:
// a broker that is down, replicas that no rack is left for.
func TestDrainRefused(t *testing.T) {
	c := kafkatest.Start(t)
	c.NeedsReal()
	c.CreateTopic("raw.web.clicked", 3, nil)
	held := broker(2, "")
	drained := broker(2, `state = "drained"`)
	accept(t,
		resource.TestStep{Config: on(c, held)},
		resource.TestStep{Config: on(c, drained), PlanOnly: true, ExpectError: flexible("Broker 2 cannot be emptied")},
		resource.TestStep{
			PreConfig: func() { c.KillBroker(1) },
			Config:    on(c, drained), PlanOnly: true, ExpectError: flexible("Broker 1 is down: start it"),
		},
		resource.TestStep{
			Config: on(c, broker(2, `config = { "log.cleaner.threads" = "2" }`)), ExpectError: flexible("settings are changed one broker at a time"),
		},
		resource.TestStep{
			Config: on(c, held+"data \"headwater_restart\" \"two\" {\n node_id = 2\n}\n"),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr("data.headwater_restart.two", "allowed", "false"),
				resource.TestCheckResourceAttr("data.headwater_restart.two", "controller", "true"),
				resource.TestCheckResourceAttrSet("data.headwater_restart.two", "reasons.0"),
			),
		},
		resource.TestStep{
			PreConfig: func() { c.RestartBroker(1) },
			Config:    on(c, held+"data \"headwater_restart\" \"two\" {\n node_id = 2\n}\n"),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttrSet("data.headwater_restart.two", "allowed"),
				holding(c, 2, func(n int) bool { return n == 3 }),
			),
		},
	)
}
