package review

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const teamsFile = `locals {
  teams = {
    checkout = { contact = "checkout@example.com", github = "@example/checkout" }
    finance  = { contact = "finance@example.com", github = "@example/finance" }
    platform = { contact = "platform@example.com", github = "@example/platform" }
  }
}
`

// call is a declaration of checkout.order_placed with more arguments.
func call(more string) string {
	return `module "order_placed" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "checkout"
  name        = "order_placed"
  description = "A customer placed an order."
  owner       = "checkout"
  schema      = file("${path.module}/checkout/order_placed.avsc")
  retention   = "90d"
  consumers   = ["finance", "refine"]
` + more + "}\n"
}

// order is the schema with the given fields.
func order(fields ...string) string {
	return `{"type": "record", "name": "OrderPlaced", "namespace": "checkout", "fields": [` + strings.Join(fields, ", ") + `]}`
}

const (
	total     = `{"name": "total", "type": "double", "doc": "What it costs."}`
	totalText = `{"name": "total", "type": "string", "doc": "What it costs."}`
	note      = `{"name": "note", "type": ["null", "string"], "default": null, "doc": "Words that go with it."}`
	coupon    = `{"name": "coupon", "type": "string", "doc": "The coupon."}`

	declarations = "schemas/checkout.tf"
	schemaFile   = "schemas/checkout/order_placed.avsc"
)

// repository is a real git repository whose main has one event.
type repository struct {
	t *testing.T
	Repository
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t: t, Repository: Repository{Dir: t.TempDir()}}
	r.run("init", "-q", "-b", "main")
	r.write("schemas/teams.tf", teamsFile)
	r.write(declarations, call(""))
	r.write(schemaFile, order(total, note))
	r.commitAll("the catalogue")
	r.run("checkout", "-q", "-b", "change")
	return r
}

