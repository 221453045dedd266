package apache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafka"
)

// askEvery is how often a starting node is asked whether it is there.
const askEvery = 50 * time.Millisecond

// Nodes lists the ids of all nodes, brokers before dedicated controllers.
func (c *Cluster) Nodes() []int {
	var ids []int
	for _, n := range c.layout.Nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

// LogFile is where a node logs.
func (c *Cluster) LogFile(id int) string {
	return filepath.Join(c.options.DataDir, "logs", node{ID: id}.name()+".log")
}

// PID is the process of a running node; 0 when it does not run.
func (c *Cluster) PID(id int) int {
	if p := c.process(id); p.alive() {
		return p.cmd.Process.Pid
	}
	return 0
}

// Kill ends a node at once, as a power cut would. The error says that the node
// does not exist or does not run.
func (c *Cluster) Kill(id int) error {
	p := c.process(id)
	if !p.alive() {
		return fmt.Errorf("kill node %d: it does not run", id)
	}
	p.kill()
	return nil
}

// Restart starts a node, after stopping it in order when it runs, and returns
// when it serves: a broker its clients, a controller the quorum.
func (c *Cluster) Restart(ctx context.Context, id int) error {
	i := slices.IndexFunc(c.layout.Nodes, func(n node) bool { return n.ID == id })
	if i < 0 {
		return fmt.Errorf("restart node %d: there is none", id)
	}
	n := c.layout.Nodes[i]
	if p := c.process(id); p.alive() {
		if err := p.terminate(ctx, restartStopTimeout); err != nil {
			// It loses nothing but time, and left dead it would be missed.
			c.options.Progress(err.Error())
		}
	}
	if err := c.launch(n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if n.Broker {
		return c.awaitServing(ctx, n, []node{n})
	}
	return c.awaitListening(ctx, n, listenerController)
}

// StartAll starts the nodes that do not run and waits until every broker serves.
func (c *Cluster) StartAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, n := range c.layout.Nodes {
		if !c.process(n.ID).alive() {
			if err := c.launch(n); err != nil {
				return err
			}
		}
	}
	for _, n := range c.layout.brokers() {
		if err := c.awaitServing(ctx, n, c.layout.brokers()); err != nil {
			return err
		}
	}
	return nil
}

// KillAll ends every node at once.
func (c *Cluster) KillAll() {
	for _, n := range c.layout.Nodes {
		if p := c.process(n.ID); p.alive() {
			_ = p.cmd.Process.Kill() // all before the first is waited for
		}
	}
	for _, n := range c.layout.Nodes {
		if p := c.process(n.ID); p != nil {
			<-p.exited
		}
	}
}

// Stop stops all nodes in order: dedicated brokers first, while the controllers
// can still take note. The error names the nodes that had to be killed, which
// loses nothing but a longer next start. The cluster can be started again with
// [Cluster.StartAll]; [Cluster.Close] ends it.
func (c *Cluster) Stop(ctx context.Context) error {
	dedicated := c.layout.where(func(n node) bool { return n.Broker && !n.Controller })
	return errors.Join(c.terminate(ctx, dedicated), c.terminate(ctx, c.layout.controllers()))
}

func (c *Cluster) terminate(ctx context.Context, nodes []node) error {
	results := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() {
			if p := c.process(n.ID); p.alive() {
				results <- p.terminate(ctx, stopTimeout)
				return
			}
			results <- nil
		}()
	}
	var errs []error
	for range nodes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// Close kills what still runs. The data stays.
func (c *Cluster) Close() {
	c.guard.close()
	for _, n := range c.layout.Nodes {
		if p := c.process(n.ID); p != nil {
			<-p.exited
		}
	}
}

func (c *Cluster) process(id int) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.processes[id]
}

// awaitListening waits until a node takes connections on a listener.
func (c *Cluster) awaitListening(ctx context.Context, n node, listener string) error {
	return c.await(ctx, n, func() error {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", n.address(listener))
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// awaitServing waits until a broker itself answers that all of want serve. It is
// asked directly, as the others may still show one that was killed, and as a node
// asks a node, which no change of passwords stands in the way of.
func (c *Cluster) awaitServing(ctx context.Context, n node, want []node) error {
	certificate := filepath.Join(n.dir(c.options.DataDir), certificateFile)
	config := kafka.Config{
		BootstrapServers: []string{n.address(listenerReplication)},
		DialTimeout:      time.Second,
		TLS:              kafka.TLS{CA: c.caFile(), Cert: certificate, Key: certificate},
	}
	client, err := config.Client(kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer client.Close()
	err = c.await(ctx, n, func() error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		response, err := client.SeedBrokers()[0].Request(ctx, kmsg.NewPtrDescribeClusterRequest())
		if err != nil {
			return err
		}
		return lists(response.(*kmsg.DescribeClusterResponse), want) //nolint:forcetypeassert // the answer of that request
	})
	if err != nil {
		return err
	}
	return c.awaitListening(ctx, n, listenerClient)
}

// lists reports the first of want that a broker does not show.
func lists(response *kmsg.DescribeClusterResponse, want []node) error {
	for _, n := range want {
		if !slices.ContainsFunc(response.Brokers, func(b kmsg.DescribeClusterResponseBroker) bool { return int(b.NodeID) == n.ID }) {
			return fmt.Errorf("broker %d has not registered", n.ID)
		}
	}
	return nil
}

// await repeats ask until it succeeds, the node ends or ctx does.
func (c *Cluster) await(ctx context.Context, n node, ask func() error) error {
	p := c.process(n.ID)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (last: %w); its log is %s", n.name(), ctx.Err(), err, p.log)
		case <-time.After(askEvery):
		}
	}
}
