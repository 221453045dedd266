package policies

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tagged are the tags that everything needs.
const tagged = `"owner": "platform", "cost_center": "customer-data"`

// change is one resource of a plan: actions as Terraform lists them, before and
// after as JSON.
type change struct{ address, actions, before, after, unknown string }

func plan(t *testing.T, changes ...change) []byte {
	t.Helper()
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	var list []string
	for _, c := range changes {
		mode, kind := "managed", c.address[strings.LastIndex(c.address[:strings.LastIndex(bare(c.address), ".")], ".")+1:]
		kind, name, _ := strings.Cut(kind, ".")
		if strings.Contains(c.address, "data.") {
			mode = "data"
		}
		list = append(list, fmt.Sprintf(`{"address": %q, "mode": %q, "type": %q, "name": %q, "change": {"actions": [%s], "before": %s, "after": %s, "after_unknown": %s}}`,
			c.address, mode, kind, name, c.actions, or(c.before, "null"), or(c.after, "null"), or(c.unknown, "{}")))
	}
	text := `{"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": [` + strings.Join(list, ",") + `]}`
	if !json.Valid([]byte(text)) {
		t.Fatalf("the test's own plan is no JSON: %s", text)
	}
	return []byte(text)
}

// bare is an address without its key, which may hold dots.
func bare(address string) string {
	key, _, _ := strings.Cut(address, "[")
	return key
}

const (
	replace = `"delete", "create"`
	remove  = `"delete"`
	create  = `"create"`
	update  = `"update"`
	noop    = `"no-op"`
)

func node(id, more string) string {
	return fmt.Sprintf(`{"tags_all": {%s, "headwater:role": "broker", "headwater:node": %q%s}}`, tagged, id, more)
}

func group(id, template, more string) string {
	return fmt.Sprintf(`{"tag": [{"key": "owner", "value": "p"}, {"key": "cost_center", "value": "c"}, {"key": "headwater:role", "value": "broker"}, {"key": "headwater:node", "value": %q}], "launch_template": [{"version": %q}]%s}`, id, template, more)
}

func role(statement string) string {
	text, _ := json.Marshal(`{"Version": "2012-10-17", "Statement": [` + statement + `]}`)
	return `{"policy": ` + string(text) + `}`
}

