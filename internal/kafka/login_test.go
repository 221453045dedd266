package kafka

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

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

// A client outlives the turn of its password: each connection logs in with what the
// file says then.
func TestLoginFollowsItsFile(t *testing.T) {
	servers := start(t, kfake.EnableSASL(), kfake.Superuser(ScramSHA512, "admin", "first"))
	path := filepath.Join(t.TempDir(), "admin")
	writeFile(t, path, ScramSHA512+"\nfirst\n")
	var connections breaker
	config := Config{BootstrapServers: servers, SASL: SASL{Username: "admin", File: path}, Dial: connections.dial}
	client, err := config.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := kadm.UpsertSCRAM{User: "admin", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "second"}
	if _, err := kadm.NewClient(client).AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{second}); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, ScramSHA256+"\nsecond\n")
	mechanism, err := config.SASL.Mechanisms()
	if err != nil || mechanism.Name() != ScramSHA256 {
		t.Fatalf("a client that starts now logs in by %v, %v", mechanism, err)
	}
	gone := kadm.DeleteSCRAM{User: "admin", Mechanism: kadm.ScramSha512}
	if _, err := kadm.NewClient(client).AlterUserSCRAMs(t.Context(), []kadm.DeleteSCRAM{gone}, nil); err != nil {
		t.Fatal(err)
	}
	connections.breakAll()
	time.Sleep(loginTime + 100*time.Millisecond)
	if err := client.Ping(t.Context()); err != nil {
		t.Errorf("the client that lived on: %v", err)
	}
}

// A login shakes hands over the mechanism first and proves the password then: both
// must be of one credential, whatever happens to the file in between.
func TestLoginThatBeganGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin")
	writeFile(t, path, ScramSHA512+"\nold\n")
	now := time.Now()
	f := &followed{username: "admin", path: path, now: func() time.Time { return now }}
	if err := f.reread(); err != nil {
		t.Fatal(err)
	}
	if f.Name() != ScramSHA512 {
		t.Fatal(f.Name())
	}
	writeFile(t, path, ScramSHA256+"\nnew\n")
	for now = now.Add(loginTime / 2); f.Name() == ScramSHA512; now = now.Add(loginTime / 2) {
		if now.Sub(f.read) > loginStale+loginTime {
			t.Fatal("a client that never stops to log in never sees the change")
		}
	}
	if now.Sub(f.read) > loginStale {
		t.Errorf("the change was seen after %s", now.Sub(f.read))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if f.Name() != ScramSHA256 {
		t.Error("a file that is gone for a moment changed the login")
	}
}

// A credential file that is no good is said by name, without its password.
func TestCredentialFileRefusals(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "no password": ScramSHA512 + "\n", "one line": "secret-word", "three lines": ScramSHA512 + "\na\nsecret-word\n",
		"unknown mechanism": "SCRAM-MD5\nsecret-word\n",
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		writeFile(t, path, text)
		_, err := SASL{Username: "admin", File: path}.Mechanisms()
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (SASL{Username: "admin", File: filepath.Join(dir, "absent")}).Mechanisms(); err == nil {
		t.Error("a file that is not there was taken")
	}
	if _, err := (SASL{File: filepath.Join(dir, "absent")}).Mechanisms(); err == nil || !strings.Contains(err.Error(), "username") {
		t.Errorf("without a user: %v", err)
	}
}

// A client outlives the turn of the authority that it trusts.
func TestTrustFollowsItsFile(t *testing.T) {
	real, other := newAuthority(t), newAuthority(t)
	servers := real.mutual()
	cert, key := real.issue("client")
	path := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, path, other.pem)
	client, err := Config{BootstrapServers: servers, TLS: TLS{CA: path, Cert: cert, Key: key}}.Client(kgo.RequestRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if client.Ping(t.Context()) == nil {
		t.Fatal("a certificate of another authority was trusted")
	}
	writeFile(t, path, other.pem+real.pem)
	if err := client.Ping(t.Context()); err != nil {
		t.Errorf("with the authority beside the other: %v", err)
	}
}
