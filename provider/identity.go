package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"headwater.internal/platform/internal/kafka"
)

// identityPart is one attribute of a resource's identity: what Terraform 1.12 and
// newer import by, and what a list shows.
type identityPart struct {
	name     string
	text     string // how it is described
	optional bool   // may be left out of an import
	fallback string // what an import takes for it then; empty for null
}

// identityParts are the attributes of one type's identity, in the order of its import id.
type identityParts []identityPart

var (
	topicIdentity = identityParts{{name: "name", text: "Name of the topic."}}

	aclIdentity = identityParts{
		{name: "principal", text: "Who, such as `User:refine`."},
		{name: "host", text: "Address the principal must come from; `*` when left out.", optional: true, fallback: "*"},
		{name: "permission_type", text: "`ALLOW` (when left out) or `DENY`.", optional: true, fallback: "ALLOW"},
		{name: "resource_type", text: "Type of the Kafka resource, such as `TOPIC`."},
		{name: "pattern_type", text: "`LITERAL` (when left out) or `PREFIXED`.", optional: true, fallback: "LITERAL"},
		{name: "resource_name", text: "Name of the Kafka resource; the cluster's when left out.", optional: true, fallback: clusterName},
	}

	quotaIdentity = identityParts{
		{name: "user", text: "Name of a user, or `<default>`.", optional: true},
		{name: "client_id", text: "A client id, or `<default>`.", optional: true},
		{name: "ip", text: "An address, or `<default>`.", optional: true},
	}

	scramIdentity = identityParts{
		{name: "username", text: "Name of the user."},
		{name: "mechanism", text: "`SCRAM-SHA-512` (when left out) or `SCRAM-SHA-256`.", optional: true, fallback: kafka.ScramSHA512},
	}

	subjectIdentity = identityParts{{name: "subject", text: "Name of the subject."}}
)

// schema is the identity's schema.
func (parts identityParts) schema() identityschema.Schema {
	attributes := map[string]identityschema.Attribute{}
	for _, p := range parts {
		attributes[p.name] = identityschema.StringAttribute{
			RequiredForImport: !p.optional, OptionalForImport: p.optional, Description: p.text,
		}
	}
	return identityschema.Schema{Attributes: attributes}
}

// set writes a resource's identity. The values stand in the order of the parts; an
// empty one is null. Terraform needs it after every create, read and update, also
// of a resource that an earlier release wrote to the state without one.
func (parts identityParts) set(identity *tfsdk.ResourceIdentity, values ...string) {
	if identity == nil {
		return
	}
	object := tftypes.Object{AttributeTypes: make(map[string]tftypes.Type, len(parts))}
	all := make(map[string]tftypes.Value, len(parts))
	for i, p := range parts {
		object.AttributeTypes[p.name] = tftypes.String
		all[p.name] = tftypes.NewValue(tftypes.String, nil)
		if values[i] != "" {
			all[p.name] = tftypes.NewValue(tftypes.String, values[i])
		}
	}
	identity.Raw = tftypes.NewValue(object, all)
}

// imported returns the values that an import by identity gives, with the fallbacks
// of those left out, and says false when the import is by id. The values are the
// resource's identity from then on.
func (parts identityParts) imported(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) ([]string, bool) {
	if req.ID != "" || req.Identity == nil {
		return nil, false
	}
	values := make([]string, len(parts))
	for i, p := range parts {
		var value types.String
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root(p.name), &value)...)
		if values[i] = value.ValueString(); values[i] == "" {
			values[i] = p.fallback
		}
	}
	parts.set(resp.Identity, values...)
	return values, true
}