// Each policy refuses the plans that it is there for, in one sentence, and lets
// pass their nearest neighbours: a policy that refuses all is as blind as one
// that refuses nothing.
func TestPolicies(t *testing.T) {
	cases := []struct {
		name    string
		changes []change
		want    []string // what each refusal says, in order; none: the plan passes
	}{
		{"nothing", nil, nil},

		{"one broker replaced", []change{{`aws_instance.node["1"]`, replace, node("1", ""), node("1", ""), ""}}, nil},
		{"two brokers replaced", []change{
			{`aws_instance.node["1"]`, replace, node("1", ""), node("1", ""), ""},
			{`aws_instance.node["2"]`, replace, node("2", ""), node("2", ""), ""},
		}, []string{"brokers: brokers 1, 2 would be away at the same time"}},
		{"a broker's machine and address are one broker", []change{
			{`aws_instance.node["1"]`, replace, node("1", ""), node("1", ""), ""},
			{`aws_network_interface.node["1"]`, replace, node("1", ""), node("1", ""), ""},
		}, nil},
		{"one replaced, one taken away undrained", []change{
			{`aws_instance.node["1"]`, replace, node("1", ""), node("1", ""), ""},
			{`aws_autoscaling_group.node["2"]`, remove, group("2", "1", ""), "", ""},
		}, []string{"brokers: brokers 1, 2 would"}},
		{"one replaced, one taken away that was drained", []change{
			{`aws_instance.node["1"]`, replace, node("1", ""), node("1", ""), ""},
			{`headwater_broker.this["6"]`, remove, `{"node_id": 6, "state": "drained"}`, "", ""},
		}, nil},
		{"two memberships replaced", []change{
			{`headwater_broker.this["5"]`, replace, `{"node_id": 5}`, `{"node_id": 5}`, ""},
			{`headwater_broker.this["6"]`, replace, `{"node_id": 6}`, `{"node_id": 6}`, ""},
		}, []string{"brokers: brokers 5, 6 would"}},
		{"two controllers are no brokers", []change{
			{`aws_instance.node["101"]`, replace, strings.ReplaceAll(node("101", ""), "broker", "controller"), node("101", ""), ""},
			{`aws_instance.node["102"]`, replace, strings.ReplaceAll(node("102", ""), "broker", "controller"), node("102", ""), ""},
		}, nil},
		{"two groups get a template that waits", []change{
			{`aws_autoscaling_group.node["1"]`, update, group("1", "1", ""), group("1", "2", ""), ""},
			{`aws_autoscaling_group.node["2"]`, update, group("2", "1", ""), group("2", "2", ""), ""},
		}, nil},
		{"two groups get a template and refresh", []change{
			{`aws_autoscaling_group.node["1"]`, update, group("1", "1", ""), group("1", "2", `, "instance_refresh": [{"strategy": "Rolling"}]`), ""},
			{`aws_autoscaling_group.node["2"]`, update, group("2", "1", ""), group("2", "2", `, "instance_refresh": [{"strategy": "Rolling"}]`), ""},
		}, []string{"brokers: brokers 1, 2 would"}},

		{"a protected topic deleted", []change{{"headwater_topic.this", remove, `{"deletion_protection": true}`, "", ""}}, []string{"data: headwater_topic.this would be deleted with the data that it holds: retire the event"}},
		{"a protected topic replaced", []change{{"headwater_topic.this", replace, `{"deletion_protection": true}`, `{"deletion_protection": false}`, ""}}, []string{"data: headwater_topic.this would be replaced"}},
		{"a topic whose protection was lifted before", []change{{"headwater_topic.this", remove, `{"deletion_protection": false}`, "", ""}}, nil},
		{"a topic that Terraform forgets", []change{{"headwater_topic.this", `"forget"`, `{"deletion_protection": true}`, "", ""}}, nil},
		{"a volume deleted", []change{{`aws_ebs_volume.data["1"]`, remove, node("1", ""), "", ""}}, []string{`data: aws_ebs_volume.data["1"] would be deleted`}},
		{"a volume marked before", []change{{`aws_ebs_volume.data["1"]`, remove, node("1", `, "headwater:retired": "true"`), "", ""}}, nil},
		{"a volume marked in the same plan", []change{{`aws_ebs_volume.data["1"]`, replace, node("1", ""), node("1", `, "headwater:retired": "true"`), ""}}, []string{"data: aws_ebs_volume.data"}},
		{"a volume that grows", []change{{`aws_ebs_volume.data["1"]`, update, node("1", ""), node("1", ""), ""}}, nil},
		{"the archive deleted", []change{{"aws_s3_bucket.archive", remove, `{"force_destroy": false}`, "", ""}}, []string{"data: aws_s3_bucket.archive would be deleted with the data that it holds: apply it with force_destroy"}},

		{"exact rights", []change{{"aws_iam_role_policy.a", create, "", role(`{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]}`), ""}}, nil},
		{"all actions of a service", []change{{"aws_iam_role_policy.a", create, "", role(`{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b"}`), ""}}, []string{"iam: aws_iam_role_policy.a grants the action s3:*: name each"}},
		{"a wildcard that was there before", []change{{"aws_iam_role_policy.a", noop, role(`{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b"}`), role(`{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b"}`), ""}}, []string{"iam: aws_iam_role_policy.a grants the action s3:Get*"}},
		{"a wildcard that is denied", []change{{"aws_iam_role_policy.a", create, "", role(`{"Effect": "Deny", "Action": "*", "Resource": "*"}`), ""}}, nil},
		{"any resource", []change{{"aws_iam_role_policy.a", create, "", role(`{"Effect": "Allow", "Action": ["sqs:SendMessage", "ecr:GetAuthorizationToken"], "Resource": "*"}`), ""}}, []string{"iam: aws_iam_role_policy.a grants ecr:GetAuthorizationToken, sqs:SendMessage on *: name the resources, since sqs:SendMessage can"}},
		{"all of a service in an account", []change{{"aws_iam_role_policy.a", create, "", role(`{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:111111111111:*"}`), ""}}, []string{"iam: aws_iam_role_policy.a grants sqs:SendMessage on arn:aws:sqs:us-east-1:111111111111:*"}},
		{"calls that know no resource", []change{{"aws_iam_role_policy.a", create, "", role(`{"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken", "ssmmessages:OpenDataChannel"], "Resource": "*"}`), ""}}, nil},
		{"all but some", []change{{"aws_iam_policy.a", create, "", strings.Replace(role(`{"Effect": "Allow", "NotAction": ["iam:CreateUser"], "Resource": "arn:aws:s3:::b"}`), "{", `{"tags": {`+tagged+`}, `, 1), ""}}, []string{"iam: aws_iam_policy.a grants with NotAction"}},
		{"a role for anyone", []change{{"aws_iam_role.a", create, "", `{"tags_all": {` + tagged + `}, "tags": {}, "assume_role_policy": "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Principal\": {\"AWS\": \"*\"}}}"}`, ""}}, []string{"iam: aws_iam_role.a lets anyone in"}},
		{"a wildcard inside a role", []change{{"aws_iam_role.a", create, "", `{"tags_all": {` + tagged + `}, "inline_policy": [{"name": "x", "policy": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"arn:aws:s3:::b\"}]}"}]}`, ""}}, []string{"iam: aws_iam_role.a grants the action *"}},
		{"a bucket for anyone", []change{{"aws_s3_bucket_policy.a", create, "", role(`{"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*", "Resource": "arn:aws:s3:::b/*"}`), ""}}, []string{"iam: aws_s3_bucket_policy.a lets anyone in"}},
		{"an endpoint that lets pass what callers may", []change{{"aws_vpc_endpoint_policy.a", create, "", role(`{"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*", "Resource": "arn:aws:s3:::b/*"}`), ""}}, nil},
		{"a bucket that refuses plain HTTP", []change{{"aws_s3_bucket_policy.a", create, "", role(`{"Effect": "Deny", "Action": "s3:*", "Principal": "*", "Resource": "arn:aws:s3:::b/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}`), ""}}, nil},
		{"a key handed to its account", []change{{"aws_kms_key_policy.a", create, "", role(`{"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Resource": "*"}`), ""}}, nil},
		{"a key handed to a user", []change{{"aws_kms_key_policy.a", create, "", role(`{"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": "arn:aws:iam::111111111111:user/a"}, "Resource": "*"}`), ""}}, []string{"iam: aws_kms_key_policy.a grants the action kms:*"}},
		{"a document that is not whole yet", []change{{"data.aws_iam_policy_document.a", `"read"`, "", `{"statement": [{"effect": null, "actions": ["s3:*"], "not_actions": null, "principals": [], "condition": []}]}`, `{"json": true}`}}, []string{"iam: data.aws_iam_policy_document.a grants the action s3:*"}},

		{"an elastic address", []change{{"aws_eip.a", create, "", `{"tags_all": {` + tagged + `}}`, ""}}, []string{"public: aws_eip.a would have a public address"}},
		{"a machine with an address", []change{{"aws_instance.a", create, "", `{"tags_all": {` + tagged + `}, "associate_public_ip_address": true}`, ""}}, []string{"public: aws_instance.a would"}},
		{"a template with an address", []change{{"aws_launch_template.a", create, "", `{"tags_all": {` + tagged + `}, "network_interfaces": [{"associate_public_ip_address": "true"}]}`, ""}}, []string{"public: aws_launch_template.a would"}},
		{"a task with an address", []change{{"aws_ecs_service.a", create, "", `{"tags_all": {` + tagged + `}, "network_configuration": [{"assign_public_ip": true}]}`, ""}}, []string{"public: aws_ecs_service.a would"}},
		{"a subnet that gives addresses", []change{{"aws_subnet.a", create, "", `{"tags_all": {` + tagged + `}, "map_public_ip_on_launch": true}`, ""}}, []string{"public: aws_subnet.a gives a public address"}},
		{"a load balancer", []change{{"aws_lb.a", create, "", `{"tags_all": {` + tagged + `}, "internal": false}`, ""}}, []string{"public: aws_lb.a is a load balancer that faces the internet"}},
		{"the collector's load balancer", []change{{"aws_lb.a", create, "", `{"tags_all": {` + tagged + `, "headwater:role": "collector"}, "internal": false}`, ""}}, nil},
		{"an inner load balancer", []change{{"aws_lb.a", create, "", `{"tags_all": {` + tagged + `}, "internal": true}`, ""}}, nil},
		{"an open port", []change{{"aws_vpc_security_group_ingress_rule.a", create, "", `{"tags_all": {` + tagged + `}, "cidr_ipv6": "::/0", "from_port": 443, "to_port": 443}`, ""}}, []string{"public: aws_vpc_security_group_ingress_rule.a lets in ::/0"}},
		{"the one door", []change{{"module.network.aws_vpc_security_group_ingress_rule.internet", create, "", `{"tags_all": {` + tagged + `}, "cidr_ipv4": "0.0.0.0/0", "from_port": 443, "to_port": 443}`, ""}}, nil},
		{"the one door, wide open", []change{{"module.network.aws_vpc_security_group_ingress_rule.internet", create, "", `{"tags_all": {` + tagged + `}, "cidr_ipv4": "0.0.0.0/0", "from_port": 0, "to_port": 65535}`, ""}}, []string{"public: module.network.aws_vpc"}},
		{"an open port inside a group", []change{{"aws_security_group.a", create, "", `{"tags_all": {` + tagged + `}, "ingress": [{"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}]}`, ""}}, []string{"public: aws_security_group.a lets in 0.0.0.0/0"}},
		{"an open port as a rule of the old kind", []change{{"aws_security_group_rule.a", create, "", `{"type": "ingress", "cidr_blocks": ["0.0.0.0/0"]}`, ""}}, []string{"public: aws_security_group_rule.a lets in"}},
		{"a way out", []change{{"aws_security_group_rule.a", create, "", `{"type": "egress", "cidr_blocks": ["0.0.0.0/0"]}`, ""}}, nil},

		{"no cost center", []change{{"aws_vpc.a", create, "", `{"tags": null, "tags_all": {"owner": "platform"}}`, ""}}, []string{"tags: aws_vpc.a lacks the tags cost_center:"}},
		{"empty tags", []change{{"aws_vpc.a", noop, `{}`, `{"tags": {"owner": "", "cost_center": null}}`, ""}}, []string{"tags: aws_vpc.a lacks the tags cost_center and owner"}},
		{"what cannot be tagged", []change{{"aws_route_table_association.a", create, "", `{}`, ""}}, nil},
		{"a group that hands on no owner", []change{{"aws_autoscaling_group.a", create, "", `{"tag": [{"key": "cost_center", "value": "c"}]}`, ""}}, []string{"tags: aws_autoscaling_group.a lacks the tags owner: set them in the provider's default_tags, and for a group in tag blocks"}},
		{"a template that makes untagged machines", []change{{"aws_launch_template.a", create, "", `{"tags_all": {` + tagged + `}, "tag_specifications": [{"resource_type": "instance", "tags": {"owner": "p"}}]}`, ""}}, []string{"tags: aws_launch_template.a makes each instance without the tags cost_center"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			verdict, err := Check(t.Context(), plan(t, c.changes...))
			if err != nil {
				t.Fatal(err)
			}
			if len(verdict.Refusals) != len(c.want) {
				t.Fatalf("got %d refusals, want %d: %+v", len(verdict.Refusals), len(c.want), verdict.Refusals)
			}
			for i, r := range verdict.Refusals {
				if got := r.Policy + ": " + r.Message; !strings.HasPrefix(got, c.want[i]) || strings.Contains(got, "\n") {
					t.Errorf("got %q, want it to begin with %q", got, c.want[i])
				}
			}
		})
	}
}

