package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/cluster"
	"headwater.internal/platform/internal/kafkatest"
)

// bulkTopic holds what takes a while to move.
const bulkTopic = "raw.web.bulk"

// writeBulk makes the topic with 2 MiB that do not compress in each partition.
func writeBulk(t *testing.T, c *kafkatest.Cluster) {
	t.Helper()
	c.CreateTopic(bulkTopic, 4, nil)
	client := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for n := range 4 * 32 {
		value := bytes.Repeat([]byte{byte(n)}, 64<<10)
		client.Produce(t.Context(), &kgo.Record{Topic: bulkTopic, Partition: int32(n % 4), Value: value}, nil)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// drainKilled drains broker 3 with a terraform and a provider that are processes of
// their own, kills both while replicas move, and applies again.
func drainKilled(t *testing.T, c *kafkatest.Cluster) resource.TestCheckFunc {
	return func(*terraformState) error {
		writeBulk(t, c)
		dir := t.TempDir()
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "terraform-provider-headwater"), ".").CombinedOutput(); err != nil {
			return fmt.Errorf("build the provider: %w: %s", err, out)
		}
		config := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"headwater.internal/platform/headwater\" = %q\n  }\n  direct {}\n}\n", dir)
		write := func(rest string) error {
			root := strings.Replace(requireProvider, "hashicorp/", "headwater.internal/platform/", 1) + on(c, leaving("on_destroy = \"abandon\"\n  "+rest))
			return errors.Join(os.WriteFile(filepath.Join(dir, "terraform.rc"), []byte(config), 0o600), os.WriteFile(filepath.Join(dir, "main.tf"), []byte(root), 0o600))
		}
		var out bytes.Buffer
		apply := func(throttle string) *exec.Cmd {
			cmd := exec.Command("terraform", "apply", "-auto-approve", "-input=false", "-no-color")
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
			cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "terraform.rc"), "HEADWATER_REASSIGNMENT_THROTTLE="+throttle)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			return cmd
		}
		// The broker is adopted first: one that holds replicas is not drained at once.
		if err := write(""); err != nil {
			return err
		}
		if err := apply("50MiB").Run(); err != nil {
			return fmt.Errorf("adopt broker 3: %w: %s", err, out.String())
		}
		if err := write(`state = "drained"`); err != nil {
			return err
		}
		slow := apply("64KiB")
		if err := slow.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- slow.Wait() }()
		moving, err := awaitLeaving(c, 3)
		killed := syscall.Kill(-slow.Process.Pid, syscall.SIGKILL)
		if <-ended == nil || err != nil || killed != nil {
			return fmt.Errorf("kill the apply while replicas move: %w: %s", errors.Join(err, killed), out.String())
		}
		t.Logf("terraform was killed while %d partitions left broker 3", moving)
		if still, err := awaitLeaving(c, 3); still == 0 || err != nil {
			return fmt.Errorf("nothing moved any more after the kill: nothing is shown (%w)", err)
		}
		if err := apply("50MiB").Run(); err != nil {
			return fmt.Errorf("apply again: %w: %s", err, out.String())
		}
		return errors.Join(holding(c, 3, func(n int) bool { return n == 0 })(nil), placed(c, 3, 3, trafficIn, trafficOut, bulkTopic)(nil))
	}
}

// awaitLeaving waits until replicas leave the broker, and counts them.
func awaitLeaving(c *kafkatest.Cluster, id int32) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	client := c.Client()
	for {
		s, err := cluster.Read(ctx, client)
		moving := 0
		for _, p := range s.Partitions {
			if slices.Contains(p.Removing, id) {
				moving++
			}
		}
		if moving > 0 || ctx.Err() != nil {
			return moving, errors.Join(err, ctx.Err())
		}
		time.Sleep(100 * time.Millisecond)
	}
}
