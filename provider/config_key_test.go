package main

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The table must accept what Kafka 4.3.1 accepts and refuse the rest with words
// that mend it.
func TestTopicConfigTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value, want string }{
		{"cleanup.policy", "compact, delete", ""},
		{"cleanup.policy", "", ""},
		{"cleanup.policy", "compat", `did you mean "compact"`},
		{"compression.gzip.level", "-1", ""},
		{"compression.gzip.level", "0", "must be at least 1"},
		{"compression.gzip.level", "10", "must be at most 9"},
		{"flush.messages", "9223372036854775807", ""},
		{"max.message.bytes", "2147483648", "must be at most 2147483647"},
		{"max.message.bytes", "1MiB", "must be a whole number"},
		{"message.timestamp.type", "createtime", "must be one of CreateTime, LogAppendTime"},
		{"min.cleanable.dirty.ratio", "1.1", "must be at most 1"},
		{"preallocate", "yes", "must be true or false"},
		{"retention.ms", "-1", ""},
		{"retention.ms", "-2", "must be at least -1"},
		{"segment.bytes", "1024", "must be at least 1048576"},
		{"leader.replication.throttled.replicas", "*", "belongs to a running reassignment"},
		{"retention", "1", "no such setting"},
		{"message.format.version", "2.8", "no such setting"},
	} {
		config := types.MapValueMust(types.StringType, map[string]attr.Value{c.key: types.StringValue(c.value)})
		got := ""
		for _, d := range topicConfig.check(config, path.Root("config")) {
			got += d.Detail()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s = %q: got %q, want %q", c.key, c.value, got, c.want)
		}
	}
}
