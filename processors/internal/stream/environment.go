package stream

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Environment variables that every task is started with.
const (
	envTask     = "HEADWATER_TASK"                // ordinal, stable over restarts
	envStateDir = "HEADWATER_STATE_DIR"           // shared by the tasks of a deployment
	envHTTP     = "HEADWATER_HTTP_ADDRESS"        // host:port of /healthz, /readyz, /metrics
	envRegistry = "HEADWATER_SCHEMA_REGISTRY_URL" // schema registry
	envCommit   = "HEADWATER_COMMIT_INTERVAL"     // optional, e.g. 20ms: of all transactions
	envProtocol = "HEADWATER_GROUP_PROTOCOL"      // optional, classic or consumer
	envStandbys = "HEADWATER_STANDBYS"            // optional, e.g. 1
	envPatience = "HEADWATER_SCHEMA_PATIENCE"     // optional, e.g. 30s
)

// environment is how one task was started.
type environment struct {
	task, stateDir, httpAddress, registryURL string

	limits   Limits
	protocol protocol
	standbys int // warm copies of each partition
	logger   kgo.Logger
	disk     vfs.FS // holds stateDir; nil for the machine's
	unsafe   bool   // transactions are off, see unsafe.go
}

func readEnvironment() (environment, error) {
	settings := &Settings{lookup: os.LookupEnv}
	env := environment{
		task:        settings.required(envTask),
		stateDir:    settings.required(envStateDir),
		httpAddress: settings.required(envHTTP),
		registryURL: settings.required(envRegistry),
		limits:      DefaultLimits(),
		unsafe:      os.Getenv(envUnsafe) != "",
	}
	env.limits.fix(settings.Duration(envCommit, 0, ""))
	env.protocol = protocol(settings.choice(envProtocol, string(classicProtocol), string(consumerProtocol)))
	env.standbys = settings.number(envStandbys)
	env.limits.Patience = settings.Duration(envPatience, env.limits.Patience, "how long an unknown schema may still turn up")
	return env, settings.err()
}

// Settings reads a rule's settings from the environment of the task, where the
// deployment's `environment` puts them. What is wrong is reported together,
// once all have been read.
type Settings struct {
	lookup func(string) (string, bool)
	errs   []error
	docs   []settingDoc
}

type settingDoc struct{ name, fallback, about string }

// Duration reads a setting such as 30m. It must not be negative.
func (s *Settings) Duration(name string, fallback time.Duration, about string) time.Duration {
	s.docs = append(s.docs, settingDoc{name, fallback.String(), about})
	text, ok := s.lookup(name)
	if !ok || text == "" {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		s.errs = append(s.errs, fmt.Errorf("%s is %q: write a duration such as %s", name, text, fallback))
		return fallback
	}
	return d
}

// number reads a small whole number; 0 unless set.
func (s *Settings) number(name string) int {
	text, _ := s.lookup(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 8 {
		s.errs = append(s.errs, fmt.Errorf("%s is %q: write a number from 0 to 8", name, text))
	}
	return n
}

// choice reads one of a few words; the first is the fallback.
func (s *Settings) choice(name string, words ...string) string {
	text, _ := s.lookup(name)
	if text == "" {
		return words[0]
	}
	if !slices.Contains(words, text) {
		s.errs = append(s.errs, fmt.Errorf("%s is %q: write one of %s", name, text, strings.Join(words, ", ")))
	}
	return text
}

func (s *Settings) required(name string) string {
	text, _ := s.lookup(name)
	if text == "" {
		s.errs = append(s.errs, fmt.Errorf("%s is empty: the supervisor sets it", name))
	}
	return text
}

func (s *Settings) err() error { return errors.Join(s.errs...) }

// help is the text of --help.
func help(spec Spec, s *Settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\nReads:\n", spec.Name, spec.About)
	for _, r := range spec.Reads {
		fmt.Fprintf(&b, "  %s\n", r.Topic)
	}
	b.WriteString("Writes:\n")
	for _, w := range spec.Writes {
		fmt.Fprintf(&b, "  %s\n", w.Topic)
	}
	fmt.Fprintf(&b, "  %s\n  %s\n  %s (state, format %d)\n", DeadLetterTopic, LedgerTopic, spec.State.Topic, spec.State.Version)
	b.WriteString("\nIt describes itself in JSON with --describe, and does what headwater reset and headwater skip ask with --reset and --skip.\nIt is configured by its environment:\n")
	l := DefaultLimits()
	s.docs = append(s.docs,
		settingDoc{envCommit, fmt.Sprintf("%v to %v, by the rate", l.CommitInterval, l.LongestInterval), "how long a transaction stays open"},
		settingDoc{envProtocol, string(classicProtocol), "who assigns partitions: a task (classic) or the brokers (consumer)"},
		settingDoc{envStandbys, "0", "warm copies of each partition's state that other tasks keep"},
		settingDoc{envPatience, l.Patience.String(), "how long an unknown schema may still turn up"})
	for _, d := range s.docs {
		fmt.Fprintf(&b, "  %-28s %s (%s unless set)\n", d.name, d.about, d.fallback)
	}
	b.WriteString("and started by the supervisor, which also sets HEADWATER_TASK, HEADWATER_STATE_DIR,\n" +
		"HEADWATER_HTTP_ADDRESS, HEADWATER_BOOTSTRAP_SERVERS, HEADWATER_SASL_* and HEADWATER_SCHEMA_REGISTRY_URL.\n")
	return b.String()
}

// DefaultSettings are settings of which none is set, for tests.
func DefaultSettings() *Settings {
	return &Settings{lookup: func(string) (string, bool) { return "", false }}
}
