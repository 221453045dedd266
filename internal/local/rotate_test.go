package local

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// breaker breaks the connections that were made through it, so that a client logs
// in anew.
type breaker struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (b *breaker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.conns = append(b.conns, conn)
	}
	return conn, err
}

func (b *breaker) breakAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		conn.Close()
	}
	b.conns = nil
}

// newUser makes a principal as terraform and the supervisor do.
func (c *child) newUser(name string) string {
	c.t.Helper()
	s, err := EnsureSecrets(c.dir, name)
	if err != nil {
		c.t.Fatal(err)
	}
	p, _ := c.place()
	if err := p.ensureCredential(name, s.Principals[name]); err != nil {
		c.t.Fatal(err)
	}
	user := kadm.UpsertSCRAM{User: name, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: s.Principals[name]}
	if _, err := kadm.NewClient(c.admin()).AlterUserSCRAMs(c.t.Context(), nil, []kadm.UpsertSCRAM{user}); err != nil {
		c.t.Fatal(err)
	}
	return s.Principals[name]
}

// rotate turns all passwords, ending when steps were said.
func (c *child) rotate(steps int, names ...string) error {
	c.t.Helper()
	p, s := c.place()
	ctx, cancel := context.WithCancelCause(c.t.Context())
	defer cancel(nil)
	r, err := NewRotation(ctx, p, s, names, func(string) {
		if steps--; steps == 0 {
			cancel(errInterrupted)
		}
	})
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Run(ctx)
}

var errInterrupted = errors.New("interrupted")

// login tries a password at a broker.
func (c *child) login(mechanism, user, password string) error {
	c.t.Helper()
	p, _ := c.place()
	config := p.KafkaConfig(user, password)
	config.SASL = kafka.SASL{Mechanism: mechanism, Username: user, Password: password}
	client, err := config.Client(kgo.RequestRetries(0))
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	return client.Ping(c.t.Context())
}

// Passwords are turned while a client connects anew all the time, and none of its
// connections is refused; the old ones are worth nothing afterwards, and a platform
// that is killed comes back with the new ones.
func TestPasswordsTurnUnderAClient(t *testing.T) {
	t.Parallel()
	c := startChild(t)
	old := c.newUser("refine")
	_, before := c.place()

	p, _ := c.place()
	var connections breaker
	config := p.KafkaConfig("refine", "")
	config.Dial = connections.dial
	client, err := config.Client() // it tries again what a broken connection fails, never a login
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stop, logins := make(chan struct{}), 0
	var refused error
	var live sync.WaitGroup
	live.Go(func() {
		for refused == nil {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			connections.breakAll()
			refused = client.Ping(context.Background())
			logins++
		}
	})
	if err := c.rotate(0); err != nil {
		t.Error(err)
	}
	close(stop)
	live.Wait()
	if refused != nil || logins < 100 {
		t.Errorf("login %d was refused: %v", logins, refused)
	}
	t.Logf("%d logins", logins)
	for user, password := range map[string]string{"refine": old, Admin: before.Admin} {
		if c.login(kafka.ScramSHA512, user, password) == nil {
			t.Errorf("the old password of %s is still good", user)
		}
	}
	_, after := c.place()
	if err := c.login(kafka.ScramSHA512, "refine", after.Principals["refine"]); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if err := c.login(kafka.ScramSHA256, "refine", after.Principals["refine"]); err == nil {
		t.Error("the credential that the new password came by is left")
	}
	c.kill()
	c.start()
	if err := c.admin().Ping(t.Context()); err != nil {
		t.Errorf("the superuser after a restart: %v", err)
	}
}

// A rotation that was interrupted, and the platform killed, is taken up by the next
// with the passwords that it had drawn.
func TestRotationIsTakenUp(t *testing.T) {
	t.Parallel()
	for steps, at := range map[int]string{1: "before the new passwords are there", 2: "before the old ones are gone"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			c := startChild(t)
			c.newUser("refine")
			c.newUser("checkout")
			if err := c.rotate(steps, "refine"); !errors.Is(err, errInterrupted) && !errors.Is(err, context.Canceled) {
				t.Fatalf("the interruption: %v", err)
			}
			_, noted := c.place()
			c.kill()
			c.start()
			if err := c.rotate(0, "checkout"); err != nil {
				t.Fatal(err)
			}
			_, done := c.place()
			if done.Principals["refine"] != noted.Next["refine"] || len(done.Next) != 0 {
				t.Errorf("refine has another password than was drawn, or %d are still noted", len(done.Next))
			}
			for _, user := range []string{"refine", "checkout"} {
				if err := c.login(kafka.ScramSHA512, user, done.Principals[user]); err != nil {
					t.Errorf("%s: %v", user, err)
				}
			}
			if diff := cmp.Diff(noted.Admin, done.Admin); diff != "" {
				t.Error("the superuser, who was not named, has another password")
			}
		})
	}
}

// Nobody's password is turned by a slip of the pen.
func TestRotationRefusesStrangers(t *testing.T) {
	t.Parallel()
	c := startChild(t)
	c.newUser("refine")
	_, before := c.place()
	if err := c.rotate(0, "refine", "refin"); err == nil || !strings.Contains(err.Error(), `"refin"`) || !strings.Contains(err.Error(), "admin, refine") {
		t.Errorf("got %v", err)
	}
	if _, after := c.place(); !cmp.Equal(before, after) {
		t.Error("secrets.json changed")
	}
}
