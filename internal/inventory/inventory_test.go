package inventory

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

// stateText is a state as terraform state pull writes one, with each type that
// owns something, a data source and a resource of another provider.
const stateText = `{
  "version": 4, "terraform_version": "1.11.4", "serial": 7, "lineage": "x", "outputs": {},
  "resources": [
    {"mode": "managed", "type": "headwater_topic", "name": "t", "provider": "p", "instances": [
      {"index_key": "b", "attributes": {"name": "raw.b", "partitions": 1}}, {"index_key": "a", "attributes": {"name": "raw.a"}}]},
    {"mode": "data", "type": "headwater_topic", "name": "d", "provider": "p", "instances": [{"attributes": {"name": "raw.data"}}]},
    {"mode": "managed", "type": "kafka_topic", "name": "o", "provider": "q", "instances": [{"attributes": {"name": "raw.other"}}]},
    {"mode": "managed", "type": "headwater_acl", "name": "t", "provider": "p", "instances": [{"attributes": {
      "principal": "User:a", "host": "*", "permission_type": "DENY", "resource_type": "TOPIC", "resource_name": "raw.a", "pattern_type": "LITERAL",
      "operations": ["READ", "WRITE"]}}]},
    {"mode": "managed", "type": "headwater_access", "name": "t", "provider": "p", "instances": [{"attributes": {
      "principal": "User:b", "host": "10.0.0.1", "role": "consumer", "reads": ["raw.*"], "writes": null,
      "acls": [{"resource_type": "TOPIC", "resource_name": "raw.", "pattern_type": "PREFIXED", "operations": ["READ"]}]}}]},
    {"mode": "managed", "type": "headwater_schema_subject", "name": "t", "provider": "p", "instances": [{"attributes": {"subject": "raw.a-value"}}]},
    {"mode": "managed", "type": "headwater_quota", "name": "t", "provider": "p", "instances": [{"attributes": {
      "entity": {"user": "a", "client_id": "<default>", "ip": null}, "producer_byte_rate": 1024, "consumer_byte_rate": null}}]},
    {"mode": "managed", "type": "headwater_scram_credential", "name": "t", "provider": "p", "instances": [{"attributes": {
      "username": "a", "mechanism": "SCRAM-SHA-512", "iterations": 4096, "password_wo": null, "password_wo_version": 1}}]}
  ]
}`

// A state must be read for exactly what it owns: a type that is forgotten makes
// all its objects look like nobody's.
func TestOwned(t *testing.T) {
	owned, err := Owned([]byte(stateText))
	if err != nil {
		t.Fatal(err)
	}
	want := Objects{
		Topics: []string{"raw.a", "raw.b"},
		ACLs: []ACL{
			{"User:b", "10.0.0.1", "ALLOW", "TOPIC", "raw.", "PREFIXED", "READ"},
			{"User:a", "*", "DENY", "TOPIC", "raw.a", "LITERAL", "READ"},
			{"User:a", "*", "DENY", "TOPIC", "raw.a", "LITERAL", "WRITE"},
		},
		Subjects: []string{"raw.a-value"},
		Quotas:   []Quota{{User: "a", ClientID: DefaultEntity, Limit: "producer_byte_rate"}},
		Users:    []User{{"a", "SCRAM-SHA-512"}},
	}
	if diff := cmp.Diff(want, owned); diff != "" {
		t.Errorf("owned (-want +got):\n%s", diff)
	}
}

// What is no state must not be taken for one that owns nothing.
func TestOwnedRefusals(t *testing.T) {
	for text, message := range map[string]string{
		`{"version": 3, "modules": []}`:                    "version 3 instead of 4",
		`{"format_version": "1.0", "values": {}}`:          "version 0 instead of 4",
		`resource "headwater_topic" "x" {}`:                "no Terraform state",
		`{"version": 4, "encrypted_data": "bm90aGluZw=="}`: "encrypted",
	} {
		if _, err := Owned([]byte(text)); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: got %v, want an error with %q", text, err, message)
		}
	}
	if owned, err := Owned([]byte("\n")); err != nil || owned.Count() != 0 {
		t.Errorf("a root that was never applied owns %v, %v", owned, err)
	}
	if _, err := OwnedByFiles([]string{filepath.Join(t.TempDir(), "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// What is found is what is there, on each kind of cluster; what is owned or
// ignored is taken away, and no more.
func TestUnmanaged(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	c.CreateTopic("raw.a", 1, nil)
	c.CreateTopic("by-hand", 1, nil)
	c.CreateTopic("connect-offsets", 1, nil)
	admin := c.Admin()
	acls := kadm.NewACLs().Deny("User:a").DenyHosts("*").Topics("raw.a").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead, kadm.OpAlter)
	if _, err := admin.CreateACLs(t.Context(), acls); err != nil {
		t.Fatal(err)
	}
	user := "a"
	limits := kadm.AlterClientQuotaEntry{
		Entity: kadm.ClientQuotaEntity{{Type: "user", Name: &user}, {Type: "client-id"}},
		Ops:    []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: 1}, {Key: "consumer_byte_rate", Value: 1}},
	}
	if _, err := admin.AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{limits}); err != nil {
		t.Fatal(err)
	}
	found, err := Find(t.Context(), c.Client(), nil)
	if err != nil {
		t.Fatal(err)
	}
	owned, err := Owned([]byte(stateText))
	if err != nil {
		t.Fatal(err)
	}
	want := Objects{
		Topics:   []string{"by-hand"},
		ACLs:     []ACL{{"User:a", "*", "DENY", "TOPIC", "raw.a", "LITERAL", "ALTER"}},
		Subjects: []string{},
		Quotas:   []Quota{{User: "a", ClientID: DefaultEntity, Limit: "consumer_byte_rate"}},
		Users:    []User{{"admin", "SCRAM-SHA-512"}},
	}
	if diff := cmp.Diff(want, Unmanaged(found, owned, Ignore{Topics: []string{"connect-*"}})); diff != "" {
		t.Errorf("unmanaged (-want +got):\n%s", diff)
	}
	all := Ignore{Topics: []string{"*"}, Users: []string{"a", "adm?n"}}
	if rest := Unmanaged(found, owned, all); rest.Count() != 0 {
		t.Errorf("with all of it ignored there are left\n%s", strings.Join(rest.Lines(), "\n"))
	}
	if err := (Ignore{Users: []string{"[a"}}).Check(); err == nil {
		t.Error("a pattern without an end passes")
	}
}
