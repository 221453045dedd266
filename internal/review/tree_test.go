package review

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var tree = Repository{Dir: "../.."}

// The review knows what modules/event makes of a call that names no level and
// no size, and how it names subjects; were that to change, it must follow.
func TestAgreesWithTheModule(t *testing.T) {
	text, err := os.ReadFile("../../modules/event/variables.tf")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"compatibility": defaultLevel, "size": "standard"} {
		block := regexp.MustCompile(`(?s)variable "` + name + `" \{.*?default\s+= "(\w+)"`).FindStringSubmatch(string(text))
		if block == nil || block[1] != want {
			t.Errorf("modules/event has %q for %s, the review has %s", block, name, want)
		}
	}
	main, err := os.ReadFile("../../modules/event/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, tier := range []string{`contains(["processed", "aggregates", "repartition"], var.domain)`, `"raw.${var.domain}.${local._kebab}"`} {
		if !strings.Contains(string(main), tier) {
			t.Errorf("modules/event names topics in another way than Declaration.Subject: it lacks %s", tier)
		}
	}
}

// The whole catalogue can be read without Terraform, or a review would miss what
// it cannot read.
func TestReadsTheCatalogue(t *testing.T) {
	files, err := tree.now(folder)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadCatalogue(files)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for path, text := range files {
		if strings.HasSuffix(path, ".tf") {
			calls += strings.Count(text, `"../modules/event"`)
		}
	}
	if calls == 0 || len(c.Events) != calls {
		t.Errorf("read %d events of %d calls", len(c.Events), calls)
	}
	for event, d := range c.Events {
		if files[d.Schema] == "" || len(d.Producers) == 0 || len(d.Consumers) == 0 {
			t.Errorf("%s was read as %+v", event, d)
		}
	}
}

// Owners are asked for their events: the file is what the catalogue says now.
func TestCodeOwnersIsUpToDate(t *testing.T) {
	want, err := ReadCodeOwners(tree)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../" + CodeOwnersFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run make generate:\n%s", diff)
	}
}

// A domain's team is asked for its folder and its file, the platform's for the
// rest; a team that GitHub does not know would be asked in vain.
func TestCodeOwners(t *testing.T) {
	files := Files{"schemas/teams.tf": teamsFile, declarations: call("")}
	c, err := ReadCatalogue(files)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.CodeOwners()
	if err != nil {
		t.Fatal(err)
	}
	want := "# Written by make generate from schemas/*.tf; edit those.\n* @example/platform\n/schemas/checkout.tf @example/checkout\n/schemas/checkout/ @example/checkout\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c.Teams["checkout"] = Team{Contact: "checkout@example.com"}
	if _, err := c.CodeOwners(); err == nil || !strings.Contains(err.Error(), `set github to one like @example/checkout`) {
		t.Errorf("got %v", err)
	}
	c.Events["checkout.other"] = Declaration{Where: "schemas/checkout.tf:9", Domain: "checkout", Name: "other", Owner: "finance"}
	if _, err := c.CodeOwners(); err == nil || !strings.Contains(err.Error(), "give it one owner") {
		t.Errorf("got %v", err)
	}
}
