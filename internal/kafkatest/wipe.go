package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/kafka"
)

// wipe makes a cluster as it was after its start, but for the superuser's
// password. The error says what cannot be removed.
func wipe(ctx context.Context, cluster *apache.Cluster) error {
	config := kafka.Config{BootstrapServers: cluster.Open()}
	client, err := config.Client(kgo.MetadataMinAge(10 * time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	return errors.Join(
		wipeTopics(ctx, admin, config), wipeGroups(ctx, admin, client), wipeACLs(ctx, client),
		wipeUsers(ctx, admin), wipeQuotas(ctx, admin), wipeBrokerConfigs(ctx, admin),
	)
}

func wipeTopics(ctx context.Context, admin *kadm.Client, config kafka.Config) error {
	topics, err := admin.ListTopics(ctx)
	if err != nil || len(topics) == 0 {
		return err
	}
	deleted, err := admin.DeleteTopics(ctx, topics.Names()...)
	if err = errors.Join(err, deleted.Error()); err != nil {
		return fmt.Errorf("delete topics: %w", err)
	}
	// The brokers learn of it one by one, in the order of the deletions.
	for _, topic := range topics.Names() {
		for shown(ctx, config, topic, false) != nil {
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for the deletion of %q: %w", topic, ctx.Err())
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return nil
}

// wipeGroups deletes consumer groups, members that a test left in them too: a
// group that lives on would take the next test's partitions.
func wipeGroups(ctx context.Context, admin *kadm.Client, client *kgo.Client) error {
	groups, err := admin.ListGroups(ctx)
	if err != nil || len(groups) == 0 {
		return err
	}
	described, err := admin.DescribeGroups(ctx, groups.Groups()...)
	for _, group := range described {
		if len(group.Members) > 0 {
			err = errors.Join(err, expel(ctx, client, group))
		}
	}
	if err != nil {
		return err
	}
	deleted, err := admin.DeleteGroups(ctx, groups.Groups()...)
	for _, g := range deleted {
		if g.Err != nil && !errors.Is(g.Err, kerr.GroupIDNotFound) {
			err = errors.Join(err, fmt.Errorf("delete group %q: %w", g.Group, g.Err))
		}
	}
	return err
}

// expel makes a group's members leave it.
func expel(ctx context.Context, client *kgo.Client, group kadm.DescribedGroup) error {
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group = group.Group
	for _, member := range group.Members {
		leaving := kmsg.NewLeaveGroupRequestMember()
		leaving.MemberID, leaving.InstanceID = member.MemberID, member.InstanceID
		request.Members = append(request.Members, leaving)
	}
	response, err := request.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("remove the members of group %q: %w", group.Group, err)
	}
	return nil
}

func wipeACLs(ctx context.Context, client *kgo.Client) error {
	request := kmsg.NewPtrDeleteACLsRequest()
	every := kmsg.NewDeleteACLsRequestFilter()
	every.ResourceType, every.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	every.Operation, every.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	request.Filters = append(request.Filters, every)
	response, err := request.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(response.Results[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("delete ACLs: %w", err)
	}
	return nil
}

func wipeUsers(ctx context.Context, admin *kadm.Client) error {
	users, err := admin.DescribeUserSCRAMs(ctx)
	if err != nil {
		return err
	}
	var remove []kadm.DeleteSCRAM
	for _, user := range users {
		for _, credential := range user.CredInfos {
			if user.User != apache.DefaultUsername {
				remove = append(remove, kadm.DeleteSCRAM{User: user.User, Mechanism: credential.Mechanism})
			}
		}
	}
	if len(remove) == 0 {
		return nil
	}
	altered, err := admin.AlterUserSCRAMs(ctx, remove, nil)
	return errors.Join(err, altered.Error())
}

func wipeQuotas(ctx context.Context, admin *kadm.Client) error {
	quotas, err := admin.DescribeClientQuotas(ctx, false, nil)
	if err != nil || len(quotas) == 0 {
		return err
	}
	var remove []kadm.AlterClientQuotaEntry
	for _, quota := range quotas {
		entry := kadm.AlterClientQuotaEntry{Entity: quota.Entity}
		for _, value := range quota.Values {
			entry.Ops = append(entry.Ops, kadm.AlterClientQuotaOp{Key: value.Key, Remove: true})
		}
		remove = append(remove, entry)
	}
	altered, err := admin.AlterClientQuotas(ctx, remove)
	for _, a := range altered {
		err = errors.Join(err, a.Err)
	}
	return err
}

// wipeBrokerConfigs removes dynamic settings, of each broker and of all. Kafka
// keeps the least number of in-sync replicas itself and lets nobody remove it.
func wipeBrokerConfigs(ctx context.Context, admin *kadm.Client) error {
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return err
	}
	scopes := [][]int32{nil}
	for _, id := range brokers.NodeIDs() {
		scopes = append(scopes, []int32{id})
	}
	for _, scope := range scopes {
		configs, err := admin.DescribeBrokerConfigs(ctx, scope...)
		if err != nil {
			return err
		}
		var remove []kadm.AlterConfig
		own := kmsg.ConfigSourceDynamicBrokerConfig
		if scope == nil {
			own = kmsg.ConfigSourceDynamicDefaultBrokerConfig
		}
		for _, config := range configs[0].Configs {
			if config.Source == own && config.Key != "min.insync.replicas" {
				remove = append(remove, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: config.Key})
			}
		}
		if len(remove) == 0 {
			continue
		}
		altered, err := admin.AlterBrokerConfigs(ctx, remove, scope...)
		for _, a := range altered {
			err = errors.Join(err, a.Err)
		}
		if err != nil {
			return fmt.Errorf("remove settings of brokers %v: %w", scope, err)
		}
	}
	return nil
}
