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

	"headwater.internal/platform/processors/internal/probe"
)

// Environment variables that every task is started with.
const (
	envTask     = "HEADWATER_TASK"                // ordinal, stable over restarts
	envSlots    = "HEADWATER_SLOTS"               // in the place of it: take a free one below this number
	envStateDir = "HEADWATER_STATE_DIR"           // shared by the tasks of a deployment; optional with envSlots
	envHTTP     = probe.EnvAddress                // host:port of /healthz, /readyz, /metrics
	envRegistry = "HEADWATER_SCHEMA_REGISTRY_URL" // schema registry
	envCommit   = "HEADWATER_COMMIT_INTERVAL"     // optional, e.g. 20ms: of all transactions
	envProtocol = "HEADWATER_GROUP_PROTOCOL"      // optional, classic or consumer
	envStandbys = "HEADWATER_STANDBYS"            // optional, e.g. 1
	envPatience = "HEADWATER_SCHEMA_PATIENCE"     // optional, e.g. 30s
	envDrain    = "HEADWATER_DRAIN_TIMEOUT"       // optional, e.g. 25s
	envCache    = "HEADWATER_CACHE_BYTES"         // optional, e.g. 67108864; as Kafka Streams' statestore.cache.max.bytes
)

// drainTimeout is how long a task may take from SIGTERM to its end.
const drainTimeout = 25 * time.Second

// mostSlots bounds a slip of the pen: a task asks for one slot after the other.
const mostSlots = 1000

// environment is how one task was started.
type environment struct {
	task, stateDir, httpAddress, registryURL string

	slots    int           // that one is taken of, where task is empty
	lost     func() error  // says whether the slot was lost; nil for a task that was numbered
	drain    time.Duration // from SIGTERM to the end
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
		task:        settings.text(envTask),
		stateDir:    settings.text(envStateDir),
		httpAddress: settings.required(envHTTP),
		registryURL: settings.required(envRegistry),
		limits:      DefaultLimits(),
		unsafe:      os.Getenv(envUnsafe) != "",
	}
	env.limits.fix(settings.Duration(envCommit, 0, ""))
	env.protocol = protocol(settings.choice(envProtocol, string(classicProtocol), string(consumerProtocol)))
	env.standbys = settings.number(envStandbys, 0, 8)
	env.slots = settings.number(envSlots, 1, mostSlots)
	settings.checkOrdinal(env)
	env.drain = settings.Duration(envDrain, drainTimeout, "how long a task may take to finish after SIGTERM")
	if n := settings.number(envCache, 1, 1<<40); n > 0 {
		env.limits.CacheBytes = n
	}
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

// checkOrdinal holds that it is said once where the task's ordinal comes from, and
// where a numbered task keeps its state.
func (s *Settings) checkOrdinal(env environment) {
	switch slots := s.text(envSlots); {
	case env.task == "" && slots == "":
		s.errs = append(s.errs, fmt.Errorf("%s and %s are empty: the supervisor sets the one, a task definition the other to the most tasks that may run", envTask, envSlots))
	case env.task != "" && slots != "":
		s.errs = append(s.errs, fmt.Errorf("%s is %q and %s is %q: set one of them", envTask, env.task, envSlots, slots))
	case env.task != "" && env.stateDir == "":
		s.errs = append(s.errs, fmt.Errorf("%s is empty: the supervisor sets it", envStateDir))
	}
}

// number reads a whole number within bounds; 0 unless set.
func (s *Settings) number(name string, lowest, highest int) int {
	text := s.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < lowest || n > highest {
		s.errs = append(s.errs, fmt.Errorf("%s is %q: write a number from %d to %d", name, text, lowest, highest))
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

func (s *Settings) text(name string) string {
	text, _ := s.lookup(name)
	return text
}

func (s *Settings) required(name string) string {
	text := s.text(name)
	if text == "" {
		s.errs = append(s.errs, fmt.Errorf("%s is empty: the deployment sets it", name))
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
		settingDoc{envPatience, l.Patience.String(), "how long an unknown schema may still turn up"},
		settingDoc{envCache, strconv.Itoa(l.CacheBytes), "bytes of committed values kept beside Pebble, shared by the task's partitions"},
		settingDoc{envDrain, drainTimeout.String(), "how long a task may take to finish after SIGTERM"})
	for _, d := range s.docs {
		fmt.Fprintf(&b, "  %-28s %s (%s unless set)\n", d.name, d.about, d.fallback)
	}
	b.WriteString("and started by a deployment, which also sets HEADWATER_HTTP_ADDRESS, HEADWATER_BOOTSTRAP_SERVERS, HEADWATER_SASL_*,\n" +
		"HEADWATER_TLS_CA_PEM, HEADWATER_SCHEMA_REGISTRY_URL, and either HEADWATER_TASK with HEADWATER_STATE_DIR or\n" +
		"HEADWATER_SLOTS. --probe asks the running task whether it lives. docs/environment.md says more of each.\n")
	return b.String()
}

// DefaultSettings are settings of which none is set, for tests.
func DefaultSettings() *Settings {
	return &Settings{lookup: func(string) (string, bool) { return "", false }}
}
