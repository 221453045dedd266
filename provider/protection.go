package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// protectionText describes the attribute that planProtection fills in.
const protectionText = " The provider's `deletion_protection`, which is on by default, when left out. What counts is the value in the state: " +
	"turning it off is an apply of its own, before the one that destroys."

// planProtection fills in deletion_protection where the file leaves it out. It is
// no default of the schema, since the provider's block decides it.
func (i *instance) planProtection(ctx context.Context, req *resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	at := path.Root("deletion_protection")
	var said types.Bool
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &said)...)
	if resp.Diagnostics.HasError() || !said.IsNull() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, i.deletionProtection)...)
	req.Plan = resp.Plan
}
