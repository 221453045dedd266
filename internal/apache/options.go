package apache

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Defaults of [Options]: the cluster of the case, in small.
const (
	DefaultBrokers     = 6
	DefaultControllers = 3
	DefaultUsername    = "admin"
)

// defaultHeapMB holds some thousand partitions a broker.
const defaultHeapMB = 192

// startTimeout bounds one attempt. Nine nodes take about 10 s on two idle cores, and a
// machine may be busy with much else.
const startTimeout = 4 * time.Minute

// Options says what to start and where. The zero value of a field means what its
// comment says.
type Options struct {
	CacheDir string // folder of the downloads, see [Fetch]; required
	DataDir  string // folder of this cluster's data, certificates and logs; required

	ClusterID   string   // Kafka's id of a new cluster; drawn
	FirstID     int      // 0; node id of the first broker, and how far above 100 the first controller is
	Brokers     int      // 6; node ids from FirstID on
	Controllers int      // 3, or 1 when there are fewer than 3 brokers; node ids from 100 + FirstID on
	Combined    bool     // the first Controllers brokers are the controllers too
	Racks       []string // a, b, c; given out to brokers in turn
	ClientPorts []int    // ports of the brokers' TLS listener; free ones, drawn once

	Username string // of the superuser; admin
	Password string // of the superuser; required, used when the data folder is new

	// Open adds two listeners without TLS for tests, see [Cluster.Open] and
	// [Cluster.OpenSASL]. Anyone on this machine is a superuser then.
	Open bool

	// Advertise returns the address at which clients are to find a broker that
	// listens on address, for something that stands between; nil for address itself.
	// It is asked once for each listener that clients use.
	Advertise func(address string) string

	// QuickStart compiles hot code lightly, for tests: a start costs two thirds of
	// the CPU time, and a record three times as much.
	QuickStart bool

	HeapMB   int               // of each broker; 192. A controller gets half
	Settings map[string]string // added to every node's server.properties, last
	Progress func(step string) // told what happens, for people; may be nil
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// withDefaults returns o with its blanks filled in, or an error that names the
// field that is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.CacheDir == "" || o.DataDir == "" {
		return o, errors.New("start Kafka: CacheDir and DataDir must be set")
	}
	if o.Password == "" {
		return o, errors.New("start Kafka: the superuser needs a Password")
	}
	o.Brokers = orDefault(o.Brokers, DefaultBrokers)
	if o.Brokers < 3 {
		o.Controllers = orDefault(o.Controllers, 1)
	}
	o.Controllers = orDefault(o.Controllers, DefaultControllers)
	o.HeapMB = orDefault(o.HeapMB, defaultHeapMB)
	if o.Username == "" {
		o.Username = DefaultUsername
	}
	if len(o.Racks) == 0 {
		o.Racks = []string{"a", "b", "c"}
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	switch {
	case !safeName.MatchString(o.Username):
		return o, fmt.Errorf("start Kafka: the superuser's name %q has characters other than letters, digits and ._-", o.Username)
	case o.Combined && o.Controllers > o.Brokers:
		return o, fmt.Errorf("start Kafka: %d combined controllers need as many brokers, not %d", o.Controllers, o.Brokers)
	case len(o.ClientPorts) != 0 && len(o.ClientPorts) != o.Brokers:
		return o, fmt.Errorf("start Kafka: %d ports for %d brokers", len(o.ClientPorts), o.Brokers)
	}
	return o, nil
}

func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}
