// Package apache runs real Apache Kafka on this machine, and Apicurio as its
// schema registry: what the embedded platform plays, replication and a real
// authorizer included. Java 17 runs them; Maven downloads them once.
//
// Clients come over TLS with SCRAM-SHA-512; nodes know each other by
// certificates made on the spot. All processes end with the one that started
// them, and the data stays: starting again in the same folder goes on.
package apache

import (
	"context"
	_ "embed" // the logging settings below
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"headwater.internal/platform/internal/kafka"
)

//go:embed log4j2.xml
var loggingXML []byte

// How long one node may take to stop in order: when all are to, and when the others
// go on without it, which waits for nobody.
const (
	stopTimeout        = 30 * time.Second
	restartStopTimeout = 3 * time.Minute
)

// Cluster is a running cluster. Its methods are safe for concurrent use, on
// different nodes.
type Cluster struct {
	options Options
	layout  layout
	classes classes
	guard   *guard

	mu        sync.Mutex
	processes map[int]*process // by node id; the last one started
}

// Start starts a cluster in o.DataDir, or the one that was there goes on,
// however it ended. It returns when every broker serves clients, trying a second
// time when a node does not come up. The error carries the end of that node's
// log. Ctx bounds the start, not the cluster's life: end that with
// [Cluster.Stop] and [Cluster.Close].
func Start(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return nil, err
	}
	c, err := fetchBrokers(ctx, o.CacheDir, o.Progress)
	if err != nil {
		return nil, err
	}
	return start(ctx, o, c)
}

func start(ctx context.Context, o Options, classes classes) (*Cluster, error) {
	c, fresh, err := attempt(ctx, o, classes)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	o.Progress("a node did not come up, starting once more: " + err.Error())
	if fresh { // nothing is in it yet, and another draw of ports may mend it
		if err := forget(o.DataDir); err != nil {
			return nil, err
		}
	}
	c, _, err = attempt(ctx, o, classes)
	return c, err
}

// attempt starts once. Fresh says that the data folder was made by it.
func attempt(ctx context.Context, o Options, classes classes) (c *Cluster, fresh bool, err error) {
	c = &Cluster{options: o, classes: classes, processes: map[int]*process{}}
	if fresh, err = c.prepare(ctx); err != nil {
		return nil, fresh, err
	}
	if c.guard, err = newGuard(); err != nil {
		return nil, fresh, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.up(ctx); err != nil {
		c.Close()
		return nil, fresh, err
	}
	return c, fresh, nil
}

// prepare brings the data folder to where nodes can be started.
func (c *Cluster) prepare(ctx context.Context) (fresh bool, err error) {
	o := c.options
	if err := os.MkdirAll(filepath.Join(o.DataDir, "logs"), 0o700); err != nil {
		return false, err
	}
	if err := os.WriteFile(filepath.Join(o.DataDir, "log4j2.xml"), loggingXML, 0o600); err != nil {
		return false, err
	}
	c.layout, err = loadLayout(o.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fresh = true
		err = c.format(ctx)
	case err == nil:
		err = c.adopt()
	}
	if err != nil {
		return fresh, err
	}
	ca, err := openAuthority(filepath.Join(o.DataDir, "tls"))
	if err != nil {
		return fresh, err
	}
	for _, n := range c.layout.Nodes {
		if err := ca.issueNode(n.name(), filepath.Join(n.dir(o.DataDir), certificateFile)); err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

func (c *Cluster) format(ctx context.Context) error {
	o := c.options
	if err := forget(o.DataDir); err != nil { // an interrupted format
		return err
	}
	o.Progress(fmt.Sprintf("formatting the storage of %d brokers", o.Brokers))
	var err error
	if c.layout, err = draw(o); err != nil {
		return err
	}
	if err := c.layout.format(ctx, o, c.classes); err != nil {
		return err
	}
	return c.layout.save(o.DataDir)
}

// adopt checks that the cluster found is the one asked for.
func (c *Cluster) adopt() error {
	brokers := c.layout.brokers()
	if len(brokers) != c.options.Brokers {
		return fmt.Errorf("start Kafka: %s holds a cluster of %d brokers, not %d: remove it or choose another folder",
			c.options.DataDir, len(brokers), c.options.Brokers)
	}
	for i, port := range c.options.ClientPorts {
		brokers[i].Ports[listenerClient] = port // the map is the layout's
	}
	return c.layout.save(c.options.DataDir)
}

// up starts all nodes, controllers first, and waits for them.
func (c *Cluster) up(ctx context.Context) error {
	controllers, brokers := c.layout.controllers(), c.layout.brokers()
	c.options.Progress("starting controllers")
	for _, n := range controllers {
		if err := c.launch(n); err != nil {
			return err
		}
	}
	for _, n := range controllers {
		if err := c.awaitListening(ctx, n, listenerController); err != nil {
			return err
		}
	}
	c.options.Progress("starting brokers")
	for _, n := range brokers {
		if n.Controller {
			continue
		}
		if err := c.launch(n); err != nil {
			return err
		}
	}
	for i, n := range brokers {
		if err := c.awaitServing(ctx, n, brokers); err != nil {
			return err
		}
		c.options.Progress(fmt.Sprintf("%d of %d brokers serve", i+1, len(brokers)))
	}
	return nil
}

// launch starts the process of one node.
func (c *Cluster) launch(n node) error {
	o, dir := c.options, n.dir(c.options.DataDir)
	config, args := filepath.Join(dir, "server.properties"), filepath.Join(dir, "arguments")
	if err := os.WriteFile(config, []byte(c.layout.properties(n, o)), 0o600); err != nil {
		return err
	}
	heap := o.HeapMB
	if !n.Broker {
		heap /= 2
	}
	logs := filepath.Join(o.DataDir, "logs", n.name())
	flags := []string{
		"-Xms" + strconv.Itoa(heap/2) + "m", "-Xmx" + strconv.Itoa(heap) + "m",
		"-Dlog4j2.configurationFile=" + filepath.Join(o.DataDir, "log4j2.xml"), "-Dheadwater.log=" + logs + ".log",
	}
	if o.QuickStart {
		flags = append(flags, "-XX:TieredStopAtLevel=1")
	}
	if err := c.classes.arguments(args, flags, "kafka.Kafka", config); err != nil {
		return err
	}
	p, err := c.guard.run(c.classes.java, n.name(), args, logs+".out", logs+".log")
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.processes[n.ID] = p
	return nil
}

// Config is how to reach the brokers as the superuser, over TLS.
func (c *Cluster) Config() kafka.Config {
	return kafka.Config{
		BootstrapServers: c.servers(listenerClient),
		SASL:             kafka.SASL{Mechanism: kafka.ScramSHA512, Username: c.options.Username, Password: c.options.Password},
		TLS:              kafka.TLS{Enabled: true, CA: c.caFile()},
	}
}

// caFile holds the certificates that nodes and clients trust.
func (c *Cluster) caFile() string { return caFile(c.options.DataDir) }

// Open lists the listeners where everyone is a superuser, host:port in the order
// of node ids. It needs Options.Open.
func (c *Cluster) Open() []string { return c.servers(listenerOpen) }

// OpenSASL lists the listeners that ask for SCRAM-SHA-512 without TLS. It needs
// Options.Open.
func (c *Cluster) OpenSASL() []string { return c.servers(listenerOpenSASL) }

func (c *Cluster) servers(listener string) []string {
	var list []string
	for _, n := range c.layout.brokers() {
		list = append(list, n.address(listener))
	}
	return list
}
