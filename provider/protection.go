package main

import (
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// protectionText describes the attribute that planProtection fills in.
const protectionText = " The provider's `deletion_protection`, which is on by default, when left out. What counts is the value in the state: " +
	"turning it off is an apply of its own, before the one that destroys."

// planProtection is the planned deletion_protection: the provider's where the file
// leaves it out. It is no default of the schema, since the provider's block decides it.
func (i *instance) planProtection(config tfsdk.Config, planned types.Bool) types.Bool {
	if leftOut(config.Raw, "deletion_protection") {
		return types.BoolValue(i.deletionProtection)
	}
	return planned
}
