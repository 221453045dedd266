package apache

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names of the authority's files in the folder tls.
const (
	caName      = "ca.pem"   // what is trusted
	caKeyName   = "ca.key"   // what signs
	nextKeyName = "next.key" // what will sign, once all nodes trust it
)

// caFile is the path of what the nodes and the clients of a data folder trust.
func caFile(dataDir string) string { return filepath.Join(dataDir, "tls", caName) }

// pendingName is the file that names a step after which nodes are still to be
// restarted.
const pendingName = "renewal"

// Renewal renews the certificates of a cluster that runs, in steps. After each step
// every node has to be restarted, one at a time, as it reads its files at its start;
// [Renewal.Restarted] notes that. Clients read what they trust at each connection. A
// renewal that was interrupted is taken up by the next.
type Renewal struct {
	dataDir   string
	authority bool
}

// step is one change of the files that needs restarts.
type step struct {
	name string
	what string // it came to, for people
	do   func(*Renewal) error
	last bool
}

var renewalSteps = []step{
	{"nodes", "every node has a new certificate", (*Renewal).issue, true},
	{"trust", "a new authority is trusted beside the old one", (*Renewal).begin, false},
	{"change", "every node has a certificate of the new authority", (*Renewal).change, false},
	{"forget", "the old authority is trusted no more", (*Renewal).finish, true},
}

// NewRenewal prepares to renew the certificates of the nodes in dataDir and, when
// authority is true or such a renewal is under way, the authority that signs them.
func NewRenewal(dataDir string, authority bool) (*Renewal, error) {
	if _, err := loadLayout(dataDir); err != nil {
		return nil, fmt.Errorf("renew certificates: %w", err)
	}
	r := &Renewal{dataDir: dataDir, authority: authority}
	under, err := r.underWay()
	r.authority = authority || under
	return r, err
}

// underWay says whether an authority is taking the place of another.
func (r *Renewal) underWay() (bool, error) {
	a, err := openAuthority(r.dir())
	return len(a.trusted) > 1, err
}

// Step changes the files and says what that came to, whether it is the step of an
// interrupted renewal, and whether nothing is left to do but the restarts.
func (r *Renewal) Step() (what string, again, last bool, err error) {
	text, err := os.ReadFile(r.path(pendingName))
	again = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, false, err
	}
	name := string(text)
	if !again {
		if name, err = r.next(); err != nil {
			return "", false, false, err
		}
		if err := replaceFile(r.path(pendingName), []byte(name)); err != nil {
			return "", false, false, err
		}
	}
	i := slices.IndexFunc(renewalSteps, func(s step) bool { return s.name == name })
	if i < 0 {
		return "", again, false, fmt.Errorf("go on with the renewal: %s names no step: %q", r.path(pendingName), name)
	}
	s := renewalSteps[i]
	return s.what, again, s.last, s.do(r)
}

// Restarted notes that every node was restarted since the step.
func (r *Renewal) Restarted() error { return os.Remove(r.path(pendingName)) }

// next is the name of the step that the files call for.
func (r *Renewal) next() (string, error) {
	if !r.authority {
		return "nodes", nil
	}
	under, err := r.underWay()
	if err != nil || !under {
		return "trust", err
	}
	_, err = os.Stat(r.path(nextKeyName))
	if errors.Is(err, fs.ErrNotExist) {
		return "forget", nil
	}
	return "change", err
}

// NotAfter is when the first of the nodes' certificates ends.
func (r *Renewal) NotAfter() (time.Time, error) {
	var first time.Time
	l, err := loadLayout(r.dataDir)
	if err != nil {
		return first, err
	}
	for _, n := range l.Nodes {
		certificate, err := readCertificate(filepath.Join(n.dir(r.dataDir), certificateFile))
		if err != nil {
			return first, err
		}
		if first.IsZero() || certificate.NotAfter.Before(first) {
			first = certificate.NotAfter
		}
	}
	return first, nil
}

func (r *Renewal) dir() string             { return filepath.Join(r.dataDir, "tls") }
func (r *Renewal) path(name string) string { return filepath.Join(r.dir(), name) }

// begin makes the new authority, unless that was done. Its key is there before
// anybody trusts it.
func (r *Renewal) begin() error {
	if under, err := r.underWay(); err != nil || under {
		return err
	}
	certPEM, keyPEM, err := issueAuthority()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(r.path(caName))
	if err != nil {
		return err
	}
	if err := replaceFile(r.path(nextKeyName), keyPEM); err != nil {
		return err
	}
	return replaceFile(r.path(caName), append(old, certPEM...))
}

// change has the new authority sign.
func (r *Renewal) change() error {
	err := os.Rename(r.path(nextKeyName), r.path(caKeyName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was done before an interruption
		return err
	}
	return r.issue()
}

// finish forgets the old authority.
func (r *Renewal) finish() error {
	a, err := openAuthority(r.dir())
	if err != nil {
		return err
	}
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	return replaceFile(r.path(caName), own)
}

// issue makes a new certificate for each node.
func (r *Renewal) issue() error {
	l, err := loadLayout(r.dataDir)
	if err != nil {
		return err
	}
	a, err := openAuthority(r.dir())
	if err != nil {
		return err
	}
	for _, n := range l.Nodes {
		if err := a.issueNode(n.name(), filepath.Join(n.dir(r.dataDir), certificateFile)); err != nil {
			return err
		}
	}
	return nil
}
