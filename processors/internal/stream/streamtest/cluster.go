package streamtest

import (
	"hash/fnv"
	"slices"
	"testing"
	"time"

	"headwater.internal/platform/processors/internal/stream"
)

// Cluster runs a rule on several partitions. What the rule writes to a topic
// that it reads waits until it is delivered: in order between two partitions, as
// Kafka keeps it, and in any order otherwise.
type Cluster struct {
	tb      testing.TB
	spec    stream.Spec
	drivers []*stream.Driver
	open    [][]stream.Input // of each partition's open transaction
	waiting map[lane][]stream.Input
}

// lane is the way from one partition to another.
type lane struct{ from, to int }

// NewCluster makes one that ends with the test.
func NewCluster(tb testing.TB, spec stream.Spec, rule func() stream.Rule, l *Lookups, partitions int) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, spec: spec, open: make([][]stream.Input, partitions), waiting: make(map[lane][]stream.Input)}
	for p := range partitions {
		c.drivers = append(c.drivers, Driver(tb, spec, rule(), l, int32(p))) //nolint:gosec // few
	}
	return c
}

// Partition is the partition of a key.
func (c *Cluster) Partition(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32() % uint32(len(c.drivers))) //nolint:gosec // few
}

// Feed hands the input to the partition of its key.
func (c *Cluster) Feed(in stream.Input) stream.Verdict {
	c.tb.Helper()
	return c.feed(c.Partition(string(in.Key)), in)
}

func (c *Cluster) feed(p int, in stream.Input) stream.Verdict {
	c.tb.Helper()
	c.open[p] = append(c.open[p], in)
	return Feed(c.tb, c.drivers[p], in)
}

// Commit commits one partition's transaction. It returns what was written for
// others, the ledger aside.
func (c *Cluster) Commit(p int) []stream.Output {
	c.tb.Helper()
	c.open[p] = nil
	var others []stream.Output
	for _, o := range Commit(c.tb, c.drivers[p]) {
		if !slices.ContainsFunc(c.spec.Reads, func(s stream.Source) bool { return s.Topic == o.Topic }) {
			others = append(others, o)
			continue
		}
		way := lane{p, c.Partition(o.Key)}
		c.waiting[way] = append(c.waiting[way], o.Input(c.drivers[p].Clock()))
	}
	return others
}

// Abort ends one partition's transaction without effect and does it again.
func (c *Cluster) Abort(p int) {
	c.tb.Helper()
	c.again(p, c.drivers[p].Abort())
}

// Restart loses one partition's disk and does its transaction again.
func (c *Cluster) Restart(p int) {
	c.tb.Helper()
	c.again(p, c.drivers[p].Restart())
}

func (c *Cluster) again(p int, err error) {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatal(err)
	}
	for _, in := range c.open[p] {
		Feed(c.tb, c.drivers[p], in)
	}
}

// Lanes lists the ways on which something waits, as Deliver takes them.
func (c *Cluster) Lanes() [][2]int {
	var ways [][2]int
	for from := range c.drivers {
		for to := range c.drivers {
			if len(c.waiting[lane{from, to}]) > 0 {
				ways = append(ways, [2]int{from, to})
			}
		}
	}
	return ways
}

// Deliver hands the next record of a way to where it goes, or, when twice, two
// times. It returns the last verdict.
func (c *Cluster) Deliver(way [2]int, twice bool) stream.Verdict {
	c.tb.Helper()
	w := lane{way[0], way[1]}
	in := c.waiting[w][0]
	c.waiting[w] = c.waiting[w][1:]
	v := c.feed(w.to, in)
	if twice {
		v = c.feed(w.to, in)
	}
	return v
}

// Advance moves every partition's clock.
func (c *Cluster) Advance(to time.Time) {
	c.tb.Helper()
	for _, d := range c.drivers {
		Advance(c.tb, d, to)
	}
}

// Partitions is their number.
func (c *Cluster) Partitions() int { return len(c.drivers) }
