// Package policies holds what no plan may do, as Rego beside this file, one
// policy a file: refusals are sentences in its set deny, what can be known only
// after the apply is in its set unchecked.
package policies

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/rego"

	"headwater.internal/platform/internal/review"
)

//go:embed *.rego
var sources embed.FS

// Check holds a plan, as terraform show -json prints it, to every policy. The
// verdict is sorted. The error is for what is no plan, or a policy that does not
// compile.
func Check(ctx context.Context, plan []byte) (review.Verdict, error) {
	if _, err := review.ReadPlan(plan); err != nil {
		return review.Verdict{}, err
	}
	var input any
	if err := json.Unmarshal(plan, &input); err != nil {
		return review.Verdict{}, err
	}
	query, err := compile(ctx)
	if err != nil {
		return review.Verdict{}, err
	}
	results, err := query.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return review.Verdict{}, fmt.Errorf("evaluate the policies: %w", err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return review.Verdict{}, errors.New("evaluate the policies: they gave no answer")
	}
	return read(results[0].Expressions[0].Value)
}

func compile(ctx context.Context) (rego.PreparedEvalQuery, error) {
	options := []func(*rego.Rego){rego.Query("data.headwater"), rego.StrictBuiltinErrors(true)}
	names, err := fs.Glob(sources, "*.rego")
	if err != nil {
		return rego.PreparedEvalQuery{}, err
	}
	for _, name := range names {
		text, err := sources.ReadFile(name)
		if err != nil {
			return rego.PreparedEvalQuery{}, err
		}
		options = append(options, rego.Module(name, string(text)))
	}
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return query, fmt.Errorf("compile the policies: %w", err)
	}
	return query, nil
}

// read takes the sets deny and unchecked of each policy.
func read(answer any) (review.Verdict, error) {
	text, err := json.Marshal(answer)
	if err != nil {
		return review.Verdict{}, err
	}
	var policies map[string]struct {
		Deny      []review.Refusal
		Unchecked []string
	}
	if err := json.Unmarshal(text, &policies); err != nil {
		return review.Verdict{}, fmt.Errorf("read what the policies say: %w", err)
	}
	verdict := review.Verdict{Refusals: []review.Refusal{}, Unchecked: []string{}}
	for name, policy := range policies {
		for _, refusal := range policy.Deny {
			refusal.Policy = name
			verdict.Refusals = append(verdict.Refusals, refusal)
		}
		verdict.Unchecked = append(verdict.Unchecked, policy.Unchecked...)
	}
	slices.Sort(verdict.Unchecked)
	slices.SortFunc(verdict.Refusals, func(a, b review.Refusal) int {
		return cmp.Or(strings.Compare(a.Policy, b.Policy), strings.Compare(a.Message, b.Message))
	})
	return verdict, nil
}
