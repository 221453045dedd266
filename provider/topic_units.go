package main

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// unitAttribute is a setting of a topic that may be written in units that people
// use, beside the raw map.
type unitAttribute struct {
	name, key string
	parse     func(string) (int64, error)
	format    func(int64) string
	of        func(*topicModel) *types.String
	imported  bool // whether an import writes the setting this way
}

var unitAttributes = []unitAttribute{
	{"retention", retentionKey, parseRetention, formatRetention, func(m *topicModel) *types.String { return &m.Retention }, true},
	{"retention_size", "retention.bytes", parseRetentionSize, formatRetentionSize, func(m *topicModel) *types.String { return &m.RetentionSize }, false},
	{"segment_age", "segment.ms", parseDuration, formatDuration, func(m *topicModel) *types.String { return &m.SegmentAge }, false},
	{"segment_size", "segment.bytes", parseBytes, formatSize, func(m *topicModel) *types.String { return &m.SegmentSize }, false},
	{"max_message_size", "max.message.bytes", parseBytes, formatSize, func(m *topicModel) *types.String { return &m.MaxMessageSize }, false},
}

// check holds what is written against the units, the setting's bounds and the map.
func (u unitAttribute) check(m topicModel) diag.Diagnostics {
	var diags diag.Diagnostics
	written := *u.of(&m)
	if written.IsNull() || written.IsUnknown() {
		return nil
	}
	n, err := u.parse(written.ValueString())
	if err == nil {
		err = topicConfigKeys[u.key].check(strconv.FormatInt(n, 10))
		if err != nil {
			err = fmt.Errorf("%q is %d, and the value of %s %w", written.ValueString(), n, u.key, err)
		}
	}
	if err != nil {
		diags.AddAttributeError(path.Root(u.name), "Invalid "+u.name, sentence(err))
	}
	if _, both := m.Config.Elements()[u.key]; both {
		diags.AddAttributeError(path.Root("config").AtMapKey(u.key), "Setting given twice",
			fmt.Sprintf("The attribute %s and %q in config are the same setting: keep one of them.", u.name, u.key))
	}
	return diags
}

// take keeps the way a value is written while it means the same.
func (u unitAttribute) take(m *topicModel, overrides map[string]string) {
	written := u.of(m)
	n, err := strconv.ParseInt(overrides[u.key], 10, 64)
	if err != nil {
		*written = types.StringNull()
		return
	}
	if was, err := u.parse(written.ValueString()); err != nil || was != n {
		*written = types.StringValue(u.format(n))
	}
}

// parseRetentionSize is parseBytes, or -1 for "unlimited".
func parseRetentionSize(s string) (int64, error) {
	if s == unlimited {
		return -1, nil
	}
	n, err := parseBytes(s)
	if err != nil {
		return 0, fmt.Errorf("%w; for no end write %q", err, unlimited)
	}
	return n, nil
}

func formatRetentionSize(n int64) string {
	if n == -1 {
		return unlimited
	}
	return formatSize(n)
}

// formatSize writes bytes so that parseBytes reads the same: in quarters of the
// largest binary unit that has them, else as they are.
func formatSize(n int64) string {
	for _, u := range []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if worth := int64(u.worth); n >= worth && n%(worth/4) == 0 {
			return strconv.FormatFloat(float64(n)/u.worth, 'f', -1, 64) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}
