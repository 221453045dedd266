package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/browsing"
)

// sized is what one size of the platform costs at the same rate.
type sized struct {
	What string `json:"what"`
	steadily
}

// measureSizes runs sessionize with more tasks and with more partitions, and
// refine with more event types.
func measureSizes(ctx context.Context, p *platform, g *generator, o *options) ([]sized, error) {
	var list []sized
	for _, size := range []struct {
		tasks      int
		partitions int32
	}{{1, 12}, {2, 12}, {4, 12}, {8, 12}, {1, 120}, {8, 120}} {
		what := fmt.Sprintf("sessionize, tasks %d, partitions %d", size.tasks, size.partitions)
		m, err := p.sizeSessionize(ctx, g, o, size.tasks, size.partitions)
		if err != nil {
			return list, fmt.Errorf("measure %s: %w", what, err)
		}
		list = append(list, told(what, m))
	}
	// What comes after is measured on the topics as they were.
	w, err := p.onlySessionize(ctx, g, 1, 12)
	if err != nil {
		return list, err
	}
	w.client.Close()
	for _, types := range []int{1, 50} {
		what := fmt.Sprintf("refine, event types %d", types)
		m, err := p.sizeRefine(ctx, g, o, types)
		if err != nil {
			return list, fmt.Errorf("measure %s: %w", what, err)
		}
		list = append(list, told(what, m))
	}
	return list, nil
}

func told(what string, m *steadily) sized {
	say("%-38s %.1f us of CPU per event, brokers %.1f, p99 %.0f ms, %.0f MiB", what, m.Tasks, m.Brokers, m.P99, m.Memory)
	return sized{what, *m}
}

func (p *platform) sizeSessionize(ctx context.Context, g *generator, o *options, tasks int, partitions int32) (*steadily, error) {
	w, err := p.onlySessionize(ctx, g, tasks, partitions)
	if err != nil {
		return nil, err
	}
	defer w.client.Close()
	if _, err := p.openCustomers(ctx, w, 0, fewOpen); err != nil {
		return nil, err
	}
	return p.measureSteady(ctx, w, o.StateRate, fewOpen, o.SizeDuration)
}

// sizeRefine runs refine alone over events that are spread evenly over so many
// types, each on a topic of its own.
func (p *platform) sizeRefine(ctx context.Context, g *generator, o *options, types int) (*steadily, error) {
	topics, err := p.declare(ctx, types)
	if err != nil {
		return nil, err
	}
	if err := p.deploy(ctx, map[string]int{"refine": 1}); err != nil {
		return nil, err
	}
	client, err := p.place.AdminConfig(p.secrets).Client(
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	k := g.kinds[0] // page views
	send := func(n int64) {
		kind := k
		kind.eventType, kind.topic = "bench."+topics[int(n)%types].name, topics[int(n)%types].topic
		now := time.Now()
		d := g.probe()
		d.kind, d.customer = 0, int(d.id%fewOpen) //nolint:gosec // below fewOpen
		client.Produce(ctx, g.record(&kind, d, k.avro[d.body], now), nil)
	}
	return p.watchRefine(ctx, o, topics, send)
}

// watchRefine sends at the rate and measures refine after a warm-up.
func (p *platform) watchRefine(ctx context.Context, o *options, topics []declared, send func(n int64)) (*steadily, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.topic
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	s := &steady{rate: o.StateRate}
	s.group.Go(func() { s.err = s.tick(sending, func(n int64) error { send(n); return nil }) })
	defer s.group.Wait()
	defer stop()
	// The new topics have to be found and restored first.
	pause(ctx, warmRefine)
	before, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	from, begun := s.sent.Load(), time.Now()
	if !pause(ctx, o.SizeDuration) {
		return nil, context.Cause(ctx)
	}
	after, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	n, seconds := float64(s.sent.Load()-from), time.Since(begun).Seconds()
	done, err := p.committed(ctx, "refine", names)
	if err != nil {
		return nil, err
	}
	if done == 0 {
		return nil, errors.New("refine has read none of it")
	}
	m := &steadily{Rate: o.StateRate, Tasks: (after["refine"] - before["refine"]) * 1e6 / n, Brokers: (after["brokers"] - before["brokers"]) * 1e6 / n}
	m.Sustained = n/seconds >= minOfTarget*float64(o.StateRate) && float64(s.sent.Load())-done < float64(o.StateRate)
	m.Memory, err = p.memory(ctx, "refine")
	return m, err
}

const warmRefine = 15 * time.Second

// declared is an event type that only the bench knows.
type declared struct{ name, topic string }

// declare makes event types like page views: topics, rights and entries of the
// catalogue, as terraform would.
func (p *platform) declare(ctx context.Context, n int) ([]declared, error) {
	schema, err := p.registered(ctx, browsing.PageViewedTopic)
	if err != nil {
		return nil, err
	}
	var list []declared
	for i := range n {
		d := declared{name: fmt.Sprintf("sized_%d", i), topic: fmt.Sprintf("raw.bench.sized-%d", i)}
		partitions, settings, err := p.describe(ctx, browsing.PageViewedTopic)
		if err != nil {
			return nil, err
		}
		if err := p.remake(ctx, d.topic, partitions, settings); err != nil {
			return nil, err
		}
		entry := event.Entry{
			Version: 1, Type: "bench." + d.name, Tier: "raw", Domain: "bench", Name: d.name, Owner: "platform", Topic: d.topic,
			Subject: d.topic + "-value", SchemaType: "AVRO", SchemaID: schema.ID(), SchemaVersion: 1, Schema: schema.Text(),
		}
		value, err := json.Marshal(entry)
		if err != nil {
			return nil, err
		}
		record := &kgo.Record{Topic: event.CatalogueTopic, Key: []byte(entry.Type), Value: value}
		if err := p.client.ProduceSync(ctx, record).FirstErr(); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	rights := kadm.NewACLs().Topics("raw.bench.").ResourcePatternType(kadm.ACLPatternPrefixed).
		Allow("User:refine").AllowHosts("*").Operations(kadm.OpRead, kadm.OpDescribe)
	_, err = p.admin.CreateACLs(ctx, rights)
	return list, err
}
