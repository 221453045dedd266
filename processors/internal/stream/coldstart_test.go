package stream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Defends a fleet that starts without disks: rebalances that come while tasks
// restore cost no task its life, leave no number behind and no count wrong.
// Others have been seen to restart for ever here, each restart a rebalance.
func TestRebalanceWhileRestoring(t *testing.T) {
	t.Parallel()
	for _, protocol := range []protocol{classicProtocol, consumerProtocol} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 12, "raw.a", "raw.b")
			p.protocol = protocol
			first := p.start(tallySpec, &tallyRule{}, 0, nil)
			sent := p.produceMany("raw.a", 20_000)
			p.checkCopies(sent)
			first.drain(t)
			if err := os.RemoveAll(filepath.Join(p.dir, tallySpec.Name)); err != nil {
				t.Fatal(err)
			}
			var restored atomic.Int32 // numbers
			fleet := make([]*running, 4)
			for n := range fleet {
				fleet[n] = p.start(tallySpec, &tallyRule{}, n, func(task *task) { slowRestore(task, &restored) })
				add(sent, p.produceKeys("raw.b", 340))
				time.Sleep(400 * time.Millisecond) // into the restore of those before: each join is a rebalance
			}
			for deadline := time.Now().Add(time.Minute); !spread(t, fleet); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the numbers are not spread over the tasks")
				}
			}
			add(sent, p.produceKeys("raw.b", 340))
			p.checkCopies(sent)
			if restored.Load() <= 12 {
				t.Errorf("%d numbers were restored: none moved while it was", restored.Load())
			}
		})
	}
}

// produceMany sends one record each of n keys.
func (p *platform) produceMany(topic string, n int) map[string]int {
	p.tb.Helper()
	sent := make(map[string]int, n)
	records := make([]*kgo.Record, n)
	for i := range n {
		key := fmt.Sprintf("m%d", i)
		sent[key] = 1
		records[i] = number(topic, key, i)
	}
	p.produce(records...)
	return sent
}

// slowRestore makes every restore of the task take longer than a rebalance.
func slowRestore(task *task, begun *atomic.Int32) {
	task.group.mu.Lock()
	defer task.group.mu.Unlock()
	restore := task.group.restore
	task.group.restore = func(ctx context.Context, numbers []int32, inputs map[string]int32) ([]*restored, error) {
		begun.Add(int32(len(numbers))) //nolint:gosec // a few
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
		return restore(ctx, numbers, inputs)
	}
}

// spread says whether each task of the fleet works on its share, and fails the
// test when one has died.
func spread(t *testing.T, fleet []*running) bool {
	t.Helper()
	for n, r := range fleet {
		select {
		case err := <-r.done:
			r.done <- err
			t.Fatalf("task %d ended: %v", n, err)
		default:
		}
		var open dto.Metric // state of numbers: one kept for good blocks their new owner
		if err := r.t.metrics.partitions.Write(&open); err != nil {
			t.Fatal(err)
		}
		share := 12 / len(fleet)
		if len(r.t.group.topics()) != share || int(open.GetGauge().GetValue()) != share || !r.t.group.ready() {
			return false
		}
	}
	return true
}
