package kafkatest

import (
	"context"
	"os"
	"sync"
	"testing"

	"headwater.internal/platform/internal/apache"
)

// realRegistry is the registry of all tests of a program: each takes subjects of
// its own. It runs until the test program ends.
var realRegistry struct {
	start   sync.Once
	running *apache.Registry // ends once nothing refers to it
	err     error
}

// Registry returns the root of the Confluent API of a real schema registry,
// Apicurio. Without HEADWATER_TEST_KAFKA=apache the test is skipped.
func Registry(tb testing.TB) string {
	tb.Helper()
	if os.Getenv(EnvKafka) != "apache" {
		tb.Skipf("needs a real schema registry: set %s=apache", EnvKafka)
	}
	realRegistry.start.Do(func() {
		cache, err := cacheDir()
		if err != nil {
			realRegistry.err = err
			return
		}
		dir, err := shortLivedDir()
		if err != nil {
			realRegistry.err = err
			return
		}
		realRegistry.running, realRegistry.err = apache.StartRegistry(context.Background(), apache.RegistryOptions{CacheDir: cache, DataDir: dir})
	})
	if realRegistry.err != nil {
		tb.Fatalf("start the schema registry: %v", realRegistry.err)
	}
	return realRegistry.running.URL()
}
