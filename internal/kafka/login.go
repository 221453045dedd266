package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
)

// A client that has begun a login within loginTime goes on with what it read from
// its credential file, but for no longer than loginStale.
const (
	loginTime  = time.Second
	loginStale = 3 * time.Second
)

// LoginSettle is how long after a change of a credential file a client may still be
// busy to log in with what was in it before. Who turns a password waits for so long
// before it makes the old one invalid.
const LoginSettle = loginStale + 7*time.Second // a login takes milliseconds, and seconds on a busy machine

// ReadCredential reads a credential file: the mechanism on its first line, the
// password on its second. The error names the file, never the password.
func ReadCredential(path string) (mechanism, password string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("read the SASL credential: %w", err)
	}
	mechanism, password, ok := strings.Cut(strings.TrimRight(string(text), "\n"), "\n")
	if !ok || mechanism == "" || password == "" || strings.Contains(password, "\n") {
		return "", "", fmt.Errorf("read the SASL credential: %s does not hold a mechanism on its first line and a password on its second", path)
	}
	return mechanism, password, nil
}

// followed is a mechanism whose name and password stand in a file that may change
// while clients live. The client asks for the name, shakes hands over it with the
// broker, and authenticates: a login that has begun goes on with what it began with.
type followed struct {
	username string
	path     string

	mu      sync.Mutex
	current sasl.Mechanism
	read    time.Time // when current was
	asked   time.Time // when the name last was
	now     func() time.Time
}

func follow(username, path string) (*followed, error) {
	f := &followed{username: username, path: path, now: time.Now}
	return f, f.reread()
}

// Name is the mechanism that a login that begins now uses.
func (f *followed) Name() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	// A login that is under way has asked a moment ago.
	if now.Sub(f.asked) > loginTime || now.Sub(f.read) > loginStale {
		_ = f.reread() // a file that is gone for a moment leaves what was read
	}
	f.asked = now
	return f.current.Name()
}

// Authenticate begins a session of the mechanism that was named last.
func (f *followed) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	f.mu.Lock()
	current := f.current
	f.mu.Unlock()
	return current.Authenticate(ctx, host)
}

func (f *followed) reread() error {
	mechanism, password, err := ReadCredential(f.path)
	if err != nil {
		return err
	}
	current, err := SASL{Mechanism: mechanism, Username: f.username, Password: password}.Mechanisms()
	if err != nil {
		return errors.Join(fmt.Errorf("read the SASL credential from %s", f.path), err)
	}
	f.current, f.read = current, f.now()
	return nil
}
