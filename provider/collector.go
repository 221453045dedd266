package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/singleflight"
)

// collector answers what resources ask about the cluster with a number of
// requests that does not grow with the number of resources: the first question
// about a kind loads all of that kind, everyone else reads what it found.
type collector struct {
	topics  *kind[topicInfo]              // by topic name
	configs *kind[map[string]configValue] // by topic name
	records *kind[int64]                  // by topic name, about how many it holds
	readers *kind[[]string]               // by topic name, the groups active on it
	acls    *kind[[]aclEntry]             // by [aclPattern.key]
	scram   *kind[kadm.DescribedUserSCRAM]
	quotas  *kind[map[string]float64] // by [quotaEntity.key]
	brokers *kind[brokerInfo]         // by node id in decimal

	brokerConfigs *kind[map[string]configValue] // by node id in decimal
}

// connect returns a client whose brokers have answered at least once.
type connect func(context.Context) (*clusterClient, error)

// newCollector makes an empty collector. Each load is bounded by timeout.
func newCollector(dial connect, timeout time.Duration) *collector {
	c := &collector{
		topics:  newKind(timeout, loadTopics(dial), loadTopic(dial)),
		acls:    newKind(timeout, loadACLs(dial), loadACL(dial)),
		scram:   newKind(timeout, loadSCRAM(dial), loadSCRAMUser(dial)),
		quotas:  newKind(timeout, loadQuotas(dial), loadQuota(dial)),
		brokers: newKind(timeout, loadBrokers(dial), loadBroker(dial)),
	}
	c.configs = newKind(timeout, loadConfigs(dial, c.topics), loadConfig(dial))
	c.brokerConfigs = newKind(timeout, loadBrokerConfigs(dial, c.brokers), loadBrokerConfig(dial))
	c.readers = newKind(timeout, loadReaders(dial), nil)
	c.records = newKind(timeout, loadRecords(dial, c.topics), loadTopicRecords(dial, timeout))
	return c
}

// forgetTopic forgets all about a topic after a write to it.
func (c *collector) forgetTopic(name string) {
	c.topics.invalidate(name)
	c.configs.invalidate(name)
	c.records.invalidate(name)
}

// kind is one kind of object, loaded all at once.
type kind[V any] struct {
	timeout time.Duration
	loadAll func(context.Context) (map[string]V, error)
	// loadOne asks for an object by name; nil when that costs as much as loading all.
	loadOne func(context.Context, string) (V, bool, error)

	flight singleflight.Group

	mu     sync.Mutex
	loaded bool
	all    map[string]V
	stale  map[string]bool // keys that we wrote: asked for by name from then on
	writes int             // writes seen, without loadOne: a load that began before one is not kept
}

func newKind[V any](timeout time.Duration, all func(context.Context) (map[string]V, error),
	one func(context.Context, string) (V, bool, error),
) *kind[V] {
	return &kind[V]{timeout: timeout, loadAll: all, loadOne: one, stale: map[string]bool{}}
}

// get returns one object. A key that the load did not show is asked for by name:
// Kafka leaves what the principal may not see out of a list without a word, and
// "not allowed" must not be taken for "deleted".
func (k *kind[V]) get(ctx context.Context, key string) (V, bool, error) {
	all, err := k.peek(ctx)
	if err != nil {
		var none V
		return none, false, err
	}
	if v, ok := all[key]; (ok && !k.isStale(key)) || k.loadOne == nil {
		return v, ok, nil
	}
	return k.loadOne(ctx, key)
}

// peek returns all objects as they were when the kind was loaded, and loads it if
// nobody has. Everyone who asks meanwhile waits for the same load and shares its
// error; a failed load is not kept. Nobody may change the map.
func (k *kind[V]) peek(ctx context.Context) (map[string]V, error) {
	all, writes, ok := k.kept()
	if ok {
		return all, nil
	}
	loaded, err, _ := k.flight.Do(strconv.Itoa(writes), func() (any, error) {
		if all, _, ok := k.kept(); ok { // the last load ended between our look and our turn
			return all, nil
		}
		// The load serves every waiter, so one resource's cancellation must not end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.timeout)
		defer cancel()
		all, err := k.loadAll(ctx)
		if err == nil {
			k.keep(all, writes)
		}
		return all, err
	})
	if err != nil {
		return nil, err
	}
	all, _ = loaded.(map[string]V)
	return all, nil
}

// invalidate forgets one object after a write to it, also for a load under way.
func (k *kind[V]) invalidate(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loadOne == nil {
		k.writes++
		k.loaded = false
		return
	}
	k.stale[key] = true
}

func (k *kind[V]) isStale(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stale[key]
}

func (k *kind[V]) kept() (all map[string]V, writes int, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all, k.writes, k.loaded
}

func (k *kind[V]) keep(all map[string]V, writes int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writes == writes {
		k.all, k.loaded = all, true
	}
}
