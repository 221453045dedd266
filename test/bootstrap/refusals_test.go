package bootstrap

import (
	"os"
	"strings"
	"testing"
)

// refused runs the bootstrap and wants it to end with one sentence that has all of
// the words, in the words of the person who has to mend it.
func refused(t *testing.T, m *machine, words ...string) {
	t.Helper()
	out, err := m.bootstrap()
	if err == nil {
		t.Errorf("node %s starts: %s", m.node, out)
	}
	sentences := strings.Count(out, "refuses to start: ")
	for _, word := range words {
		if !strings.Contains(out, word) || sentences != 1 {
			t.Errorf("node %s says %q, want one refusal that names %q", m.node, out, word)
		}
	}
}

func refuseDisks(t *testing.T, c *cloud, broker *machine) {
	t.Helper()
	volume := c.outputs.Nodes["1"].VolumeID
	good := c.marker("1")
	meta := func(from, to string) {
		t.Helper()
		if out, err := broker.in("sed", "-i", "s/^"+from+"=.*/"+from+"="+to+"/", "/var/lib/kafka/data/meta.properties").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Run("the disk of another node", func(t *testing.T) {
		meta("node.id", "2")
		refused(t, broker, "belongs to node 2, not 1")
		meta("node.id", "1")
	})
	t.Run("the disk of another cluster", func(t *testing.T) {
		meta("cluster.id", "AAAAAAAAAAAAAAAAAAAAAA")
		refused(t, broker, "belongs to cluster AAAAAAAAAAAAAAAAAAAAAA", c.outputs.ClusterID)
		meta("cluster.id", c.outputs.ClusterID)
	})
	t.Run("an older disk of the node", func(t *testing.T) {
		c.setMarker("1", "BBBBBBBBBBBBBBBBBBBBBA")
		refused(t, broker, "older disk", good, "BBBBBBBBBBBBBBBBBBBBBA")
		c.setMarker("1", good)
	})
	t.Run("files without meta.properties", func(t *testing.T) {
		c.setMarker("1", "unset")
		if out, err := broker.in("mv", "/var/lib/kafka/data/meta.properties", "/var/lib/kafka/data/meta.lost").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		refused(t, broker, "files but no meta.properties")
		c.setMarker("1", good)
	})
	t.Run("an empty disk where there was one", func(t *testing.T) {
		broker.reinsert(func(string) { blank(t, volume) })
		refused(t, broker, "the disk is empty", good, "set the marker to unset")
		if !isBlank(t, diskOf(volume)) {
			t.Error("the disk was written to")
		}
	})
	t.Run("another file system", func(t *testing.T) {
		c.setMarker("1", "unset")
		broker.reinsert(func(file string) { run(t, "mkfs.ext4", "-q", file) })
		refused(t, broker, "type ext4, not xfs")
	})
	t.Run("something that is no file system", func(t *testing.T) {
		broker.reinsert(func(file string) {
			blank(t, volume)
			f, err := os.OpenFile(file, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("somebody's bytes"), 4096)
				_ = f.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		refused(t, broker, "holds something that is no file system")
	})
	t.Run("an operator clears the marker", func(t *testing.T) {
		broker.reinsert(func(string) { blank(t, volume) })
		if out, err := broker.bootstrap(); err != nil || !strings.Contains(out, "formats /var/lib/kafka/data (broker)") {
			t.Errorf("an empty disk that may be formatted: %v: %s", err, out)
		}
		if got := c.marker("1"); got == good || len(got) != 22 {
			t.Errorf("the marker is %q, want the new directory's id", got)
		}
	})
}

func refuseArchives(t *testing.T, c *cloud, broker *machine) {
	t.Helper()
	key := "kafka/" + digest("kafka") + ".tar"
	forget := func() {
		t.Helper()
		if out, err := broker.in("rm", "-r", "/opt/headwater/kafka-"+digest("kafka")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Run("an archive with other bytes", func(t *testing.T) {
		forget()
		c.aws("s3api", "put-object", "--bucket", c.outputs.ArtifactBucket, "--key", key, "--body", "main_test.go")
		refused(t, broker, key, "another sha256")
	})
	t.Run("an archive that is not there", func(t *testing.T) {
		c.aws("s3api", "delete-object", "--bucket", c.outputs.ArtifactBucket, "--key", key)
		refused(t, broker, key, "make artifacts")
	})
}

func refuseQuorum(t *testing.T, c *cloud, controller *machine) {
	t.Helper()
	volume, good := c.outputs.Nodes["101"].VolumeID, c.marker("101")
	t.Run("an empty controller of a cluster that has run", func(t *testing.T) {
		controller.reinsert(func(string) { blank(t, volume) })
		refused(t, controller, "the disk is empty", good, "set the marker to rejoin")
		c.setMarker("101", "unset")
		refused(t, controller, "a quorum of empty disks would forget it")
		if !isBlank(t, diskOf(volume)) {
			t.Error("the disk was written to")
		}
	})
	t.Run("a controller rejoins as no voter", func(t *testing.T) {
		c.setMarker("101", "rejoin")
		if out, err := controller.bootstrap(); err != nil || !strings.Contains(out, "formats /var/lib/kafka/data (rejoin)") {
			t.Errorf("an empty disk that may rejoin: %v: %s", err, out)
		}
		if got := c.marker("101"); got == good || len(got) != 22 {
			t.Errorf("the marker is %q, want the new directory's id", got)
		}
	})
}

// checkGate is the negative control: what a role does not allow is refused.
func checkGate(t *testing.T, broker *machine) {
	t.Helper()
	for _, call := range [][]string{
		{"secretsmanager", "get-secret-value", "--secret-id", "headwater-test/kafka/admin"},
		{"ssm", "put-parameter", "--overwrite", "--name", "/headwater-test/kafka/nodes/101/formatted", "--value", "unset"},
		{"ec2", "attach-volume", "--volume-id", broker.cloud.outputs.Nodes["101"].VolumeID, "--instance-id", broker.instance, "--device", "/dev/sdg"},
	} {
		if out, err := broker.in(append([]string{"aws"}, call...)...).CombinedOutput(); err == nil {
			t.Errorf("a broker may %s: %s", strings.Join(call, " "), out)
		}
	}
}
