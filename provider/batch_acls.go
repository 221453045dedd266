package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sendGrants creates the ACLs of several resources. A resource fails with the
// first of its own that is refused.
func sendGrants(dial connect) func(context.Context, [][]kmsg.CreateACLsRequestCreation) ([]outcome[struct{}], error) {
	return func(ctx context.Context, grants [][]kmsg.CreateACLsRequestCreation) ([]outcome[struct{}], error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrCreateACLsRequest()
		for _, creations := range grants {
			req.Creations = append(req.Creations, creations...)
		}
		resp, err := req.RequestWith(ctx, client.raw)
		if err != nil {
			return nil, err
		}
		return perOwner(grants, resp.Results, func(r kmsg.CreateACLsResponseResult) error {
			return codeError(r.ErrorCode, r.ErrorMessage)
		}), nil
	}
}

// sendRevocations deletes the ACLs of several resources. One that is gone already
// is no error.
func sendRevocations(dial connect) func(context.Context, [][]kmsg.DeleteACLsRequestFilter) ([]outcome[struct{}], error) {
	return func(ctx context.Context, revocations [][]kmsg.DeleteACLsRequestFilter) ([]outcome[struct{}], error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrDeleteACLsRequest()
		for _, filters := range revocations {
			req.Filters = append(req.Filters, filters...)
		}
		resp, err := req.RequestWith(ctx, client.raw)
		if err != nil {
			return nil, err
		}
		return perOwner(revocations, resp.Results, func(r kmsg.DeleteACLsResponseResult) error {
			return codeError(r.ErrorCode, r.ErrorMessage)
		}), nil
	}
}

// perOwner gives each owner of several entries the first error among its own.
// Kafka answers entries in the order of the request.
func perOwner[Q, R any](owners [][]Q, results []R, failure func(R) error) []outcome[struct{}] {
	outcomes := make([]outcome[struct{}], len(owners))
	for i, entries := range owners {
		if len(entries) > len(results) {
			outcomes[i].err = errNoAnswer
			results = nil
			continue
		}
		for _, result := range results[:len(entries)] {
			if err := failure(result); err != nil && outcomes[i].err == nil {
				outcomes[i].err = err
			}
		}
		results = results[len(entries):]
	}
	return outcomes
}
