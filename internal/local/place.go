package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"headwater.internal/platform/internal/kafka"
)

// DefaultDataDir is where the local platform keeps everything, relative to the
// top of the repository.
const DefaultDataDir = "build/local"

// DefaultPortBase is the port that all others are counted from.
const DefaultPortBase = 19090

// Brokers is how many broker addresses the embedded Kafka has, as in production.
const Brokers = 6

// ErrNeverStarted says that a data directory holds no platform.
var ErrNeverStarted = errors.New("no platform was ever started there")

// Place is one local platform: where its data is and how to reach it. It is
// what platform.json holds.
type Place struct {
	DataDir          string   `json:"-"`
	PortBase         int      `json:"port_base"`
	PID              int      `json:"pid"`      // of the platform process; may be gone
	Revision         string   `json:"revision"` // of the program it runs
	ClusterID        string   `json:"cluster_id"`
	Kafka            string   `json:"kafka,omitempty"`   // Embedded when empty
	TLSCA            string   `json:"tls_ca,omitempty"`  // path of the brokers' certificate authority; empty without TLS
	BootstrapServers []string `json:"bootstrap_servers"` // host:port
	RegistryURL      string   `json:"registry_url"`
	SupervisorURL    string   `json:"supervisor_url"`
	CollectorURL     string   `json:"collector_url"`
}

// NewPlace is the place with the given data directory and ports counted from
// base: brokers base+2 to base+7, registry base-9, supervisor base-8, collector
// base-10.
func NewPlace(dataDir string, base int) Place {
	p := Place{DataDir: dataDir, PortBase: base}
	for i := range Brokers {
		p.BootstrapServers = append(p.BootstrapServers, hostPort(base+2+i))
	}
	p.RegistryURL = "http://" + hostPort(base-9)
	p.SupervisorURL = "http://" + hostPort(base-8)
	p.CollectorURL = "http://" + hostPort(base-10)
	return p
}

// OpenPlace reads platform.json from dataDir. The error is [ErrNeverStarted]
// when there is none.
func OpenPlace(dataDir string) (Place, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, "platform.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Place{}, fmt.Errorf("open %s: %w: run headwater up", dataDir, ErrNeverStarted)
	}
	if err != nil {
		return Place{}, fmt.Errorf("open %s: %w", dataDir, err)
	}
	p := Place{DataDir: dataDir}
	if err := json.Unmarshal(text, &p); err != nil {
		return Place{}, fmt.Errorf("read %s/platform.json: %w", dataDir, err)
	}
	return p, nil
}

// Save writes platform.json.
func (p Place) Save() error {
	return writeJSON(filepath.Join(p.DataDir, "platform.json"), p, 0o644)
}

// Path joins name to the data directory.
func (p Place) Path(name ...string) string {
	return filepath.Join(append([]string{p.DataDir}, name...)...)
}

func (p Place) kafka() string {
	if p.Kafka == "" {
		return Embedded
	}
	return p.Kafka
}

// brokerPorts are the ports of the brokers, in the order of their ids.
func (p Place) brokerPorts() []int {
	ports := make([]int, Brokers)
	for i := range ports {
		ports[i] = p.PortBase + 2 + i
	}
	return ports
}

// CollectorPort is the port of CollectorURL.
func (p Place) CollectorPort() int { return p.PortBase - 10 }

// BootstrapList is the brokers' addresses, comma separated.
func (p Place) BootstrapList() string { return strings.Join(p.BootstrapServers, ",") }

// KafkaConfig is how principal, with its password from secrets, reaches the
// brokers.
func (p Place) KafkaConfig(principal, password string) kafka.Config {
	return kafka.Config{
		BootstrapServers: p.BootstrapServers,
		SASL:             p.login(principal, password),
		TLS:              kafka.TLS{CA: p.TLSCA},
	}
}

// AdminConfig is how the superuser reaches the brokers.
func (p Place) AdminConfig(s Secrets) kafka.Config { return p.KafkaConfig(Admin, s.Admin) }

// Environment is what every client of the platform needs, besides a user and a
// password: the provider, the tasks, and people's own programs.
func (p Place) Environment() map[string]string {
	env := map[string]string{
		kafka.EnvBootstrapServers:       p.BootstrapList(),
		kafka.EnvSASLMechanism:          kafka.ScramSHA512,
		"HEADWATER_SCHEMA_REGISTRY_URL": p.RegistryURL,
	}
	if p.TLSCA != "" {
		env[kafka.EnvTLSCA] = p.TLSCA
	}
	return env
}

func hostPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// writeJSON replaces the file whole, so that a reader or a crash never meets half
// of it.
func writeJSON(path string, v any, mode fs.FileMode) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(text, '\n'), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
