package review

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const planText = `{"format_version": "1.2", "terraform_version": "1.11.4",
"resource_drift": [{"address": "headwater_topic.drifted", "change": {"actions": ["update"]}}],
"resource_changes": [
{"address": "headwater_topic.same", "mode": "managed", "type": "headwater_topic", "name": "same", "change": {"actions": ["no-op"], "before": {"a": 1}, "after": {"a": 1}}},
{"address": "data.headwater_topic.read", "mode": "data", "type": "headwater_topic", "name": "read", "change": {"actions": ["read"], "before": null, "after": {}}},
{"address": "headwater_topic.new", "mode": "managed", "type": "headwater_topic", "name": "new", "change": {"actions": ["create"], "before": null, "after": {"name": "x"}}},
{"address": "headwater_topic.grown", "mode": "managed", "type": "headwater_topic", "name": "grown", "change": {"actions": ["update"],
  "before": {"partitions": 6, "config": {"a": "1"}, "password": "old", "id": "x"}, "after": {"partitions": 12, "config": {"a": "2"}, "password": "new", "id": "x"},
  "after_unknown": {"version": true}, "before_sensitive": {"password": true}, "after_sensitive": {"password": true}}},
{"address": "aws_instance.node[\"1\"]", "mode": "managed", "type": "aws_instance", "name": "node", "index": "1", "change": {"actions": ["delete", "create"], "before": {"ami": "a"}, "after": {"ami": "b"}, "replace_paths": [["ami"], ["root_block_device", 0, "volume_size"]]}},
{"address": "headwater_topic.old", "mode": "managed", "type": "headwater_topic", "name": "old", "change": {"actions": ["delete"], "before": {"name": "x"}, "after": null}}
]}`

// A plan is read by those who approve it: what goes stands first, what forces a
// replacement is named, and no secret is shown.
func TestPlanInWords(t *testing.T) {
	plan, err := ReadPlan([]byte(planText))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	report := PlanReport{Plan: plan, Verdict: Verdict{Refusals: []Refusal{{Policy: "data", Message: "no"}}, Unchecked: []string{"the tags of x"}}}
	if err := report.Write(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `1 to create, 1 to change, 1 to replace, 1 to delete.
  REFUSED by data: no
  delete headwater_topic.old
  replace aws_instance.node["1"], forced by ami and root_block_device.0.volume_size
  change headwater_topic.grown: config, partitions from 6 to 12, password, version (known after the apply)
  create headwater_topic.new
  changed outside: headwater_topic.drifted
  not checked yet: the tags of x

`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(b.String(), "old\"") {
		t.Error("a secret is shown")
	}
}
