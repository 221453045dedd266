package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rightError is a refusal for want of a right, with the right that the request
// takes: brokers say what they refused and not what would have helped.
type rightError struct {
	operations string // as ACLs spell them, such as ALTER
	resource   string // what it is on, such as TOPIC "x"
	cause      error
}

func (e *rightError) Error() string { return e.cause.Error() }

func (e *rightError) Unwrap() error { return e.cause }

// topicType is Kafka's word for topics in ACLs.
const topicType = "TOPIC"

// needs adds to a refusal for want of a right which right it is: the operation on
// the type of resource and, but for the cluster, its name. Other errors and nil
// stay as they are.
func needs(err error, operation, resourceType string, name ...string) error {
	var known *rightError
	if err == nil || !denied(err) || errors.As(err, &known) {
		return err
	}
	resource := resourceType
	if len(name) == 1 {
		resource = fmt.Sprintf("%s %q", resourceType, name[0])
	}
	return &rightError{operations: operation, resource: resource, cause: err}
}

// denied tells a missing right from every other refusal.
func denied(err error) bool {
	return slices.ContainsFunc([]error{
		kerr.ClusterAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.DelegationTokenAuthorizationFailed,
	}, func(right error) bool { return errors.Is(err, right) })
}

// adviceOnRights says which ACL would mend a refusal.
func (i *instance) adviceOnRights(err error) string {
	who := ownPrincipal(i.kafka)
	if who == "" {
		who = "that the brokers derive from its credentials"
	}
	var missing *rightError
	if errors.As(err, &missing) {
		return fmt.Sprintf("\n\nThe provider's principal %s lacks %s on %s. Give it an ACL for this, or run as a super user.",
			who, missing.operations, missing.resource)
	}
	on := "what it asked for"
	if errors.Is(err, kerr.ClusterAuthorizationFailed) {
		on = "the " + clusterType
	}
	return fmt.Sprintf("\n\nThe provider's principal %s lacks the right on %s. Give it an ACL for this, or run as a super user.", who, on)
}
