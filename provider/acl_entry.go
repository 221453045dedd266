package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// aclEntry is one ACL as Kafka keeps it: one principal, one operation.
type aclEntry struct {
	principal, host string
	permission      kmsg.ACLPermissionType
	operation       kmsg.ACLOperation
	pattern         aclPattern
}

// String words the entry as a diagnostic does, such as
// `ALLOW User:refine READ on TOPIC "x"`.
func (e aclEntry) String() string {
	text := fmt.Sprintf("%s %s %s on %s", e.permission, e.principal, e.operation, e.pattern)
	if e.host != anyHost {
		text += " from " + e.host
	}
	return text
}

// anyHost is Kafka's word for a principal that may come from everywhere.
const anyHost = "*"

// String words the pattern as a diagnostic does, such as `TOPIC "x"`.
func (p aclPattern) String() string {
	switch {
	case p.resourceType == kmsg.ACLResourceTypeCluster:
		return p.resourceType.String()
	case p.patternType == kmsg.ACLResourcePatternTypePrefixed:
		return fmt.Sprintf("every %s that begins with %q", p.resourceType, p.name)
	case p.name == anyName:
		return fmt.Sprintf("every %s", p.resourceType)
	}
	return fmt.Sprintf("%s %q", p.resourceType, p.name)
}

// anyName is the literal name that stands for all resources of a type.
const anyName = "*"

// creation asks the brokers to add the entry.
func (e aclEntry) creation() kmsg.CreateACLsRequestCreation {
	c := kmsg.NewCreateACLsRequestCreation()
	c.ResourceType, c.ResourcePatternType, c.ResourceName = e.pattern.resourceType, e.pattern.patternType, e.pattern.name
	c.Principal, c.Host, c.Operation, c.PermissionType = e.principal, e.host, e.operation, e.permission
	return c
}

// filter asks the brokers to delete this entry and no other.
func (e aclEntry) filter() kmsg.DeleteACLsRequestFilter {
	f := kmsg.NewDeleteACLsRequestFilter()
	f.ResourceType, f.ResourcePatternType, f.ResourceName = e.pattern.resourceType, e.pattern.patternType, &e.pattern.name
	f.Principal, f.Host, f.Operation, f.PermissionType = &e.principal, &e.host, e.operation, e.permission
	return f
}

// aboutCluster reports whether the entry decides what somebody may do with the
// cluster itself, its ACLs among that.
func (e aclEntry) aboutCluster() bool {
	return e.pattern.covers(kmsg.ACLResourceTypeCluster, clusterName)
}

// entriesAbout turns what the brokers described into entries.
func entriesAbout(acls map[string][]aclEntry) []aclEntry {
	var all []aclEntry
	for _, entries := range acls {
		all = append(all, entries...)
	}
	return all
}