// What cannot be known before the apply is said, not waved through in silence.
func TestUnknownIsSaid(t *testing.T) {
	verdict, err := Check(t.Context(), plan(t,
		change{"aws_iam_role_policy.a", create, "", `{}`, `{"policy": true}`},
		change{"aws_iam_role.a", create, "", `{"tags_all": {` + tagged + `}, "tags": {}}`, `{"inline_policy": true}`},
		change{"aws_vpc.a", create, "", `{"tags": null}`, `{"tags_all": true}`},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the rights in policy of aws_iam_role_policy.a", "the tags of aws_vpc.a"}
	if diff := cmp.Diff(want, verdict.Unchecked); diff != "" || len(verdict.Refusals) != 0 {
		t.Errorf("%s%+v", diff, verdict.Refusals)
	}
}

// Plans that Terraform wrote, as files: the good one passes, the bad one is
// refused by every policy.
func TestPlanFiles(t *testing.T) {
	for name, want := range map[string][]string{"good.json": {}, "bad.json": {"brokers", "data", "iam", "public", "tags"}} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := Check(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		refused := []string{}
		for _, r := range verdict.Refusals {
			if len(refused) == 0 || refused[len(refused)-1] != r.Policy {
				refused = append(refused, r.Policy)
			}
		}
		if diff := cmp.Diff(want, refused); diff != "" {
			t.Errorf("%s: %s%+v", name, diff, verdict.Refusals)
		}
	}
}

// A policy says yes only to what is a plan.
func TestRefusesWhatIsNoPlan(t *testing.T) {
	for text, want := range map[string]string{
		`nonsense, that is no JSON`:               "give what terraform show -json",
		`{"format_version": "9.0"}`:               "unsupported plan format",
		`{"format_version": "1.0", "values": {}}`: "not of a state",
		`{"resource_changes": []}`:                "format version is missing",
	} {
		if _, err := Check(t.Context(), []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
