package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Defends the reader of a failed apply: what all resources say alike is said once,
// with how often and where, and what differs stays.
func TestSameDiagnosticsAreOne(t *testing.T) {
	var list []diagnostic
	for _, name := range []string{"checkout.order-placed", "browsing.page-viewed", "account.x", "account.y"} {
		list = append(list, diagnostic{
			Severity: "error", Summary: "Read topic raw." + name, Address: "module." + name[:3] + ".headwater_topic.raw",
			Detail: "describe topic \"raw." + name + "\": dial tcp 127.0.0.1:1909" + string('1'+name[0]%5) + ": connection refused",
		})
	}
	list = append(list, diagnostic{Severity: "error", Summary: "Invalid value", Detail: `The field "total" is no number.`})
	list = append(list, diagnostic{Severity: "error", Summary: "Invalid value", Detail: `The field "price" is no number.`})
	want := `Error: Read topic raw.checkout.order-placed (4 times the same)
  with module.che.headwater_topic.raw
       module.bro.headwater_topic.raw
       module.acc.headwater_topic.raw
       and 1 more

  describe topic "raw.checkout.order-placed": dial tcp 127.0.0.1:19095: connection refused

Error: Invalid value

  The field "total" is no number.

Error: Invalid value

  The field "price" is no number.
`
	if diff := cmp.Diff(want, wordDiagnostics(list)); diff != "" {
		t.Error(diff)
	}
}
