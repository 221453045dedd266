package main

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"pgregory.net/rapid"
)

// requireProvider makes the provider's functions known to a configuration.
const requireProvider = "terraform {\n  required_providers {\n    headwater = { source = \"hashicorp/headwater\" }\n  }\n}\n"

// The functions must be reachable from a configuration and put their errors at
// the argument.
func TestFunctions(t *testing.T) {
	t.Parallel()
	accept(t,
		resource.TestStep{
			Config: requireProvider + `
output "week" { value = provider::headwater::duration_ms("7d") }
output "size" { value = provider::headwater::bytes("1.5GiB") }
`,
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckOutput("week", "604800000"),
				resource.TestCheckOutput("size", "1610612736"),
			),
		},
		resource.TestStep{
			Config:      requireProvider + `output "week" { value = provider::headwater::duration_ms("7 days") }`,
			ExpectError: flexible(`"7 days" is not a duration`),
		},
	)
}

// A unit read wrongly is data lost: a retention of "30" must not be 30 ms.
func TestUnits(t *testing.T) {
	t.Parallel()
	durations := map[string]int64{"30d": 2592000000, "1d12h": 129600000, "1.5h": 5400000, "500ms": 500, "0s": 0, "2w": 1209600000}
	for text, want := range durations {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "-1d", "d", "1y", "1 d", "0.0001ms", "1d!", "99999999999w"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %d, want an error", text, got)
		}
	}
	sizes := map[string]int64{"1048576": 1048576, "10MB": 10000000, "1KiB": 1024, "0.5GiB": 536870912, "1kB": 1000}
	for text, want := range sizes {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("parseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1Kib", "1GiB2", "1.5", "GiB"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("parseBytes(%q) = %d, want an error", text, got)
		}
	}
}

// An imported retention must mean what the cluster has.
func TestRetentionRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-1, 1<<52).Draw(t, "ms")
		got, err := parseRetention(formatRetention(ms))
		if err != nil || got != ms {
			t.Fatalf("%d became %q became %d, %v", ms, formatRetention(ms), got, err)
		}
	})
}
