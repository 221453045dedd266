// Terraform-provider-headwater declares Headwater's Kafka cluster, its schemas
// and its processors in Terraform. One file holds one type; provider.go lists
// them all.
package main

import (
	"flag"
	"log/slog"
	"os"
	"runtime/debug"
)

// address is where Terraform configurations find the provider. The host is in
// house: it is served from a filesystem mirror, never from a registry.
const address = "headwater.internal/platform/headwater"

// version is set by the build.
var version = "0.1.0"

// Little is kept of thousands of short calls and the plugin framework leaves much
// behind for each. So garbage may be four times what is kept, which has a fifth of the
// work left to the processor, up to a limit in bytes.
const (
	garbagePercent = 400
	memoryLimit    = 192 << 20
)

func main() {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(memoryLimit)
		debug.SetGCPercent(garbagePercent)
	}
	debugger := flag.Bool("debug", false, "serve for a debugger and print how Terraform attaches to it")
	flag.Parse()
	if err := serve(!quiet(), *debugger); err != nil {
		slog.Error("serve the provider", "err", err)
		os.Exit(1)
	}
}
