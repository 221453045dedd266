package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Names of the roles.
const (
	roleConsumer      = "consumer"
	roleProcessor     = "processor"
	roleProducer      = "producer"
	roleTransactional = "transactional_producer"
)

// accessList is one of the lists of resources that a role gives rights on, and
// which rights. All lists of our roles are in accessLists.
type accessList struct {
	attribute string
	kind      kmsg.ACLResourceType
	main      kmsg.ACLOperation // the right beside DESCRIBE
	needed    []string          // roles that cannot do without the list
	optional  []string          // roles that may have it
}

// accessLists are the lists in the order in which the schema has them. Each gives
// its operation and DESCRIBE, as Kafka's own tools do, although the one implies
// the other: so the plan shows all that the role may do.
var accessLists = []accessList{
	{attribute: "reads", kind: kmsg.ACLResourceTypeTopic, main: kmsg.ACLOperationRead, needed: []string{roleConsumer, roleProcessor}},
	{attribute: "writes", kind: kmsg.ACLResourceTypeTopic, main: kmsg.ACLOperationWrite, needed: []string{roleProcessor, roleProducer, roleTransactional}},
	{attribute: "groups", kind: kmsg.ACLResourceTypeGroup, main: kmsg.ACLOperationRead, needed: []string{roleProcessor}, optional: []string{roleConsumer}},
	{attribute: "transactional_ids", kind: kmsg.ACLResourceTypeTransactionalId, main: kmsg.ACLOperationWrite, needed: []string{roleProcessor, roleTransactional}},
}

// list is the model's value of a list.
func (m *accessModel) list(l accessList) *types.Set {
	switch l.attribute {
	case "reads":
		return &m.Reads
	case "writes":
		return &m.Writes
	case "groups":
		return &m.Groups
	}
	return &m.TransactionalIDs
}

// of reports whether the role has the list.
func (l accessList) of(role string) bool {
	return slices.Contains(l.needed, role) || slices.Contains(l.optional, role)
}

// String names the grant in a diagnostic.
func (m accessModel) String() string {
	return fmt.Sprintf("access of %s as %s", m.Principal.ValueString(), m.Role.ValueString())
}

// pattern reads an element of a list: a name, the beginning of names with "*"
// behind it, or "*" alone for all.
func (l accessList) pattern(text string) aclPattern {
	p := aclPattern{resourceType: l.kind, patternType: kmsg.ACLResourcePatternTypeLiteral, name: text}
	if prefix, ok := strings.CutSuffix(text, "*"); ok && prefix != "" {
		p.patternType, p.name = kmsg.ACLResourcePatternTypePrefixed, prefix
	}
	return p
}

// element is pattern's inverse.
func (l accessList) element(p aclPattern) string {
	if p.patternType == kmsg.ACLResourcePatternTypePrefixed {
		return p.name + "*"
	}
	return p.name
}

// expand returns the ACLs that the role takes, in a steady order.
func (m *accessModel) expand() []aclEntry {
	var entries []aclEntry
	for _, l := range accessLists {
		if !l.of(m.Role.ValueString()) {
			continue
		}
		for _, text := range stringsOf(*m.list(l)) {
			for _, operation := range []kmsg.ACLOperation{kmsg.ACLOperationDescribe, l.main} {
				entries = append(entries, m.entry(l.pattern(text), operation))
			}
		}
	}
	return unique(entries)
}

func (m *accessModel) entry(pattern aclPattern, operation kmsg.ACLOperation) aclEntry {
	return aclEntry{
		principal: m.Principal.ValueString(), host: m.Host.ValueString(),
		permission: kmsg.ACLPermissionTypeAllow, operation: operation, pattern: pattern,
	}
}

