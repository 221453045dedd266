package main

import (
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// aclClaims is which entries the resources of one plan will own. What a
// headwater_access owns nobody else may.
type aclClaims struct {
	mu     sync.Mutex
	owners map[aclEntry]map[claimant]bool
}

// claimant tells the resources of a plan from each other, which do not know their
// own addresses. The zero value is any headwater_acl: those may share.
type claimant struct {
	access string // all that a headwater_access declares
	create bool   // planned without a state: a replacement is planned with and without
}

// claim announces that a resource will own the entries, and says so when another
// one does already.
func (c *aclClaims) claim(diags *diag.Diagnostics, what string, who claimant, entries []aclEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owners == nil {
		c.owners = map[aclEntry]map[claimant]bool{}
	}
	for _, entry := range entries {
		if c.taken(entry, who) {
			diags.AddError("Plan "+what, fmt.Sprintf(
				"%q is declared twice in this configuration, and a headwater_access owns its ACLs alone: "+
					"removing one would take the right away from both. Leave it out of one of them.", entry))
			return
		}
		if c.owners[entry] == nil {
			c.owners[entry] = map[claimant]bool{}
		}
		c.owners[entry][who] = true
	}
}

// taken reports whether the entry is somebody else's. The caller holds the lock.
func (c *aclClaims) taken(entry aclEntry, who claimant) bool {
	for other := range c.owners[entry] {
		shared := other == claimant{} && who == claimant{}
		replacement := other.access == who.access && other.create != who.create
		if !shared && !replacement {
			return true
		}
	}
	return false
}
