package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// aclPattern is what an ACL is about.
type aclPattern struct {
	resourceType kmsg.ACLResourceType
	patternType  kmsg.ACLResourcePatternType
	name         string
}

// key identifies the pattern in the collector. The name stands last because it
// alone may hold any character.
func (p aclPattern) key() string {
	return fmt.Sprintf("%d/%d/%s", p.resourceType, p.patternType, p.name)
}

func parseACLPattern(key string) (p aclPattern, err error) {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) != 3 {
		return p, fmt.Errorf("parse ACL pattern %q: want type/pattern/name", key)
	}
	p.name = parts[2]
	_, err = fmt.Sscanf(parts[0]+" "+parts[1], "%d %d", &p.resourceType, &p.patternType)
	return p, err
}

// anyACL stands for all ACLs in a look-up.
var anyACL = aclPattern{resourceType: kmsg.ACLResourceTypeAny, patternType: kmsg.ACLResourcePatternTypeAny}

func loadACLs(dial connect) func(context.Context) (map[string][]aclEntry, error) {
	return func(ctx context.Context) (map[string][]aclEntry, error) {
		return describeACLs(ctx, dial, anyACL)
	}
}

func loadACL(dial connect) func(context.Context, string) ([]aclEntry, bool, error) {
	return func(ctx context.Context, key string) ([]aclEntry, bool, error) {
		pattern, err := parseACLPattern(key)
		if err != nil {
			return nil, false, err
		}
		all, err := describeACLs(ctx, dial, pattern)
		acls, ok := all[key]
		return acls, ok, err
	}
}

// describeACLs asks for all ACLs of a pattern; an empty name means any.
func describeACLs(ctx context.Context, dial connect, pattern aclPattern) (map[string][]aclEntry, error) {
	client, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType = pattern.resourceType
	req.ResourcePatternType = pattern.patternType
	req.Operation = kmsg.ACLOperationAny
	req.PermissionType = kmsg.ACLPermissionTypeAny
	if pattern.name != "" {
		req.ResourceName = &pattern.name
	}
	resp, err := req.RequestWith(ctx, client.raw)
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, needs(fmt.Errorf("list the ACLs: %w", err), "DESCRIBE", clusterType)
	}
	all := map[string][]aclEntry{}
	for _, r := range resp.Resources {
		pattern := aclPattern{r.ResourceType, r.ResourcePatternType, r.ResourceName}
		key := pattern.key()
		for _, a := range r.ACLs {
			all[key] = append(all[key], aclEntry{
				principal: a.Principal, host: a.Host, permission: a.PermissionType, operation: a.Operation, pattern: pattern,
			})
		}
	}
	return all, nil
}

func loadSCRAM(dial connect) func(context.Context) (map[string]kadm.DescribedUserSCRAM, error) {
	return func(ctx context.Context) (map[string]kadm.DescribedUserSCRAM, error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		// Kafka takes an empty list and a null one for all users. It never answers a
		// null one to a principal that may not describe the cluster (4.3), so the empty
		// one is asked first; others take that for nobody, so null is asked then.
		req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
		req.Users = []kmsg.DescribeUserSCRAMCredentialsRequestUser{}
		resp, err := req.RequestWith(ctx, client.raw)
		if err == nil && resp.ErrorCode == 0 && len(resp.Results) == 0 {
			req.Users = nil
			resp, err = req.RequestWith(ctx, client.raw)
		}
		if err != nil {
			return nil, err
		}
		return scramUsers(resp)
	}
}

func scramUsers(resp *kmsg.DescribeUserSCRAMCredentialsResponse) (map[string]kadm.DescribedUserSCRAM, error) {
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		if resp.ErrorMessage != nil {
			err = withMessage(err, *resp.ErrorMessage)
		}
		return nil, needs(err, "DESCRIBE", clusterType)
	}
	users := make(map[string]kadm.DescribedUserSCRAM, len(resp.Results))
	for _, r := range resp.Results {
		user := kadm.DescribedUserSCRAM{User: r.User, Err: kerr.ErrorForCode(r.ErrorCode)}
		for _, info := range r.CredentialInfos {
			user.CredInfos = append(user.CredInfos, kadm.CredInfo{Mechanism: kadm.ScramMechanism(info.Mechanism), Iterations: info.Iterations})
		}
		users[r.User] = user
	}
	return users, nil
}

func loadSCRAMUser(dial connect) func(context.Context, string) (kadm.DescribedUserSCRAM, bool, error) {
	return func(ctx context.Context, user string) (kadm.DescribedUserSCRAM, bool, error) {
		client, err := dial(ctx)
		if err != nil {
			return kadm.DescribedUserSCRAM{}, false, err
		}
		users, err := client.DescribeUserSCRAMs(ctx, user)
		if err != nil {
			return kadm.DescribedUserSCRAM{}, false, needs(err, "DESCRIBE", clusterType)
		}
		found := users[user]
		if found.Err != nil && !errors.Is(found.Err, kerr.ResourceNotFound) {
			return found, false, found.Err
		}
		return found, found.Err == nil && len(found.CredInfos) > 0, nil
	}
}

func loadQuotas(dial connect) func(context.Context) (map[string]map[string]float64, error) {
	return func(ctx context.Context) (map[string]map[string]float64, error) {
		return describeQuotas(ctx, dial, false, nil)
	}
}

func loadQuota(dial connect) func(context.Context, string) (map[string]float64, bool, error) {
	return func(ctx context.Context, key string) (map[string]float64, bool, error) {
		entity, err := parseQuotaEntity(key)
		if err != nil {
			return nil, false, err
		}
		all, err := describeQuotas(ctx, dial, true, entity.filter())
		quota, ok := all[key]
		return quota, ok, err
	}
}

func describeQuotas(ctx context.Context, dial connect, strict bool, filter []kadm.DescribeClientQuotaComponent) (map[string]map[string]float64, error) {
	client, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	found, err := client.DescribeClientQuotas(ctx, strict, filter)
	if err != nil {
		return nil, needs(err, "DESCRIBE_CONFIGS", clusterType)
	}
	all := make(map[string]map[string]float64, len(found))
	for _, quota := range found {
		values := make(map[string]float64, len(quota.Values))
		for _, v := range quota.Values {
			values[v.Key] = v.Value
		}
		all[entityOf(quota.Entity).key()] = values
	}
	return all, nil
}
