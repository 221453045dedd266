package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

func readCertificate(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "principals", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A subject must be written as the brokers' Java writes it, to the last escape:
// java.tsv holds what X500Principal.getName of Java 17 made of these certificates.
func TestPrincipalNames(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(readCertificate(t, "java.tsv")), "\n")
	if len(lines) < 7 {
		t.Fatalf("only %d certificates to compare", len(lines))
	}
	for _, line := range lines {
		file, name, _ := strings.Cut(line, "\t")
		got, err := principalOf(readCertificate(t, file), "DEFAULT")
		if err != nil || got != "User:"+name {
			t.Errorf("%s: %q, %v, want User:%s", file, got, err, name)
		}
	}
}

// Rules must do what Kafka's do. What stands here on the right is what
// SslPrincipalMapper of Kafka 4.3.1 answered.
func TestPrincipalRules(t *testing.T) {
	t.Parallel()
	const name = "CN=Refine,OU=Platform,O=Example GmbH,L=Berlin,C=DE"
	for rules, want := range map[string]string{
		"": name, "DEFAULT": name,
		"RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),C=(.*?)$/$1@$2/L": "refine@platform",
		"RULE:^CN=(.*?),.*$/$1/":                                   "Refine",
		"RULE:^CN=(.*?),.*$/$1/U":                                  "REFINE",
		"RULE:^OU=.*$/x/,RULE:^CN=(.*?),.*/$1$9/L,DEFAULT":         "refine$9",
		"RULE:CN=(.*)/$1/":                                         "Refine,OU=Platform,O=Example GmbH,L=Berlin,C=DE",
		" RULE:^CN=([^,]*),.*$/$1/L , DEFAULT ":                    "refine",
		"RULE:^cn=.*$/x/, DEFAULT":                                 name,
		"RULE:^CN=(.*?),OU=(.*)$/$2-$1/":                           "Platform,O=Example GmbH,L=Berlin,C=DE-Refine",
	} {
		if got, err := mapPrincipal(name, rules); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", rules, got, err, want)
		}
	}
	for rules, want := range map[string]string{
		"RULE:^OU=.*$/x/":              "no rule applies",
		"RULE:bad":                     `parse the mapping rules at "RULE:bad"`,
		"DEFAULT, RULE:^CN=(.*)/$1":    "parse the mapping rules at",
		"RULE:^CN=(.*?)(?=,).*$/$1/":   "it cannot be evaluated here",
		"RULE:(.*)/$1/, DEFAULT":       "writes the replacement twice",
		"RULE:^CN=(.*?),.*$/$1/X, foo": "parse the mapping rules at",
	} {
		if got, err := mapPrincipal(name, rules); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", rules, got, err, want)
		}
	}
}

// From a configuration: the principal of a certificate, and an error at the
// argument that is wrong.
func TestPrincipalFunction(t *testing.T) {
	t.Parallel()
	call := func(certificate, rules string) string {
		return requireProvider + fmt.Sprintf("output \"principal\" {\n  value = provider::headwater::principal_from_certificate(<<PEM\n%s\nPEM\n  , %q)\n}", certificate, rules)
	}
	company := readCertificate(t, "company.pem")
	accept(t,
		resource.TestStep{Config: call(company, "RULE:^CN=([^.]*)[.].*$/$1/"), Check: resource.TestCheckOutput("principal", "User:refine")},
		resource.TestStep{Config: call("-----BEGIN NOTHING-----", "DEFAULT"), ExpectError: flexible("the text holds no PEM certificate")},
		resource.TestStep{Config: call(company, "RULE:bad"), ExpectError: flexible("parse the mapping rules")},
	)
}

// A module can hold a schema against its earlier versions in a test, with no
// registry: the rule that broke is named, and level and earlier versions decide.
func TestSchemaViolations(t *testing.T) {
	t.Parallel()
	call := func(kind, schema, level string, earlier ...string) string {
		list, err := json.Marshal(append([]string{}, earlier...))
		if err != nil {
			t.Fatal(err)
		}
		return requireProvider + fmt.Sprintf("output \"violations\" {\n  value = join(\"; \", provider::headwater::schema_violations(%q, %q, %s, %q))\n}", kind, schema, list, level)
	}
	empty := resource.TestCheckOutput("violations", "")
	accept(t,
		resource.TestStep{Config: call("AVRO", orderV2, "FULL_TRANSITIVE", orderV1), Check: empty},
		resource.TestStep{Config: call("AVRO", orderBad, "NONE", orderV1), Check: empty},
		resource.TestStep{Config: call("AVRO", orderBad, "FORWARD", orderV1), Check: empty},
		resource.TestStep{
			Config: call("AVRO", orderBad, "BACKWARD_TRANSITIVE", orderV1, orderV2),
			Check: func(s *terraformState) error {
				got := fmt.Sprint(s.RootModule().Outputs["violations"].Value)
				for _, want := range []string{"READER_FIELD_MISSING_DEFAULT_VALUE at sum (BACKWARD against version 1)", "(BACKWARD against version 2)"} {
					if !strings.Contains(got, want) {
						return fmt.Errorf("the answer lacks it: %s", cmp.Diff(want, got))
					}
				}
				return nil
			},
		},
		resource.TestStep{Config: call("XML", orderV1, "FULL"), ExpectError: flexible(`"XML" is not a schema type`)},
		resource.TestStep{Config: call("AVRO", "{", "FULL"), ExpectError: flexible("Invalid value for \"schema\" parameter")},
		resource.TestStep{Config: call("AVRO", orderV1, "FULL", "{"), ExpectError: flexible("version 1:")},
		resource.TestStep{Config: call("AVRO", orderV1, "SOMETIMES"), ExpectError: flexible("is not a compatibility level")},
	)
}
