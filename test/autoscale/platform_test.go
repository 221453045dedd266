package autoscale

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

const partitions = 12

// doneSchema is that of processors/internal/delay.
const doneSchema = `{"type":"record","name":"Done","namespace":"delay","fields":[
	{"name":"id","type":"long"},{"name":"count","type":"long"}]}`

// platform is an embedded platform with the topics and the program of the
// processor delay.
type platform struct {
	t       *testing.T
	place   local.Place
	secrets local.Secrets
	client  *kgo.Client // as the superuser
	program string
	super   *supervisor.Client
}

func startPlatform(t *testing.T, policy capacity.Policy) *platform {
	t.Helper()
	logs := slog.New(slog.NewTextHandler(io.Discard, nil))
	running, err := local.Start(t.TempDir(), freePortBase(t), logs, local.WithScalePolicy(policy))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	p := &platform{t: t, place: running.Place, secrets: running.Secrets, program: build(t)}
	p.super = &supervisor.Client{URL: p.place.SupervisorURL, Token: p.secrets.SupervisorToken}
	if p.client, err = p.place.AdminConfig(p.secrets).Client(kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	p.declare()
	return p
}

// build compiles the processor, which make build leaves out.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "delay")
	out, err := exec.Command("go", "build", "-o", program, "headwater.internal/platform/processors/internal/delay").CombinedOutput()
	if err != nil {
		t.Fatalf("build the test's processor: %v\n%s", err, out)
	}
	return program
}

// declare makes what Terraform makes for a processor of the platform.
func (p *platform) declare() {
	p.t.Helper()
	ctx := p.t.Context()
	admin := kadm.NewClient(p.client)
	created, err := admin.CreateTopics(ctx, partitions, 3, nil, "work", "done", "state.delay", "dead-letters", "headwater.ledger")
	p.must(err)
	p.must(created.Error())
	secrets, err := local.EnsureSecrets(p.place.DataDir, "delay")
	p.must(err)
	users, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{
		User: "delay", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: secrets.Principals["delay"],
	}})
	p.must(err)
	p.must(users.Error())
	rights := kadm.NewACLs().Allow("User:delay").Topics("*").Groups("delay").TransactionalIDs("*").Operations(kadm.OpAll)
	_, err = admin.CreateACLs(ctx, rights)
	p.must(err)
	registry, err := sr.NewClient(sr.URLs(p.place.RegistryURL))
	p.must(err)
	_, err = registry.CreateSchema(ctx, "done-value", sr.Schema{Schema: doneSchema})
	p.must(err)
}

func (p *platform) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// deploy runs the processor with up to twelve tasks.
func (p *platform) deploy(perEvent time.Duration) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	_, err := p.super.Apply(ctx, supervisor.Deployment{
		Name: "delay", Program: p.program, Tasks: 1,
		Environment: map[string]string{"DELAY_PER_EVENT": perEvent.String(), "HEADWATER_COMMIT_INTERVAL": "500ms"},
		Autoscale:   &supervisor.Autoscale{MinTasks: 1, MaxTasks: partitions},
	})
	p.must(err)
	_, err = p.super.WaitSettled(ctx, "delay")
	p.must(err)
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.printLogs()
		}
	})
}

func (p *platform) printLogs() {
	logs, _ := filepath.Glob(filepath.Join(p.place.DataDir, "logs", "*"))
	for _, path := range logs {
		if text, err := os.ReadFile(path); err == nil {
			p.t.Logf("%s ends:\n%s", filepath.Base(path), text[max(0, len(text)-1500):])
		}
	}
}

func freePortBase(t *testing.T) int {
	t.Helper()
	for range 100 {
		if base := 32000 + rand.IntN(20)*20; portsFree(base-10, base+8) {
			return base
		}
	}
	t.Fatal("no 18 free ports in a row")
	return 0
}

func portsFree(from, to int) bool {
	for port := from; port <= to; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
