package main

import (
	"context"
	"strconv"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"headwater.internal/platform/internal/kafkatest"
)

// The data sources must tell what a module may build on: ids, addresses, sizes
// and settings with the brokers' defaults.
func TestDataSources(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.CreateTopic("raw.web.clicked", 4, map[string]string{"retention.ms": "86400000", "cleanup.policy": "compact"})
	brokers, err := c.Admin().ListBrokers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	accept(t,
		resource.TestStep{
			Config: on(c, `
data "headwater_cluster" "this" {}
data "headwater_topic" "clicked" { name = "raw.web.clicked" }
`),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr("data.headwater_cluster.this", "brokers.#", strconv.Itoa(len(brokers))),
				resource.TestCheckResourceAttr("data.headwater_cluster.this", "brokers.0.node_id", strconv.Itoa(int(brokers[0].NodeID))),
				resource.TestCheckResourceAttr("data.headwater_cluster.this", "brokers.0.fenced", "false"),
				resource.TestCheckResourceAttrSet("data.headwater_cluster.this", "cluster_id"),
				resource.TestCheckResourceAttr("data.headwater_topic.clicked", "partitions", "4"),
				resource.TestCheckResourceAttr("data.headwater_topic.clicked", "retention", "1d"),
				resource.TestCheckResourceAttr("data.headwater_topic.clicked", "config.%", "2"),
				resource.TestCheckResourceAttr("data.headwater_topic.clicked", "effective_config.message.timestamp.type", "CreateTime"),
			),
		},
		resource.TestStep{
			Config:   on(c, `data "headwater_topic" "gone" { name = "raw.web.gone" }`),
			PlanOnly: true, ExpectError: flexible(`The cluster has no topic "raw.web.gone"`),
		},
	)
}
