package main

import (
	"fmt"
	"slices"

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

// entries are what Kafka keeps of the ACL when it has these operations.
func (m aclModel) entries(operations []string) []aclEntry {
	permission, _ := kmsg.ParseACLPermissionType(m.PermissionType.ValueString())
	var entries []aclEntry
	for _, name := range operations {
		operation, _ := kmsg.ParseACLOperation(name)
		entries = append(entries, aclEntry{
			principal: m.Principal.ValueString(), host: m.Host.ValueString(),
			permission: permission, operation: operation, pattern: m.pattern(),
		})
	}
	return entries
}

// planned are the entries that the plan grants and revokes. A replacement revokes
// all that is there before it grants anything.
func (m aclModel) planned(state aclModel, replaced bool) (grant, revoke []aclEntry) {
	have, want := state.entries(state.operations()), m.entries(m.operations())
	if replaced {
		return nil, have
	}
	return without(want, have), without(have, want)
}

// operations are the known ones of the set; nil right after an import.
func (m aclModel) operations() []string { return stringsOf(m.Operations) }

// without returns the items of a that are not in b.
func without[T comparable](a, b []T) []T {
	var rest []T
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
