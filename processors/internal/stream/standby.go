package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// standbys keeps warm copies of partitions that other tasks own: it follows their
// changelogs into directories of its own, so that a failover replays moments
// instead of everything. Which task keeps which copy follows from the group's
// members alone (rendezvous hashing), and [balancer] gives a number whose owner
// is gone to the task that has its copy, where its share allows.
//
// A copy of state that expires by age keeps what its owner has dropped, until the
// copy is promoted and the timers drop it again.
type standbys struct {
	r        restorer // with the copies' directory
	copies   int      // of each partition
	protocol protocol

	client *kgo.Client
	mu     sync.Mutex
	copied map[int32]*restored
	taken  map[int32]bool // promoted, and in use by a partition
}

const (
	// standbyEvery is how often the group is asked who owns what.
	standbyEvery = time.Second
	// standbyShare of one core's time at most goes into applying changes, so that
	// copies never starve what the task owns.
	standbyShare = 0.25
)

func newStandbys(r restorer, copies int, by protocol) (*standbys, error) {
	r.dir = filepath.Join(r.dir, "standby."+r.task)
	s := &standbys{r: r, copies: copies, protocol: by, copied: make(map[int32]*restored), taken: make(map[int32]bool)}
	var err error
	s.client, err = r.cfg.Client(append(changelogOptions(), kgo.ConsumePartitions(nil))...)
	return s, err
}

// run follows until ctx ends, and closes the copies.
func (s *standbys) run(ctx context.Context) error {
	var looked time.Time
	for ctx.Err() == nil {
		if time.Since(looked) >= standbyEvery {
			if err := s.look(ctx); err != nil && ctx.Err() == nil {
				s.r.log.Warn("place standby copies", "err", err)
			}
			looked = time.Now()
		}
		polled, cancel := context.WithTimeout(ctx, standbyEvery/4)
		fetches := s.client.PollFetches(polled)
		cancel()
		_ = pause(ctx, s.follow(fetches))
	}
	s.client.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, one := range s.copied {
		errs = append(errs, one.store.close())
	}
	clear(s.copied)
	return errors.Join(errs...)
}

// follow applies what came and returns for how long to rest.
func (s *standbys) follow(fetches kgo.Fetches) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := time.Now()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		one := s.copied[f.Partition]
		if one == nil {
			return
		}
		err := f.Err
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return
		}
		if err == nil && len(f.Records) > 0 && f.Records[0].Offset >= one.next {
			_, err = s.r.replayBatch(one, f.Records)
		}
		if err != nil {
			s.r.log.Warn("drop a standby copy and make it anew", "partition", f.Partition, "err", err)
			s.drop(f.Partition)
		}
	})
	return min(time.Duration(float64(time.Since(begun))*(1/standbyShare-1)), time.Second)
}

// drop ends a copy and removes it. s.mu is held.
func (s *standbys) drop(number int32) {
	one := s.copied[number]
	delete(s.copied, number)
	s.client.RemoveConsumePartitions(map[string][]int32{s.r.spec.State.Topic: {number}})
	s.r.metrics.forgetStandby(number)
	err := one.store.close()
	if err = errors.Join(err, s.r.disk.RemoveAll(one.store.dir)); err != nil {
		s.r.log.Warn("remove a standby copy", "partition", number, "err", err)
	}
}

// take hands over the copy of a partition that this task now owns, nil when there
// is none. It may be one that an earlier life left.
func (s *standbys) take(number int32) *store {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var copied *store
	if one := s.copied[number]; one != nil {
		delete(s.copied, number)
		s.client.RemoveConsumePartitions(map[string][]int32{s.r.spec.State.Topic: {number}})
		s.r.metrics.forgetStandby(number)
		copied = one.store
	} else if _, err := s.r.disk.Stat(s.r.place(number)); err != nil || s.taken[number] {
		return nil
	} else if copied, err = openStore(s.r.disk, s.r.place(number)); err != nil {
		return nil // the next look makes it anew, when it is due
	}
	s.taken[number] = true
	copied.freed = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.taken, number)
	}
	return copied
}

