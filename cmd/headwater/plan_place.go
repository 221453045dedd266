package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"headwater.internal/platform/internal/review"
)

// deployment brings a place to what its files say, root by root: plan, policies,
// and where asked to, apply.
type deployment struct {
	place, root, source string
	apply               bool
	markdown            bool
	noLock              bool // take no lock of the state: a reader may not write one
	out                 io.Writer
}

// run ends at the first root that is refused or fails. A root whose inputs come
// from one that was never applied cannot be planned yet; that is said.
func (d deployment) run(ctx context.Context) error {
	roots, err := openPlace(ctx, d.source, d.place, d.root)
	if err != nil {
		return err
	}
	outputs := map[string]json.RawMessage{}
	refused := false
	for i, root := range roots {
		root.quiet = d.markdown
		if err := root.prepare(ctx, outputs); err != nil {
			return err
		}
		if i > 0 && len(outputs) == 0 && !d.apply {
			fmt.Fprintf(d.out, "%s/%s is not planned: what it needs comes from %s, which was never applied.\n", d.place, root.name, roots[i-1].name)
			continue
		}
		report, err := root.review(ctx, d.noLock)
		if err != nil {
			return err
		}
		if err := d.show(root, report); err != nil {
			return err
		}
		refused = refused || len(report.Refusals) > 0
		if d.apply && refused {
			return errRefused
		}
		if d.apply {
			if err := root.apply(ctx, report); err != nil {
				return err
			}
		}
		more, err := root.outputs(ctx)
		if err != nil {
			return err
		}
		maps.Copy(outputs, more)
	}
	if refused {
		return errRefused
	}
	return nil
}

// show prints what a root's plan does.
func (d deployment) show(root placeRoot, report review.PlanReport) error {
	mark := ""
	if d.markdown {
		mark = "### "
	}
	fmt.Fprintf(d.out, "%s%s/%s: ", mark, root.place, root.name)
	if d.markdown {
		fmt.Fprint(d.out, "\n\n")
	}
	return report.Write(d.out, d.markdown)
}

// review plans the root and holds the plan to the policies. The plan stays in
// build/plans, for the apply and for headwater review --plan.
func (r placeRoot) review(ctx context.Context, noLock bool) (review.PlanReport, error) {
	s := r.begin("plan", 0)
	defer s.clear()
	args := []string{"plan", "-input=false", "-json", "-out=" + r.plan(".tfplan")}
	if noLock {
		args = append(args, "-lock=false")
	}
	if _, err := r.run.follow(ctx, s, args...); err != nil {
		return review.PlanReport{}, err
	}
	if err := os.Chmod(r.plan(".tfplan"), 0o600); err != nil {
		return review.PlanReport{}, err
	}
	text, err := r.run.command(ctx, "show", "-json", r.plan(".tfplan")).Output()
	if err != nil {
		return review.PlanReport{}, fmt.Errorf("terraform show in environments/%s/%s: %w", r.place, r.name, err)
	}
	if err := os.WriteFile(r.plan(".json"), text, 0o600); err != nil {
		return review.PlanReport{}, err
	}
	plan, err := review.ReadPlan(text)
	if err != nil {
		return review.PlanReport{}, err
	}
	verdict, err := askPolicies(ctx, r.plan(".json"))
	return review.PlanReport{Plan: plan, Verdict: verdict}, err
}

// apply carries out the plan that was reviewed, and no other.
func (r placeRoot) apply(ctx context.Context, report review.PlanReport) error {
	defer func() {
		_ = os.Remove(r.plan(".tfplan")) // they hold secrets, and their time has passed
		_ = os.Remove(r.plan(".json"))
	}()
	s := r.begin("apply", int64(len(report.Changes)))
	defer s.clear()
	done, err := r.run.follow(ctx, s, "apply", "-input=false", "-json", r.plan(".tfplan"))
	if err != nil {
		return fmt.Errorf("%s\nWhat was done so far is in the state: mend it and apply again", strings.TrimSpace(err.Error()))
	}
	s.done("%s", done.summary())
	return nil
}
