package bootstrap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const bootstrapped = "/headwater-test/kafka/bootstrapped"

// A node that starts on the wrong disk, or on an empty one that was not, loses what
// customers did: it must find its own disk on any machine, and refuse all others.
func TestNodesFindTheirDisksOrRefuse(t *testing.T) {
	settle(t)
	metadata := startMetadata(t)
	c := startCloud(t)
	hosts := c.hosts()
	if err := syscall.Mount(hosts, "/etc/hosts", "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("mount /etc/hosts: %v", err)
	}
	for _, node := range c.outputs.Nodes {
		blank(t, node.VolumeID)
	}
	controller := launch(t, c, metadata, hosts, "101")
	controller.start()
	if got := c.aws("ssm", "get-parameter", "--name", bootstrapped, "--query", "Parameter.Value"); got != c.outputs.ClusterID {
		t.Fatalf("after the only controller has formatted, %s is %q, want the cluster's id %q", bootstrapped, got, c.outputs.ClusterID)
	}
	if strings.Contains(controller.said, "storedKey") || strings.Contains(controller.said, "password=") {
		t.Errorf("the journal has a user's secret: %s", controller.said)
	}
	broker := launch(t, c, metadata, hosts, "1")
	broker.start()

	t.Run("a broker serves", func(t *testing.T) { produce(t, c, "first", 1) })
	t.Run("the seeded user has its own topics only", func(t *testing.T) { checkSeed(t, c) })
	t.Run("without a node's certificate there is no way in", func(t *testing.T) { checkMutualTLS(t, c) })
	t.Run("once more changes nothing", func(t *testing.T) {
		before := c.marker("1")
		out, err := broker.bootstrap()
		if err != nil || strings.Contains(out, "format") || c.marker("1") != before {
			t.Errorf("a second run: %v, marker %s, was %s: %s", err, c.marker("1"), before, out)
		}
	})
	t.Run("certificates are renewed under a running node", func(t *testing.T) {
		checkRenewal(t, c, controller, "9093")
		checkRenewal(t, c, broker, "9091")
		produce(t, c, "after a renewal", 2)
	})
	broker = succeed(t, c, metadata, hosts, broker)
	t.Run("a dead machine's successor has its disk", func(t *testing.T) { produce(t, c, "after a death", 3) })
	broker.stop()
	refuseDisks(t, c, broker)
	refuseArchives(t, c, broker)
	controller.stop()
	refuseQuorum(t, c, controller)
	if len(c.denied) > 0 {
		t.Errorf("the nodes called what their roles do not allow: %s", strings.Join(c.denied, "; "))
	}
	checkGate(t, broker)
}

// settle makes this process the first of a machine of its own.
func settle(t *testing.T) {
	t.Helper()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("keep mounts to ourselves: %v", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatalf("mount /proc: %v", err)
	}
}

// client is who a program outside the cluster is: a user with a password from the
// secret store, over TLS from our authority.
func client(t *testing.T, c *cloud, user string) *kgo.Client {
	t.Helper()
	password := c.aws("secretsmanager", "get-secret-value", "--secret-id", c.outputs.SecretARNs[user], "--query", "SecretString")
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(c.outputs.CACertificate)) {
		t.Fatalf("ca_certificate is no PEM: %s", c.outputs.CACertificate)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.outputs.BootstrapServers, ",")...),
		kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()),
		kgo.DialTLSConfig(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.ConsumeTopics("story"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// produce adds a record to the story and reads it from its beginning.
func produce(t *testing.T, c *cloud, text string, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cl := client(t, c, "admin")
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "story"); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatalf("create a topic: %v", err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "story", Value: []byte(text)}).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
	var got []string
	for len(got) < want {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("consume: %v, after %q", err, got)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if len(got) != want || got[want-1] != text {
		t.Errorf("the story reads %q, want %d records that end in %q", got, want, text)
	}
}

func checkSeed(t *testing.T, c *cloud) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(client(t, c, "registry"))
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "headwater.registry.journal"); err != nil {
		t.Errorf("its own topic: %v", err)
	}
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "raw.checkout.order-placed"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("another's topic: %v, want %v", err, kerr.TopicAuthorizationFailed)
	}
}

// checkMutualTLS dials the nodes' own listeners as somebody without a certificate.
func checkMutualTLS(t *testing.T, c *cloud) {
	t.Helper()
	for _, address := range []string{c.outputs.Nodes["101"].Host + ":9093", c.outputs.Nodes["1"].Host + ":9091"} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // what is asked is whether we are let in
		if err == nil {
			// TLS 1.3 lets the client finish before the server has seen its certificate.
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s without a certificate: %v, want a refusal that speaks of the certificate", address, err)
		}
	}
}

// checkRenewal makes the certificate old, runs what the timer runs and sees that
// the listener shows another one.
func checkRenewal(t *testing.T, c *cloud, m *machine, port string) {
	t.Helper()
	shown := func() []byte {
		conn, err := tls.Dial("tcp", c.outputs.Nodes[m.node].Host+":"+port, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // only looked at
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Raw
	}
	before := shown()
	out, err := m.in("/usr/local/lib/headwater/certificate.sh").CombinedOutput()
	if err != nil || !bytes.Equal(shown(), before) {
		t.Errorf("node %s: a fresh certificate was renewed: %v: %s", m.node, err, out)
	}
	if out, err := m.in("rm", "/etc/headwater/tls/node.pem").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err = m.in("/usr/local/lib/headwater/certificate.sh").CombinedOutput(); err != nil {
		t.Fatalf("renew the certificate of node %s: %v: %s", m.node, err, out)
	}
	eventually(t, "node "+m.node+" shows its new certificate", 30*time.Second, func() error {
		if bytes.Equal(shown(), before) {
			return errors.New("it shows the old one")
		}
		return nil
	})
}

// succeed kills the machine; the group of the node starts another.
func succeed(t *testing.T, c *cloud, metadata *metadata, hosts string, m *machine) *machine {
	t.Helper()
	m.terminate()
	c.aws("autoscaling", "terminate-instance-in-auto-scaling-group", "--instance-id", m.instance, "--no-should-decrement-desired-capacity")
	release(c, m)
	next := launch(t, c, metadata, hosts, m.node)
	if next.instance == m.instance {
		t.Fatalf("the group of node %s still has the machine %s", m.node, m.instance)
	}
	next.start()
	return next
}

// release is what EC2 does when a machine is gone: what outlives it is free again.
func release(c *cloud, m *machine) {
	volume := c.outputs.Nodes[m.node].VolumeID
	if c.aws("ec2", "describe-volumes", "--volume-ids", volume, "--query", "Volumes[0].State") == "in-use" {
		c.aws("ec2", "detach-volume", "--volume-id", volume)
	}
	attachment := c.aws("ec2", "describe-network-interfaces", "--filters", "Name=tag:headwater:node,Values="+m.node,
		"--query", "NetworkInterfaces[0].Attachment.AttachmentId")
	if attachment != "None" {
		c.aws("ec2", "detach-network-interface", "--attachment-id", attachment)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func isBlank(t *testing.T, file string) bool {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 1<<20)
	if _, err := f.Read(head); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(head, make([]byte, len(head)))
}
