package policies

import (
	"strings"
	"testing"
)

// An apply that was cut short leaves volumes that no machine ever had, and after a
// whole one AWS shows more than was written: the next apply must not be refused for
// either, and must be for the same of a node that stands.
func TestAppliesAgain(t *testing.T) {
	const whole, halfMade = noop, create
	tainted := func(protection string, nodes ...string) []byte {
		var list []string
		for _, id := range nodes {
			list = append(list,
				`{"address": "module.kafka_cluster.aws_ebs_volume.data[\"`+id+`\"]", "mode": "managed", "type": "aws_ebs_volume", "name": "data",
				  "action_reason": "replace_because_tainted", "change": {"actions": ["delete", "create"], "before": `+node(id, "")+`, "after": `+node(id, "")+`}}`,
				`{"address": "module.kafka_cluster.terraform_data.protection[\"`+id+`\"]", "mode": "managed", "type": "terraform_data", "name": "protection",
				  "change": {"actions": [`+protection+`], "before": null, "after": {}}}`)
		}
		return []byte(`{"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": [` + strings.Join(list, ",") + `]}`)
	}
	endpoint := role(`{"Effect": "Allow", "Action": "*", "Principal": "*", "Resource": "*"}`)
	opened := func(port string) string {
		return `{"tags_all": {` + tagged + `}, "ingress": [{"from_port": ` + port + `, "to_port": ` + port + `, "cidr_blocks": ["0.0.0.0/0"]}]}`
	}
	for name, c := range map[string]struct {
		plan []byte
		want string
	}{
		"two nodes left half made":         {tainted(halfMade, "1", "2"), ""},
		"a volume of a node that stands":   {tainted(whole, "1"), `data: module.kafka_cluster.aws_ebs_volume.data["1"] would be replaced`},
		"an endpoint's policy from AWS":    {plan(t, change{"aws_vpc_endpoint.a", noop, withTags(endpoint), withTags(endpoint), ""}), ""},
		"the door as its group shows it":   {plan(t, change{`module.network.aws_security_group.roles["load_balancer"]`, noop, opened("443"), opened("443"), ""}), ""},
		"another door of the same group":   {plan(t, change{`module.network.aws_security_group.roles["load_balancer"]`, noop, opened("22"), opened("22"), ""}), "public: "},
		"the door of another role's group": {plan(t, change{`module.network.aws_security_group.roles["broker"]`, noop, opened("443"), opened("443"), ""}), "public: "},
	} {
		verdict, err := Check(t.Context(), c.plan)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var said []string
		for _, refusal := range verdict.Refusals {
			said = append(said, refusal.Policy+": "+refusal.Message)
		}
		got := strings.Join(said, "\n")
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: refused with %q, want %q", name, got, c.want)
		}
	}
}

func withTags(document string) string {
	return strings.Replace(document, "{", `{"tags_all": {`+tagged+`}, `, 1)
}
