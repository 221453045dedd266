// Terraform-provider-headwater declares Headwater's Kafka cluster, its schemas
// and its processors in Terraform. One file holds one type; provider.go lists
// them all.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

// address is where Terraform configurations find the provider. The host is in
// house: it is served from a filesystem mirror, never from a registry.
const address = "headwater.internal/platform/headwater"

// version is set by the build.
var version = "0.1.0"

// memoryLimit, in bytes, has the garbage of thousands of short calls collected
// before it is more than what is kept: Terraform works on ten resources at once,
// and the plugin framework leaves much behind for each.
const memoryLimit = 224 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	debugger := flag.Bool("debug", false, "serve for a debugger and print how Terraform attaches to it")
	flag.Parse()
	err := providerserver.Serve(context.Background(), newProvider, providerserver.ServeOpts{
		Address:         address,
		Debug:           *debugger,
		ProtocolVersion: 6,
	})
	if err != nil {
		slog.Error("serve the provider", "err", err)
		os.Exit(1)
	}
}
