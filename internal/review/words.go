package review

import (
	"fmt"
	"io"
	"strings"
)

// Write prints the report for people: as plain text, or as markdown for the
// pull request.
func (r *Report) Write(w io.Writer, markdown bool) error {
	p := page{markdown: markdown}
	p.title("What this change does to events")
	if len(r.Events) == 0 {
		p.line("No event changes since %.12s.", r.Base)
	}
	for _, e := range r.Events {
		p.event(e)
	}
	if r.Refused() {
		p.line("It must not be merged as it is: %s.", r.count())
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// count says how much there is to mend.
func (r *Report) count() string {
	conflicts, refusals := 0, 0
	for _, e := range r.Events {
		conflicts += len(e.Conflicts)
		refusals += len(e.Refusals)
	}
	var parts []string
	if conflicts > 0 {
		parts = append(parts, plural(conflicts, "broken rule of compatibility", "broken rules of compatibility"))
	}
	if refusals > 0 {
		parts = append(parts, plural(refusals, "other thing to mend", "other things to mend"))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// page collects lines in one of the two forms.
type page struct {
	strings.Builder
	markdown bool
}

func (p *page) title(text string) {
	if p.markdown {
		p.WriteString("## " + text + "\n\n")
	}
}

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
	if p.markdown {
		p.WriteString("\n")
	}
}

// item is one point of a list.
func (p *page) item(format string, args ...any) {
	mark := "  "
	if p.markdown {
		mark = "- "
	}
	fmt.Fprintf(p, mark+format+"\n", args...)
}

func (p *page) code(text string) string {
	if p.markdown {
		return "`" + text + "`"
	}
	return text
}

func (p *page) event(e EventReview) {
	if p.markdown {
		fmt.Fprintf(p, "### `%s` (%s)\n\n", e.Event, e.What)
	} else {
		fmt.Fprintf(p, "%s (%s)\n", e.Event, e.What)
	}
	for _, words := range e.Words {
		p.item("%s", p.safe(words))
	}
	p.item("read by %s", p.readers(e.Consumers))
	for _, c := range e.Conflicts {
		p.item("CONFLICT at level %s: %s at %s%s: %s", e.Level, p.code(c.Rule), p.code(c.Path), c.against(), p.safe(c.Message))
	}
	for _, refusal := range e.Refusals {
		p.item("REFUSED: %s", p.safe(refusal))
	}
	p.WriteString("\n")
}

// safe keeps what a schema's author wrote from being read as markup.
func (p *page) safe(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if !p.markdown {
		return text
	}
	return strings.NewReplacer("<", "&lt;", "@", "@\u200b", "[", "\\[", "`", "'", "*", "\\*", "_", "\\_").Replace(text)
}

func (p *page) readers(all []Reader) string {
	if len(all) == 0 {
		return "nobody"
	}
	named := make([]string, len(all))
	for i, r := range all {
		named[i] = p.safe(r.Name)
		if r.Contact != "" {
			named[i] += " (" + p.safe(r.Contact) + ")"
		}
	}
	return list(named)
}

// against names the earlier version that the rule was broken against.
func (c Conflict) against() string {
	if c.Version == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s, against version %d of commit %.12s)", c.Direction, c.Version, c.Commit)
}
