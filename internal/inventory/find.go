package inventory

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"
)

// Find lists what is on the cluster and, unless registry is nil, in the schema
// registry, with one request a kind. Topics that the principal may not describe
// are not shown to it. Brokers without an authorizer have no ACLs. The error says
// what could not be listed and which right that takes.
func Find(ctx context.Context, client *kgo.Client, registry *sr.Client) (Objects, error) {
	var found Objects
	for _, list := range []func(context.Context, *kgo.Client, *Objects) error{findTopics, findACLs, findQuotas, findUsers} {
		if err := list(ctx, client, &found); err != nil {
			return Objects{}, err
		}
	}
	if registry != nil {
		subjects, err := registry.Subjects(ctx)
		if err != nil {
			return Objects{}, fmt.Errorf("list the subjects of the schema registry: %w", err)
		}
		found.Subjects = subjects
	}
	found.sort()
	return found, nil
}

func findTopics(ctx context.Context, client *kgo.Client, found *Objects) error {
	topics, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list the topics (it takes DESCRIBE on each TOPIC): %w", err)
	}
	found.Topics = topics.Names()
	return nil
}

func findACLs(ctx context.Context, client *kgo.Client, found *Objects) error {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if errors.Is(err, kerr.SecurityDisabled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the ACLs (it takes DESCRIBE on the CLUSTER): %w", err)
	}
	for _, r := range resp.Resources {
		for _, a := range r.ACLs {
			found.ACLs = append(found.ACLs, ACL{
				Principal: a.Principal, Host: a.Host, PermissionType: a.PermissionType.String(),
				ResourceType: r.ResourceType.String(), ResourceName: r.ResourceName, PatternType: r.ResourcePatternType.String(),
				Operation: a.Operation.String(),
			})
		}
	}
	return nil
}

func findQuotas(ctx context.Context, client *kgo.Client, found *Objects) error {
	quotas, err := kadm.NewClient(client).DescribeClientQuotas(ctx, false, nil)
	if err != nil {
		return fmt.Errorf("list the quotas (it takes DESCRIBE_CONFIGS on the CLUSTER): %w", err)
	}
	for _, quota := range quotas {
		var entity Quota
		for _, part := range quota.Entity {
			name := DefaultEntity
			if part.Name != nil {
				name = *part.Name
			}
			switch part.Type {
			case "user":
				entity.User = name
			case "client-id":
				entity.ClientID = name
			case "ip":
				entity.IP = name
			}
		}
		for _, value := range quota.Values {
			entity.Limit = value.Key
			found.Quotas = append(found.Quotas, entity)
		}
	}
	return nil
}

// findUsers asks by an empty list first: the null one that kadm sends Kafka 4.3
// never answers when the principal may not describe the cluster. To the embedded
// brokers only the null one means all.
func findUsers(ctx context.Context, client *kgo.Client, found *Objects) error {
	req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	req.Users = []kmsg.DescribeUserSCRAMCredentialsRequestUser{}
	resp, err := req.RequestWith(ctx, client)
	if err == nil && resp.ErrorCode == 0 && len(resp.Results) == 0 {
		req.Users = nil
		resp, err = req.RequestWith(ctx, client)
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("list the users (it takes DESCRIBE on the CLUSTER): %w", err)
	}
	for _, user := range resp.Results {
		for _, credential := range user.CredentialInfos {
			found.Users = append(found.Users, User{Username: user.User, Mechanism: kadm.ScramMechanism(credential.Mechanism).String()})
		}
	}
	return nil
}
