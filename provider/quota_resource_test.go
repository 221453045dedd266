package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafkatest"
)

const testQuota = "headwater_quota.test"

func quota(entity, limits string) string {
	return fmt.Sprintf("resource \"headwater_quota\" \"test\" {\n  entity = { %s }\n  %s\n}\n", entity, limits)
}

// A quota's whole life, without touching limits that others set on the same user.
func TestQuotaLifecycle(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	first := quota(`user = "collect"`, "producer_byte_rate = 1048576\n  request_percentage = 12.5")
	second := quota(`user = "collect"`, "producer_byte_rate = 2097152")
	accept(t,
		resource.TestStep{
			Config: on(c, first),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: limits(c, "user=collect", map[string]float64{"producer_byte_rate": 1048576, "request_percentage": 12.5}),
		},
		resource.TestStep{
			ResourceName: testQuota, ImportState: true, ImportStateId: "user=collect",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "entity.user",
		},
		resource.TestStep{
			PreConfig: func() { alterQuota(t, c, "user=collect", kadm.AlterClientQuotaOp{Key: "consumer_byte_rate", Value: 7}) },
			Config:    on(c, second),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testQuota, plancheck.ResourceActionUpdate)},
			},
			Check: limits(c, "user=collect", map[string]float64{"producer_byte_rate": 2097152, "consumer_byte_rate": 7}),
		},
		resource.TestStep{
			PreConfig: func() {
				alterQuota(t, c, "user=collect", kadm.AlterClientQuotaOp{Key: "producer_byte_rate", Remove: true})
			},
			Config: on(c, second),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testQuota, plancheck.ResourceActionCreate)},
			},
			Check: limits(c, "user=collect", map[string]float64{"producer_byte_rate": 2097152, "consumer_byte_rate": 7}),
		},
	)
}

// Kafka has eight forms of entity for users and client ids and two for
// addresses; each must come back as it was written.
func TestQuotaEntityForms(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	forms := []string{
		`user = "a"`, `user = "<default>"`, `client_id = "a"`, `client_id = "<default>"`,
		`user = "a", client_id = "b"`, `user = "a", client_id = "<default>"`,
		`user = "<default>", client_id = "b"`, `user = "<default>", client_id = "<default>"`,
	}
	var body string
	for i, form := range forms {
		body += fmt.Sprintf("resource \"headwater_quota\" \"q%d\" {\n entity = { %s }\n consumer_byte_rate = %d\n}\n", i, form, i+1)
	}
	for i, form := range []string{`ip = "127.0.0.1"`, `ip = "<default>"`} {
		body += fmt.Sprintf("resource \"headwater_quota\" \"ip%d\" {\n entity = { %s }\n connection_creation_rate = 10\n}\n", i, form)
	}
	accept(t, resource.TestStep{
		Config: on(c, body),
		ConfigPlanChecks: resource.ConfigPlanChecks{
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		},
		Check: resource.ComposeTestCheckFunc(
			limits(c, "user=a", map[string]float64{"consumer_byte_rate": 1}),
			limits(c, "user=<default>", map[string]float64{"consumer_byte_rate": 2}),
			limits(c, "client-id=a", map[string]float64{"consumer_byte_rate": 3}),
			limits(c, "client-id=<default>", map[string]float64{"consumer_byte_rate": 4}),
			limits(c, "user=a,client-id=b", map[string]float64{"consumer_byte_rate": 5}),
			limits(c, "user=a,client-id=<default>", map[string]float64{"consumer_byte_rate": 6}),
			limits(c, "user=<default>,client-id=b", map[string]float64{"consumer_byte_rate": 7}),
			limits(c, "user=<default>,client-id=<default>", map[string]float64{"consumer_byte_rate": 8}),
			limits(c, "ip=127.0.0.1", map[string]float64{"connection_creation_rate": 10}),
			limits(c, "ip=<default>", map[string]float64{"connection_creation_rate": 10}),
		),
	})
}

// What only the brokers know to be wrong fails in the plan, by their dry run, and
// nothing is written.
func TestQuotaIsTriedInPlan(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	if os.Getenv(kafkatest.EnvKafka) == "" { // the fake takes every address
		refuseTrials(c)
	}
	accept(t, resource.TestStep{
		Config:   on(c, quota(`ip = "no.such.host.invalid"`, "connection_creation_rate = 1")),
		PlanOnly: true, ExpectError: flexible(`Plan quota of "ip=no.such.host.invalid"`),
	})
	if err := limits(c, "ip=no.such.host.invalid", nil)(nil); err != nil {
		t.Error(err)
	}
}

// refuseTrials makes the fake refuse dry runs of quotas, as brokers do.
func refuseTrials(c *kafkatest.Cluster) {
	fake := c.Fake()
	fake.ControlKey(int16(kmsg.AlterClientQuotas), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		alter, ok := req.(*kmsg.AlterClientQuotasRequest)
		if !ok || !alter.ValidateOnly {
			return nil, nil, false
		}
		resp, _ := alter.ResponseKind().(*kmsg.AlterClientQuotasResponse)
		for range alter.Entries {
			entry := kmsg.NewAlterClientQuotasResponseEntry()
			entry.ErrorCode, entry.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr("no.such.host.invalid is not a valid IP")
			resp.Entries = append(resp.Entries, entry)
		}
		return resp, nil, true
	})
}

// Combinations that Kafka does not have fail in the plan.
func TestQuotaRefusals(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	refuse := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: on(c, body), PlanOnly: true, ExpectError: flexible(message)}
	}
	accept(t,
		refuse(quota(`ip = "10.0.0.1", user = "a"`, "connection_creation_rate = 1"), "write two quotas"),
		refuse(quota(``, "producer_byte_rate = 1"), "Give user, client_id, both, or ip"),
		refuse(quota(`user = "a"`, "connection_creation_rate = 1"), "Kafka does not take connection_creation_rate"),
		refuse(quota(`ip = "10.0.0.1"`, "producer_byte_rate = 1"), "Kafka does not take producer_byte_rate"),
		refuse(quota(`user = "a"`, ""), "Quota without a limit"),
		refuse(quota(`user = "a"`, "producer_byte_rate = -1"), "at least 1"),
	)
}

func limits(c *kafkatest.Cluster, key string, want map[string]float64) resource.TestCheckFunc {
	return func(*terraformState) error {
		got, _, err := loadQuota(connectTo(c))(context.Background(), key)
		if err != nil {
			return err
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("quota %s is %v, want %v", key, got, want)
		}
		return nil
	}
}

func alterQuota(t *testing.T, c *kafkatest.Cluster, key string, op kadm.AlterClientQuotaOp) {
	t.Helper()
	entity, err := parseQuotaEntity(key)
	if err != nil {
		t.Fatal(err)
	}
	change := []kadm.AlterClientQuotaEntry{{Entity: entity.components(), Ops: []kadm.AlterClientQuotaOp{op}}}
	if _, err := c.Admin().AlterClientQuotas(context.Background(), change); err != nil {
		t.Fatal(err)
	}
}
