package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64default"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"headwater.internal/platform/internal/supervisor"
)

type autoscaleModel struct {
	MinTasks          types.Int64   `tfsdk:"min_tasks"`
	MaxTasks          types.Int64   `tfsdk:"max_tasks"`
	TargetUtilization types.Float64 `tfsdk:"target_utilization"`
}

var autoscaleTypes = map[string]attr.Type{
	"min_tasks": types.Int64Type, "max_tasks": types.Int64Type, "target_utilization": types.Float64Type,
}

func autoscaleAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Lets the load decide the number of tasks: the fewest, evenly sharing the partitions, that handle what arrives " +
			"while busy no more than `target_utilization` of their time and what waits within 90 s. Tasks are added at once and taken away " +
			"when fewer have been enough for a minute. `headwater status` shows what was decided and why.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"min_tasks": schema.Int64Attribute{
				MarkdownDescription: "Fewest tasks, from 1.",
				Required:            true,
				Validators:          []validator.Int64{int64validator.Between(1, supervisor.MaxTasks)},
			},
			"max_tasks": schema.Int64Attribute{
				MarkdownDescription: "Most tasks. More than the partitions of the largest input do not run.",
				Required:            true,
				Validators: []validator.Int64{
					int64validator.Between(1, supervisor.MaxTasks),
					int64validator.AtLeastSumOf(path.MatchRelative().AtParent().AtName("min_tasks")),
				},
			},
			"target_utilization": schema.Float64Attribute{
				MarkdownDescription: "Share of their time that tasks may be busy; 0.78 by default. Lower it where waiting costs more than idle tasks.",
				Optional:            true,
				Computed:            true,
				Default:             float64default.StaticFloat64(supervisor.DefaultUtilization),
				Validators:          []validator.Float64{float64validator.Between(0.05, 1)},
			},
		},
	}
}

// planTasks plans the number of tasks where the file leaves it out: the fewest of
// an autoscaled deployment, however many run now, else one.
func planTasks(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var written types.Int64
	var autoscale types.Object
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("tasks"), &written)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("autoscale"), &autoscale)...)
	if resp.Diagnostics.HasError() || !written.IsNull() {
		return
	}
	tasks := types.Int64Value(1)
	if autoscale.IsUnknown() {
		tasks = types.Int64Unknown()
	} else if a := autoscaleOf(ctx, autoscale, &resp.Diagnostics); a != nil {
		tasks = a.MinTasks
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("tasks"), tasks)...)
}

// autoscaleOf reads the attribute; nil when it is left out.
func autoscaleOf(ctx context.Context, o types.Object, diags *diag.Diagnostics) *autoscaleModel {
	if o.IsNull() || o.IsUnknown() {
		return nil
	}
	var a autoscaleModel
	diags.Append(o.As(ctx, &a, basetypes.ObjectAsOptions{})...)
	return &a
}

func takeAutoscale(a *supervisor.Autoscale) types.Object {
	target := a.TargetUtilization
	if target == 0 {
		target = supervisor.DefaultUtilization
	}
	return types.ObjectValueMust(autoscaleTypes, map[string]attr.Value{
		"min_tasks": types.Int64Value(int64(a.MinTasks)), "max_tasks": types.Int64Value(int64(a.MaxTasks)),
		"target_utilization": types.Float64Value(target),
	})
}
