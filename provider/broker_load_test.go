package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafkatest"
)

// traffic is a producer of numbered records and a processor that copies them in
// transactions, while somebody manages the brokers under it.
type traffic struct {
	t *testing.T
	c *kafkatest.Cluster

	stopProducer, stopProcessor context.CancelFunc
	producer, processor         sync.WaitGroup

	mu       sync.Mutex
	acked    map[int]bool // by the producer
	failures []error      // that no retry of the client mended
	retried  int          // transactions begun anew
}

func (f *traffic) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, err)
}

// end stops what still runs.
func (f *traffic) end() {
	if f.stopProducer != nil {
		f.stopProducer()
		f.producer.Wait()
		f.stopProcessor()
		f.processor.Wait()
	}
}

// trafficEvery is the pause between two records: what two cores carry beside four
// brokers and terraform.
const trafficEvery = 5 * time.Millisecond

const trafficIn, trafficOut = "raw.web.clicked", "raw.web.viewed"

// run begins, on topics that are there.
func (f *traffic) run() {
	sending, stopProducer := context.WithCancel(context.Background())
	ctx, stopProcessor := context.WithCancel(context.Background())
	f.stopProducer, f.stopProcessor, f.acked = stopProducer, stopProcessor, map[int]bool{}
	client := f.c.Client(kgo.DefaultProduceTopic(trafficIn), kgo.MetadataMaxAge(time.Second))
	f.producer.Go(func() {
		for n := 0; sending.Err() == nil; n++ {
			number := []byte(strconv.Itoa(n))
			if err := client.ProduceSync(context.Background(), kgo.KeySliceRecord(number, number)).FirstErr(); err != nil {
				f.fail(err)
				continue
			}
			f.acked[n] = true // read when this has ended
			time.Sleep(trafficEvery)
		}
	})
	seeds := kgo.SeedBrokers(f.c.Config.BootstrapServers...)
	session, err := kgo.NewGroupTransactSession(seeds, kgo.TransactionalID("copy"), kgo.ConsumerGroup("copy"), kgo.ConsumeTopics(trafficIn),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		f.t.Fatal(err)
	}
	f.processor.Go(func() {
		defer session.Close()
		for ctx.Err() == nil {
			f.copySome(ctx, session)
		}
	})
}

// copySome copies what one poll brings, in one transaction.
func (f *traffic) copySome(ctx context.Context, session *kgo.GroupTransactSession) {
	fetches := session.PollFetches(ctx)
	if fetches.NumRecords() == 0 {
		return
	}
	if err := session.Begin(); err != nil {
		f.fail(err)
		return
	}
	promise := kgo.AbortingFirstErrPromise(session.Client())
	fetches.EachRecord(func(r *kgo.Record) {
		session.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: trafficOut, Key: r.Key, Value: r.Value}, promise.Promise())
	})
	committed, err := session.End(context.WithoutCancel(ctx), promise.Err() == nil)
	if err != nil && !kerr.IsRetriable(err) {
		f.fail(err)
	}
	if !committed {
		f.retried++
	}
}

// check stops the producer, waits until all that it was acknowledged is copied,
// and holds what came out against it.
func (f *traffic) check(*terraformState) error {
	time.Sleep(2 * time.Second) // what breaks late counts
	f.stopProducer()
	f.producer.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reader := f.c.Client(kgo.ConsumeTopics(trafficOut), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	times, left := map[int]int{}, len(f.acked)
	read := func(ctx context.Context) {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			n, err := strconv.Atoi(string(r.Value))
			if err != nil {
				f.fail(err)
			}
			if times[n]++; times[n] == 1 && f.acked[n] {
				left--
			}
		})
	}
	for left > 0 && ctx.Err() == nil {
		read(ctx)
	}
	quiet, done := context.WithTimeout(context.Background(), 3*time.Second) // for what is there twice
	defer done()
	for quiet.Err() == nil {
		read(quiet)
	}
	f.end()
	doubled := 0
	for _, n := range times {
		doubled += n - 1
	}
	f.t.Logf("%d records acknowledged, %d copied, %d transactions begun anew", len(f.acked), len(times), f.retried)
	if left > 0 || doubled > 0 || len(f.failures) > 0 || len(f.acked) < 100 {
		return fmt.Errorf("of %d acknowledged %d are lost and %d doubled, failures: %w", len(f.acked), left, doubled, errors.Join(f.failures...))
	}
	return nil
}

// grown gives the topics twice their partitions.
func grown(config string) string {
	return strings.ReplaceAll(config, "partitions = 3", "partitions = 6")
}

// Moves under load cost no record and no copy, and double none: a broker is drained
// under a producer and a transactional processor, stopped, unregistered, added back
// and filled; their topics get three replicas instead of one and more partitions; an
// apply that is killed in the middle of a drain is run again.
func TestMovesLoseNothing(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.WithBrokers(4))
	c.NeedsReal()
	with := func(factor int, broker string) string {
		return on(c, replicated(factor, trafficIn, trafficOut)+broker)
	}
	f := &traffic{t: t, c: c}
	t.Cleanup(f.end)
	accept(t,
		resource.TestStep{Config: with(1, leaving("")), Check: func(*terraformState) error { f.run(); return nil }},
		resource.TestStep{Config: with(3, leaving("")), Check: placed(c, 3, 3, trafficIn, trafficOut)},
		resource.TestStep{Config: with(3, leaving(`state = "drained"`)), Check: holding(c, 3, func(n int) bool { return n == 0 })},
		resource.TestStep{PreConfig: func() { c.KillBroker(3) }, Config: with(3, "")},
		resource.TestStep{
			PreConfig: func() { c.RestartBroker(3) },
			Config:    with(3, leaving("rebalance = true\n  on_destroy = \"abandon\"")),
			Check:     holding(c, 3, func(n int) bool { return n > 0 }),
		},
		resource.TestStep{
			Config: grown(with(3, leaving("rebalance = true\n  on_destroy = \"abandon\""))),
			Check:  resource.ComposeTestCheckFunc(drainKilled(t, c), f.check),
			// The drain was another root's.
			ExpectNonEmptyPlan: true,
		},
		resource.TestStep{Config: on(c, unprotected(grown(replicated(3, trafficIn, trafficOut)))+leaving(`on_destroy = "abandon"`))},
	)
}
