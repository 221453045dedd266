package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"

	schemas "headwater.internal/platform/internal/schema"
)

// schemaType is the type of a validated attribute.
func schemaType(value types.String) sr.SchemaType {
	var kind sr.SchemaType
	if kind.UnmarshalText([]byte(value.ValueString())) != nil {
		return sr.TypeAvro // the validator has spoken
	}
	return kind
}

// request is the schema as the registry takes it.
func (m subjectModel) request() sr.Schema {
	s := sr.Schema{Type: schemaType(m.SchemaType), Schema: m.Schema.ValueString()}
	for _, r := range m.References {
		s.References = append(s.References, sr.SchemaReference{
			Name: r.Name.ValueString(), Subject: r.Subject.ValueString(), Version: int(r.Version.ValueInt64()),
		})
	}
	return s
}

// same reports whether both mean the same schema. A reference whose version is
// known only after apply is a change.
func (m subjectModel) same(other subjectModel) bool {
	if m.Schema.IsUnknown() || m.SchemaType.IsUnknown() || slices.ContainsFunc(m.References, referenceModel.unknown) {
		return false
	}
	return sameSchema(m.request(), other.request())
}

func (r referenceModel) unknown() bool {
	return r.Name.IsUnknown() || r.Subject.IsUnknown() || r.Version.IsUnknown()
}

func sameSchema(a, b sr.Schema) bool {
	return a.Type == b.Type && slices.Equal(a.References, b.References) && schemas.SameText(a.Type, a.Schema, b.Schema)
}

// take makes the model what the registry has. A text that means the same as the
// one at hand does not replace it: white space is no drift.
func (m *subjectModel) take(s sr.SubjectSchema) {
	if m.Schema.IsNull() || !sameSchema(m.request(), s.Schema) {
		m.SchemaType = types.StringValue(s.Type.String())
		m.Schema = types.StringValue(s.Schema.Schema)
		m.References = referenceModels(s.References)
	}
	m.SchemaID = types.Int64Value(int64(s.ID))
	m.Version = types.Int64Value(int64(s.Version))
}

// referenceModels is nil for none, as an attribute that was left out is.
func referenceModels(references []sr.SchemaReference) []referenceModel {
	var models []referenceModel
	for _, r := range references {
		models = append(models, referenceModel{
			Name: types.StringValue(r.Name), Subject: types.StringValue(r.Subject), Version: types.Int64Value(int64(r.Version)),
		})
	}
	return models
}

// refuseDestroy reports, and says, that the state protects the subject.
func (m subjectModel) refuseDestroy(diags *diag.Diagnostics) bool {
	if !m.DeletionProtection.ValueBool() {
		return false
	}
	diags.AddAttributeError(path.Root("deletion_protection"), fmt.Sprintf("Schema subject %q is protected", m.Subject.ValueString()),
		"Readers would lose the schema of what is in the topic. To destroy the subject all the same, set deletion_protection = false, "+
			"apply that, and destroy it afterwards.")
	return true
}

// write brings the registry to the plan: the level first, since it decides about
// the schema. What is written is checked again, for the registry may have moved
// since the plan.
func (r *subjectResource) write(ctx context.Context, plan *subjectModel, level types.String, register bool, diags *diag.Diagnostics) {
	name := plan.Subject.ValueString()
	g := r.inst.schemaRegistry
	defer g.forget(name)
	moves := !plan.CompatibilityLevel.Equal(level)
	before := level.ValueString()
	if moves {
		var err error
		if register && level.IsNull() { // not owned until now: somebody else may have set one
			before, _, err = g.loadLevel(ctx, name)
		}
		if err == nil {
			err = g.setLevel(ctx, name, plan.CompatibilityLevel.ValueString())
		}
		if err != nil {
			r.inst.failRegistry(diags, fmt.Sprintf("Set the compatibility level of %q", name), err, false)
			return
		}
	}
	if !register {
		return
	}
	registered, err := r.register(ctx, *plan, diags)
	if err == nil && !diags.HasError() {
		plan.SchemaID = types.Int64Value(int64(registered.ID))
		plan.Version = types.Int64Value(int64(registered.Version))
		return
	}
	if err != nil {
		r.failRegistration(ctx, *plan, err, diags)
	}
	if moves {
		if err := g.setLevel(ctx, name, before); err != nil {
			diags.AddWarning(fmt.Sprintf("The compatibility level of %q was not taken back", name), sentence(err))
		}
	}
}

// failRegistration tells a schema that the registry does not take from a registry
// that has trouble.
func (r *subjectResource) failRegistration(ctx context.Context, plan subjectModel, err error, diags *diag.Diagnostics) {
	var answer *sr.ResponseError
	name := plan.Subject.ValueString()
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusConflict:
		level, levelErr := r.levelOf(ctx, plan)
		if levelErr != nil {
			level = sr.CompatNone
		}
		refuseByRegistry(plan, level, splitReason(answer.Error()), diags)
	case errors.As(err, &answer) && answer.ErrorCode == sr.ErrInvalidSchema.Code:
		diags.AddAttributeError(path.Root("schema"), fmt.Sprintf("Schema of %q is invalid", name), "The registry does not take it: "+period(answer.Error()))
	default:
		r.inst.failRegistry(diags, fmt.Sprintf("Register the schema of %q", name), err, false)
	}
}

// register makes the planned schema the subject's latest version. A schema that
// breaks a rule is told in diags and not registered.
func (r *subjectResource) register(ctx context.Context, plan subjectModel, diags *diag.Diagnostics) (sr.SubjectSchema, error) {
	g, name, want := r.inst.schemaRegistry, plan.Subject.ValueString(), plan.request()
	parsed, err := g.parse(ctx, want)
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	history, err := g.history(ctx, name)
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	if n := len(history); n > 0 && sameSchema(history[n-1].Schema, want) {
		return history[n-1], nil
	}
	if broken, err := r.checkHistory(ctx, plan, parsed, history, diags); broken || err != nil {
		return sr.SubjectSchema{}, err
	}
	return g.register(ctx, name, want, history)
}

func optionalString(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}
