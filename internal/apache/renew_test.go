package apache

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// nodesOf makes the files of a cluster that was started once.
func nodesOf(t *testing.T) (string, layout) {
	t.Helper()
	dir := t.TempDir()
	l := layout{ClusterID: "c", Nodes: []node{{ID: 0, Broker: true}, {ID: 1, Broker: true}, {ID: 100, Controller: true}}}
	a, err := openAuthority(filepath.Join(dir, "tls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range l.Nodes {
		if err := os.MkdirAll(n.dir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := a.issueNode(n.name(), filepath.Join(n.dir(dir), certificateFile)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.save(dir); err != nil {
		t.Fatal(err)
	}
	return dir, l
}

// running is what a node that was started holds until it is started again.
type running struct {
	certificate *x509.Certificate
	trusts      *x509.CertPool
}

func started(t *testing.T, dir string, n node) running {
	t.Helper()
	certificate, err := readCertificate(filepath.Join(n.dir(dir), certificateFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(caFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("nothing is trusted")
	}
	return running{certificate, pool}
}

func (r running) accepts(other running) error {
	_, err := other.certificate.Verify(x509.VerifyOptions{Roots: r.trusts, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

// At no moment of a renewal, with some nodes restarted and others not, does a node or
// a client refuse another: that would be an outage.
func TestRenewalRefusesNobody(t *testing.T) {
	dir, l := nodesOf(t)
	nodes := map[int]running{}
	for _, n := range l.Nodes {
		nodes[n.ID] = started(t, dir, n)
	}
	first := nodes[0]
	agree := func(moment string) {
		t.Helper()
		client := started(t, dir, l.Nodes[0]) // reads what is trusted at each connection
		for a := range nodes {
			for b := range nodes {
				if err := errors.Join(nodes[a].accepts(nodes[b]), client.accepts(nodes[b])); err != nil {
					t.Fatalf("%s: nodes %d and %d: %v", moment, a, b, err)
				}
			}
		}
	}
	steps := 0
	for last := false; !last; steps++ {
		r, err := NewRenewal(dir, steps == 0) // another process, each time
		if err != nil {
			t.Fatal(err)
		}
		var what string
		if what, _, last, err = r.Step(); err != nil {
			t.Fatal(err)
		}
		for _, n := range l.Nodes {
			agree(what)
			nodes[n.ID] = started(t, dir, n)
		}
		agree(what)
		if err := r.Restarted(); err != nil {
			t.Fatal(err)
		}
	}
	if steps != 3 {
		t.Errorf("%d steps, expected 3", steps)
	}
	if nodes[0].accepts(first) == nil {
		t.Error("a certificate of the old authority is still accepted")
	}
}

// A renewal that ends in the middle of a step is taken up with that step: going on to
// the next would have nodes refuse each other.
func TestRenewalIsTakenUp(t *testing.T) {
	dir, l := nodesOf(t)
	var steps []string
	for range 3 {
		for try := range 2 { // the first is never followed by restarts
			r, err := NewRenewal(dir, len(steps) == 0)
			if err != nil {
				t.Fatal(err)
			}
			what, again, _, err := r.Step()
			if err != nil {
				t.Fatal(err)
			}
			if again != (try == 1) {
				t.Errorf("%q, again %t at try %d", what, again, try)
			}
			if try == 1 && what != steps[len(steps)-1] {
				t.Errorf("after %q was interrupted: %q", steps[len(steps)-1], what)
			}
			if steps = append(steps, what); try == 1 {
				if err := r.Restarted(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	a, err := openAuthority(filepath.Join(dir, "tls"))
	if err != nil || len(a.trusted) != 1 {
		t.Fatalf("%d authorities are trusted in the end, %v", len(a.trusted), err)
	}
	for _, n := range l.Nodes {
		if r := started(t, dir, n); r.accepts(r) != nil {
			t.Errorf("node %d has a certificate of the old authority", n.ID)
		}
	}
}

// Nodes alone get new certificates of the authority that is there.
func TestRenewalOfNodes(t *testing.T) {
	dir, l := nodesOf(t)
	before := started(t, dir, l.Nodes[0])
	r, err := NewRenewal(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, again, last, err := r.Step(); err != nil || again || !last {
		t.Fatalf("again %t, last %t, %v", again, last, err)
	}
	after := started(t, dir, l.Nodes[0])
	if after.certificate.SerialNumber.Cmp(before.certificate.SerialNumber) == 0 {
		t.Error("the certificate is the same")
	}
	if err := before.accepts(after); err != nil {
		t.Errorf("a node that was not restarted refuses it: %v", err)
	}
	if _, err := NewRenewal(t.TempDir(), false); err == nil {
		t.Error("certificates of no cluster were renewed")
	}
}
