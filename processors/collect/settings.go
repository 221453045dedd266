package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"os"
	"strings"
	"time"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/probe"
)

// Environment variables of the gateway, besides those of [kafka.FromEnvironment].
const (
	envListen         = "HEADWATER_LISTEN"          // host:port that takes events
	envProbes         = probe.EnvAddress            // host:port for health and metrics
	envWriteKeys      = "HEADWATER_WRITE_KEYS"      // name:key, comma separated
	envDrain          = "HEADWATER_DRAIN_TIMEOUT"   // from SIGTERM to the end, 15 s when empty
	envCatalogueTopic = "HEADWATER_CATALOGUE_TOPIC" // headwater.catalogue when empty
)

// settings is what the gateway is told at start.
type settings struct {
	kafka          kafka.Config
	listen, probes string
	catalogueTopic string
	keys           writeKeys
	timeout        time.Duration // how long to wait for the brokers
	drain          time.Duration // from SIGTERM to the end
}

func fromEnvironment() (settings, error) {
	cluster, err := kafka.FromEnvironment()
	if err != nil {
		return settings{}, err
	}
	cluster.ClientID = "collect"
	drain, err := kafka.DurationFromEnvironment(envDrain)
	if err != nil {
		return settings{}, err
	}
	keys, err := parseWriteKeys(os.Getenv(envWriteKeys))
	if err != nil {
		return settings{}, err
	}
	s := settings{
		kafka:          cluster,
		listen:         os.Getenv(envListen),
		probes:         os.Getenv(envProbes),
		catalogueTopic: os.Getenv(envCatalogueTopic),
		keys:           keys,
		timeout:        produceTimeout,
		drain:          cmp.Or(drain, drainTimeout),
	}
	if s.listen == "" {
		s.listen = "127.0.0.1:19080"
	}
	if s.catalogueTopic == "" {
		s.catalogueTopic = event.CatalogueTopic
	}
	return s, nil
}

// writeKeys holds who may send. Only digests are kept: comparing those takes the
// same time for every key, whatever its length.
type writeKeys []writeKey

type writeKey struct {
	name   string
	digest [sha256.Size]byte
}

// parseWriteKeys reads "name:key,name2:key2". Names go to metrics and to the
// source of Segment events; keys go nowhere.
func parseWriteKeys(list string) (writeKeys, error) {
	var keys writeKeys
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(list, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, key, ok := strings.Cut(pair, ":")
		if !ok || name == "" || key == "" {
			return nil, fmt.Errorf("read %s: entry %d is not name:key", envWriteKeys, len(keys)+1)
		}
		if seen[name] {
			return nil, fmt.Errorf("read %s: name %q stands twice", envWriteKeys, name)
		}
		seen[name] = true
		keys = append(keys, writeKey{name, sha256.Sum256([]byte(key))})
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read %s: it is empty: give at least one name:key, or nobody could send", envWriteKeys)
	}
	return keys, nil
}

// name finds who a key belongs to. It compares with every key, so that its time
// tells nothing.
func (k writeKeys) name(key string) (name string, ok bool) {
	digest := sha256.Sum256([]byte(key))
	for i := range k {
		if subtle.ConstantTimeCompare(digest[:], k[i].digest[:]) == 1 {
			name, ok = k[i].name, true
		}
	}
	return name, ok && key != ""
}