// derive fills the role's lists of an imported model from what the principal has.
func (m *accessModel) derive(ctx context.Context, found []aclEntry, diags *diag.Diagnostics) {
	for _, l := range accessLists {
		var elements []string
		for _, entry := range found {
			if l.of(m.Role.ValueString()) && entry == m.entry(entry.pattern, l.main) && entry.pattern.resourceType == l.kind {
				elements = append(elements, l.element(entry.pattern))
			}
		}
		if len(elements) > 0 {
			set, d := types.SetValueFrom(ctx, types.StringType, elements)
			diags.Append(d...)
			*m.list(l) = set
		}
	}
}

// aclObject is the type of an element of acls: what one principal may do with one
// resource.
var aclObject = types.ObjectType{AttrTypes: map[string]attr.Type{
	"resource_type": types.StringType, "resource_name": types.StringType, "pattern_type": types.StringType,
	"operations": types.SetType{ElemType: types.StringType},
}}

type accessACL struct {
	ResourceType string   `tfsdk:"resource_type"`
	ResourceName string   `tfsdk:"resource_name"`
	PatternType  string   `tfsdk:"pattern_type"`
	Operations   []string `tfsdk:"operations"`
}

// show writes entries to acls, one element a resource.
func (m *accessModel) show(ctx context.Context, entries []aclEntry, diags *diag.Diagnostics) {
	operations := map[aclPattern][]string{}
	for _, e := range entries {
		operations[e.pattern] = append(operations[e.pattern], e.operation.String())
	}
	shown := []accessACL{}
	for pattern, names := range operations {
		slices.Sort(names)
		shown = append(shown, accessACL{pattern.resourceType.String(), pattern.name, pattern.patternType.String(), names})
	}
	slices.SortFunc(shown, func(a, b accessACL) int {
		return cmp.Or(strings.Compare(a.ResourceType, b.ResourceType), strings.Compare(a.ResourceName, b.ResourceName), strings.Compare(a.PatternType, b.PatternType))
	})
	set, d := types.SetValueFrom(ctx, aclObject, shown)
	diags.Append(d...)
	m.ACLs = set
}

// shown reads acls: what the resource had when the cluster was last looked at.
func (m *accessModel) shown(ctx context.Context, diags *diag.Diagnostics) []aclEntry {
	var acls []accessACL
	if m.ACLs.IsNull() || m.ACLs.IsUnknown() {
		return nil
	}
	diags.Append(m.ACLs.ElementsAs(ctx, &acls, false)...)
	var entries []aclEntry
	for _, acl := range acls {
		var p aclPattern
		p.name = acl.ResourceName
		p.resourceType, _ = kmsg.ParseACLResourceType(acl.ResourceType)
		p.patternType, _ = kmsg.ParseACLResourcePatternType(acl.PatternType)
		for _, name := range acl.Operations {
			operation, _ := kmsg.ParseACLOperation(name)
			entries = append(entries, m.entry(p, operation))
		}
	}
	return entries
}

// known reports whether the expansion can be told before apply.
func (m *accessModel) known() bool {
	known := !m.Principal.IsUnknown() && !m.Host.IsUnknown() && !m.Role.IsUnknown()
	for _, l := range accessLists {
		set := m.list(l)
		known = known && !set.IsUnknown() && !slices.ContainsFunc(set.Elements(), attr.Value.IsUnknown)
	}
	return known
}

// claimant is what makes the model's resource itself among those of a plan.
func (m *accessModel) claimant(create bool) claimant {
	text := m.Principal.ValueString() + "\n" + m.Host.ValueString() + "\n" + m.Role.ValueString()
	for _, l := range accessLists {
		text += "\n" + strings.Join(slices.Sorted(slices.Values(stringsOf(*m.list(l)))), "\t")
	}
	return claimant{access: text, create: create}
}

// stringsOf are the known elements of a set of strings.
func stringsOf(set types.Set) []string {
	var texts []string
	for _, element := range set.Elements() {
		if s, ok := element.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			texts = append(texts, s.ValueString())
		}
	}
	return texts
}
