package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Settings of one broker that keep new replicas off it. Kafka knows the first one
// from 4.3 on (KIP-1066). Older brokers keep the second for us, as they keep every
// setting that they do not know: our own plans heed it, Kafka's placement does not.
const (
	cordonedDirs = "cordoned.log.dirs"
	ownCordon    = "headwater.cordoned." // and the node id, as the embedded brokers share their settings
)

// cordonLevel is the metadata.version from which Kafka heeds cordonedDirs (4.3-IV0).
const cordonLevel = 30

// cordonWait is how long a broker may take to take its cordon in.
const cordonWait = 10 * time.Second

// Cordon keeps new replicas off a broker that is up, and returns when the broker
// says so. On brokers before 4.3 only Headwater's own plans keep off it.
func Cordon(ctx context.Context, client *kgo.Client, id int32) error {
	s, err := Read(ctx, client)
	if err != nil {
		return err
	}
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: cordonedDirs, Value: kadm.StringPtr("*")}
	if !s.Cordons {
		change = kadm.AlterConfig{Op: kadm.SetConfig, Name: ownCordon + fmt.Sprint(id), Value: kadm.StringPtr("true")}
	}
	return setCordon(ctx, client, id, true, change)
}

// Uncordon is the reverse of [Cordon].
func Uncordon(ctx context.Context, client *kgo.Client, id int32) error {
	return setCordon(ctx, client, id, false,
		kadm.AlterConfig{Op: kadm.DeleteConfig, Name: cordonedDirs}, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: ownCordon + fmt.Sprint(id)})
}

func setCordon(ctx context.Context, client *kgo.Client, id int32, want bool, changes ...kadm.AlterConfig) error {
	responses, err := kadm.NewClient(client).AlterBrokerConfigs(ctx, changes, id)
	if err := firstAlterError(responses, err); err != nil {
		return fmt.Errorf("set the cordon of broker %d: %w", id, err)
	}
	for begun := time.Now(); ; {
		s, err := Read(ctx, client)
		if err != nil {
			return err
		}
		if b, ok := s.Broker(id); ok && b.Cordoned == want {
			return nil
		}
		if time.Since(begun) > cordonWait {
			return fmt.Errorf("set the cordon of broker %d: it took the setting and does not show it after %s: look at its log", id, cordonWait)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// readCordons finds the brokers that carry our own cordon, where Kafka has none.
func (s *Snapshot) readCordons(ctx context.Context, admin *kadm.Client) error {
	var up []int32
	for _, b := range s.Brokers {
		if b.Up {
			up = append(up, b.ID)
		}
	}
	if s.Cordons || len(up) == 0 {
		return nil
	}
	configs, err := admin.DescribeBrokerConfigs(ctx, up...)
	var shards *kadm.ShardErrors
	if err != nil && (!errors.As(err, &shards) || shards.AllFailed) {
		return err
	}
	for i := range s.Brokers {
		b := &s.Brokers[i]
		b.Cordoned = slices.ContainsFunc(configs, func(r kadm.ResourceConfig) bool {
			// Brokers show no value of a setting that they do not know.
			return slices.ContainsFunc(r.Configs, func(c kadm.Config) bool { return c.Key == ownCordon+fmt.Sprint(b.ID) })
		})
	}
	return nil
}

// OwnCordons are the brokers that [Cordon] keeps replicas off without Kafka's
// knowledge; none from Kafka 4.3 on. It takes two requests and one to each broker.
func OwnCordons(ctx context.Context, client *kgo.Client) ([]int32, error) {
	s, err := readMembers(ctx, client)
	admin := kadm.NewClient(client)
	if err == nil {
		_, err = s.readFeatures(ctx, admin)
	}
	if err == nil && !s.Cordons {
		err = s.readCordons(ctx, admin)
	}
	var ids []int32
	for _, b := range s.Brokers {
		if b.Cordoned {
			ids = append(ids, b.ID)
		}
	}
	return ids, err
}

// readFeatures learns what the brokers can do: name their quorum, heed a cordon.
func (s *Snapshot) readFeatures(ctx context.Context, admin *kadm.Client) (quorum bool, err error) {
	versions, err := admin.ApiVersions(ctx)
	if err != nil {
		return false, err
	}
	quorum = true
	for _, v := range versions {
		if v.Err != nil {
			continue
		}
		if _, known := v.KeyMaxVersion(int16(kmsg.DescribeQuorum)); !known {
			quorum = false
		}
		for _, f := range v.Raw().FinalizedFeatures {
			s.Cordons = s.Cordons || f.Name == "metadata.version" && f.MaxVersionLevel >= cordonLevel
		}
	}
	return quorum, nil
}

// DrainRefusals says why a broker must not be emptied now, in words; none when it
// may. Every replica to be made needs a source in sync and a cluster that is
// whole: with another broker down, copies would load the rest just when they carry
// its share too.
func (s Snapshot) DrainRefusals(id int32) []string {
	var reasons []string
	for _, b := range s.Brokers {
		if !b.Up && b.ID != id {
			reasons = append(reasons, fmt.Sprintf("broker %d is down: start it, or empty and remove it first", b.ID))
		}
	}
	b, _ := s.Broker(id)
	var offline []string
	for _, p := range s.Held(id) {
		if p.Leader < 0 || !b.Up && len(without(p.ISR, id)) == 0 {
			offline = append(offline, p.String())
		}
	}
	if len(offline) > 0 {
		reasons = append(reasons, fmt.Sprintf("no replica in sync is up to copy from: %s; start the brokers that hold them", count(offline)))
	}
	return reasons
}

// RemoveRefusals says why a broker must not be unregistered now, in words. Kafka
// itself takes the registration of a broker that runs, or holds replicas, too.
func (s Snapshot) RemoveRefusals(id int32) []string {
	b, ok := s.Broker(id)
	if !ok {
		return nil
	}
	var reasons []string
	if held := len(s.Held(id)); held > 0 {
		reasons = append(reasons, fmt.Sprintf("it holds %d replicas", held))
	}
	if b.Up {
		reasons = append(reasons, "it is running")
	}
	return reasons
}

// Unregister takes a broker that is gone off the cluster's list. The error is a
// refusal of [Snapshot.RemoveRefusals], looked at just before, or what the
// controller says. A broker that is not registered is none.
func Unregister(ctx context.Context, client *kgo.Client, id int32) error {
	s, err := Read(ctx, client)
	if err != nil {
		return err
	}
	if reasons := s.RemoveRefusals(id); len(reasons) > 0 {
		return fmt.Errorf("unregister broker %d: %s", id, reasons[0])
	}
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = id
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil && !errors.Is(err, kerr.BrokerIDNotRegistered) {
		return fmt.Errorf("unregister broker %d: %w", id, err)
	}
	return nil
}

// down are the brokers among ids that are not up.
func (s Snapshot) down(ids []int32) []int32 {
	return slices.DeleteFunc(ids, func(id int32) bool {
		b, ok := s.Broker(id)
		return ok && b.Up
	})
}