// look asks the group who owns what, and begins and ends copies accordingly.
func (s *standbys) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	members, owners, err := s.placement(ctx)
	if err != nil {
		return err
	}
	me := instanceID(s.r.spec.Name, s.r.task)
	var wanted []int32
	for number, owner := range owners {
		if owner != me && rank(members, me, owner, number) < s.copies {
			wanted = append(wanted, number)
		}
	}
	logs, err := s.r.changelogs(ctx, wanted)
	if err != nil {
		return err
	}
	if err := s.passTails(ctx, wanted, logs); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := make(map[int32]bool)
	for i, number := range wanted {
		keep[number] = true
		if one := s.copied[number]; one != nil {
			s.r.metrics.setStandby(number, max(logs[i].end-one.next, 0))
			one.looked = one.next
		} else if err := s.begin(number, logs[i]); err != nil {
			return err
		}
	}
	for number := range s.copied {
		if owner, owned := owners[number]; owned && owner != me && !keep[number] {
			s.drop(number) // one that nobody owns, or we do, is about to be promoted
		}
	}
	return nil
}

// passTails takes copies to which nothing came since the last look past the ends
// of their changelogs where no records stand.
func (s *standbys) passTails(ctx context.Context, wanted []int32, logs []changelog) error {
	for i, number := range wanted {
		s.mu.Lock()
		one := s.copied[number]
		waits := one != nil && one.next == one.looked && one.next < logs[i].end
		s.mu.Unlock()
		if !waits {
			continue
		}
		next, err := emptyUntil(ctx, s.r.admin, s.client, s.r.spec.State.Topic, number, one.looked, logs[i].end)
		if err != nil {
			return err
		}
		s.mu.Lock()
		if s.copied[number] == one && one.next == one.looked && next > one.next {
			err = one.reach(one.store.db.NewBatch(), nil, next)
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// begin opens the copy and follows its changelog. s.mu is held.
func (s *standbys) begin(number int32, log changelog) error {
	if s.taken[number] {
		return nil
	}
	dir := s.r.place(number)
	if err := s.r.disk.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make directory of a standby copy: %w", err)
	}
	copied, err := openStore(s.r.disk, dir)
	if err == nil {
		if err = copied.fits(log.topicID, log.start, log.end, time.Now()); err != nil {
			err = errors.Join(err, copied.close())
		}
	}
	if err != nil {
		// A copy is no loss: the next look begins anew.
		return errors.Join(fmt.Errorf("open a standby copy: %w", err), s.r.disk.RemoveAll(dir))
	}
	copied.local.topicID = log.topicID
	one := &restored{number: number, store: copied, next: max(copied.local.next, log.start)}
	s.copied[number] = one
	s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.r.spec.State.Topic: {number: kgo.NewOffset().At(one.next)}})
	return nil
}

// placement is the group's members by instance id, and who owns which number.
func (s *standbys) placement(ctx context.Context) (members []string, owners map[int32]string, err error) {
	owners = make(map[int32]string)
	take := func(instance *string, has kadm.TopicsSet) {
		if instance == nil {
			return
		}
		members = append(members, *instance)
		for _, partitions := range has {
			for p := range partitions {
				owners[p] = *instance
			}
		}
	}
	if s.protocol == consumerProtocol {
		groups, err := s.r.admin.DescribeConsumerGroups(ctx, s.r.spec.Name)
		if err == nil {
			err = groups[s.r.spec.Name].Err
		}
		if err != nil {
			return nil, nil, fmt.Errorf("describe group %s: %w", s.r.spec.Name, err)
		}
		for _, m := range groups[s.r.spec.Name].Members {
			take(m.InstanceID, m.Assignment)
		}
		return members, owners, nil
	}
	groups, err := s.r.admin.DescribeGroups(ctx, s.r.spec.Name)
	if err == nil {
		err = groups[s.r.spec.Name].Err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("describe group %s: %w", s.r.spec.Name, err)
	}
	for _, m := range groups[s.r.spec.Name].Members {
		has := make(kadm.TopicsSet)
		if c, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range c.Topics {
				has.Add(topic.Topic, topic.Partitions...)
			}
		}
		take(m.InstanceID, has)
	}
	return members, owners, nil
}

// rank is how many members come before this one as keepers of a copy, its owner
// left out.
func rank(members []string, me, owner string, number int32) int {
	n := 0
	for _, m := range members {
		if m != me && m != owner && weight(m, number) > weight(me, number) {
			n++
		}
	}
	return n
}

// weight of a member for a number: that of rendezvous hashing (Thaler, Ravishankar
// 1996), where a member that goes moves only what it had.
func weight(member string, number int32) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(member + "/" + strconv.Itoa(int(number))))
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h.Sum64()*0x9E3779B97F4A7C15) // the last bytes alone mix too little
	_, _ = h.Write(b[:])
	return h.Sum64()
}
