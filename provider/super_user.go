package main

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// allowEveryone is the brokers' setting that opens resources without any ACL. Its
// value is not told, only that it is set.
const allowEveryone = "allow.everyone.if.no.acl.found"

// superStatus is whether a principal is a super user, as far as can be told.
type superStatus int

const (
	superUnknown superStatus = iota
	superNo
	superYes
)

// superUser finds out whether the provider's own principal is a super user, whom
// no ACL binds. Kafka never says so, but it says what one may do: whoever may do
// what no ACL allows is one, and who may not do everything is none.
func (i *instance) superUser(ctx context.Context, principal string) superStatus {
	all, err := i.collector.acls.peek(ctx)
	if err != nil {
		return superUnknown
	}
	may, err := i.ownOperations(ctx)
	if err != nil {
		return superUnknown
	}
	entries, open := entriesAbout(all), i.mayAllowEveryone(ctx)
	status := superUnknown
	for resource, bits := range may {
		for _, name := range aclOperations[resource.resourceType.String()] {
			operation, _ := kmsg.ParseACLOperation(name)
			if bits&(1<<operation) == 0 {
				return superNo
			}
			d := decide(entries, principal, fromHere, resource, operation)
			if !d.allowed && (ruled(entries, resource) || !open) {
				status = superYes
			}
		}
	}
	return status
}

// ownOperations asks what the provider's principal may do with the cluster and
// with each topic that it sees, as one bit an operation.
func (i *instance) ownOperations(ctx context.Context) (map[aclPattern]int32, error) {
	client, err := i.connect(ctx)
	if err != nil {
		return nil, err
	}
	cluster := kmsg.NewPtrDescribeClusterRequest()
	cluster.IncludeClusterAuthorizedOperations = true
	about, err := cluster.RequestWith(ctx, client.raw)
	if err == nil {
		err = kerr.ErrorForCode(about.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	may := map[aclPattern]int32{theCluster: about.ClusterAuthorizedOperations}
	topics := kmsg.NewPtrMetadataRequest()
	topics.IncludeTopicAuthorizedOperations = true
	found, err := topics.RequestWith(ctx, client.raw)
	if err != nil {
		return nil, err
	}
	for _, topic := range found.Topics {
		if topic.Topic != nil && topic.ErrorCode == 0 {
			pattern := aclPattern{resourceType: kmsg.ACLResourceTypeTopic, patternType: kmsg.ACLResourcePatternTypeLiteral, name: *topic.Topic}
			may[pattern] = topic.AuthorizedOperations
		}
	}
	return may, nil
}

// mayAllowEveryone reports whether brokers may open resources that have no ACL.
func (i *instance) mayAllowEveryone(ctx context.Context) bool {
	brokers, err := i.collector.brokerConfigs.peek(ctx)
	if err != nil || len(brokers) == 0 {
		return true
	}
	var sets []bool
	for _, config := range brokers {
		_, set := config[allowEveryone]
		sets = append(sets, set)
	}
	return slices.Contains(sets, true)
}
