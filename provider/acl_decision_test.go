package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

// The answer must be the one that Kafka gives, and name the ACL that a reader
// would: of the topic before its prefix before all topics.
func TestEffectiveAccess(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	body := `
resource "headwater_acl" "wildcard" {
  principal     = "User:*"
  operations    = ["DESCRIBE_CONFIGS"]
  resource_type = "TOPIC"
  resource_name = "*"
}
resource "headwater_acl" "prefix" {
  principal     = "User:a"
  operations    = ["READ", "WRITE"]
  resource_type = "TOPIC"
  resource_name = "raw."
  pattern_type  = "PREFIXED"
}
resource "headwater_acl" "denied" {
  principal       = "User:a"
  permission_type = "DENY"
  operations      = ["WRITE"]
  resource_type   = "TOPIC"
  resource_name   = "raw.closed"
}
resource "headwater_acl" "elsewhere" {
  principal     = "User:a"
  host          = "10.0.0.1"
  operations    = ["DELETE"]
  resource_type = "TOPIC"
  resource_name = "raw.closed"
}
locals { acls = [headwater_acl.wildcard, headwater_acl.prefix, headwater_acl.denied, headwater_acl.elsewhere] }
data "headwater_effective_access" "closed" {
  principal     = "User:a"
  resource_type = "TOPIC"
  resource_name = "raw.closed"
  depends_on    = [local.acls]
}
data "headwater_effective_access" "from" {
  principal     = "User:a"
  host          = "10.0.0.1"
  resource_type = "TOPIC"
  resource_name = "raw.closed"
  operations    = ["DELETE"]
  depends_on    = [local.acls]
}
data "headwater_effective_access" "cluster" {
  principal     = "User:a"
  resource_type = "CLUSTER"
  depends_on    = [local.acls]
}`
	closed := func(attribute, value string) resource.TestCheckFunc {
		return resource.TestCheckResourceAttr("data.headwater_effective_access.closed", "decisions."+attribute, value)
	}
	accept(t,
		resource.TestStep{Config: on(c, body), Check: resource.ComposeTestCheckFunc(
			closed("%", "8"),
			closed("READ.permission", "ALLOW"),
			closed("READ.acl.resource_name", "raw."),
			closed("READ.acl.pattern_type", "PREFIXED"),
			closed("WRITE.permission", "DENY"),
			closed("WRITE.reason", `DENY User:a WRITE on TOPIC "raw.closed"`),
			closed("DESCRIBE.permission", "ALLOW"),
			closed("DESCRIBE.reason", `ALLOW User:a READ on every TOPIC that begins with "raw.", which includes DESCRIBE`),
			closed("DESCRIBE_CONFIGS.acl.principal", "User:*"),
			closed("DELETE.permission", "DENY"),
			closed("DELETE.reason", "no ACL allows it"),
			resource.TestCheckResourceAttr("data.headwater_effective_access.from", "decisions.DELETE.permission", "ALLOW"),
			resource.TestCheckResourceAttr("data.headwater_effective_access.from", "decisions.%", "1"),
			resource.TestCheckResourceAttr("data.headwater_effective_access.cluster", "decisions.ALTER.permission", "DENY"),
		)},
		resource.TestStep{
			Config: on(c, `data "headwater_effective_access" "x" {
  principal     = "User:a"
  resource_type = "TOPIC"
  resource_name = "x"
  operations    = ["REED"]
}`), PlanOnly: true, ExpectError: flexible(`did you mean "READ"`),
		},
		resource.TestStep{
			Config: on(c, `data "headwater_effective_access" "x" {
  principal     = "User:a"
  resource_type = "TOPIC"
}`), PlanOnly: true, ExpectError: flexible("Name the TOPIC that is asked about"),
		},
	)
}

// Random ACLs on a topic, held against what the brokers themselves let the
// principal do: evaluating as they do is all that the data source and the guard
// are worth.
func TestDecisionsAreTheBrokers(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"), kafkatest.WithACLs())
	c.CreateTopic("raw.web.clicked", 1, nil)
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "a", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "a-secret"}})
	config := c.Config
	config.SASL = kafka.SASL{Username: "a", Password: "a-secret"}
	admin := newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})
	theirs := newInstance(settings{kafka: config, requestTimeout: defaultRequestTimeout})
	topic := aclPattern{resourceType: kmsg.ACLResourceTypeTopic, patternType: kmsg.ACLResourcePatternTypeLiteral, name: "raw.web.clicked"}
	// Whoever may not describe the topic does not see it: this one shows the rest.
	seen := aclEntry{"User:a", "*", kmsg.ACLPermissionTypeAllow, kmsg.ACLOperationDescribe, topic}
	trial := func(entries []aclEntry) error {
		if err := admin.grantACLs(t.Context(), entries); err != nil {
			return err
		}
		defer func() { admin.aclWriter.remove(context.Background(), entries) }()
		for _, name := range aclOperations["TOPIC"] {
			operation, _ := kmsg.ParseACLOperation(name)
			want := decide(entries, "User:a", fromHere, topic, operation).allowed
			if err := settles(theirs, topic, operation, want); err != nil {
				return fmt.Errorf("%s with %v: %w", name, entries, err)
			}
		}
		return nil
	}
	rapid.Check(t, func(r *rapid.T) {
		entries := unique(append(rapid.SliceOfN(randomEntry(), 0, 4).Draw(r, "entries"), seen))
		if !decide(entries, "User:a", fromHere, topic, kmsg.ACLOperationDescribe).allowed {
			return
		}
		if err := trial(entries); err != nil {
			r.Fatal(err)
		}
	})
}

// settles waits until a broker answers as expected: real ones learn of ACLs one
// after the other.
func settles(inst *instance, topic aclPattern, operation kmsg.ACLOperation, want bool) error {
	var may map[aclPattern]int32
	var err error
	for range 100 {
		if may, err = inst.ownOperations(context.Background()); err == nil && (may[topic]&(1<<operation) != 0) == want {
			return nil
		}
		if errors.Is(err, kerr.SaslAuthenticationFailed) {
			return err
		}
	}
	return fmt.Errorf("the brokers say %t, want %t (%w)", !want, want, err)
}

func randomEntry() *rapid.Generator[aclEntry] {
	return rapid.Custom(func(r *rapid.T) aclEntry {
		operation, _ := kmsg.ParseACLOperation(rapid.SampledFrom(append([]string{allOperations}, aclOperations["TOPIC"]...)).Draw(r, "operation"))
		pattern := rapid.SampledFrom([]aclPattern{
			{kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, "raw.web.clicked"},
			{kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, "*"},
			{kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, "raw.web"},
			{kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypePrefixed, "raw."},
			{kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypePrefixed, "raw.web.clicked"},
			{kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypePrefixed, "processed."},
		}).Draw(r, "pattern")
		return aclEntry{
			principal:  rapid.SampledFrom([]string{"User:a", "User:a", "User:*", "User:b"}).Draw(r, "principal"),
			host:       rapid.SampledFrom([]string{"*", "*", "127.0.0.1", "10.9.8.7"}).Draw(r, "host"),
			permission: rapid.SampledFrom([]kmsg.ACLPermissionType{kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeAllow, kmsg.ACLPermissionTypeDeny}).Draw(r, "permission"),
			operation:  operation,
			pattern:    pattern,
		}
	})
}
