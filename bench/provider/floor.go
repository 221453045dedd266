package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// floor is a client without Terraform that asks for the same: what a provider could
// reach at best. In requests of as many resources as Terraform has in flight, which
// is how a provider hears of them, and in requests of 500.
type floor struct {
	admin    *kadm.Client
	replicas int16
}

// limits measures the floors of a workload, near or far as the relays are set.
func (o *options) limits(ctx context.Context, c *cluster, w workload, trip time.Duration) []*life {
	var lives []*life
	for _, size := range []int{o.Parallelism, 500} {
		name := fmt.Sprintf("bare, by %d", size)
		l := &life{Provider: name, Workload: w, Name: w.String(), RoundTripMS: trip.Milliseconds(), Steps: map[string]figures{}, LoadBefore: loadAverage()}
		say("%s: %s at %s", name, w, trip)
		if err := measureFloor(ctx, c, l, size); err != nil {
			l.Failed = err.Error()
		}
		lives = append(lives, l)
	}
	return lives
}

func measureFloor(ctx context.Context, c *cluster, l *life, size int) error {
	client, err := kafka.Config{BootstrapServers: []string{c.bootstrap}}.Client(kgo.MetadataMinAge(50 * time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	f := floor{admin: kadm.NewClient(client), replicas: int16(l.Workload.Replicas)}
	names := make([]string, l.Workload.Topics)
	for n := range names {
		names[n] = fmt.Sprintf("bench.topic-%d", n)
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, []string, int) error
	}{{stepCreate, f.create}, {stepDestroy, f.destroy}} {
		begun := time.Now()
		for chunk := range slices.Chunk(names, size) {
			if err := step.do(ctx, chunk, l.Workload.ACLs); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
		}
		l.Steps[step.name] = figures{Seconds: time.Since(begun).Seconds()}
		say("  %s: %.1f s", step.name, l.Steps[step.name].Seconds)
	}
	// The next one to come must not meet what is on its way out.
	return f.await(ctx, names, func(t kadm.TopicDetail) bool { return errors.Is(t.Err, kerr.UnknownTopicOrPartition) })
}

func (f floor) create(ctx context.Context, names []string, acls int) error {
	configs := map[string]*string{"cleanup.policy": kadm.StringPtr("delete"), "retention.ms": kadm.StringPtr("86400000")}
	created, err := f.admin.CreateTopics(ctx, 1, f.replicas, configs, names...)
	if err := errors.Join(err, created.Error()); err != nil {
		return err
	}
	if err := f.await(ctx, names, func(t kadm.TopicDetail) bool { return t.Err == nil && t.Partitions[0].Leader >= 0 }); err != nil {
		return err
	}
	for builder := range f.rights(names, acls) {
		granted, err := f.admin.CreateACLs(ctx, builder)
		for _, r := range granted {
			err = errors.Join(err, r.Err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f floor) destroy(ctx context.Context, names []string, acls int) error {
	for builder := range f.rights(names, acls) {
		if _, err := f.admin.DeleteACLs(ctx, builder); err != nil {
			return err
		}
	}
	deleted, err := f.admin.DeleteTopics(ctx, names...)
	return errors.Join(err, deleted.Error())
}

// await looks until a broker shows all topics as they should be.
func (f floor) await(ctx context.Context, names []string, should func(kadm.TopicDetail) bool) error {
	for {
		details, err := f.admin.ListTopics(ctx, names...)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(names, func(name string) bool { return !should(details[name]) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// rights are the ACLs of the topics, as many in a request as there are topics.
func (f floor) rights(names []string, acls int) func(func(*kadm.ACLBuilder) bool) {
	return func(yield func(*kadm.ACLBuilder) bool) {
		for n := range acls {
			builder := kadm.NewACLs().Allow(fmt.Sprintf("User:reader-%d", n)).AllowHosts("*").Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral).Topics(names...)
			if !yield(builder) {
				return
			}
		}
	}
}
