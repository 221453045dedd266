package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafka"
)

// protocol is how a group decides which task has which partitions.
type protocol string

const (
	// classicProtocol has one of the tasks assign, by [balancer].
	classicProtocol protocol = "classic"
	// consumerProtocol (KIP-848) has the brokers assign, by their range assignor:
	// it gives equal numbers of topics with equally many partitions to one member.
	// While partitions move a task may hold a part of a number: that part waits.
	consumerProtocol protocol = "consumer"
)

// groupOptions of the task's client. Under the consumer protocol the session
// timeout and the heartbeat interval are the brokers'.
func (t *task) groupOptions() []kgo.Opt {
	if t.protocol == consumerProtocol {
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer()), kgo.ServerSideBalancer()}
	}
	return []kgo.Opt{kgo.Balancers(watcher{balancer{standbys: t.copies > 0}, t.group.onSync})}
}

// allInputs reads the partition counts of every topic that the processor reads,
// assigned or not. They must be equal: the range assignor splits a number of
// topics that differ.
func (t *task) allInputs(ctx context.Context) (map[string]int32, error) {
	topics, err := t.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("find inputs: %w", err)
	}
	all := make(map[string]int32)
	first := ""
	for _, topic := range topics.Sorted() {
		if _, ok := t.spec.source(topic.Topic); !ok || topic.Err != nil {
			continue
		}
		all[topic.Topic] = int32(len(topic.Partitions)) //nolint:gosec // Kafka counts partitions in 32 bits
		if first == "" {
			first = topic.Topic
		} else if all[first] != all[topic.Topic] {
			return nil, fatalf("start %s: %s has %d partitions and %s has %d: the brokers' assignor would part what belongs together: set %s=%s",
				t.spec.Name, first, all[first], topic.Topic, all[topic.Topic], envProtocol, classicProtocol)
		}
	}
	return all, nil
}

// Member epochs by which a heartbeat leaves the group (KIP-848).
const (
	leaveForGood = -1
	leaveForNow  = -2
)

// membership keeps the id of a task's member beside its state. After a kill the
// brokers hold the member's place until its session ends; who knows its id can
// say that it is away, and its successor takes the place at once.
type membership struct {
	disk            vfs.FS
	path            string
	group, instance string
	log             *slog.Logger

	mu    sync.Mutex
	noted []string // in the file
}

func newMembership(spec Spec, env environment, log *slog.Logger) *membership {
	m := &membership{
		disk: cmp.Or(env.disk, vfs.Default), path: filepath.Join(env.stateDir, "member."+env.task),
		group: spec.Name, instance: instanceID(spec.Name, env.task), log: log,
	}
	if file, err := m.disk.Open(m.path); err == nil {
		text, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil {
			log.Warn("read the former member id", "err", err)
		}
		m.noted = strings.Fields(string(text))
	}
	return m
}

func (m *membership) write(text string) error {
	if err := m.disk.MkdirAll(filepath.Dir(m.path), 0o750); err != nil {
		return err
	}
	file, err := m.disk.Create(m.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(text))
	return errors.Join(err, file.Close())
}

// note writes down the id. Until the group knows the new one, the former one
// stays noted: a kill may come before or after the group takes it in.
func (m *membership) note(id string, joined bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := []string{id}
	switch {
	case id == "":
		return
	case !joined && !slices.Contains(m.noted, id):
		ids = append(slices.Clone(m.noted), id)
	case !joined:
		return
	}
	if slices.Equal(ids, m.noted) {
		return
	}
	if err := m.write(strings.Join(ids, "\n") + "\n"); err != nil {
		m.log.Warn("note the member id; after a kill the successor waits for the session timeout", "err", err)
	}
	m.noted = ids
}

// watch notes the client's member id whenever it changes, until ctx ends.
func (m *membership) watch(ctx context.Context, client *kgo.Client) {
	const often = 20 * time.Millisecond // a kill in between costs a session timeout
	for pause(ctx, often) == nil {
		id, epoch := client.GroupMetadata()
		m.note(id, epoch > 0)
	}
}

// leave tells the group that the noted members are gone, for good or for a while.
func (m *membership) leave(ctx context.Context, client *kgo.Client, epoch int32) error {
	m.mu.Lock()
	noted := slices.Clone(m.noted)
	m.mu.Unlock()
	var errs []error
	for _, id := range noted {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.InstanceID, req.MemberEpoch = m.group, id, &m.instance, epoch
		resp, err := req.RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err != nil && !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.FencedInstanceID) && !errors.Is(err, kerr.GroupIDNotFound) {
			errs = append(errs, fmt.Errorf("leave group %s as %s: %w", m.group, id, err))
		}
	}
	if len(errs) == 0 && epoch == leaveForGood {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.noted = nil
		_ = m.disk.Remove(m.path) // at worst it names a member that nobody knows
	}
	return errors.Join(errs...)
}

// release frees the place of the task's former life, if it had one.
func (m *membership) release(ctx context.Context, cfg kafka.Config) {
	if len(m.noted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := cfg.Client(kgo.RetryBackoffFn(retryBackoff))
	if err == nil {
		defer client.Close()
		err = m.leave(ctx, client, leaveForNow)
	}
	if err != nil {
		m.log.Warn("release the former member; its place is free after the session timeout", "err", err)
	}
}

// leavePatience bounds how long a task takes to leave its group.
const leavePatience = 5 * time.Second

// leave gives up the task's place for good, so that others take over at once
// instead of after the session timeout. A task that failed has no successor
// either that would end what it left open.
func (t *task) leave(ctx context.Context, failed error) {
	ctx, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	if failed != nil {
		if _, err := t.session.End(ctx, kgo.TryAbort); err != nil {
			t.log.Warn("abort what is open; others wait for the transaction timeout", "err", err)
		}
	}
	id, _ := t.client.GroupMetadata()
	// First the client must let go of the group: as long as it is at it, it takes
	// its removal for a mishap and joins again. Of a static member it tells the
	// group at most that it will be back.
	if err := t.client.LeaveGroupContext(ctx); err != nil {
		t.log.Warn("end the group's session", "err", err)
	}
	var err error
	if t.protocol == consumerProtocol {
		t.member.note(id, false)
		err = t.member.leave(ctx, t.client, leaveForGood)
	} else {
		_, err = t.admin.LeaveGroup(ctx, kadm.LeaveGroup(t.spec.Name).Reason("drained").InstanceIDs(instanceID(t.spec.Name, t.number)))
	}
	if err != nil {
		t.log.Warn("leave the group; others take over after the session timeout", "err", err)
	}
}

// watchGroup keeps what goes on beside the loop: the noting of the member id and
// the standby copies. The function that it returns ends both.
func (t *task) watchGroup(ctx context.Context, stop func()) (end func()) {
	var beside sync.WaitGroup
	if t.member != nil {
		beside.Go(func() { t.member.watch(ctx, t.client) })
	}
	if t.standbys != nil {
		beside.Go(func() {
			if err := t.standbys.run(ctx); err != nil {
				t.log.Warn("close standby copies", "err", err)
			}
		})
	}
	return func() {
		stop()
		beside.Wait()
	}
}
