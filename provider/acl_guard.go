package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafka"
)

// aclGuard refuses what would take from the provider's own principal the rights
// that it needs to mend ACLs. It looks twice: in the plan, and at the brokers'
// ACLs of that moment before anything is written. What several resources of one
// walk take away is added up.
type aclGuard struct {
	inst *instance

	mu      sync.Mutex
	revoked map[aclEntry]bool // taken away by this walk
	denied  map[aclEntry]bool // DENY entries that this walk adds
}

// ownRights are what changing an ACL takes.
var ownRights = []kmsg.ACLOperation{kmsg.ACLOperationAlter, kmsg.ACLOperationDescribe}

// theCluster is the resource that rights on ACLs are about.
var theCluster = aclPattern{resourceType: kmsg.ACLResourceTypeCluster, patternType: kmsg.ACLResourcePatternTypeLiteral, name: clusterName}

// lockoutError says that a change would lock the provider out.
type lockoutError struct {
	principal string
	operation kmsg.ACLOperation
	after     decision
	first     bool // the change would be the cluster's first ACL, and brokers may allow everyone until then
}

func (e *lockoutError) Error() string {
	why := fmt.Sprintf("no ACL would allow %s %s on the CLUSTER any more", e.principal, e.operation)
	switch {
	case e.after.by != nil:
		why = fmt.Sprintf("%q would deny it %s on the CLUSTER", e.after.by, e.operation)
	case e.first:
		why = fmt.Sprintf("it would be the first ACL on the CLUSTER, and brokers that allow everyone while there is none "+
			"(allow.everyone.if.no.acl.found) would then refuse %s %s, and each other what they need", e.principal, e.operation)
	}
	return fmt.Sprintf("the provider's own principal %s would be locked out: %s, so it could not undo this. "+
		"Allow %s ALTER and DESCRIBE on the CLUSTER by another ACL in an apply of its own first, or make this change as another principal that has them",
		e.principal, why, e.principal)
}

// plan refuses a planned change that would lock the provider out. What cannot be
// told for certain is a warning.
func (g *aclGuard) plan(ctx context.Context, diags *diag.Diagnostics, summary string, grant, revoke []aclEntry) {
	if !slices.ContainsFunc(slices.Concat(grant, revoke), aclEntry.aboutCluster) {
		return
	}
	all, err := g.inst.collector.acls.peek(ctx)
	if err != nil {
		g.inst.failPlan(diags, summary, err)
		return
	}
	switch lockout, certain := g.check(ctx, entriesAbout(all), grant, revoke); {
	case lockout != nil && certain:
		diags.AddError(summary, sentence(lockout))
	case lockout != nil:
		diags.AddWarning(summary, "Unless the provider runs as a super user, which cannot be told from here: "+lockout.Error()+".")
	}
}

// refuse fails those writes of a batch that would lock the provider out by the
// ACLs that the brokers have now.
func (g *aclGuard) refuse(ctx context.Context, writes []aclWrite) []outcome[struct{}] {
	outcomes := make([]outcome[struct{}], len(writes))
	var current map[string][]aclEntry
	for i, write := range writes {
		if !slices.ContainsFunc(slices.Concat(write.grant, write.revoke), aclEntry.aboutCluster) {
			continue
		}
		var err error
		if current == nil {
			current, err = describeACLs(ctx, g.inst.connect, anyACL)
		}
		if err != nil {
			outcomes[i].err = err
			continue
		}
		// Without certainty the plan has warned, and whoever applies has read that.
		if lockout, certain := g.check(ctx, entriesAbout(current), write.grant, write.revoke); lockout != nil && certain {
			outcomes[i].err = lockout
		}
	}
	return outcomes
}

// check evaluates what the provider's principal may do before and after. Lockout
// is nil when it loses nothing; it is not certain when only a super user's rights
// could explain what the principal may do now.
func (g *aclGuard) check(ctx context.Context, current, grant, revoke []aclEntry) (lockout *lockoutError, certain bool) {
	principal := ownPrincipal(g.inst.kafka)
	if principal == "" {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	after := g.after(current, grant, revoke)
	for _, operation := range ownRights {
		found := compare(current, after, principal, operation)
		if found == nil || lockout != nil {
			continue
		}
		super := g.inst.superUser(ctx, principal)
		if super == superYes {
			return nil, false
		}
		lockout, certain = found, !found.first || super == superNo
	}
	if lockout == nil {
		g.remember(grant, revoke)
	}
	return lockout, certain
}

// compare looks for a loss of the right: an ACL gave it and none will, a DENY comes
// upon a principal that needs no ACL, or brokers that allow everyone as long as
// there is no ACL get their first.
func compare(current, after []aclEntry, principal string, operation kmsg.ACLOperation) *lockoutError {
	was := decide(current, principal, fromHere, theCluster, operation)
	is := decide(after, principal, fromHere, theCluster, operation)
	denied := was.by == nil && is.by != nil
	first := was.by == nil && is.by == nil && !ruled(current, theCluster) && ruled(after, theCluster)
	if is.allowed || !was.allowed && !denied && !first {
		return nil
	}
	return &lockoutError{principal: principal, operation: operation, after: is, first: first}
}

// after is what the cluster would have. The caller holds the lock.
func (g *aclGuard) after(current, grant, revoke []aclEntry) []aclEntry {
	after := slices.DeleteFunc(slices.Clone(current), func(e aclEntry) bool { return g.revoked[e] || slices.Contains(revoke, e) })
	for entry := range g.denied {
		after = append(after, entry)
	}
	return append(after, grant...)
}

// remember adds a change that passed to what this walk does. The caller holds the
// lock.
func (g *aclGuard) remember(grant, revoke []aclEntry) {
	for _, entry := range revoke {
		if entry.aboutCluster() {
			g.revoked[entry] = true
		}
	}
	for _, entry := range grant {
		if entry.aboutCluster() && entry.permission == kmsg.ACLPermissionTypeDeny {
			g.denied[entry] = true
		}
	}
}

// ruled reports whether any ACL, whoever it is for, is about the resource.
func ruled(entries []aclEntry, resource aclPattern) bool {
	return slices.ContainsFunc(entries, func(e aclEntry) bool { return e.pattern.covers(resource.resourceType, resource.name) })
}

// ownPrincipal is who the provider is to the brokers' ACLs; empty when only they
// know, since they derive it from a token or by rules of their own.
func ownPrincipal(config kafka.Config) string {
	switch config.SASL.Mechanism {
	case kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512, "":
	default:
		return ""
	}
	if config.SASL.Username != "" {
		return "User:" + config.SASL.Username
	}
	tls, err := config.TLS.Config()
	if err != nil || tls == nil || len(tls.Certificates) == 0 {
		return "User:ANONYMOUS"
	}
	name, err := distinguishedName(tls.Certificates[0].Leaf.RawSubject)
	if err != nil {
		return ""
	}
	return "User:" + name // what brokers without ssl.principal.mapping.rules take
}

// fromHere reports whether an ACL's host is everywhere or this machine.
func fromHere(host string) bool {
	if host == anyHost {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addresses, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.String() == host
	})
}
