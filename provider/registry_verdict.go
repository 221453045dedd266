package main

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// verdict asks the registry what keeps it from taking a schema as the next one of
// a subject, at the level that it applies today. It holds nothing against the
// first schema of a subject.
func (g *registry) verdict(ctx context.Context, subject string, s sr.Schema) ([]string, error) {
	client, err := g.connect()
	if err != nil {
		return nil, err
	}
	var body []byte
	ctx = context.WithValue(sr.WithParams(ctx, sr.Verbose), wantBody{}, &body)
	result, err := client.CheckCompatibility(ctx, subject, -2, s)
	if hasStatus(err, http.StatusNotFound) || err == nil && result.Is {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return reasons(result.Messages, body), nil
}

// reasons are what a registry says about a schema that it does not take: a list of
// messages, or a text that repeats itself, as Apicurio has it.
func reasons(messages []string, body []byte) []string {
	var also struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(body, &also); err == nil && len(messages) == 0 && also.Reason != "" {
		messages = splitReason(also.Reason)
	}
	if len(messages) == 0 {
		return []string{"the registry says that it is incompatible, and not why"}
	}
	return messages
}

// causes are what Apicurio ends its text with.
var causes = regexp.MustCompile(`(?s)^.*\bCauses: (.+)$`)

// splitReason takes the causes out of Apicurio's text; another one stays as it is.
func splitReason(text string) []string {
	if found := causes.FindStringSubmatch(text); found != nil {
		return strings.Split(found[1], ", ")
	}
	return []string{text}
}

// noneInherits reports whether a subject's level NONE means the registry's own
// level, as in Apicurio, where it is the absence of a rule. Elsewhere it exempts
// the subject.
func (g *registry) noneInherits() bool {
	return strings.Contains(g.settings.url, "/apis/ccompat/")
}

// globalLevel is the level of subjects that have none of their own.
func (g *registry) globalLevel(ctx context.Context) (sr.CompatibilityLevel, error) {
	client, err := g.connect()
	if err != nil {
		return 0, err
	}
	result := client.Compatibility(ctx)[0]
	return result.Level, result.Err
}
