package aws

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// withoutResource reads the calls that may have * as their resource, since they
// have no other form, from the policy that plans are held to.
func withoutResource(t *testing.T) []string {
	t.Helper()
	policy := string(read(t, absolute(t, "policies/iam.rego")))
	list := regexp.MustCompile(`(?s)without_resource := \{(.*?)\n\}`).FindStringSubmatch(policy)
	if list == nil {
		t.Fatal("policies/iam.rego has no list without_resource")
	}
	var calls []string
	for _, call := range regexp.MustCompile(`"([a-z0-9-]+:[A-Za-z]+)"`).FindAllStringSubmatch(list[1], -1) {
		calls = append(calls, call[1])
	}
	return calls
}

// oneOrMany is what IAM writes as one string or as a list of them.
type oneOrMany []string

// UnmarshalJSON reads either.
func (o *oneOrMany) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

type statement struct {
	Effect                            string
	Action, Resource                  oneOrMany
	NotAction, NotResource, Condition json.RawMessage
}

// checkRights reads every document of rights that the account stores.
func checkRights(t *testing.T, a *account) {
	documents, listed := a.documents(t), withoutResource(t)
	if len(documents) < 9+3 {
		t.Fatalf("there are %d documents of rights, want one of each node and the runner's: the check is blind", len(documents))
	}
	for name, document := range documents {
		for _, trouble := range excesses(document, listed) {
			t.Errorf("%s: %s", name, trouble)
		}
	}
}

// excesses lists what a document allows too widely; listed are the calls that may
// be allowed on everything.
func excesses(document string, listed []string) []string {
	var policy struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		return []string{err.Error() + ": " + document}
	}
	var found []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" {
			continue
		}
		if len(s.NotAction)+len(s.NotResource) > 0 {
			found = append(found, "it allows all but what it names")
		}
		for _, action := range s.Action {
			if strings.Contains(action, "*") {
				found = append(found, "it allows "+action)
			}
			if slices.Contains(s.Resource, "*") && !slices.Contains(listed, action) {
				found = append(found, "it allows "+action+" on everything")
			}
		}
	}
	return found
}

// documents are the rights of every role, and the policies of our own, by name.
func (a *account) documents(t *testing.T) map[string]string {
	t.Helper()
	client, documents := iam.NewFromConfig(a.config), map[string]string{}
	keep := func(name string, document *string) {
		text, err := url.QueryUnescape(aws.ToString(document))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		documents[name] = text
	}
	roles, err := client.ListRoles(t.Context(), &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles.Roles {
		names, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: role.RoleName})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names.PolicyNames {
			out, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: role.RoleName, PolicyName: &name})
			if err != nil {
				t.Fatal(err)
			}
			keep(*role.RoleName+"/"+name, out.PolicyDocument)
		}
		attached, err := client.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: role.RoleName})
		if err != nil || len(attached.AttachedPolicies) > 0 {
			t.Errorf("role %s has policies from elsewhere: %v %v", *role.RoleName, attached.AttachedPolicies, err)
		}
	}
	policies, err := client.ListPolicies(t.Context(), &iam.ListPoliciesInput{Scope: "Local"})
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range policies.Policies {
		out, err := client.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: policy.Arn, VersionId: policy.DefaultVersionId})
		if err != nil {
			t.Fatal(err)
		}
		keep(*policy.PolicyName, out.PolicyVersion.Document)
	}
	return documents
}

// The check of rights must see what it is there for.
func TestExcessesAreSeen(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b"]}]}`:                  "it allows s3:*",
		`{"Statement":[{"Effect":"Allow","Action":["ec2:AttachVolume"],"Resource":"*"}]}`:                   "it allows ec2:AttachVolume on everything",
		`{"Statement":[{"Effect":"Allow","NotAction":["iam:CreateUser"],"Resource":["arn:aws:s3:::b"]}]}`:   "it allows all but what it names",
		`{"Statement":[{"Effect":"Allow","Action":["ec2:DescribeVolumes"],"Resource":"*"}]}`:                "",
		`{"Statement":[{"Effect":"Deny","Action":["s3:*"],"Resource":"*"}]}`:                                "",
		`{"Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::b/java.tar"}]}`: "",
	} {
		if got := strings.Join(excesses(document, withoutResource(t)), "; "); got != want {
			t.Errorf("%s: %q, want %q", document, got, want)
		}
	}
}
