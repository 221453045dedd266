package test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafka"
)

// drifted is what headwater drift --json says.
type drifted struct {
	Differs bool `json:"differs"`
	Roots   []struct {
		Changes []struct {
			Address string `json:"address"`
			Action  string `json:"action"`
		} `json:"changes"`
	} `json:"roots"`
	Unmanaged struct {
		Topics []string `json:"topics"`
		ACLs   []any    `json:"acls"`
	} `json:"unmanaged"`
}

// Whoever watches a cluster by the exit code must hear of what was changed by hand
// and of what nobody declared, and of nothing else: 0 as applied, 3 when it
// differs, 1 when it cannot be told.
func TestDriftIsSeen(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.up()
	if out := p.run("drift", "--source", p.source); !strings.Contains(out, "Nothing changes.") {
		t.Errorf("as applied it says\n%s", out)
	}
	admin := p.admin()
	if _, err := admin.CreateTopic(t.Context(), 1, 3, nil, "by.hand"); err != nil {
		t.Fatal(err)
	}
	shorter := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("1000")}}
	if _, err := admin.AlterTopicConfigs(t.Context(), shorter, "raw.checkout.order-placed"); err != nil {
		t.Fatal(err)
	}
	out, code := p.drift("--source", p.source, "--json")
	var report drifted
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 3 {
		t.Fatalf("drift ended with %d, %v:\n%s", code, err, out)
	}
	if len(report.Roots) != 1 || len(report.Roots[0].Changes) != 1 || !report.Differs {
		t.Fatalf("the report has not the one change:\n%s", out)
	}
	if change := report.Roots[0].Changes[0]; change.Action != "change" || !strings.HasSuffix(change.Address, "module.order_placed.headwater_topic.this") {
		t.Errorf("the change is %+v", change)
	}
	if diff := cmp.Diff([]string{"by.hand"}, report.Unmanaged.Topics); diff != "" || len(report.Unmanaged.ACLs) != 0 {
		t.Errorf("unmanaged topics (-want +got):\n%s\nACLs: %v", diff, report.Unmanaged.ACLs)
	}
	p.run("up", "--source", p.source) // makes the change good and leaves what it does not know
	if out, code := p.drift("--source", p.source); code != 3 || !strings.Contains(out, `topic "by.hand"`) {
		t.Errorf("drift ended with %d:\n%s", code, out)
	}
	if out, code := p.drift("--source", p.source, "--ignore-topic", "by.*"); code != 0 {
		t.Errorf("with the topic ignored it ended with %d:\n%s", code, out)
	}
	p.driftOfOtherRoot()
	p.run("down")
	if out, code := p.drift("--source", p.source); code != 1 || !strings.Contains(out, "the platform is down") {
		t.Errorf("with the platform down it ended with %d:\n%s", code, out)
	}
}

// driftOfOtherRoot has a second root own the topic made by hand: each root alone
// leaves something without an owner, both together nothing.
func (p *platform) driftOfOtherRoot() {
	p.t.Helper()
	dir := p.t.TempDir()
	root := `terraform {
  required_providers {
    headwater = { source = "headwater.internal/platform/headwater" }
  }
}
provider "headwater" {}
resource "headwater_topic" "this" {
  name                = "by.hand"
  partitions          = 1
  replication_factor  = 3
  deletion_protection = false
}
import {
  to = headwater_topic.this
  id = "by.hand"
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(root), 0o600); err != nil {
		p.t.Fatal(err)
	}
	env := p.environment()
	for _, args := range [][]string{{"init", "-input=false"}, {"apply", "-auto-approve", "-input=false"}} {
		cmd := exec.Command(headwater(p.t), append([]string{"terraform", "--", "-chdir=" + dir}, args...)...)
		cmd.Dir, cmd.Env = "..", append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("terraform %s: %v\n%s", args[0], err, out)
		}
	}
	own := filepath.Join(p.dir, "terraform", "environments", "local")
	alone := p.command("drift", "--dir", dir, "--json")
	alone.Env = append(os.Environ(), env...)
	out, _ := alone.Output()
	var report drifted
	if err := json.Unmarshal(out, &report); err != nil || alone.ProcessState.ExitCode() != 3 || len(report.Roots[0].Changes) != 0 || len(report.Unmanaged.ACLs) == 0 {
		p.t.Errorf("the root alone: exit code %d, %v\n%s", alone.ProcessState.ExitCode(), err, out)
	}
	both := p.command("drift", "--dir", dir, "--dir", own)
	both.Env = append(os.Environ(), env...)
	if out, err := both.CombinedOutput(); err != nil {
		p.t.Errorf("both roots: %v\n%s", err, out)
	}
}

// drift runs the command and returns what it says and its exit code.
func (p *platform) drift(args ...string) (string, int) {
	p.t.Helper()
	out, err := p.try(append([]string{"drift"}, args...)...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, 0
	case !errors.As(err, &exit):
		p.t.Fatalf("headwater drift: %v\n%s", err, out)
	}
	before, _, _ := strings.Cut(out, "\nheadwater: ") // standard error stands behind
	if strings.HasPrefix(before, "{") {
		out = before
	}
	return out, exit.ExitCode()
}

// admin is an administrative client of the platform's superuser.
func (p *platform) admin() *kadm.Client {
	p.t.Helper()
	values := p.options().EnvVars
	config := kafka.Config{
		BootstrapServers: kafka.SplitServers(values[kafka.EnvBootstrapServers]),
		SASL:             kafka.SASL{Mechanism: values[kafka.EnvSASLMechanism], Username: values[kafka.EnvSASLUsername], Password: values[kafka.EnvSASLPassword]},
		TLS:              kafka.TLS{CA: values[kafka.EnvTLSCA]},
	}
	client, err := config.Client()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	return kadm.NewClient(client)
}
