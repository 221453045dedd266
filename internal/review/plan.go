package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// PlanChange is what a plan would do to one resource.
type PlanChange struct {
	Address string   `json:"address"`
	Action  string   `json:"action"`            // create, change, replace, delete, forget or import
	Because []string `json:"because,omitempty"` // of a replacement: the attributes that force it
	Details []string `json:"details,omitempty"` // of a change: each attribute, with its values where they are short and not secret
}

// Plan is what a plan would do.
type Plan struct {
	Changes []PlanChange `json:"changes"`
	Drift   []string     `json:"drift"` // addresses of what was changed outside
}

// Refusal is a policy's refusal of a plan.
type Refusal struct {
	Policy  string `json:"policy"`
	Address string `json:"address"`
	Message string `json:"message"` // one sentence: what, where, how to mend it
}

// Verdict is what the policies say of a plan.
type Verdict struct {
	Refusals  []Refusal `json:"refusals"`
	Unchecked []string  `json:"unchecked"` // what is not known before the apply; the next plan shows it
}

// PlanReport is the review of a plan.
type PlanReport struct {
	Plan
	Verdict
}

// ReadPlan reads what terraform show -json printed of a plan. The error says
// what the text is not.
func ReadPlan(text []byte) (Plan, error) {
	var raw tfjson.Plan
	raw.UseJSONNumber(true)
	if err := json.Unmarshal(text, &raw); err != nil {
		return Plan{}, fmt.Errorf("read a plan: %w: give what terraform show -json FILE prints of a plan file", err)
	}
	if raw.ResourceChanges == nil && raw.PlannedValues == nil {
		return Plan{}, errors.New("read a plan: it plans nothing: give what terraform show -json FILE prints of a plan file, not of a state")
	}
	plan := Plan{Changes: []PlanChange{}, Drift: []string{}}
	for _, r := range raw.ResourceChanges {
		if r.Mode != tfjson.DataResourceMode && r.Change != nil {
			if c := readChange(r); c.Action != "" {
				plan.Changes = append(plan.Changes, c)
			}
		}
	}
	for _, r := range raw.ResourceDrift {
		plan.Drift = append(plan.Drift, r.Address)
	}
	return plan, nil
}

// readChange has no action when nothing happens to the resource.
func readChange(r *tfjson.ResourceChange) PlanChange {
	c := PlanChange{Address: r.Address}
	if r.DeposedKey != "" {
		c.Address += " (deposed " + r.DeposedKey + ")"
	}
	switch actions := r.Change.Actions; {
	case actions.Replace():
		c.Action, c.Because = "replace", forced(r.Change.ReplacePaths)
	case actions.Create():
		c.Action = "create"
	case actions.Update():
		c.Action, c.Details = "change", details(r.Change)
	case actions.Delete():
		c.Action = "delete"
	case actions.Forget():
		c.Action = "forget"
	case r.Change.Importing != nil:
		c.Action = "import"
	}
	return c
}

// forced names the attributes that force a replacement.
func forced(paths []any) []string {
	var names []string
	for _, p := range paths {
		parts, _ := p.([]any)
		words := make([]string, len(parts))
		for i, part := range parts {
			words[i] = fmt.Sprint(part)
		}
		names = append(names, strings.Join(words, "."))
	}
	return names
}

// details lists the attributes that change.
func details(c *tfjson.Change) []string {
	before, after := object(c.Before), object(c.After)
	unknown := object(c.AfterUnknown)
	secret := union(object(c.BeforeSensitive), object(c.AfterSensitive))
	var list []string
	for _, name := range slices.Sorted(maps.Keys(union(before, after, unknown))) {
		switch {
		case hides(unknown[name]):
			list = append(list, name+" (known after the apply)")
		case reflect.DeepEqual(before[name], after[name]):
		case secret[name] || !short(before[name]) || !short(after[name]):
			list = append(list, name)
		default:
			list = append(list, fmt.Sprintf("%s from %s to %s", name, shown(before[name]), shown(after[name])))
		}
	}
	return list
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// hides reports whether any part of a value is marked.
func hides(mark any) bool {
	switch m := mark.(type) {
	case bool:
		return m
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(m)), hides)
	case []any:
		return slices.ContainsFunc(m, hides)
	}
	return false
}

// short reports whether a value fits a sentence.
func short(v any) bool {
	switch v := v.(type) {
	case nil, bool, json.Number:
		return true
	case string:
		return len(v) <= 60 && !strings.ContainsAny(v, "\n\r")
	}
	return false
}

func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

// Write prints the report for people: as plain text, or as markdown for the
// pull request.
func (r PlanReport) Write(w io.Writer, markdown bool) error {
	p := page{markdown: markdown}
	p.line("%s", r.sum())
	for _, refusal := range r.Refusals {
		p.item("REFUSED by %s: %s", p.code(refusal.Policy), p.safe(refusal.Message))
	}
	for _, action := range []string{"delete", "replace", "change", "create", "forget", "import"} {
		for _, c := range r.Changes {
			if c.Action == action {
				p.item("%s %s%s", c.Action, p.code(c.Address), p.safe(c.words()))
			}
		}
	}
	for _, address := range r.Drift {
		p.item("changed outside: %s", p.code(address))
	}
	for _, what := range r.Unchecked {
		p.item("not checked yet: %s", p.safe(what))
	}
	p.WriteString("\n")
	_, err := io.WriteString(w, p.String())
	return err
}

// sum counts the changes in one line.
func (r PlanReport) sum() string {
	if len(r.Changes) == 0 {
		return "Nothing changes."
	}
	counts := map[string]int{}
	for _, c := range r.Changes {
		counts[c.Action]++
	}
	var parts []string
	for _, action := range []string{"create", "change", "replace", "delete", "forget", "import"} {
		if counts[action] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[action], action))
		}
	}
	return strings.Join(parts, ", ") + "."
}

func (c PlanChange) words() string {
	switch {
	case len(c.Because) > 0:
		return ", forced by " + list(c.Because)
	case len(c.Details) > 0:
		return ": " + strings.Join(c.Details, ", ")
	}
	return ""
}
