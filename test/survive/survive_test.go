// Package survive manages the real cluster while events pass through the real
// processors, and holds what came out against what the gateway acknowledged. It is
// a test only; nobody imports it.
//
// An operation is one entry of operations: what it does to the cluster. All else,
// the load, the wait and the check, is the same for each.
package survive

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"
)

// defaultRate is the case's mean rate, in events per second, rounded down.
const defaultRate = 2_000

// How long the load runs before and after an operation: what breaks late counts.
const (
	before = 5 * time.Second
	after  = 10 * time.Second
)

// operation is one thing that is done to the cluster under load. It returns when
// the cluster is whole again.
type operation struct {
	name string
	do   func(ctx context.Context, p *platform) error
	// limit bounds do.
	limit time.Duration
}

// operations run one after the other on one cluster, each from the state that the
// last one left.
var operations = []operation{
	{"all passwords are turned", rotatePasswords, 5 * time.Minute},
	{"the active controller is killed", killController, 5 * time.Minute},
	{"all nodes are restarted by roll", roll, 25 * time.Minute},
	{"all certificates are turned", rotateCertificates, 25 * time.Minute},
	{"a broker is drained, stopped and unregistered", leave, 10 * time.Minute},
	{"it is added back and gets its share", comeBack, 10 * time.Minute},
	{"a topic gets more partitions, and three replicas instead of one", grow, 10 * time.Minute},
	{"terraform apply is killed in a drain and run again", killApply, 10 * time.Minute},
}

// Nothing that the gateway acknowledged is lost or counted twice, and nobody sees
// an error that trying again does not mend, whatever is done to the cluster.
func TestSurvive(t *testing.T) {
	p := startPlatform(t)
	l := newLoad(p, rate(t))
	o := p.observe()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) { survives(t, p, l, o, op) })
	}
	t.Run("the checker sees an event that is written twice", func(t *testing.T) { writeAgain(t, p, l, o) })
}

// survives does the operation under load, waits until the processors have caught
// up, and checks.
func survives(t *testing.T, p *platform, l *load, o *observer, op operation) {
	ctx, cancel := context.WithTimeout(t.Context(), op.limit)
	defer cancel()
	tasks := p.tasks(t)
	began := l.start()
	time.Sleep(before)
	begun := time.Now()
	err := op.do(ctx, p)
	took := time.Since(begun)
	time.Sleep(after)
	seen := l.stop()
	if err != nil {
		t.Errorf("%s: %v", op.name, err)
	}
	caught, err := o.catchUp(t.Context(), l)
	if err != nil {
		t.Error(err)
	}
	errors, retried := p.unwell(t, tasks)
	t.Logf("%s in %s; %s; caught up %s after the last; %d transactions were tried again",
		op.name, took.Round(100*time.Millisecond), seen.since(began), caught.Round(100*time.Millisecond), retried)
	for _, line := range append(check(l, o).lines(), errors...) {
		t.Error(line)
	}
}

func rate(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HEADWATER_SURVIVE_RATE")
	if text == "" {
		return defaultRate
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("HEADWATER_SURVIVE_RATE is %q: write events per second", text)
	}
	return n
}
