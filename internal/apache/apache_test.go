package apache_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"headwater.internal/platform/internal/apache"
)

// EnvKafka turns on the tests that need Java.
const envKafka = "HEADWATER_TEST_KAFKA"

// options are those of a test's cluster, in folders of its own. Without Java to
// run on the test is skipped.
func options(t *testing.T) apache.Options {
	t.Helper()
	if os.Getenv(envKafka) != "apache" {
		t.Skipf("needs Java 17 and Maven: set %s=apache", envKafka)
	}
	cache, err := filepath.Abs("../../build/apache")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	return apache.Options{
		CacheDir: cache, DataDir: t.TempDir(), Password: "admin-secret",
		Progress: func(step string) { t.Logf("%6.2f s: %s", time.Since(began).Seconds(), step) },
	}
}

func start(t *testing.T, o apache.Options) *apache.Cluster {
	t.Helper()
	began := time.Now()
	c, err := apache.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Logf("started in %.2f s", time.Since(began).Seconds())
	return c
}

func TestScratch(t *testing.T) {
	o := options(t)
	o.Brokers, o.Combined = 1, true
	c := start(t, o)
	b := time.Now()
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	t.Log("stop", time.Since(b))
}

func TestScratch9(t *testing.T) {
	o := options(t)
	c := start(t, o)
	b := time.Now()
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	t.Log("stop", time.Since(b))
	b = time.Now()
	if err := c.StartAll(context.Background()); err != nil {
		t.Error(err)
	}
	t.Log("start", time.Since(b))
	c.KillAll()
	b = time.Now()
	if err := c.StartAll(context.Background()); err != nil {
		t.Error(err)
	}
	t.Log("start after kill", time.Since(b))
}
