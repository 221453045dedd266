package survive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/cluster"
)

// moved is the broker that leaves and comes back: one that is no controller of its
// own, as all of the platform's brokers.
const moved = int32(5)

// ownTopic is grown and replicated under writes of its own: the topics of the
// processors are keyed, and their partitions are chosen once.
const ownTopic = "survive.own"

// declare is a root of the provider beside the platform's own.
func declare(resources string) string {
	return "terraform {\n  required_providers {\n    headwater = { source = \"headwater.internal/platform/headwater\" }\n  }\n}\n\nprovider \"headwater\" {}\n\n" + resources
}

func declareBroker(rest string) string {
	return fmt.Sprintf("resource \"headwater_broker\" \"moved\" {\n  node_id = %d\n  %s\n}\n", moved, rest)
}

func declareTopic(partitions, factor int) string {
	return fmt.Sprintf("resource \"headwater_topic\" \"own\" {\n  name                = %q\n  partitions          = %d\n  replication_factor  = %d\n"+
		"  config              = { \"min.insync.replicas\" = \"1\" }\n  deletion_protection = false\n}\n", ownTopic, partitions, factor)
}

// terraform prepares a call in the root that these tests keep, with the platform's
// addresses and secrets around it. It leads a process group, so that a kill ends
// the provider as well.
func (p *platform) terraform(ctx context.Context, throttle, args string) *exec.Cmd {
	script := fmt.Sprintf(`eval "$(%[1]s env --data-dir %[2]s --port-base %[3]d)" && export HEADWATER_REASSIGNMENT_THROTTLE=%[4]s && exec %[1]s terraform -- -chdir=%[5]s %[6]s`,
		headwater, p.dir, p.portBase, throttle, p.movesRoot(), args)
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func (p *platform) movesRoot() string { return p.dir + "-moves" }

const applyNow = "apply -auto-approve -input=false -no-color"

// write replaces what is declared.
func (p *platform) write(resources string) error {
	if err := os.MkdirAll(p.movesRoot(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.movesRoot(), "main.tf"), []byte(declare(resources)), 0o600)
}

// apply applies the resources and returns what terraform said.
func (p *platform) apply(ctx context.Context, resources string) (string, error) {
	if err := p.write(resources); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(p.movesRoot(), ".terraform")); err != nil {
		if out, err := p.terraform(ctx, "0", "init -input=false -no-color").CombinedOutput(); err != nil {
			return "", fmt.Errorf("terraform init: %w: %s", err, lastLines(out, 15))
		}
	}
	out, err := p.terraform(ctx, "50MiB", applyNow).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("terraform apply: %w: %s", err, lastLines(out, 15))
	}
	return string(out), nil
}

// applyRefused applies what must be refused in that word.
func (p *platform) applyRefused(ctx context.Context, resources, word string) error {
	out, err := p.apply(ctx, resources)
	if err == nil || !strings.Contains(strings.Join(strings.Fields(out), " "), word) {
		return fmt.Errorf("%q was not refused with %q: %w: %s", resources, word, err, out)
	}
	return nil
}

// leave is a broker's way out: drained, stopped, unregistered, and refused before
// each of them.
func leave(ctx context.Context, p *platform) error {
	if _, err := p.apply(ctx, declareBroker("")); err != nil {
		return err
	}
	if err := p.applyRefused(ctx, "", fmt.Sprintf("Cannot remove broker %d: ", moved)); err != nil {
		return err
	}
	out, err := p.apply(ctx, declareBroker(`state = "drained"`))
	if err != nil {
		return err
	}
	p.t.Log(out)
	if err := p.holds(ctx, func(n int) bool { return n == 0 }); err != nil {
		return err
	}
	pid, err := p.pidOf(moved)
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGTERM)
	}
	if err != nil {
		return fmt.Errorf("stop broker %d: %w", moved, err)
	}
	if err := p.until(ctx, "the broker is down", func(s cluster.Snapshot) bool { b, _ := s.Broker(moved); return !b.Up }); err != nil {
		return err
	}
	if _, err := p.apply(ctx, ""); err != nil {
		return err
	}
	return p.until(ctx, "the broker is unregistered", func(s cluster.Snapshot) bool { _, there := s.Broker(moved); return !there })
}

// comeBack starts the broker again and gives it its share.
func comeBack(ctx context.Context, p *platform) error {
	if err := p.supervisor.RestartNode(ctx, moved); err != nil {
		return err
	}
	if _, err := p.apply(ctx, declareBroker("rebalance = true")); err != nil {
		return err
	}
	return p.holds(ctx, func(n int) bool { return n > 0 })
}

