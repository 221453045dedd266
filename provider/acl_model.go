package main

import (
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// String names the ACL in a diagnostic.
func (m aclModel) String() string {
	return fmt.Sprintf("ACL of %s on %s %q", m.Principal.ValueString(), m.ResourceType.ValueString(), m.ResourceName.ValueString())
}

// identity is all of the ACL but its operations, in the order of aclIdentity.
func (m aclModel) identity() []string {
	return []string{
		m.Principal.ValueString(), m.Host.ValueString(), m.PermissionType.ValueString(),
		m.ResourceType.ValueString(), m.PatternType.ValueString(), m.ResourceName.ValueString(),
	}
}

// pattern is what the ACL is about. The schema has checked the names.
func (m aclModel) pattern() aclPattern {
	resourceType, _ := kmsg.ParseACLResourceType(m.ResourceType.ValueString())
	patternType, _ := kmsg.ParseACLResourcePatternType(m.PatternType.ValueString())
	return aclPattern{resourceType: resourceType, patternType: patternType, name: m.ResourceName.ValueString()}
}

// entry is what the ACL says about one operation.
func (m aclModel) entry(operation string) (kmsg.ACLOperation, kmsg.ACLPermissionType) {
	op, _ := kmsg.ParseACLOperation(operation)
	permission, _ := kmsg.ParseACLPermissionType(m.PermissionType.ValueString())
	return op, permission
}

// operations are the known ones of the set; nil right after an import.
func (m aclModel) operations() []string {
	var operations []string
	for _, element := range m.Operations.Elements() {
		if s, ok := element.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			operations = append(operations, s.ValueString())
		}
	}
	return operations
}

// without returns the items of a that are not in b.
func without(a, b []string) []string {
	var rest []string
	for _, item := range a {
		if !slices.Contains(b, item) {
			rest = append(rest, item)
		}
	}
	return rest
}

// codeError turns an answer's code and message into an error, nil for none.
func codeError(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if message == nil {
		return err
	}
	return withMessage(err, *message)
}
