package apache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/apache"
)

// A registry that checks nothing, or forgets what it acknowledged, would make
// events unreadable.
func TestRegistry(t *testing.T) {
	o := apache.RegistryOptions{CacheDir: cacheDir(t), DataDir: t.TempDir()}
	began := time.Now()
	r, err := apache.StartRegistry(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	t.Logf("started in %.2f s", time.Since(began).Seconds())
	client, err := sr.NewClient(sr.URLs(r.URL()))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	record := func(fields string) sr.Schema {
		return sr.Schema{Schema: fmt.Sprintf(`{"type":"record","name":"Clicked","fields":[%s]}`, fields)}
	}
	first, err := client.CreateSchema(ctx, "raw.web.clicked-value", record(`{"name":"url","type":"string"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateSchema(ctx, "raw.web.clicked-value", record(`{"name":"url","type":"long"}`)); err == nil {
		t.Error("an incompatible schema was taken without a rule of the subject's own")
	}
	r.Kill()
	r.Close()
	if r, err = apache.StartRegistry(ctx, o); err != nil {
		t.Fatal(err)
	}
	if client, err = sr.NewClient(sr.URLs(r.URL())); err != nil {
		t.Fatal(err)
	}
	again, err := client.SchemaByID(ctx, first.ID)
	if err != nil || again.Schema != first.Schema.Schema {
		t.Errorf("after a kill schema %d is %q, %v", first.ID, again.Schema, err)
	}
}
