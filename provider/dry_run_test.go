package main

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"headwater.internal/platform/internal/kafkatest"
)

// A principal that may not have its plan checked by the brokers is told once, not
// once for each topic and kind, and is told which right it lacks.
func TestDeniedDryRunWarnsOnce(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"), kafkatest.WithACLs())
	c.Fake()
	inst := newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})
	set := kadm.UpsertSCRAM{User: "planner", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "planner-secret"}
	client, err := inst.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{set}); err != nil {
		t.Fatal(err)
	}
	few := c.Config
	few.SASL.Username, few.SASL.Password = "planner", "planner-secret"
	topics := &topicResource{inst: newInstance(settings{kafka: few, requestTimeout: defaultRequestTimeout})}
	var diags diag.Diagnostics
	for n := range 3 {
		plan, _ := topicOf(n).(topicModel)
		topics.planCreate(t.Context(), plan, &diags)
	}
	topics.inst.failDryRun(&diags, "Plan a quota", kerr.ClusterAuthorizationFailed, func(error) (path.Path, bool) { return path.Empty(), false })
	if diags.HasError() || diags.WarningsCount() != 1 || !strings.Contains(diags[0].Detail(), "lacks") || !strings.Contains(diags[0].Detail(), "User:planner") {
		t.Errorf("want one warning with the right that lacks, got %v", diags)
	}
}

// What the brokers refuse in their dry run stands at the attribute that it is about.
func TestDryRunNamesAttribute(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"replication_factor":            kerr.InvalidReplicationFactor,
		"partitions":                    kerr.InvalidPartitions,
		"name":                          kerr.InvalidTopicException,
		`config["min.insync.replicas"]`: withMessage(kerr.InvalidConfig, "Invalid value 9 for configuration min.insync.replicas: must be at most 3"),
		"config":                        withMessage(kerr.InvalidConfig, "it is against the policy"),
	} {
		at, ok := topicFault(fmt.Errorf("plan: %w", err))
		if !ok || at.String() != want {
			t.Errorf("%v is put at %s (%t), want %s", err, at, ok, want)
		}
	}
	if at, ok := topicFault(kerr.PolicyViolation); ok {
		t.Errorf("a policy that names nothing is put at %s", at)
	}
	keys := maps.Keys(map[string]int{"compression.type": 1, "compression.zstd.level": 1, "type": 1})
	if key, _ := mentioned(errors.New("Invalid value 99 for configuration compression.zstd.level"), keys); key != "compression.zstd.level" {
		t.Errorf("the key is said to be %q", key)
	}

	// Through a broker that answers it: a factor that the cluster has no brokers for.
	c := kafkatest.Start(t, kafkatest.WithBrokers(3))
	topics := &topicResource{inst: newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})}
	plan, _ := topicOf(1).(topicModel)
	plan.ReplicationFactor = types.Int64Value(5)
	var diags diag.Diagnostics
	topics.planCreate(t.Context(), plan, &diags)
	if diags.ErrorsCount() != 1 {
		t.Fatalf("a factor of 5 on 3 brokers: %v", diags)
	}
	placed, ok := diags.Errors()[0].(diag.DiagnosticWithPath)
	if !ok || !placed.Path().Equal(path.Root("replication_factor")) {
		t.Errorf("the refusal stands elsewhere: %v", diags)
	}
}
