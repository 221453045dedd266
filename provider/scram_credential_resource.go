package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"headwater.internal/platform/internal/kafka"
)

var (
	_ resource.ResourceWithConfigure   = (*scramResource)(nil)
	_ resource.ResourceWithIdentity    = (*scramResource)(nil)
	_ resource.ResourceWithImportState = (*scramResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*scramResource)(nil)
)

type scramResource struct {
	inst *instance
}

type scramModel struct {
	Username          types.String `tfsdk:"username"`
	Mechanism         types.String `tfsdk:"mechanism"`
	Iterations        types.Int64  `tfsdk:"iterations"`
	PasswordWO        types.String `tfsdk:"password_wo"`
	PasswordWOVersion types.Int64  `tfsdk:"password_wo_version"`
}

func newSCRAMResource() resource.Resource { return &scramResource{} }

// Metadata names the type.
func (r *scramResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_scram_credential"
}

// Schema describes the type.
func (r *scramResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A user's SCRAM credential in Kafka.\n\n" +
			"The password is write-only: it stands neither in the plan nor in the state, and it is salted and hashed before it is sent. " +
			"Kafka never tells it, so drift is the credential's presence, its mechanism and its iterations.",
		Attributes: map[string]schema.Attribute{
			"username": schema.StringAttribute{
				MarkdownDescription: "Name of the user; the principal in ACLs is `User:` and this name.",
				Required:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"mechanism": schema.StringAttribute{
				MarkdownDescription: "`SCRAM-SHA-512` (the default) or `SCRAM-SHA-256`. A user may have one credential of each.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(kafka.ScramSHA512),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{stringvalidator.OneOf(kafka.ScramSHA256, kafka.ScramSHA512)},
			},
			"iterations": schema.Int64Attribute{
				MarkdownDescription: "How often the password is hashed, 4096 to 16384 (what brokers take); 4096 by default, as with Kafka's own tools, which is all that the embedded Kafka takes.",
				Optional:            true,
				Computed:            true,
				Default:             int64default.StaticInt64(4096),
				Validators:          []validator.Int64{int64validator.Between(4096, 16384)},
			},
			"password_wo": schema.StringAttribute{
				MarkdownDescription: "The password, write-only: take it from an ephemeral variable or resource. Needs Terraform 1.11 or newer.",
				Required:            true,
				WriteOnly:           true,
				Sensitive:           true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"password_wo_version": schema.Int64Attribute{
				MarkdownDescription: "Raise it when the password changes: nobody can see that otherwise.",
				Required:            true,
			},
		},
	}
}

// IdentitySchema describes what identifies a credential.
func (r *scramResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = scramIdentity.schema()
}

// Configure takes the provider's instance.
func (r *scramResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create sets the credential, over one that may be there.
func (r *scramResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	r.write(ctx, req.Plan, req.Config, &resp.State, resp.Identity, &resp.Diagnostics)
}

// Read looks whether the credential is there and how often it is hashed.
func (r *scramResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state scramModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	scramIdentity.set(resp.Identity, state.Username.ValueString(), state.Mechanism.ValueString())
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	found, _, err := r.inst.collector.scram.get(ctx, state.Username.ValueString())
	if err != nil {
		r.inst.failPlan(&resp.Diagnostics, "Read "+state.String(), err)
		return
	}
	for _, credential := range found.CredInfos {
		if credential.Mechanism == state.mechanism() {
			state.Iterations = types.Int64Value(int64(credential.Iterations))
			resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
			return
		}
	}
	resp.State.RemoveResource(ctx)
}

// Update sets the credential anew.
func (r *scramResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	r.write(ctx, req.Plan, req.Config, &resp.State, resp.Identity, &resp.Diagnostics)
}

// Delete removes the credential.
func (r *scramResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state scramModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	username := state.Username.ValueString()
	err := r.alter(ctx, username, []kadm.DeleteSCRAM{{User: username, Mechanism: state.mechanism()}}, nil)
	if err != nil && !errors.Is(err, kerr.ResourceNotFound) {
		r.inst.fail(&resp.Diagnostics, "Delete "+state.String(), err)
	}
}

// ImportState takes username, or mechanism/username. The next apply sets the
// password, since what it was cannot be read.
func (r *scramResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	refuseImportUnknown(r.inst, &resp.Diagnostics)
	mechanism, username := kafka.ScramSHA512, req.ID
	if before, after, ok := strings.Cut(req.ID, "/"); ok && (before == kafka.ScramSHA256 || before == kafka.ScramSHA512) {
		mechanism, username = before, after
	}
	if identity, ok := scramIdentity.imported(ctx, req, resp); ok {
		username, mechanism = identity[0], identity[1]
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("username"), username)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("mechanism"), mechanism)...)
}

// ModifyPlan says when the brokers could not be looked at, and keeps the provider
// from deleting what it logs in with.
func (r *scramResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	switch {
	case r.inst == nil:
	case r.inst.kafkaUnknown && !req.Plan.Raw.Equal(req.State.Raw):
		r.inst.warnUnchecked(&resp.Diagnostics, unknownKafka)
	case req.Plan.Raw.IsNull() || len(resp.RequiresReplace) > 0:
		var state scramModel
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		if own := r.inst.kafka.SASL; state.Username.ValueString() == own.Username && state.Mechanism.ValueString() == cmp.Or(own.Mechanism, kafka.ScramSHA512) {
			resp.Diagnostics.AddError("Delete "+state.String(), "It would lock the provider out: the provider itself logs in with this credential. "+
				"Run as another user, or take the resource out of the state with a removed block.")
		}
	}
}

// write sets the credential. The password comes from the configuration: it is in
// no plan.
func (r *scramResource) write(ctx context.Context, plan tfsdk.Plan, config tfsdk.Config, state *tfsdk.State, identity *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	var model scramModel
	var password types.String
	diags.Append(plan.Get(ctx, &model)...)
	diags.Append(config.GetAttribute(ctx, path.Root("password_wo"), &password)...)
	if diags.HasError() {
		return
	}
	username := model.Username.ValueString()
	scramIdentity.set(identity, username, model.Mechanism.ValueString())
	err := r.alter(ctx, username, nil, []kadm.UpsertSCRAM{{
		User:       username,
		Mechanism:  model.mechanism(),
		Iterations: int32(model.Iterations.ValueInt64()),
		Password:   password.ValueString(),
	}})
	if err != nil {
		r.inst.fail(diags, "Set "+model.String(), err)
		return
	}
	diags.Append(state.Set(ctx, model)...)
}

func (r *scramResource) alter(ctx context.Context, username string, remove []kadm.DeleteSCRAM, upsert []kadm.UpsertSCRAM) error {
	defer r.inst.collector.scram.invalidate(username)
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	answers, err := client.AlterUserSCRAMs(ctx, remove, upsert)
	if err == nil {
		err = withMessage(answers[username].Err, answers[username].ErrMessage)
	}
	return needs(err, "ALTER", clusterType)
}

// String names the credential in a diagnostic.
func (m scramModel) String() string {
	return fmt.Sprintf("%s credential of %q", m.Mechanism.ValueString(), m.Username.ValueString())
}

func (m scramModel) mechanism() kadm.ScramMechanism {
	if m.Mechanism.ValueString() == kafka.ScramSHA256 {
		return kadm.ScramSha256
	}
	return kadm.ScramSha512
}
