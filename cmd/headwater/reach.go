package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
)

// collectorFlags say which collector a command sends to.
type collectorFlags struct {
	CollectorURL string `env:"HEADWATER_COLLECTOR_URL" placeholder:"URL" help:"The collector, when it is not that of the local platform."`
	WriteKey     string `env:"HEADWATER_WRITE_KEY" placeholder:"KEY" help:"Write key of the collector, when it is not that of the local platform."`
}

// collector makes the client of the collector named by the flags, else of the
// local platform's.
func (f collectorFlags) collector(place placeFlags) (*collector, error) {
	c := newCollector(f.CollectorURL, f.WriteKey)
	if c.url != "" && c.writeKey != "" {
		return c, nil
	}
	at, secrets, err := place.openRunning()
	if err != nil {
		return nil, fmt.Errorf("%w (or name the collector with --collector-url and --write-key)", err)
	}
	if c.url == "" {
		c.url = strings.TrimSuffix(at.CollectorURL, "/")
	}
	if c.writeKey == "" {
		c.writeKey = secrets.WriteKeys[local.LocalWriteKey]
	}
	return c, nil
}

// openRunning is open for a platform that is to be reached at once. The error is
// errNotUp when its process is gone, rather than that of some connection later.
func (f placeFlags) openRunning() (local.Place, local.Secrets, error) {
	place, secrets, err := f.open()
	if err != nil {
		return place, secrets, err
	}
	pid, err := local.RunningPID(f.DataDir)
	if err == nil && pid == 0 {
		err = errNotUp
	}
	return place, secrets, err
}

// explain adds to an error of the network that the platform went down meanwhile,
// when that is why.
func (f placeFlags) explain(err error) error {
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		return err
	}
	if _, _, downErr := f.openRunning(); errors.Is(downErr, errNotUp) {
		return fmt.Errorf("%w: %w", errNotUp, err)
	}
	return err
}

// brokers says how to reach Kafka: by the HEADWATER_* variables when
// HEADWATER_BOOTSTRAP_SERVERS is set, else as the local platform's superuser.
func (f placeFlags) brokers() (kafka.Config, error) {
	if os.Getenv(kafka.EnvBootstrapServers) != "" {
		return kafka.FromEnvironment()
	}
	at, secrets, err := f.openRunning()
	if err != nil {
		return kafka.Config{}, fmt.Errorf("%w (or set %s)", err, kafka.EnvBootstrapServers)
	}
	return at.AdminConfig(secrets), nil
}

// envRegistry names the variable with the schema registry's address.
const envRegistry = "HEADWATER_SCHEMA_REGISTRY_URL"

// registry is the schema registry of the environment, else of the local platform.
func (f placeFlags) registry() (*event.Registry, error) {
	if url := os.Getenv(envRegistry); url != "" {
		return event.NewRegistry(url)
	}
	at, err := local.OpenPlace(f.DataDir)
	if errors.Is(err, local.ErrNeverStarted) {
		return nil, fmt.Errorf("%w (or set %s)", err, envRegistry)
	}
	if err != nil {
		return nil, err
	}
	return event.NewRegistry(at.RegistryURL)
}
