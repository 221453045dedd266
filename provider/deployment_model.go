package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"headwater.internal/platform/internal/supervisor"
)

// wish is what the supervisor is told.
func (m *deploymentModel) wish(ctx context.Context, diags *diag.Diagnostics) supervisor.Deployment {
	d := supervisor.Deployment{
		Name:     m.Name.ValueString(),
		Program:  m.Program.ValueString(),
		Tasks:    int(m.Tasks.ValueInt64()),
		Port:     int(m.Port.ValueInt64()),
		Revision: m.Revision.ValueString(),
	}
	if a := autoscaleOf(ctx, m.Autoscale, diags); a != nil {
		d.Autoscale = &supervisor.Autoscale{
			MinTasks: int(a.MinTasks.ValueInt64()), MaxTasks: int(a.MaxTasks.ValueInt64()), TargetUtilization: a.TargetUtilization.ValueFloat64(),
		}
	}
	diags.Append(m.Environment.ElementsAs(ctx, &d.Environment, false)...)
	diags.Append(m.SecretEnvironment.ElementsAs(ctx, &d.SecretEnvironment, false)...)
	return d
}

// take makes the model what the supervisor has. Left out and empty are the same
// to it, so a part that was left out stays so.
func (m *deploymentModel) take(ctx context.Context, s supervisor.Status, diags *diag.Diagnostics) {
	m.Program = types.StringValue(s.Program)
	m.Tasks, m.Autoscale = types.Int64Value(int64(s.Tasks)), types.ObjectNull(autoscaleTypes)
	if s.Autoscale != nil {
		m.Tasks = types.Int64Value(int64(s.Autoscale.MinTasks))
		m.Autoscale = takeAutoscale(s.Autoscale)
	}
	m.Environment = takeMap(ctx, m.Environment, s.Environment, diags)
	m.SecretEnvironment = takeMap(ctx, m.SecretEnvironment, s.SecretEnvironment, diags)
	m.Revision = types.StringValue(s.Revision)
	if s.Port != 0 || !m.Port.IsNull() {
		m.Port = types.Int64Value(int64(s.Port))
	}
	m.State = types.StringValue(deploymentNotRunning)
	if s.Settled() {
		m.State = types.StringValue(deploymentRunning)
	}
}

func takeMap(ctx context.Context, was types.Map, found map[string]string, diags *diag.Diagnostics) types.Map {
	if len(found) == 0 && was.IsNull() {
		return types.MapNull(types.StringType)
	}
	m, d := types.MapValueFrom(ctx, types.StringType, found)
	diags.Append(d...)
	return m
}
