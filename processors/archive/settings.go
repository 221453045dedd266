package main

import (
	"errors"
	"fmt"
	"time"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/probe"
)

// Environment variables of the archiver, besides those of [kafka.FromEnvironment].
const (
	envArchive  = "HEADWATER_ARCHIVE"             // s3://bucket/prefix or file:///directory
	envInterval = "HEADWATER_ARCHIVE_INTERVAL"    // optional: a batch is written this long after its first event
	envProbes   = probe.EnvAddress                // host:port for health and metrics
	envRegistry = "HEADWATER_SCHEMA_REGISTRY_URL" // schema registry
	envDrain    = "HEADWATER_DRAIN_TIMEOUT"       // optional: how long the last writes may take after SIGTERM
)

// settings is what the archiver is told at start.
type settings struct {
	kafka            kafka.Config
	archive          string
	interval, drain  time.Duration
	probes, registry string
	limits           limits
}

// limits end a batch before its interval: what it holds in memory.
type limits struct{ rows, bytes int }

func fromEnvironment(lookup func(string) string) (settings, error) {
	cluster, err := kafka.FromEnvironment()
	cluster.ClientID = group
	s := settings{
		kafka: cluster, archive: lookup(envArchive), interval: 5 * time.Minute, drain: drainTimeout,
		probes: lookup(envProbes), registry: lookup(envRegistry),
		limits: limits{rows: 200_000, bytes: 64 << 20},
	}
	for name, value := range map[string]string{envArchive: s.archive, envProbes: s.probes, envRegistry: s.registry} {
		if value == "" {
			err = errors.Join(err, fmt.Errorf("%s is empty: the deployment sets it", name))
		}
	}
	for name, d := range map[string]*time.Duration{envInterval: &s.interval, envDrain: &s.drain} {
		if text := lookup(name); text != "" {
			var parseErr error
			if *d, parseErr = time.ParseDuration(text); parseErr != nil || *d <= 0 {
				err = errors.Join(err, fmt.Errorf("%s is %q: write a duration such as 5m", name, text))
			}
		}
	}
	return s, err
}
