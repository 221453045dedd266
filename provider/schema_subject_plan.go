package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"

	schemas "headwater.internal/platform/internal/schema"
)

// ModifyPlan decides in the plan what the registry would refuse in apply, and
// announces the planned schema to those that refer to it.
func (r *subjectResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil {
		return
	}
	var plan, state subjectModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(subjectCodec.get(ctx, req.State.Raw, &state)...)
	}
	if req.Plan.Raw.IsNull() {
		state.refuseDestroy(&resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(planOf(ctx, req, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.DeletionProtection = r.inst.planProtection(req.Config, plan.DeletionProtection)
	exists := !req.State.Raw.IsNull()
	if exists && !plan.Subject.Equal(state.Subject) {
		if state.refuseDestroy(&resp.Diagnostics) {
			return
		}
		exists = false // a new subject replaces the old one
	}
	changed := !exists || !plan.same(state)
	if changed {
		plan.SchemaID, plan.Version = types.Int64Unknown(), types.Int64Unknown()
	} else {
		plan.Schema, plan.SchemaID, plan.Version = state.Schema, state.SchemaID, state.Version
	}
	resp.Diagnostics.Append(subjectCodec.set(ctx, &resp.Plan.Raw, plan)...)
	if plan.Subject.IsUnknown() || plan.Schema.IsUnknown() || plan.SchemaType.IsUnknown() {
		return
	}
	parsed := r.announce(ctx, plan, &resp.Diagnostics)
	if parsed == nil || resp.Diagnostics.HasError() {
		return
	}
	moves := !plan.CompatibilityLevel.Equal(state.CompatibilityLevel)
	switch {
	case r.inst.registryUnknown:
		r.inst.warnRegistry(&resp.Diagnostics)
		return
	case changed:
		r.planRegistration(ctx, plan, parsed, exists, &resp.Diagnostics)
	case moves:
		r.planLevel(ctx, plan, &resp.Diagnostics)
	}
	if moves {
		r.inst.warnNone(ctx, plan.Subject.ValueString(), plan.CompatibilityLevel, &resp.Diagnostics)
	}
}

// planOf reads the plan. References that are unknown as a whole read as none:
// everything about them waits for apply.
func planOf(ctx context.Context, req resource.ModifyPlanRequest, plan *subjectModel) diag.Diagnostics {
	var diags diag.Diagnostics
	if !attributeOf(req.Plan.Raw, "references").IsKnown() {
		diags.AddAttributeError(path.Root("references"), "References are not known yet",
			"Which schemas this one refers to must be known in the plan; only their versions may come from apply. Write the list out.")
	}
	if diags.HasError() {
		return diags
	}
	return append(diags, subjectCodec.get(ctx, req.Plan.Raw, plan)...)
}

// announce parses the planned schema and tells the others of this plan. It
// returns nil when the schema does not parse or cannot be parsed yet.
func (r *subjectResource) announce(ctx context.Context, plan subjectModel, diags *diag.Diagnostics) *schemas.Schema {
	announced := plannedSubject{version: plan.Version.ValueInt64()}
	defer func() { r.inst.planned.addSubject(plan.Subject.ValueString(), announced) }()
	references, waits, err := r.resolve(ctx, plan.References)
	if err != nil {
		r.inst.failRegistry(diags, fmt.Sprintf("Plan schema subject %q", plan.Subject.ValueString()), err, true)
		return nil
	}
	if waits != "" {
		diags.AddAttributeWarning(path.Root("references"), fmt.Sprintf("Schema of %q is checked in apply", plan.Subject.ValueString()),
			fmt.Sprintf("It refers to %s, which cannot be seen in this plan yet. Whether it parses and is compatible is decided before it is registered.", waits))
		return nil
	}
	parsed, err := schemas.Parse(schemaType(plan.SchemaType), plan.Schema.ValueString(), references)
	if err != nil {
		diags.AddAttributeError(path.Root("schema"), fmt.Sprintf("Schema of %q is invalid", plan.Subject.ValueString()), sentence(err))
		return nil
	}
	announced.schema = parsed
	return parsed
}

// resolve finds the schemas that are referred to: first among what this plan
// announced, then in the registry. waits names one that neither has.
func (r *subjectResource) resolve(ctx context.Context, models []referenceModel) (references []schemas.Reference, waits string, err error) {
	for _, m := range models {
		if m.Name.IsUnknown() || m.Subject.IsUnknown() {
			return nil, "a subject known only after apply", nil
		}
		name, number := m.Subject.ValueString(), m.Version.ValueInt64()
		planned, announced := r.inst.planned.subject(name)
		parsed := planned.schema
		if !m.Version.IsUnknown() && planned.version != number && !r.inst.registryUnknown {
			registered, found, err := r.inst.schemaRegistry.version(ctx, name, int(number))
			if err != nil {
				return nil, "", err
			}
			if found {
				parsed, announced = registered, true
			}
		}
		if !announced || parsed == nil {
			return nil, fmt.Sprintf("%s in subject %q", m.Name.ValueString(), name), nil
		}
		references = append(references, schemas.Reference{Name: m.Name.ValueString(), Schema: parsed})
	}
	return references, "", nil
}

// planRegistration says what registering would do: break a rule, go back to an
// older version, or go on with a subject that somebody else made.
func (r *subjectResource) planRegistration(ctx context.Context, plan subjectModel, parsed *schemas.Schema, exists bool, diags *diag.Diagnostics) {
	name := plan.Subject.ValueString()
	_, known, err := r.inst.schemaRegistry.latest.get(ctx, name)
	var history []sr.SubjectSchema
	if err == nil && known {
		history, err = r.inst.schemaRegistry.history(ctx, name)
	}
	var broken bool
	if err == nil {
		broken, err = r.checkHistory(ctx, plan, parsed, history, diags)
	}
	if err == nil && !broken {
		broken, err = r.askRegistry(ctx, plan, history, diags)
	}
	if err != nil {
		r.inst.failRegistry(diags, fmt.Sprintf("Plan schema subject %q", name), err, true)
		return
	}
	if broken || len(history) == 0 || slices.ContainsFunc(plan.References, referenceModel.unknown) {
		return
	}
	latest, want := history[len(history)-1], plan.request()
	older := slices.IndexFunc(history, func(s sr.SubjectSchema) bool { return sameSchema(s.Schema, want) })
	switch {
	case sameSchema(latest.Schema, want):
	case older >= 0:
		diags.AddAttributeWarning(path.Root("schema"), fmt.Sprintf("Schema of %q goes back to version %d", name, history[older].Version), fmt.Sprintf(
			"The latest version is %d. The schema will be registered again as a version after it, under its old id. "+
				"If somebody registered version %d on purpose, take its schema into the file instead.", latest.Version, latest.Version))
	case !exists:
		diags.AddAttributeWarning(path.Root("subject"), fmt.Sprintf("Schema subject %q exists already", name), fmt.Sprintf(
			"It was not made by this configuration and has %d version(s); the schema becomes the one after version %d. Import the subject to take it over knowingly.",
			len(history), latest.Version))
	}
}

// checkHistory reports the rules that the schema breaks, one diagnostic for all,
// and whether it broke any.
func (r *subjectResource) checkHistory(ctx context.Context, plan subjectModel, parsed *schemas.Schema, history []sr.SubjectSchema, diags *diag.Diagnostics) (bool, error) {
	level, err := r.levelOf(ctx, plan)
	if err != nil {
		return false, err
	}
	found, err := r.inst.schemaRegistry.violations(ctx, level, parsed, history)
	refuse(plan, level, found, diags)
	return len(found) > 0, err
}

// askRegistry lets the registry judge a planned schema, and reports whether it
// would refuse it. It judges at the level that it applies today: where the plan
// changes that, what only the registry knows waits for apply.
func (r *subjectResource) askRegistry(ctx context.Context, plan subjectModel, history []sr.SubjectSchema, diags *diag.Diagnostics) (bool, error) {
	g, name, want := r.inst.schemaRegistry, plan.Subject.ValueString(), plan.request()
	foreign := want.Type != sr.TypeAvro
	if slices.ContainsFunc(plan.References, referenceModel.unknown) || len(history) == 0 && !foreign {
		return false, nil
	}
	level, err := r.levelOf(ctx, plan)
	if err != nil || len(history) > 0 && sameSchema(history[len(history)-1].Schema, want) {
		return false, err
	}
	if len(history) == 0 {
		return r.refuseForeign(ctx, plan, level, diags)
	}
	today, err := g.effectiveLevel(ctx, name)
	if err != nil {
		return false, err
	}
	if today != level {
		if foreign && level != sr.CompatNone {
			diags.AddAttributeWarning(path.Root("schema"), fmt.Sprintf("Schema of %q is checked in apply", name), fmt.Sprintf(
				"Only the registry knows the rules of %s, and it applies level %s until the apply has set %s. It is asked again then, before anything else is written.",
				want.Type, today, level))
		}
		return false, nil
	}
	found, err := g.verdict(ctx, name, want)
	refuseByRegistry(plan, level, found, diags)
	return len(found) > 0, err
}

// refuseForeign refuses a Protobuf or JSON schema at a level at which the registry
// takes none at all. It is asked about a subject that it cannot have, whose first
// schema has nothing to be held against.
func (r *subjectResource) refuseForeign(ctx context.Context, plan subjectModel, level sr.CompatibilityLevel, diags *diag.Diagnostics) (bool, error) {
	if level == sr.CompatNone || schemaType(plan.SchemaType) == sr.TypeAvro {
		return false, nil
	}
	found, err := r.inst.schemaRegistry.verdict(ctx, plan.Subject.ValueString()+"/"+uuid.NewString(), plan.request())
	if len(found) > 0 {
		diags.AddAttributeError(path.Root("compatibility_level"), fmt.Sprintf("Schema of %q cannot be registered at %s", plan.Subject.ValueString(), level),
			"The registry says:\n"+bullets(found))
	}
	return len(found) > 0, err
}

// planLevel refuses a level that the schema's type cannot have there.
func (r *subjectResource) planLevel(ctx context.Context, plan subjectModel, diags *diag.Diagnostics) {
	level, err := r.levelOf(ctx, plan)
	if err == nil && !slices.ContainsFunc(plan.References, referenceModel.unknown) {
		_, err = r.refuseForeign(ctx, plan, level, diags)
	}
	if err != nil {
		r.inst.failRegistry(diags, fmt.Sprintf("Plan schema subject %q", plan.Subject.ValueString()), err, true)
	}
}

// levelOf is the level that will hold: the planned one, else the registry's.
func (r *subjectResource) levelOf(ctx context.Context, plan subjectModel) (sr.CompatibilityLevel, error) {
	if plan.CompatibilityLevel.IsNull() || plan.CompatibilityLevel.IsUnknown() {
		return r.inst.schemaRegistry.effectiveLevel(ctx, plan.Subject.ValueString())
	}
	var level sr.CompatibilityLevel
	err := level.UnmarshalText([]byte(plan.CompatibilityLevel.ValueString()))
	if err == nil && level == sr.CompatNone && r.inst.schemaRegistry.noneInherits() {
		return r.inst.schemaRegistry.globalLevel(ctx)
	}
	return level, err
}

func refuse(plan subjectModel, level sr.CompatibilityLevel, found []schemas.Violation, diags *diag.Diagnostics) {
	if len(found) == 0 {
		return
	}
	lines := make([]string, len(found))
	for i, v := range found {
		lines[i] = v.String()
	}
	diags.AddAttributeError(path.Root("schema"), incompatible(plan, level), bullets(lines))
}

// refuseByRegistry reports the rules by which the registry refuses a schema.
func refuseByRegistry(plan subjectModel, level sr.CompatibilityLevel, found []string, diags *diag.Diagnostics) {
	if len(found) > 0 {
		diags.AddAttributeError(path.Root("schema"), incompatible(plan, level), "The registry does not take it:\n"+bullets(found))
	}
}

func incompatible(plan subjectModel, level sr.CompatibilityLevel) string {
	return fmt.Sprintf("Schema of %q is incompatible at %s", plan.Subject.ValueString(), level)
}

func bullets(lines []string) string { return "- " + strings.Join(lines, "\n- ") }

// warnRegistry says once what a plan could not look at.
func (i *instance) warnRegistry(diags *diag.Diagnostics) {
	if i.reported.first("registry unknown") {
		diags.AddWarning("Plan not checked against the schema registry",
			"The registry's address is known only after apply. Schemas are checked on their own; what is registered is kept as the state has it, "+
				"and compatibility is checked before anything is written.")
	}
}
