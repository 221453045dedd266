package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"
)

// registryConfig is what a subject, or with an empty name the whole registry, is
// set to. Null is not owned.
type registryConfig struct {
	level, mode types.String
}

// levelAttribute and modeAttribute describe the two settings.
func levelAttribute(otherwise string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: "What a new schema must be able to do: `NONE`, `BACKWARD`, `BACKWARD_TRANSITIVE`, `FORWARD`, `FORWARD_TRANSITIVE`, `FULL` or " +
			"`FULL_TRANSITIVE`. " + otherwise,
		Optional:   true,
		Validators: []validator.String{stringvalidator.OneOf(levelNames()...)},
	}
}

func modeAttribute(otherwise string) schema.StringAttribute {
	modes := []string{sr.ModeReadWrite.String(), sr.ModeReadOnly.String(), sr.ModeImport.String()}
	return schema.StringAttribute{
		MarkdownDescription: "`READWRITE`, `READONLY`, which refuses new schemas and deletions, or `IMPORT`, which takes schemas under ids that are given. " +
			"Apicurio 2 has no modes. " + otherwise,
		Optional:   true,
		Validators: []validator.String{stringvalidator.OneOf(modes...)},
	}
}

// readConfig returns what a subject is set to on its own, or the registry with an
// empty name: of each setting that is wanted, null for what is not set.
func (g *registry) readConfig(ctx context.Context, subject string, wanted registryConfig) (registryConfig, error) {
	var found registryConfig
	client, err := g.connect()
	if err != nil {
		return found, err
	}
	if !wanted.level.IsNull() {
		level, _, err := g.loadLevel(ctx, subject)
		if err != nil {
			return found, err
		}
		found.level = optionalString(level)
	}
	if !wanted.mode.IsNull() {
		result := client.Mode(ctx, subject)[0]
		if result.Err != nil && !hasStatus(result.Err, http.StatusNotFound) {
			return found, result.Err
		}
		if result.Err == nil {
			found.mode = types.StringValue(result.Mode.String())
		}
	}
	return found, nil
}

// errNoModes is the answer to who wants a mode of a registry without them.
var errNoModes = errors.New("this registry has no modes")

// setMode sets the mode of a subject, or of the registry with an empty name. An
// empty mode takes a subject's own away.
func (g *registry) setMode(ctx context.Context, subject, mode string) error {
	client, err := g.connect()
	if err != nil {
		return err
	}
	if mode == "" {
		err := client.ResetMode(ctx, subject)[0].Err
		if hasStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	}
	var want sr.Mode
	if err := want.UnmarshalText([]byte(mode)); err != nil {
		return err
	}
	err = client.SetMode(ctx, want, subject)[0].Err
	if hasStatus(err, http.StatusNotFound) {
		return errNoModes
	}
	return err
}

// hasModes reports whether the registry knows modes at all.
func (g *registry) hasModes(ctx context.Context) (bool, error) {
	client, err := g.connect()
	if err != nil {
		return false, err
	}
	err = client.Mode(ctx)[0].Err
	if hasStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented) {
		return false, nil
	}
	return err == nil, err
}

// writeConfig sets what differs. A setting that is no longer owned falls back to
// the registry's; of the registry itself it stays. Which one failed is in diags;
// what was written before is in the result.
func (i *instance) writeConfig(ctx context.Context, subject string, have, want registryConfig, diags *diag.Diagnostics) registryConfig {
	g := i.schemaRegistry
	if !want.level.Equal(have.level) && (subject != "" || !want.level.IsNull()) {
		if err := g.setLevel(ctx, subject, want.level.ValueString()); err != nil {
			i.failRegistry(diags, "Set the compatibility level of "+configured(subject), err, false)
			return have
		}
		g.forget(subject)
	}
	have.level = want.level
	if !want.mode.Equal(have.mode) && (subject != "" || !want.mode.IsNull()) {
		if err := g.setMode(ctx, subject, want.mode.ValueString()); err != nil {
			i.failRegistry(diags, "Set the mode of "+configured(subject), err, false)
			return have
		}
	}
	have.mode = want.mode
	return have
}

// configured names a subject, or the registry for an empty name, in a diagnostic.
func configured(subject string) string {
	if subject == "" {
		return "the schema registry"
	}
	return fmt.Sprintf("schema subject %q", subject)
}

// planConfig refuses a mode that the registry does not have, and warns of a level
// NONE that will not exempt a subject.
func (i *instance) planConfig(ctx context.Context, subject types.String, have, want registryConfig, diags *diag.Diagnostics) {
	if i.registryUnknown {
		i.warnRegistry(diags)
		return
	}
	if !want.level.Equal(have.level) && subject.ValueString() != "" {
		i.warnNone(ctx, subject.ValueString(), want.level, diags)
	}
	if want.mode.IsNull() || want.mode.Equal(have.mode) {
		return
	}
	known, err := i.schemaRegistry.hasModes(ctx)
	switch {
	case err != nil:
		i.failRegistry(diags, "Plan the mode of "+configured(subject.ValueString()), err, true)
	case !known:
		diags.AddAttributeError(path.Root("mode"), "The schema registry has no modes", fmt.Sprintf(
			"The registry at %s does not know /mode, as Apicurio 2 does not. Leave the attribute out.", i.registry.url))
	}
}

// warnNone warns of a level NONE that will not exempt the subject.
func (i *instance) warnNone(ctx context.Context, subject string, level types.String, diags *diag.Diagnostics) {
	if diags.HasError() || level.ValueString() != sr.CompatNone.String() || !i.schemaRegistry.noneInherits() {
		return
	}
	global, err := i.schemaRegistry.globalLevel(ctx)
	if err == nil && global != sr.CompatNone {
		diags.AddAttributeWarning(path.Root("compatibility_level"), fmt.Sprintf("Level NONE does not exempt %q", subject), fmt.Sprintf(
			"In Apicurio it means that the subject has no level of its own, so the registry's global level %s holds. Give the subject another level, or lower the global one.", global))
	}
}
