package main

import (
	"context"
	"maps"
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
	acls    *kind[[]kadm.DescribedACL]    // by [aclPattern.key]
	scram   *kind[kadm.DescribedUserSCRAM]
	quotas  *kind[map[string]float64] // by [quotaEntity.key]
	brokers *kind[brokerInfo]         // by node id in decimal
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
		brokers: newKind(timeout, loadBrokers(dial), nil),
	}
	c.configs = newKind(timeout, loadConfigs(dial, c.topics), loadConfig(dial))
	c.records = newKind(timeout, loadRecords(dial, c.topics), loadTopicRecords(dial))
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
	// loadOne looks at one object after a write to it; nil means loading all anew.
	loadOne func(context.Context, string) (V, bool, error)

	flight singleflight.Group

	mu         sync.Mutex
	loaded     bool
	generation int // counts invalidations, so that a load that began before one is not kept after it
	all        map[string]V
	stale      map[string]bool // keys that we wrote since all was loaded
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
	all, stale, err := k.snapshot(ctx)
	if err != nil {
		var none V
		return none, false, err
	}
	if v, ok := all[key]; ok && !stale[key] {
		return v, true, nil
	}
	if k.loadOne == nil {
		var none V
		return none, false, nil
	}
	return k.loadOne(ctx, key)
}

// peek returns all objects as they were when the kind was loaded.
func (k *kind[V]) peek(ctx context.Context) (map[string]V, error) {
	all, _, err := k.snapshot(ctx)
	return all, err
}

// invalidate forgets one object after a write to it.
func (k *kind[V]) invalidate(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation++
	if k.loadOne == nil {
		k.loaded = false
		return
	}
	k.stale[key] = true
}

// snapshot loads the kind if nobody has. Everyone who asks meanwhile waits for
// the same load and shares its error; a failed load is not kept.
func (k *kind[V]) snapshot(ctx context.Context) (map[string]V, map[string]bool, error) {
	k.mu.Lock()
	if k.loaded {
		defer k.mu.Unlock()
		return k.all, maps.Clone(k.stale), nil
	}
	generation := k.generation
	k.mu.Unlock()
	loaded, err, _ := k.flight.Do(strconv.Itoa(generation), func() (any, error) {
		// The load serves every waiter, so one resource's cancellation must not end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.timeout)
		defer cancel()
		all, err := k.loadAll(ctx)
		if err != nil {
			return nil, err
		}
		k.keep(generation, all)
		return all, nil
	})
	if err != nil {
		return nil, nil, err
	}
	all, _ := loaded.(map[string]V)
	return all, nil, nil
}

func (k *kind[V]) keep(generation int, all map[string]V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.generation == generation {
		k.all, k.loaded = all, true
	}
}
