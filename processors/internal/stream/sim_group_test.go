package stream

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// boundGroup has the group forget members as a coordinator of Kafka would. One
// waits no longer for members that rejoin than the rebalance timeout of 30 s:
// kfake's wait begins anew with each that joins, and so may never end. And a member
// whose process is gone ends with its session: kfake begins no session where it
// could not deliver the answer to a join, and would fence the successor for ever.
func (w *world) boundGroup() {
	if time.Since(w.looked) < time.Second {
		return
	}
	w.looked = time.Now()
	g := w.cluster.GroupInfo(simSpec.Name)
	if g == nil || g.State != "PreparingRebalance" {
		w.stable = w.looked
	}
	if g == nil {
		return
	}
	stuck := time.Since(w.stable) >= 35*time.Second
	living := w.members()
	leave := kadm.LeaveGroup(simSpec.Name)
	orphans, gone := make(map[string]time.Time), stuck
	for _, m := range g.Members {
		since, known := w.orphans[m.MemberID]
		switch {
		case m.InstanceID == nil:
		case stuck:
			leave.InstanceIDs(*m.InstanceID)
		case living[m.MemberID]:
		case !known:
			orphans[m.MemberID] = w.looked
		case time.Since(since) < 4*w.limits.SessionTimeout:
			orphans[m.MemberID] = since
		default:
			w.log.say("the group keeps a member of no process: %s", m.MemberID)
			leave.InstanceIDs(*m.InstanceID)
			gone = true
		}
	}
	w.orphans = orphans
	if !gone {
		return
	}
	if stuck {
		w.stable = w.looked
		w.log.say("the group waits for members for ever")
	}
	client, err := w.cfg.Client()
	if err != nil {
		w.tb.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).LeaveGroup(context.Background(), leave); err != nil {
		w.tb.Errorf("end members: %v", err)
	}
}

// members are the names under which the living processes are in the group.
func (w *world) members() map[string]bool {
	list := slices.Clone(w.retired)
	for _, h := range w.hosts {
		if h.proc != nil {
			list = append(list, h.proc)
		}
	}
	living := make(map[string]bool)
	for _, p := range list {
		if t := p.task.Load(); t != nil && !p.dead.Load() {
			member, _ := t.client.GroupMetadata()
			living[member] = true
		}
	}
	return living
}