// grow adds partitions and replicas to a topic that is written to.
func grow(ctx context.Context, p *platform) error {
	keep := declareBroker("rebalance = true")
	if _, err := p.apply(ctx, keep+declareTopic(3, 1)); err != nil {
		return err
	}
	w := p.writer(ctx)
	for _, size := range [][2]int{{6, 1}, {6, 3}} {
		if _, err := p.apply(ctx, keep+declareTopic(size[0], size[1])); err != nil {
			return errors.Join(err, w.end(ctx))
		}
	}
	if err := w.end(ctx); err != nil {
		return err
	}
	return p.until(ctx, "the topic has 6 partitions of 3 replicas", func(s cluster.Snapshot) bool {
		whole := 0
		for _, one := range s.Partitions {
			if one.Topic == ownTopic && len(one.Replicas) == 3 && len(one.ISR) == 3 && !one.Moving() {
				whole++
			}
		}
		return whole == 6
	})
}

// killApply kills terraform in the middle of a drain; the next apply ends it, and
// leaves no limit behind.
func killApply(ctx context.Context, p *platform) error {
	drained := declareBroker("rebalance = true\n  state = \"drained\"") + declareTopic(6, 3)
	if err := p.write(drained); err != nil {
		return err
	}
	cmd := p.terraform(ctx, "64KiB", applyNow)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	moving := 0
	err := p.until(ctx, "replicas leave the broker", func(s cluster.Snapshot) bool {
		moving = 0
		for _, one := range s.Partitions {
			if slices.Contains(one.Removing, moved) {
				moving++
			}
		}
		return moving > 0
	})
	err = errors.Join(err, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
	if waited := <-ended; waited == nil {
		err = errors.Join(err, errors.New("the apply had ended before it was killed: nothing is shown"))
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, out.String())
	}
	p.t.Logf("terraform was killed while %d partitions moved", moving)
	if _, err := p.apply(ctx, drained); err != nil {
		return err
	}
	if err := p.holds(ctx, func(n int) bool { return n == 0 }); err != nil {
		return err
	}
	if err := p.unlimited(ctx); err != nil {
		return err
	}
	_, err = p.apply(ctx, declareBroker("rebalance = true")+declareTopic(6, 3))
	return err
}

// holds waits until the number of replicas on the broker is right.
func (p *platform) holds(ctx context.Context, right func(int) bool) error {
	return p.until(ctx, "the broker holds what it should", func(s cluster.Snapshot) bool { return right(len(s.Held(moved))) })
}

// unlimited finds limits that a reassignment left.
func (p *platform) unlimited(ctx context.Context) error {
	admin := kadm.NewClient(p.client)
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	configs, err := admin.DescribeTopicConfigs(ctx, topics.Names()...)
	if err != nil {
		return err
	}
	for _, topic := range configs {
		for _, c := range topic.Configs {
			if strings.HasSuffix(c.Key, ".replication.throttled.replicas") && c.MaybeValue() != "" {
				return fmt.Errorf("%s is left on %s: %s", c.Key, topic.Name, c.MaybeValue())
			}
		}
	}
	return nil
}

// writer writes numbers to ownTopic until it is ended.
type writer struct {
	p      *platform
	client *kgo.Client
	stop   context.CancelFunc
	done   chan struct{}
	acked  map[int]bool
	errs   []error
}

func (p *platform) writer(ctx context.Context) *writer {
	ctx, stop := context.WithCancel(ctx)
	w := &writer{p: p, stop: stop, done: make(chan struct{}), acked: map[int]bool{}}
	client, err := p.admin.Client(kgo.DefaultProduceTopic(ownTopic), kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		p.t.Fatal(err)
	}
	w.client = client
	go func() {
		defer close(w.done)
		for n := 0; ctx.Err() == nil; n++ {
			number := strconv.Itoa(n)
			record := &kgo.Record{Key: []byte(number), Value: []byte(number)}
			if err := client.ProduceSync(context.WithoutCancel(ctx), record).FirstErr(); err != nil {
				w.errs = append(w.errs, err)
				continue
			}
			w.acked[n] = true
		}
	}()
	return w
}

// end stops writing and holds the topic against what was acknowledged.
func (w *writer) end(ctx context.Context) error {
	w.stop()
	<-w.done
	w.client.Close()
	ends, err := kadm.NewClient(w.p.client).ListEndOffsets(ctx, ownTopic)
	if err != nil {
		return err
	}
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	reader, err := w.p.admin.Client(kgo.ConsumeTopics(ownTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer reader.Close()
	times := map[int]int{}
	partitions := map[int32]bool{}
	for read := int64(0); read < total; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %s: %w", ownTopic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n, _ := strconv.Atoi(string(r.Value))
			times[n]++
			partitions[r.Partition] = true
			read++
		})
	}
	lostOnes, twice := 0, 0
	for n := range w.acked {
		if times[n] == 0 {
			lostOnes++
		}
	}
	for _, n := range times {
		twice += n - 1
	}
	w.p.t.Logf("%s: %d records acknowledged, on %d partitions", ownTopic, len(w.acked), len(partitions))
	if lostOnes > 0 || twice > 0 || len(w.errs) > 0 || len(partitions) < 4 {
		return fmt.Errorf("%s: %d lost, %d doubled, on %d partitions, errors %v", ownTopic, lostOnes, twice, len(partitions), w.errs)
	}
	return nil
}
