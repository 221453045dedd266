// Package slot gives tasks that nobody numbers a number of their own. A slot is
// held by lease: as a static member of the consumer group [Group] (KIP-848),
// whose instance id the brokers give to no second member while the first is
// alive. See docs/decisions/0023.
//
// A lease keeps two tasks from taking the same number. That no two commit under
// it is the transactional id's doing, which the holder derives from the number
// and takes first of all: a holder that was asleep when its lease ran out is
// refused by the transaction coordinator.
package slot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"headwater.internal/platform/internal/kafka"
)

const (
	// session is after how much silence the brokers give a slot away:
	// group.consumer.session.timeout.ms of ours.
	session = 10 * time.Second
	// patience is after how much silence of the brokers a holder counts its lease
	// as lost. It goes by the sending of what was answered, so it is never later
	// than the brokers.
	patience = session - time.Second
	beat     = time.Second // between two heartbeats
	// again is how long to wait for a slot to become free between two looks.
	again = time.Second
	// answerWithin bounds one request.
	answerWithin = 3 * time.Second
)

// leave is the member epoch by which a heartbeat gives its place up for good.
const leave = -1

// ErrLost says that the slot may be another task's by now.
var ErrLost = errors.New("the lease of the slot is lost")

// Group is the consumer group that keeps the slots of a processor.
func Group(processor string) string { return processor + ".slots" }

// Wish is what to take.
type Wish struct {
	Processor string
	Slots     int // numbers are below it
	// Waiting is called with the reason when no slot can be had, once for each
	// reason, and with "" when one was. May be nil.
	Waiting func(why string)
	Log     *slog.Logger

	// Topic and Load report the holder's load as [Loads] reads it. Topic is one
	// that the processor may read, and that has a partition for each slot. Load
	// is nil when nothing is to be reported.
	Topic string
	Load  func() Load
}

// Lease is a slot that is held.
type Lease struct {
	Number int

	wish       Wish
	client     *kgo.Client
	instance   string
	member     string
	epoch      int32
	unreported string // why the last report did not arrive
	stop       context.CancelFunc
	done       chan struct{}

	mu       sync.Mutex
	answered time.Time // when the last heartbeat that was answered was sent
	lost     error
}

// Take takes the lowest free slot. It waits, without end, while all are held or
// the brokers do not answer; the error is that of the settings or of ctx.
func Take(ctx context.Context, cfg kafka.Config, w Wish) (*Lease, error) {
	cfg.ClientID = Group(w.Processor)
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.OffsetCommit), 9) // the next ones name topics by id
	client, err := cfg.Client(kgo.MaxVersions(versions), kgo.AlwaysRetryEOF())
	if err != nil {
		return nil, err
	}
	told := ""
	for {
		l, err := w.try(ctx, client)
		if err == nil {
			w.say("")
			l.begin()
			return l, nil
		}
		if why := err.Error(); why != told && ctx.Err() == nil {
			told = why
			w.Log.Warn("wait for a slot", "err", err)
			w.say(why)
		}
		select {
		case <-ctx.Done():
			client.Close()
			return nil, context.Cause(ctx)
		case <-time.After(again):
		}
	}
}

func (w Wish) say(why string) {
	if w.Waiting != nil {
		w.Waiting(why)
	}
}

// try asks for one slot after the other.
func (w Wish) try(ctx context.Context, client *kgo.Client) (*Lease, error) {
	for number := range w.Slots {
		l := &Lease{
			Number: number, wish: w, client: client,
			instance: w.Processor + "-" + strconv.Itoa(number),
			// A new one each time: a member that is its own predecessor is refused too.
			member: rand.Text(),
		}
		l.answered = time.Now()
		err := l.heartbeat(ctx)
		switch {
		case err == nil:
			return l, nil
		case errors.Is(err, kerr.UnreleasedInstanceID):
			continue
		case errors.Is(err, kerr.GroupAuthorizationFailed):
			return nil, fmt.Errorf("%w: allow User:%s to READ the group %s", err, w.Processor, Group(w.Processor))
		}
		return nil, err
	}
	return nil, fmt.Errorf("all %d slots of %s are held: a task that ends frees one, more tasks need more slots", w.Slots, w.Processor)
}

// heartbeat joins the group, or says that this member is still there.
func (l *Lease) heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = Group(l.wish.Processor), l.member, l.epoch, &l.instance
	// What it owns it always says: who repeats an epoch must, for its answer was lost.
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if l.epoch == 0 {
		req.RebalanceTimeoutMillis = int32(session.Milliseconds())
		req.SubscribedTopicNames = []string{} // a member of the group, of no topic
	}
	resp, err := req.RequestWith(ctx, l.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("hold slot %s: %w", l.instance, err)
	}
	if resp.MemberEpoch > 0 {
		l.epoch = resp.MemberEpoch
	}
	return nil
}

func (l *Lease) begin() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop, l.done = stop, make(chan struct{})
	go l.keep(ctx)
}

// keep holds the slot until ctx ends or it is lost.
func (l *Lease) keep(ctx context.Context) {
	defer close(l.done)
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	var reported time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		sent := time.Now()
		err := l.heartbeat(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			l.mu.Lock()
			l.answered = sent
			l.mu.Unlock()
		case gone(err):
			l.mu.Lock()
			l.lost = fmt.Errorf("%w: %w", ErrLost, err)
			l.mu.Unlock()
			return
		}
		if l.Err() != nil {
			return
		}
		if err == nil && l.wish.Load != nil && sent.Sub(reported) >= reportEach {
			reported = sent
			l.report(ctx)
		}
	}
}

// gone says whether the group knows the holder no more.
func gone(err error) bool {
	for _, e := range []error{kerr.UnknownMemberID, kerr.FencedMemberEpoch, kerr.FencedInstanceID, kerr.UnreleasedInstanceID, kerr.GroupIDNotFound} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Err is [ErrLost], with the reason, once the slot may be another task's: the
// brokers said so, or have not answered for almost a session. It looks at the
// clock itself, so that who was asleep hears of it at the first look.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if silent := time.Since(l.answered); l.lost == nil && silent > patience {
		l.lost = fmt.Errorf("%w: no broker has confirmed it for %s", ErrLost, silent.Round(100*time.Millisecond))
	}
	return l.lost
}

// Release gives the slot back at once and lets go of the brokers. Of a slot that
// was lost it says so again, for a coordinator that has not noticed.
func (l *Lease) Release(ctx context.Context) {
	l.stop()
	<-l.done
	defer l.client.Close()
	l.epoch = leave
	if err := l.heartbeat(ctx); err != nil && !gone(err) {
		l.wish.Log.Warn("give the slot back; it is free after the session timeout", "err", err)
	}
}