func (r repository) run(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.Dir, "-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repository) write(path, text string) {
	r.t.Helper()
	full := filepath.Join(r.Dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) commitAll(message string) string {
	r.t.Helper()
	r.run("add", "-A")
	r.run("commit", "-q", "-m", message)
	return r.run("rev-parse", "HEAD")
}

// merge brings what is on change to main, as a pull request does.
func (r repository) merge() {
	r.t.Helper()
	r.commitAll("a change")
	r.run("checkout", "-q", "main")
	r.run("merge", "-q", "--no-ff", "--no-edit", "change")
	r.run("checkout", "-q", "-B", "change", "main")
}

func (r repository) review(head string) *Report {
	r.t.Helper()
	report, err := Run(r.t.Context(), r.Repository, "main", head)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

// only is the one event that a report is about.
func only(t *testing.T, r *Report) EventReview {
	t.Helper()
	if len(r.Events) != 1 {
		t.Fatalf("%d events are reported, want 1: %+v", len(r.Events), r.Events)
	}
	return r.Events[0]
}

func words(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A change that no reader notices passes, and is told in words all the same.
func TestCompatibleChangePasses(t *testing.T) {
	r := newRepository(t)
	r.write(schemaFile, order(total, `{"name": "coupon", "type": ["null", "string"], "default": null, "doc": "The coupon's code."}`))
	report := r.review("")
	if report.Refused() {
		t.Fatalf("a compatible change is refused:\n%s", words(t, report))
	}
	want := `checkout.order_placed (changed)
  gains coupon, optional string ("The coupon's code")
  loses note, optional string ("Words that go with it")
  read by finance (finance@example.com) and refine

`
	if diff := cmp.Diff(want, words(t, report)); diff != "" {
		t.Error(diff)
	}
}

// What would break a reader is refused at the level the event declares, with the
// rule and the version that it breaks, and nothing but git is asked.
func TestIncompatibleChangeIsRefused(t *testing.T) {
	t.Setenv("PATH", gitOnly(t))
	r := newRepository(t)
	r.write(schemaFile, order(totalText, note, coupon))
	head := r.commitAll("break it")
	for _, revision := range []string{"", head} {
		e := only(t, r.review(revision))
		rules := map[string]bool{}
		for _, c := range e.Conflicts {
			rules[c.Rule+" "+c.Path] = true
			if c.Commit != r.run("rev-parse", "main") || c.Version != 1 {
				t.Errorf("the conflict is against version %d of %s, want version 1 of main", c.Version, c.Commit)
			}
		}
		want := map[string]bool{"TYPE_MISMATCH total": true, "READER_FIELD_MISSING_DEFAULT_VALUE coupon": true}
		if diff := cmp.Diff(want, rules); diff != "" {
			t.Errorf("head %q: %s", revision, diff)
		}
	}
}

// gitOnly is a PATH on which there is git and nothing else.
func gitOnly(t *testing.T) string {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(git, filepath.Join(dir, "git")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The declared level decides: what FULL_TRANSITIVE refuses, BACKWARD may take.
func TestLevelDecides(t *testing.T) {
	r := newRepository(t)
	r.write(declarations, call("  compatibility = \"BACKWARD\"\n"))
	r.merge()
	r.write(schemaFile, order(note)) // loses a required field: old readers break, new ones do not
	if report := r.review(""); report.Refused() {
		t.Errorf("BACKWARD refuses to lose a field:\n%s", words(t, report))
	}
	r.write(schemaFile, order(total, note, coupon))
	if e := only(t, r.review("")); len(e.Conflicts) != 1 || e.Conflicts[0].Direction != "BACKWARD" {
		t.Errorf("BACKWARD must refuse a new field without a default: %+v", e.Conflicts)
	}
}

// Lowering the level in the change that needs it would make every level a
// matter of taste: it takes a pull request of its own.
func TestLoweringTheLevelAndUsingItAtOnceIsRefused(t *testing.T) {
	r := newRepository(t)
	r.write(declarations, call("  compatibility = \"NONE\"\n"))
	r.write(schemaFile, order(totalText, note))
	e := only(t, r.review(""))
	if len(e.Conflicts) == 0 || len(e.Refusals) != 1 || !strings.Contains(e.Refusals[0], "from FULL_TRANSITIVE to NONE") {
		t.Errorf("want conflicts and one refusal: %+v", e)
	}
	r.write(schemaFile, order(total, note))
	r.merge()
	r.write(schemaFile, order(totalText, note))
	if report := r.review(""); report.Refused() {
		t.Errorf("the level was lowered before, yet:\n%s", words(t, report))
	}
}

// A transitive level means every version that was ever live, not the last one:
// a field that comes back with another type breaks readers of old records.
func TestTransitiveLevelReadsHistory(t *testing.T) {
	r := newRepository(t)
	r.write(schemaFile, order(total))
	r.merge()
	r.write(schemaFile, order(total, `{"name": "note", "type": ["null", "long"], "default": null, "doc": "Another."}`))
	e := only(t, r.review(""))
	if len(e.Conflicts) == 0 || e.Conflicts[0].Version != 1 {
		t.Errorf("want a conflict against version 1, got %+v", e.Conflicts)
	}
}

// An event that was removed and comes back starts anew: its subject is gone.
func TestHistoryEndsAtARemoval(t *testing.T) {
	r := newRepository(t)
	r.write(declarations, call("  retired = true\n"))
	r.merge()
	r.write(declarations, "# nothing\n")
	r.run("rm", "-q", schemaFile)
	r.merge()
	r.write(declarations, call(""))
	r.write(schemaFile, order(totalText))
	if e := only(t, r.review("")); e.What != New || len(e.Conflicts) > 0 {
		t.Errorf("want a new event without conflicts: %+v", e)
	}
	r.merge()
	r.write(schemaFile, order(totalText, note))
	if report := r.review(""); report.Refused() {
		t.Errorf("versions from before the removal count:\n%s", words(t, report))
	}
}

// What main did meanwhile is not the change's doing.
func TestReviewsAgainstTheMergeBase(t *testing.T) {
	r := newRepository(t)
	r.run("checkout", "-q", "main")
	r.write(schemaFile, order(totalText))
	r.commitAll("main goes on")
	r.run("checkout", "-q", "change")
	if report := r.review(""); len(report.Events) != 0 {
		t.Errorf("the change did nothing, yet:\n%s", words(t, report))
	}
}

// A new event is said to be new, with who reads it; nothing can conflict.
func TestNewEvent(t *testing.T) {
	r := newRepository(t)
	text := strings.NewReplacer("order_placed", "order_refunded", `"90d"`, `"30d"`).Replace(call(""))
	r.write(declarations, call("")+text)
	r.write("schemas/checkout/order_refunded.avsc", order(total))
	e := only(t, r.review(""))
	if e.What != New || e.Subject != "raw.checkout.order-refunded-value" || len(e.Conflicts)+len(e.Refusals) > 0 {
		t.Errorf("got %+v", e)
	}
	if diff := cmp.Diff([]string{"is new, owned by checkout, kept 30d, written by collect"}, e.Words); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Reader{{"finance", "finance@example.com"}, {"refine", ""}}, e.Consumers); diff != "" {
		t.Error(diff)
	}
}

// Removing an event deletes records that others read: it takes two steps.
func TestRemovalTakesTwoSteps(t *testing.T) {
	r := newRepository(t)
	r.write(declarations, "# nothing\n")
	r.run("rm", "-q", schemaFile)
	e := only(t, r.review(""))
	if e.What != Removed || len(e.Refusals) != 1 || !strings.Contains(e.Refusals[0], "what finance and refine read: set retired = true") {
		t.Fatalf("an event that was not retired may not go: %+v", e)
	}
	r.run("checkout", "-q", "-f", "change")
	r.write(declarations, call("  retired = true\n"))
	if e := only(t, r.review("")); e.What != Retired || len(e.Refusals) > 0 {
		t.Errorf("retiring is the first step: %+v", e)
	}
	r.merge()
	r.write(declarations, "# nothing\n")
	r.run("rm", "-q", schemaFile)
	if e := only(t, r.review("")); e.What != Removed || len(e.Refusals) > 0 {
		t.Errorf("a retired event may go: %+v", e)
	}
}

// Consumers are part of what changes: who loses an event is told.
func TestTermsAreTold(t *testing.T) {
	r := newRepository(t)
	text := strings.Replace(call("  pii = [\"note\"]\n"), `["finance", "refine"]`, `["refine"]`, 1)
	r.write(declarations, strings.Replace(text, `"90d"`, `"latest"`, 1))
	e := only(t, r.review(""))
	want := []string{
		"changes how long it is kept from 90d to for ever by key",
		"loses finance as a consumer",
		"gains note as a field that identifies a person",
	}
	if diff := cmp.Diff(want, e.Words); diff != "" {
		t.Error(diff)
	}
	if len(e.Consumers) != 2 {
		t.Errorf("finance loses the event and must be named: %+v", e.Consumers)
	}
}

// Bad input gets one sentence that says where it is and how to mend it.
func TestBadInput(t *testing.T) {
	cases := []struct {
		name, path, text, want string
		refusal                bool // of the event, rather than an error
	}{
		{"schema that does not parse", schemaFile, "{", `order_placed\.avsc is no Avro schema`, true},
		{"schema that is not there", declarations, strings.Replace(call(""), "order_placed.avsc", "nothing.avsc", 1), `there is no file schemas/checkout/nothing\.avsc: add it`, true},
		{"no such level", declarations, call("  compatibility = \"HALF\"\n"), `compatibility is HALF, which is no level`, true},
		{"value that is not plain", declarations, call("  retired = var.gone\n"), `^schemas/checkout\.tf:1: retired of module "order_placed" refers to something: write it as a plain value`, false},
		{"for_each", declarations, call("  for_each = toset([])\n"), `has for_each: declare each event by a call of its own`, false},
		{"broken file", declarations, "module {", `schemas/checkout\.tf:1`, false},
		{"declared twice", "schemas/second.tf", call(""), `is declared at schemas/checkout\.tf:1 too`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			if c.path != schemaFile {
				r.write(schemaFile, order(total))
			}
			r.write(c.path, c.text)
			report, err := Run(t.Context(), r.Repository, "main", "")
			var got string
			switch {
			case c.refusal && err == nil && report.Refused():
				got = strings.Join(only(t, report).Refusals, "\n")
			case !c.refusal && err != nil:
				got = err.Error()
			default:
				t.Fatalf("got %+v, %v", report, err)
			}
			if !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got %q, want it to match %q", got, c.want)
			}
		})
	}
}

// A clone without history knows no earlier versions: saying yes there would be
// a guess.
func TestShallowCloneIsRefused(t *testing.T) {
	r := newRepository(t)
	r.write(schemaFile, order(total))
	r.merge()
	shallow := Repository{Dir: t.TempDir()}
	r.run("clone", "-q", "--depth", "1", "--branch", "main", "file://"+r.Dir, shallow.Dir)
	if _, err := Run(t.Context(), shallow, "main", ""); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), r.Repository, "nowhere", ""); err == nil || !strings.Contains(err.Error(), "there is no commit nowhere") {
		t.Errorf("got %v", err)
	}
}

// What a schema's author wrote cannot mention people or write links in the
// pull request's comment.
func TestMarkdownIsInert(t *testing.T) {
	r := newRepository(t)
	r.write(schemaFile, order(total, note, `{"name": "coupon", "type": ["null", "string"], "default": null, "doc": "Ask @everyone <img src=x> [here](http://x)"}`))
	var b strings.Builder
	if err := r.review("").Write(&b, true); err != nil {
		t.Fatal(err)
	}
	for _, live := range []string{"@everyone", "<img", " [here]"} {
		if strings.Contains(b.String(), live) {
			t.Errorf("%q is live in:\n%s", live, b.String())
		}
	}
}
