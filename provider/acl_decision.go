package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// everyone is the principal that an ACL names to mean all principals.
const everyone = "User:*"

// decision is what Kafka's StandardAuthorizer answers when a principal wants to
// do something. Super users, whom it asks nothing, are not part of it.
type decision struct {
	allowed bool
	by      *aclEntry // the entry that decided; nil when none matches
}

// decide evaluates the entries as Kafka does: any DENY that fits wins; else any
// ALLOW that fits, with DESCRIBE implied by READ, WRITE, DELETE and ALTER, and
// DESCRIBE_CONFIGS by ALTER_CONFIGS; else nothing is allowed. fromHost says
// whether an entry's host is one that the principal comes from. Of several that
// decide alike it names the most specific one.
func decide(entries []aclEntry, principal string, fromHost func(string) bool, resource aclPattern, operation kmsg.ACLOperation) decision {
	var allow, deny []aclEntry
	for _, e := range entries {
		switch {
		case !e.pattern.covers(resource.resourceType, resource.name), !fromHost(e.host),
			e.principal != principal && e.principal != everyone, !e.concerns(operation):
		case e.permission == kmsg.ACLPermissionTypeDeny:
			deny = append(deny, e)
		default:
			allow = append(allow, e)
		}
	}
	if len(deny) > 0 {
		return decision{by: mostSpecific(deny, operation)}
	}
	if len(allow) > 0 {
		return decision{allowed: true, by: mostSpecific(allow, operation)}
	}
	return decision{}
}

// covers reports whether the pattern is about the resource of that type and name.
func (p aclPattern) covers(kind kmsg.ACLResourceType, name string) bool {
	if p.resourceType != kind {
		return false
	}
	if p.patternType == kmsg.ACLResourcePatternTypePrefixed {
		return strings.HasPrefix(name, p.name)
	}
	return p.name == name || p.name == anyName
}

// concerns reports whether the entry says something about the operation. Only an
// ALLOW implies other operations.
func (e aclEntry) concerns(operation kmsg.ACLOperation) bool {
	if e.operation == operation || e.operation == kmsg.ACLOperationAll {
		return true
	}
	return e.permission == kmsg.ACLPermissionTypeAllow && slices.Contains(impliedBy[operation], e.operation)
}

// impliedBy lists by operation those that imply it.
var impliedBy = map[kmsg.ACLOperation][]kmsg.ACLOperation{
	kmsg.ACLOperationDescribe:        {kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDelete, kmsg.ACLOperationAlter},
	kmsg.ACLOperationDescribeConfigs: {kmsg.ACLOperationAlterConfigs},
}

// mostSpecific picks the entry that a reader would name: of the resource itself
// before its longest prefix before all; of the principal before everyone; of the
// operation before what implies it; then by its words, so that it is always the
// same one.
func mostSpecific(entries []aclEntry, operation kmsg.ACLOperation) *aclEntry {
	best := slices.MinFunc(entries, func(a, b aclEntry) int {
		return cmp.Or(
			b.pattern.weight()-a.pattern.weight(),
			rank(a.principal == everyone)-rank(b.principal == everyone),
			rank(a.operation != operation)-rank(b.operation != operation),
			strings.Compare(a.String(), b.String()),
		)
	})
	return &best
}

// weight grows with how much of a name the pattern fixes.
func (p aclPattern) weight() int {
	switch {
	case p.patternType == kmsg.ACLResourcePatternTypePrefixed:
		return len(p.name)
	case p.name == anyName:
		return 0
	}
	return 1 << 20 // longer than any prefix
}

func rank(worse bool) int {
	if worse {
		return 1
	}
	return 0
}
