package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

const testTopic = "headwater_topic.test"

// topic declares a topic with the attributes that tests vary.
func topic(name string, partitions int, rest string) string {
	return fmt.Sprintf(`
resource "headwater_topic" "test" {
  name               = %q
  partitions         = %d
  replication_factor = 3
  %s
}
`, name, partitions, rest)
}

// A topic's whole life: create, nothing to do, change in place, import, made good
// after it was deleted outside, destroyed.
func TestTopicLifecycle(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	first := topic("raw.checkout.order-placed", 3, `
  retention = "7d"
  config    = { "cleanup.policy" = "compact, delete", "min.insync.replicas" = "2" }`)
	second := topic("raw.checkout.order-placed", 6, `
  retention = "30d"
  config    = { "cleanup.policy" = "compact,delete", "compression.type" = "zstd" }`)
	accept(t,
		resource.TestStep{
			Config: on(c, first),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(testTopic, tfjsonpath.New("topic_id"), knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f-]{36}$`))),
			},
			Check: brokersHave(c, "raw.checkout.order-placed", 3, map[string]string{
				"retention.ms": "604800000", "cleanup.policy": "compact,delete", "min.insync.replicas": "2",
			}),
		},
		resource.TestStep{
			PreConfig: func() { // set by others: not owned, not shown, not removed
				setTopicConfig(t, c, "raw.checkout.order-placed", "segment.ms", "3600000")
				setTopicConfig(t, c, "raw.checkout.order-placed", "leader.replication.throttled.replicas", "*")
				c.ResetRequests()
			},
			Config: on(c, second),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testTopic, plancheck.ResourceActionUpdate)},
			},
			Check: brokersHave(c, "raw.checkout.order-placed", 6, map[string]string{
				"retention.ms": "2592000000", "cleanup.policy": "compact,delete", "compression.type": "zstd",
				"segment.ms": "3600000", "leader.replication.throttled.replicas": "*",
			}),
		},
		resource.TestStep{
			ResourceName: testTopic, ImportState: true, ImportStateId: "raw.checkout.order-placed",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name",
			ImportStateVerifyIgnore: []string{"config.%", "config.segment.ms"}, // an import owns what it finds
		},
		resource.TestStep{
			PreConfig: func() { c.DeleteTopic("raw.checkout.order-placed") },
			Config:    on(c, second),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testTopic, plancheck.ResourceActionCreate)},
			},
		},
		resource.TestStep{ // drift is set right
			PreConfig: func() { setTopicConfig(t, c, "raw.checkout.order-placed", "retention.ms", "1000") },
			Config:    on(c, second),
			Check: brokersHave(c, "raw.checkout.order-placed", 6, map[string]string{
				"retention.ms": "2592000000", "cleanup.policy": "compact,delete", "compression.type": "zstd",
			}),
		},
	)
}

// Changes that Kafka cannot make, or that lose data, must be refused while
// nothing has been written, and at the attribute.
func TestTopicPlanRefusals(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.CreateTopic("raw.web.page_viewed", 1, nil)
	refuse := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: on(c, body), PlanOnly: true, ExpectError: flexible(message)}
	}
	accept(t,
		resource.TestStep{Config: on(c, topic("raw.web.clicked", 3, ""))},
		refuse(topic("raw.web.renamed", 3, ""), "A topic cannot be renamed"),
		refuse(topic("raw.web.clicked", 2, ""), "A topic cannot have fewer partitions"),
		refuse(strings.Replace(topic("raw.web.clicked", 3, ""), "= 3\n  \n", "= 9\n", 1), "Replicas cannot be placed"),
		refuse(topic("raw.web.clicked", 3, "")+strings.Replace(topic("raw.web_clicked", 3, ""), `"test"`, `"other"`, 1), "Topic names collide"),
		refuse(topic("raw.web.clicked", 3, "")+strings.Replace(topic("raw.web.page.viewed", 3, ""), `"test"`, `"other"`, 1), "is on the cluster"),
		refuse(topic("raw.web.clicked", 3, "")+strings.Replace(topic("raw.web.page_viewed", 3, ""), `"test"`, `"other"`, 1), "Topic exists already"),
		refuse(topic("raw.web.clicked", 3, `config = { "retentoin.ms" = "1" }`), `did you mean "retention.ms"`),
		refuse(topic("raw.web.clicked", 3, `retention = "-1d"`), "must begin with a number that is not negative"),
		refuse(strings.Replace(topic("raw.web.new", 3, ""), `"test"`, `"a"`, 1)+strings.Replace(topic("raw.web.new", 3, ""), `"test"`, `"b"`, 1)+
			topic("raw.web.clicked", 3, ""), "Topic declared twice"),
		refuse(topic("raw.web.clicked", 3, "")+strings.NewReplacer(`"test"`, `"other"`, "= 3\n  \n", "= 9\n").Replace(topic("raw.web.new", 3, "")),
			"fewer brokers than replicas"),
	)
}

// A protected topic with records survives a destroy until the protection was
// lifted by an apply of its own; an empty one does not stand in the way.
func TestTopicProtection(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	accept(t,
		resource.TestStep{
			Config: on(c, topic("raw.web.clicked", 1, "")),
			Check:  func(*terraformState) error { c.Produce("raw.web.clicked", "x"); return nil },
		},
		resource.TestStep{Config: on(c, topic("raw.web.clicked", 1, "")), Destroy: true, ExpectError: flexible("is protected and holds records")},
		// Leaving it out of the file is a destroy too, and one apply cannot lift and remove.
		resource.TestStep{Config: on(c, ""), PlanOnly: true, ExpectError: flexible("lose about 1 records")},
		resource.TestStep{Config: on(c, topic("raw.web.clicked", 1, "deletion_protection = false"))},
	)
	if topics, err := c.Admin().ListTopics(context.Background()); err != nil || topics.Has("raw.web.clicked") {
		t.Fatalf("after the destroy: %v, %v", topics.Names(), err)
	}
}

// A topic made again outside has lost its records: the plan must say so instead
// of "no changes".
func TestTopicRecreatedOutside(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	var before string
	accept(t,
		resource.TestStep{Config: on(c, topic("raw.web.clicked", 2, "")), Check: attribute("topic_id", func(id string) error {
			before = id
			return nil
		})},
		resource.TestStep{
			PreConfig: func() {
				c.DeleteTopic("raw.web.clicked")
				if _, err := c.Admin().CreateTopic(context.Background(), 2, 3, nil, "raw.web.clicked"); err != nil {
					t.Fatal(err)
				}
			},
			Config: on(c, topic("raw.web.clicked", 2, "")),
			Check: attribute("topic_id", func(id string) error {
				if id == before {
					return fmt.Errorf("topic_id is still %s", id)
				}
				return nil
			}),
		},
	)
}

func brokersHave(c *kafkatest.Cluster, name string, partitions int, overrides map[string]string) resource.TestCheckFunc {
	return func(*terraformState) error {
		details, err := c.Admin().ListTopics(context.Background(), name)
		if err != nil {
			return err
		}
		if got := len(details[name].Partitions); got != partitions {
			return fmt.Errorf("topic %s has %d partitions, want %d", name, got, partitions)
		}
		configs, err := c.Admin().DescribeTopicConfigs(context.Background(), name)
		if err != nil {
			return err
		}
		got := map[string]string{}
		for key, value := range configValues(configs[0].Configs) {
			if value.source == overrideSource {
				got[key] = value.value
			}
		}
		if !maps.EqualFunc(got, overrides, sameList) {
			return fmt.Errorf("topic %s has %v, want %v", name, got, overrides)
		}
		return nil
	}
}

func setTopicConfig(t *testing.T, c *kafkatest.Cluster, name, key, value string) {
	t.Helper()
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}
	if _, err := c.Admin().AlterTopicConfigs(context.Background(), change, name); err != nil {
		t.Fatal(err)
	}
}
