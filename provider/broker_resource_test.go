package main

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

const testBroker = "headwater_broker.test"

func broker(node int, rest string) string {
	return fmt.Sprintf("resource \"headwater_broker\" \"test\" {\n  node_id = %d\n  on_destroy = \"abandon\"\n  %s\n}\n", node, rest)
}

// A broker's whole life: adopted with its settings, changed, imported, settings
// reset outside, and gone from the cluster.
func TestBrokerLifecycle(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithBrokers(3))
	first := broker(2, `config = { "message.max.bytes" = "2097152", "num.io.threads" = "8" }`)
	second := broker(2, `config = { "message.max.bytes" = "4194304" }`)
	updates := resource.ConfigPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testBroker, plancheck.ResourceActionUpdate)},
	}
	accept(t,
		resource.TestStep{
			Config: on(c, first),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: resource.ComposeTestCheckFunc(
				brokerHas(c, 2, map[string]string{"message.max.bytes": "2097152", "num.io.threads": "8"}),
				resource.TestCheckResourceAttr(testBroker, "host", "127.0.0.1"),
			),
		},
		resource.TestStep{Config: on(c, second), ConfigPlanChecks: updates, Check: brokerHas(c, 2, map[string]string{"message.max.bytes": "4194304"})},
		resource.TestStep{
			ResourceName: testBroker, ImportState: true, ImportStateId: "2",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "node_id",
			ImportStateVerifyIgnore: []string{"on_destroy"}, // an import does not know that the cluster will be torn down
		},
		resource.TestStep{
			PreConfig: func() {
				reset := []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: "message.max.bytes"}}
				if _, err := c.Admin().AlterBrokerConfigs(context.Background(), reset, 2); err != nil {
					t.Fatal(err)
				}
			},
			Config: on(c, second), ConfigPlanChecks: updates, Check: brokerHas(c, 2, map[string]string{"message.max.bytes": "4194304"}),
		},
		resource.TestStep{ // the node has left: adding it waits, and says for what
			PreConfig: func() {
				c.KillBroker(2)
			},
			Config: on(c, broker(2, `registration_timeout = "1s"`)),
			// Real brokers remember who was registered.
			ExpectError: regexp.MustCompile(flexible("did not register within 1s (registered are 0, 1)").String() + "|" + flexible("broker 2 is down").String()),
		},
	)
}

// A broker may come up while the apply waits for it.
func TestBrokerRegistersLater(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithBrokers(3))
	accept(t, resource.TestStep{
		PreConfig: func() {
			c.KillBroker(2)
			time.AfterFunc(2*time.Second, func() { c.RestartBroker(2) })
		},
		Config: on(c, broker(2, "")),
		Check:  resource.TestCheckResourceAttrSet(testBroker, "port"),
	})
}

// What a broker would refuse, ignore or leak fails in the plan.
func TestBrokerRefusals(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	refuse := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: on(c, broker(1, body)), PlanOnly: true, ExpectError: flexible(message)}
	}
	accept(t,
		resource.TestStep{Config: on(c, broker(1, "")), Check: resource.TestCheckResourceAttrSet(testBroker, "rack")},
		refuse(`rack = "elsewhere"`, `and "elsewhere" is declared`),
		refuse(`config = { "log.dirs" = "/data" }`, "cannot change while a broker runs"),
		refuse(`config = { "ssl.key.password" = "x" }`, "holds a secret"),
		refuse(`config = { "min.insync.replicas" = "2" }`, "Set it on the topics"),
		refuse(`config = { "num.io.thread" = "2" }`, `did you mean "num.io.threads"`),
		refuse(`config = { "num.io.threads" = "0" }`, "must be at least 1"),
		resource.TestStep{Config: on(c, broker(1, `config = { "listener.name.internal.num.network.threads" = "4" }`))},
	)
}

// brokerHas waits for what real brokers take over a moment after they have
// acknowledged it.
func brokerHas(c *kafkatest.Cluster, node int32, want map[string]string) resource.TestCheckFunc {
	return func(*terraformState) error {
		for until := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			all, err := describeBrokerConfigs(context.Background(), connectTo(c), []int32{node})
			if err != nil {
				return err
			}
			got := brokerOverrides(all[fmt.Sprint(node)])
			if fmt.Sprint(got) == fmt.Sprint(want) {
				return nil
			}
			if time.Now().After(until) {
				return fmt.Errorf("broker %d has %v, want %v", node, got, want)
			}
		}
	}
}
