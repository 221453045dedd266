package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/probe"
)

// Environment variables of the publisher, besides those of [kafka.FromEnvironment]
// and the SDK's own (AWS_REGION, AWS_ENDPOINT_URL_CLOUDWATCH and so on).
const (
	envEnvironment = "HEADWATER_CAPACITY_ENVIRONMENT" // a dimension of all metrics
	envProcessors  = "HEADWATER_CAPACITY_PROCESSORS"  // JSON: by processor, see [processor]
	envCluster     = "HEADWATER_CAPACITY_CLUSTER"     // optional: ECS cluster, name or ARN
	envNamespace   = "HEADWATER_CAPACITY_NAMESPACE"   // optional
	envInterval    = "HEADWATER_CAPACITY_INTERVAL"    // optional, between two publications
	envProbes      = probe.EnvAddress                 // host:port for health and metrics
	envDrain       = "HEADWATER_DRAIN_TIMEOUT"        // optional: for what is being published at SIGTERM
)

// settings is what the publisher is told at start.
type settings struct {
	kafka                           kafka.Config
	environment, namespace, cluster string
	processors                      map[string]processor
	interval, drain                 time.Duration
	probes                          string
}

// processor is one that is published.
type processor struct {
	Service string  `json:"service"`            // of ECS; not needed without a cluster
	Target  float64 `json:"target_utilization"` // 0 is the law's own
}

// words are what dimensions and namespaces may hold here: AWS allows more, but a
// thousand of them must fit into one request of 1 MB.
var words = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$`)

func fromEnvironment(lookup func(string) string) (settings, error) {
	cluster, err := kafka.FromEnvironment()
	cluster.ClientID = "capacity"
	s := settings{
		kafka: cluster, environment: lookup(envEnvironment), namespace: "Headwater", cluster: lookup(envCluster),
		interval: 30 * time.Second, drain: 5 * time.Second, probes: lookup(envProbes),
	}
	if text := lookup(envNamespace); text != "" {
		s.namespace = text
	}
	for name, value := range map[string]string{envEnvironment: s.environment, envNamespace: s.namespace} {
		if !words.MatchString(value) {
			err = errors.Join(err, fmt.Errorf("%s is %q: write up to 64 letters, digits, dots, hyphens or slashes", name, value))
		}
	}
	if s.probes == "" {
		err = errors.Join(err, fmt.Errorf("%s is empty: the deployment sets it", envProbes))
	}
	for name, d := range map[string]*time.Duration{envInterval: &s.interval, envDrain: &s.drain} {
		if text := lookup(name); text != "" {
			var parseErr error
			if *d, parseErr = time.ParseDuration(text); parseErr != nil || *d < time.Second {
				err = errors.Join(err, fmt.Errorf("%s is %q: write a duration from 1s, such as 30s", name, text))
			}
		}
	}
	return s, errors.Join(err, s.readProcessors(lookup(envProcessors)))
}

// readProcessors reads which processors there are: none where all have a fixed
// number of tasks. A word that it does not know is one that somebody relies on.
func (s *settings) readProcessors(text string) error {
	decoder := json.NewDecoder(bytes.NewBufferString(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&s.processors)
	if err == nil && s.processors == nil {
		err = errors.New("null is no object")
	}
	if err != nil {
		return fmt.Errorf(`%s is %q: write an object a processor, such as {"refine": {"service": "refine"}} (%w)`, envProcessors, text, err)
	}
	var errs []error
	for name, p := range s.processors {
		switch {
		case !words.MatchString(name):
			errs = append(errs, fmt.Errorf("%s has %q: that is no processor's name", envProcessors, name))
		case s.cluster != "" && p.Service == "":
			errs = append(errs, fmt.Errorf("%s has no service for %s: with %s its desired count is read", envProcessors, name, envCluster))
		case p.Target < 0 || p.Target > 1:
			errs = append(errs, fmt.Errorf("%s has target_utilization %v for %s: write a share above 0 and up to 1", envProcessors, p.Target, name))
		}
	}
	return errors.Join(errs...)
}

// policy is the law's for the processor. Bounds are the scaler's business.
func (p processor) policy() capacity.Policy {
	policy := capacity.DefaultPolicy(1, 1)
	if p.Target > 0 {
		policy.TargetUtilization = p.Target
	}
	return policy
}
