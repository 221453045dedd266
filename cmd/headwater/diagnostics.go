package main

import (
	"fmt"
	"regexp"
	"strings"
)

// diagnostic is a warning or an error of terraform's.
type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
	Range    *struct {
		Filename string `json:"filename"`
		Start    struct {
			Line int `json:"line"`
		} `json:"start"`
	} `json:"range"`
}

// shownAddresses is how many resources are named that share one diagnostic.
const shownAddresses = 3

// ownWords matches what tells the diagnostics of two resources apart although
// they say the same: keys of for_each, digests, principals, names with dots or
// dashes, and numbers.
var ownWords = regexp.MustCompile(`\["[^"]*"\]|\b[0-9a-f]{16,}\b|User:\w+|\w+(?:[.\-]\w+)+|\d+`)

// outage ends the summary of what failed because a server is away. What was to
// be done stands before it, and does not matter: nothing can be done.
var outage = regexp.MustCompile(`: ([^:]+ cannot be reached)$`)

// trouble is the summary without what was to be done, when a server is away.
func (d diagnostic) trouble() string {
	if away := outage.FindStringSubmatch(d.Summary); away != nil {
		return strings.ToUpper(away[1][:1]) + away[1][1:]
	}
	return d.Summary
}

// sharedWords is what the diagnostic has in common with those of other resources.
func (d diagnostic) sharedWords() string {
	return d.Severity + "\n" + ownWords.ReplaceAllString(d.trouble()+"\n"+d.Detail, "*")
}

// wordDiagnostics words diagnostics as terraform does, each once: when the
// brokers die, every resource has the same to say.
func wordDiagnostics(list []diagnostic) string {
	var order []string
	groups := map[string][]diagnostic{}
	for _, d := range list {
		key := d.sharedWords()
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], d)
	}
	texts := make([]string, len(order))
	for i, key := range order {
		texts[i] = wordGroup(groups[key])
	}
	return strings.Join(texts, "\n")
}

func wordGroup(same []diagnostic) string {
	d := same[0]
	if len(same) == 1 {
		return d.String()
	}
	var addresses []string
	for _, other := range same {
		if other.Address != "" && len(addresses) < shownAddresses {
			addresses = append(addresses, other.Address)
		}
	}
	d.Address = strings.Join(addresses, "\n       ")
	if more := len(same) - len(addresses); more > 0 {
		d.Address += fmt.Sprintf("\n       and %d more", more)
	}
	d.Summary = fmt.Sprintf("%s (%d times the same)", d.trouble(), len(same))
	d.Range = nil
	return d.String()
}

// String words the diagnostic as terraform does.
func (d diagnostic) String() string {
	var b strings.Builder
	severity := d.Severity
	if severity != "" {
		severity = strings.ToUpper(severity[:1]) + severity[1:]
	}
	fmt.Fprintf(&b, "%s: %s\n", severity, d.Summary)
	if d.Address != "" {
		fmt.Fprintf(&b, "  with %s\n", d.Address)
	}
	if d.Range != nil {
		fmt.Fprintf(&b, "  on %s line %d\n", d.Range.Filename, d.Range.Start.Line)
	}
	if d.Detail != "" {
		fmt.Fprintf(&b, "\n  %s\n", strings.ReplaceAll(d.Detail, "\n", "\n  "))
	}
	return b.String()
}
