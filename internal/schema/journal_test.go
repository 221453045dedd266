package schema

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

// A registry opened again answers as before: versions, ids, deletions, levels.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	r, client := open(t, dir)
	create(t, client, "a", sr.Schema{Schema: order(fieldID)})
	create(t, client, "a", sr.Schema{Schema: order(fieldID, fieldNoteNull)})
	create(t, client, "b", sr.Schema{Schema: order(fieldNote), SchemaMetadata: &sr.SchemaMetadata{Properties: map[string]string{"owner": "checkout"}}})
	client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, "a")
	client.SetMode(ctx, sr.ModeReadOnly, "b")
	if err := client.DeleteSchema(ctx, "a", 1, sr.SoftDelete); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir); err == nil {
		t.Error("two registries opened one directory")
	}
	before := everything(t, client)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again, reopened := open(t, dir)
	if diff := cmp.Diff(before, everything(t, reopened)); diff != "" {
		t.Error(diff)
	}
	if again.state.lastID != 3 {
		t.Errorf("last id is %d", again.state.lastID)
	}
}

func open(t *testing.T, dir string) (*Registry, *sr.Client) {
	t.Helper()
	r, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	return r, client
}

func everything(t *testing.T, client *sr.Client) string {
	t.Helper()
	ctx := sr.WithParams(context.Background(), sr.ShowDeleted)
	schemas, err := client.AllSchemas(ctx)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(schemas)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(string(text), client.Compatibility(ctx, "a")[0].Level, client.Mode(ctx, "b")[0].Mode)
}

// A line torn by a crash is dropped at every length; a damaged line with others
// behind it is an error, since what follows was acknowledged.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	r, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{order(fieldID), order(fieldID, fieldNoteNull)} {
		if _, err := r.register("s", sr.SubjectSchema{Schema: sr.Schema{Schema: text}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, journalName)
	whole, err := os.ReadFile(path) //nolint:gosec // the test's own directory
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(whole), '\n') + 1
	for size := first; size < len(whole); size++ {
		rewrite(t, path, whole[:size])
		r, err := New(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", size, err)
		}
		out, err := r.register("s", sr.SubjectSchema{Schema: sr.Schema{Schema: order(fieldID, fieldNoteNull)}})
		if err != nil || out.Version != 2 || out.ID != 2 {
			t.Fatalf("cut at %d: %+v, %v", size, out, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	damaged := []byte(string(whole))
	damaged[first/2] ^= 1
	rewrite(t, path, damaged)
	if _, err := New(dir); err == nil || !strings.Contains(err.Error(), "line 1") || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged journal: %v", err)
	}
}

func rewrite(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil { //nolint:gosec // the test's own directory
		t.Fatal(err)
	}
}

// Every answered registration survives SIGKILL. The test runs itself as the
// process to kill: the child prints a version once it is registered.
func TestSurvivesKill(t *testing.T) {
	if dir := os.Getenv("SCHEMA_TEST_REGISTER_IN"); dir != "" {
		registerForever(dir)
		return
	}
	dir := t.TempDir()
	answered := 0
	for range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSurvivesKill$") //nolint:gosec // this test binary
		child.Env = append(os.Environ(), "SCHEMA_TEST_REGISTER_IN="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 20 && lines.Scan(); n++ {
			if _, err := fmt.Sscanf(lines.Text(), "version %d", &answered); err != nil {
				t.Fatalf("child said %q", lines.Text())
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		r, err := New(dir)
		if err != nil {
			t.Fatal(err)
		}
		if last := r.state.subjects["s"].last; last < answered || answered == 0 {
			t.Errorf("version %d was answered and the registry knows %d", answered, last)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func registerForever(dir string) {
	r, err := New(dir)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = r.setLevel("", sr.CompatNone)
	for {
		text := order(fmt.Sprintf(`{"name":"f%d","type":"string"}`, r.next("s")))
		out, err := r.register("s", sr.SubjectSchema{Schema: sr.Schema{Schema: text}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("version", out.Version)
	}
}
