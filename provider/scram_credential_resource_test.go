package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

const testSCRAM = "headwater_scram_credential.test"

// onAs is on for a cluster that asks who one is; it answers with its superuser.
func onAs(c *kafkatest.Cluster, body string) string {
	return onUser(c, c.Config.SASL.Username, c.Config.SASL.Password, body)
}

func onUser(c *kafkatest.Cluster, username, password, body string) string {
	sasl := fmt.Sprintf("sasl = { username = %q, password = %q }\n  request_timeout", username, password)
	return strings.Replace(on(c, body), "request_timeout", sasl, 1)
}

// A credential's whole life. The password must let the user in, a new version
// must lock the old password out, and neither may stand in the state.
func TestSCRAMCredentialLifecycle(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	credential := func(password string, version, iterations int) string {
		return onAs(c, fmt.Sprintf(`
resource "headwater_scram_credential" "test" {
  username            = "refine"
  password_wo         = %q
  password_wo_version = %d
  iterations          = %d
}`, password, version, iterations))
	}
	changes := resource.ConfigPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testSCRAM, plancheck.ResourceActionUpdate)},
	}
	accept(t,
		resource.TestStep{
			Config: credential("first-secret", 1, 4096),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: resource.ComposeTestCheckFunc(
				logsIn(c, "first-secret", true),
				resource.TestCheckNoResourceAttr(testSCRAM, "password_wo"),
			),
		},
		resource.TestStep{Config: credential("second-secret", 2, 4096), ConfigPlanChecks: changes, Check: resource.ComposeTestCheckFunc(
			logsIn(c, "second-secret", true), logsIn(c, "first-secret", false),
		)},
		resource.TestStep{
			ResourceName: testSCRAM, ImportState: true, ImportStateId: "SCRAM-SHA-512/refine",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "username", ImportStateVerifyIgnore: []string{"password_wo_version"},
		},
		resource.TestStep{ // weakened outside
			PreConfig: func() {
				alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "refine", Mechanism: kadm.ScramSha512, Iterations: 5000, Password: "other-secret"}})
			},
			Config: credential("second-secret", 2, 4096), ConfigPlanChecks: changes, Check: logsIn(c, "second-secret", true),
		},
		resource.TestStep{ // of another mechanism outside
			PreConfig: func() {
				alterSCRAM(t, c, []kadm.DeleteSCRAM{{User: "refine", Mechanism: kadm.ScramSha512}}, nil)
				alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "refine", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "other-secret"}})
			},
			Config: credential("second-secret", 2, 4096), ConfigPlanChecks: expects(testSCRAM, plancheck.ResourceActionCreate),
			Check: logsIn(c, "second-secret", true),
		},
		resource.TestStep{ // deleted outside
			PreConfig: func() {
				alterSCRAM(t, c, []kadm.DeleteSCRAM{{User: "refine", Mechanism: kadm.ScramSha512}}, nil)
			},
			Config: credential("second-secret", 2, 4096),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testSCRAM, plancheck.ResourceActionCreate)},
			},
			Check: logsIn(c, "second-secret", true),
		},
	)
	accept(t, resource.TestStep{Config: credential("second-secret", 2, 100), PlanOnly: true, ExpectError: flexible("between 4096 and 16384")})
}

// Wrong credentials of the provider itself must be told as such, not as a
// time-out. The fake closes the connection where Kafka sends a code; both lead to
// the same advice.
func TestProviderLogInRefused(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	c.Config.SASL.Password = "wrong"
	accept(t, resource.TestStep{
		Config:   onAs(c, topic("raw.web.clicked", 1, "")),
		PlanOnly: true, ExpectError: flexible("wrong user or password"),
	})
}

func logsIn(c *kafkatest.Cluster, password string, want bool) resource.TestCheckFunc {
	return func(*terraformState) error {
		config := c.Config
		config.SASL = kafka.SASL{Username: "refine", Password: password}
		client, err := config.Client()
		if err != nil {
			return err
		}
		defer client.Close()
		if err := client.Ping(context.Background()); (err == nil) != want {
			return fmt.Errorf("log in with %q: got %w, want success: %t", password, err, want)
		}
		return nil
	}
}

func alterSCRAM(t *testing.T, c *kafkatest.Cluster, remove []kadm.DeleteSCRAM, upsert []kadm.UpsertSCRAM) {
	t.Helper()
	answers, err := c.Admin().AlterUserSCRAMs(context.Background(), remove, upsert)
	if err = errors.Join(err, answers.Error()); err != nil {
		t.Fatal(err)
	}
}
