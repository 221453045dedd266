package aws

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/gruntwork-io/terratest/modules/terraform"
)

// What a platform engineer applies in an account must come up whole, also after an
// apply that was cut short, stay as it is, and go only once its protection is lifted.
func TestStaging(t *testing.T) {
	t.Parallel()
	a := openAccount(t)
	p := openPlace(t, a, "staging")

	interrupt(t, p)
	p.apply("cluster")
	t.Run("the cluster is what matters", func(t *testing.T) { checkCluster(t, a, p) })
	t.Run("roles may do what they must and no more", func(t *testing.T) { checkRights(t, a) })
	p.unchanged("cluster")
	refuseDestroy(t, p)
	p.set("cluster", "deletion_protection = false")
	p.apply("cluster")
	terraform.DestroyContext(t, t.Context(), p.options("cluster"))
	checkEmpty(t, a, "staging")
}

// interrupt cuts the first apply short as Ctrl-C does: everybody in the
// foreground hears it.
func interrupt(t *testing.T, p *place) {
	t.Helper()
	cmd := p.headwater("apply", p.name, "--root", "cluster")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	eventually(t, 3*time.Minute, "some of the cluster stands", func() error {
		select {
		case err := <-ended:
			t.Fatalf("the apply ended before it was cut short: %v\n%s", err, said.String())
		default:
		}
		return p.account.halfBuilt(t)
	})
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	select {
	case err := <-ended:
		if err == nil {
			t.Fatalf("an apply that was cut short says that it succeeded:\n%s", said.String())
		}
	case <-time.After(2 * time.Minute):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		t.Fatal("the apply does not end two minutes after it was cut short")
	}
	if said := said.String(); !strings.Contains(said, "What was done so far is in the state") {
		t.Errorf("the apply that was cut short does not say how to go on:\n%s", said)
	}
}

// refuseDestroy demands that a destroy of what is protected takes nothing at all.
func refuseDestroy(t *testing.T, p *place) {
	t.Helper()
	options := p.options("cluster")
	before := terraform.RunTerraformCommandContext(t, t.Context(), options, "state", "list")
	out, err := terraform.DestroyContextE(t, t.Context(), options)
	if err == nil {
		t.Fatalf("a protected place was destroyed:\n%s", out)
	}
	want := "staging holds data and is protected: apply deletion_protection = false first"
	if said := plain(out + err.Error()); !strings.Contains(said, want) {
		t.Errorf("the refusal lacks %q:\n%s", want, said)
	}
	after := terraform.RunTerraformCommandContext(t, t.Context(), options, "state", "list")
	if before != after {
		t.Errorf("a refused destroy took something:\nbefore: %s\nafter: %s", before, after)
	}
}

// plain takes Terraform's frames and line ends out of what it says.
func plain(said string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(said)), " ")
}

// halfBuilt is nil once an apply has made some of a cluster, and long not all.
func (a *account) halfBuilt(t *testing.T) error {
	volumes, err := a.ec2().DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{})
	if err == nil && len(volumes.Volumes) < 3 {
		err = errTooEarly
	}
	return err
}
