package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Defends the reader of an apply whose brokers died: it is one trouble, whatever
// each resource was about to do.
func TestAnOutageIsSaidOnce(t *testing.T) {
	down := func(what, server, port string) diagnostic {
		return diagnostic{
			Severity: "error", Summary: what + ": " + server + " cannot be reached", Address: "module.x." + what,
			Detail: "No server of 127.0.0.1:19092 answers: dial tcp 127.0.0.1:" + port + ": connection refused.",
		}
	}
	got := wordDiagnostics([]diagnostic{
		down(`Create topic "raw.a.b"`, "Kafka", "19093"), down(`Set quota of "user=care,client-id=a"`, "Kafka", "19092"),
		down(`Plan schema subject "x"`, "the schema registry", "19081"), down(`Create ACL of User:care`, "Kafka", "19097"),
		down(`Set the compatibility level of "y"`, "the schema registry", "19081"),
	})
	for _, want := range []string{"Error: Kafka cannot be reached (3 times the same)", "Error: The schema registry cannot be reached (2 times the same)"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "Error: "); n != 2 {
		t.Errorf("%d errors, want one for each server that is away:\n%s", n, got)
	}
}

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
