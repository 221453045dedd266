package test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
)

// What the archive keeps is enough: a platform that lost everything counts the same
// events and sessions after a replay, and a second replay adds nothing.
func TestReplayRebuildsAPlatform(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.run("up", "--source", p.source, "--sample")
	address := "file://" + t.TempDir()
	stop := p.archive(address)
	var kept replayed
	processed := len(p.tail("processed.customer-events"))
	waitFor(t, time.Minute, "the archive to have all events", func() bool {
		kept = p.replay(address, "--dry-run")
		return kept.Archived == processed
	})
	stop()
	if processed == 0 || kept.Held != processed {
		t.Fatalf("%d events, and of the archive %+v", processed, kept)
	}
	counts, sessions := p.allTime(), p.outlines()

	p.run("down")
	p.run("clean")
	p.up()
	if first := p.replay(address); first.Sent.Applied != processed || first.Held != 0 {
		t.Errorf("the first replay: %+v, expected %d applied", first, processed)
	}
	if second := p.replay(address); second.Held != processed || second.Sent.Events != 0 {
		t.Errorf("the second replay: %+v, expected %d held", second, processed)
	}
	var after map[string]count
	waitFor(t, time.Minute, "the counts of before", func() bool {
		after = p.allTime()
		return gocmp.Equal(counts, after) && gocmp.Equal(sessions, p.outlines())
	})
}

// replayed is what a test reads of `headwater replay --json`.
type replayed struct {
	Archived int `json:"archived"`
	Held     int `json:"held"`
	Sent     struct {
		Events  int `json:"events"`
		Applied int `json:"applied"`
	} `json:"sent"`
}

func (p *platform) replay(address string, args ...string) replayed {
	p.t.Helper()
	out := p.run(append([]string{"replay", "--json", "--from", address, "--since", "2020-01-01T00:00:00Z", "--until", "2030-01-01T00:00:00Z"}, args...)...)
	var r replayed
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		p.t.Fatalf("%v in\n%s", err, out)
	}
	return r
}

// archive runs the program beside the platform's own tasks and returns what drains
// it.
func (p *platform) archive(address string) (stop func()) {
	p.t.Helper()
	program, err := filepath.Abs("../build/bin/archive")
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), p.environment()...)
	cmd.Env = append(cmd.Env, p.archiveLogin()...)
	cmd.Env = append(cmd.Env, "HEADWATER_ARCHIVE="+address, "HEADWATER_ARCHIVE_INTERVAL=500ms",
		"HEADWATER_HTTP_ADDRESS=127.0.0.1:0", "HEADWATER_SCHEMA_REGISTRY_URL="+p.status().RegistryURL)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			p.t.Errorf("the archive ends with %v", err)
		}
	}
}

// archiveLogin makes the archive's principal as its module does on AWS, which the
// local platform does not deploy: a credential, and its group. That it may read the
// events stands in schemas/platform.tf, which has been applied.
func (p *platform) archiveLogin() []string {
	p.t.Helper()
	admin := p.admin()
	user := kadm.UpsertSCRAM{User: "archive", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "archive-secret"}
	if _, err := admin.AlterUserSCRAMs(p.t.Context(), nil, []kadm.UpsertSCRAM{user}); err != nil {
		p.t.Fatal(err)
	}
	group := kadm.NewACLs().Allow("User:archive").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe, kadm.OpRead).Groups("archive")
	if _, err := admin.CreateACLs(p.t.Context(), group); err != nil {
		p.t.Fatal(err)
	}
	return []string{"HEADWATER_SASL_MECHANISM=SCRAM-SHA-512", "HEADWATER_SASL_USERNAME=archive", "HEADWATER_SASL_PASSWORD=archive-secret"}
}

// environment is what `headwater env` exports.
func (p *platform) environment() []string {
	var list []string
	for line := range strings.Lines(p.run("env", "--source", p.source)) {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			list = append(list, name+"="+strings.ReplaceAll(strings.Trim(value, "'"), `'\''`, "'"))
		}
	}
	return list
}

// outlines are the sessions without what depends on when they were counted.
func (p *platform) outlines() []string {
	var list []string
	for _, s := range p.sessions("") {
		list = append(list, fmt.Sprintf("%s %s %s %d %d", s.Customer, s.Start, s.End, s.Events, s.PageViews))
	}
	slices.SortFunc(list, cmp.Compare[string])
	return list
}
