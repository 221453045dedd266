package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"headwater.internal/platform/internal/supervisor"
)

var (
	_ resource.ResourceWithConfigure   = (*deploymentResource)(nil)
	_ resource.ResourceWithImportState = (*deploymentResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*deploymentResource)(nil)
)

// What the state attribute says. The second is drift, and an apply waits again.
const (
	deploymentRunning    = "running"
	deploymentNotRunning = "not running"
)

// settleTime is how long a refresh lets a task that is just restarting come back
// before it calls the deployment not running.
const settleTime = 5 * time.Second

type deploymentResource struct {
	inst *instance
}

type deploymentModel struct {
	Name              types.String   `tfsdk:"name"`
	Program           types.String   `tfsdk:"program"`
	Tasks             types.Int64    `tfsdk:"tasks"`
	Autoscale         types.Object   `tfsdk:"autoscale"`
	Environment       types.Map      `tfsdk:"environment"`
	SecretEnvironment types.Map      `tfsdk:"secret_environment"`
	Port              types.Int64    `tfsdk:"port"`
	Revision          types.String   `tfsdk:"revision"`
	State             types.String   `tfsdk:"state"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

func newDeploymentResource() resource.Resource { return &deploymentResource{} }

// Metadata names the type.
func (r *deploymentResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_deployment"
}

// Schema describes the type.
func (r *deploymentResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A processor on the local platform: so many tasks of a program, kept running by the platform's supervisor.\n\n" +
			"Create and update wait until every task is ready. A change of anything but `tasks` and `autoscale` replaces the tasks one by one, each when the one before it is ready. " +
			"A task that keeps dying fails the apply with the last lines of its log.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "The processor: a verb, which is also the principal its tasks authenticate as.",
				Required:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"program": schema.StringAttribute{
				MarkdownDescription: "Absolute path of the built program, on the machine of the supervisor.",
				Required:            true,
			},
			"tasks": schema.Int64Attribute{
				MarkdownDescription: "Number of tasks; 1 by default, 0 stops the processor. With `autoscale` it is left out, and is `min_tasks`: how many run at a time is no drift.",
				Optional:            true,
				Computed:            true,
				Validators: []validator.Int64{
					int64validator.Between(0, supervisor.MaxTasks),
					int64validator.ConflictsWith(path.MatchRoot("autoscale")),
				},
			},
			"autoscale": autoscaleAttribute(),
			"environment": schema.MapAttribute{
				MarkdownDescription: "Variables of the tasks, on top of the brokers' addresses, the credentials and the task's ordinal, which the supervisor sets.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"secret_environment": schema.MapAttribute{
				MarkdownDescription: "Variables whose values come from the platform's secret store, so that the state never holds them: name to key. " +
					"Keys are `write_keys` (all of the collector's, as `name:key,name2:key2`), `write_keys/<name>` and `principals/<name>`.",
				ElementType: types.StringType,
				Optional:    true,
			},
			"port": schema.Int64Attribute{
				MarkdownDescription: "Port on which the program serves its users, given to it as `HEADWATER_LISTEN`. Only one task can have it.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(1, 65535)},
			},
			"revision": schema.StringAttribute{
				MarkdownDescription: "Replaces the tasks when it changes: a hash of the program, such as `filesha256(var.program)`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(""),
			},
			"state": schema.StringAttribute{
				MarkdownDescription: "`running` when all tasks are ready, or when an operator has paused the deployment (`headwater pause`), which is no drift and which no apply ends: a warning says so. `not running` shows as drift, and the next apply waits for them again.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

// Configure takes the provider's instance.
func (r *deploymentResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan decides the number of tasks where it is left out, and makes a
// deployment that is not running, or is about to change, one to wait for.
func (r *deploymentResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	planTasks(ctx, req, resp)
	if req.State.Raw.IsNull() {
		return
	}
	var state types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("state"), &state)...)
	if state.ValueString() != deploymentRunning {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("state"), types.StringUnknown())...)
	}
}

// Create starts the tasks and waits until they are ready.
func (r *deploymentResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan deploymentModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	wait, diags := plan.Timeouts.Create(ctx, 3*time.Minute)
	resp.Diagnostics.Append(diags...)
	r.refuseExisting(ctx, plan.Name.ValueString(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if r.apply(ctx, &plan, wait, "Start", &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	}
}

// Read takes over what the supervisor has.
func (r *deploymentResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state deploymentModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || r.inst.supervisorUnknown {
		return
	}
	client := r.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	settling, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	status, err := client.WaitSettled(settling, state.Name.ValueString())
	var loop *supervisor.CrashLoopError
	switch {
	case errors.Is(err, supervisor.ErrUnknown):
		resp.State.RemoveResource(ctx)
		return
	case errors.As(err, &loop), err != nil && settling.Err() != nil && status.Name != "":
		// It is there and not ready: that is drift, not a failed read.
	case err != nil:
		resp.Diagnostics.AddError(fmt.Sprintf("Read deployment %q", state.Name.ValueString()), r.unreachable(err))
		return
	}
	if status.Paused {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Deployment %q is paused", status.Name),
			"No task runs until headwater resume "+status.Name+": an operator paused it, and no apply ends that.")
	}
	state.take(ctx, status, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update gives the supervisor the new wish and waits until it is met.
func (r *deploymentResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan deploymentModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	wait, diags := plan.Timeouts.Update(ctx, 10*time.Minute)
	resp.Diagnostics.Append(diags...)
	if r.apply(ctx, &plan, wait, "Change", &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	}
}

// Delete drains the tasks. One deleted outside is done.
func (r *deploymentResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state deploymentModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	wait, diags := state.Timeouts.Delete(ctx, 2*time.Minute)
	resp.Diagnostics.Append(diags...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := client.Delete(ctx, state.Name.ValueString()); err != nil && !errors.Is(err, supervisor.ErrUnknown) {
		resp.Diagnostics.AddError(fmt.Sprintf("Stop deployment %q", state.Name.ValueString()), r.unreachable(err))
	}
}

// ImportState takes the deployment's name.
func (r *deploymentResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("name"), req, resp)
}

// apply gives the supervisor the wish and waits. It returns whether the
// supervisor took it, so that the state knows a deployment that does not start.
func (r *deploymentResource) apply(ctx context.Context, plan *deploymentModel, wait time.Duration, verb string, diags *diag.Diagnostics) bool {
	client := r.client(diags)
	wish := plan.wish(ctx, diags)
	if diags.HasError() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if _, err := client.Apply(ctx, wish); err != nil {
		diags.AddError(fmt.Sprintf("%s deployment %q", verb, wish.Name), r.unreachable(err))
		return false
	}
	plan.State = types.StringValue(deploymentRunning)
	if _, err := client.WaitSettled(ctx, wish.Name); err != nil {
		plan.State = types.StringValue(deploymentNotRunning)
		diags.AddError(fmt.Sprintf("%s deployment %q: not all tasks are running", verb, wish.Name),
			err.Error()+"\n\nMend what the log names and apply again. The supervisor keeps trying.")
	}
	return true
}

// refuseExisting keeps a create from taking over what someone else deployed.
func (r *deploymentResource) refuseExisting(ctx context.Context, name string, diags *diag.Diagnostics) {
	client := r.client(diags)
	if client == nil {
		return
	}
	_, err := client.Get(ctx, name)
	switch {
	case errors.Is(err, supervisor.ErrUnknown):
	case err != nil:
		diags.AddError(fmt.Sprintf("Start deployment %q", name), r.unreachable(err))
	default:
		diags.AddError(fmt.Sprintf("Start deployment %q", name),
			"It exists already, made outside this configuration. Bring it in with an import block, or delete it first.")
	}
}

// client returns a client of the configured supervisor, or nil after saying how
// to configure one.
func (r *deploymentResource) client(diags *diag.Diagnostics) *supervisor.Client {
	if r.inst.supervisor.url == "" {
		diags.AddError("No supervisor is configured",
			"headwater_deployment needs the local platform's supervisor: set supervisor { url, token } in the provider block, "+
				"or HEADWATER_SUPERVISOR_URL and HEADWATER_SUPERVISOR_TOKEN.")
		return nil
	}
	return &supervisor.Client{URL: r.inst.supervisor.url, Token: r.inst.supervisor.token}
}

func (r *deploymentResource) unreachable(err error) string {
	return sentence(err) + "\n\nThe supervisor is at " + r.inst.supervisor.url + "; headwater status shows whether the platform is up."
}
