package apache

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Listeners by name. The first is what clients use; replication and controller
// ask for a node's certificate; the last two are for tests.
const (
	listenerClient      = "CLIENT"
	listenerReplication = "REPLICATION"
	listenerController  = "CONTROLLER"
	listenerOpen        = "OPEN"
	listenerOpenSASL    = "OPENSASL"
)

// firstController is the lowest node id of dedicated controllers: brokers may be
// added below it for ever.
const firstController = 100

// layoutFile is written last: where it stands, the data folder is whole.
const layoutFile = "cluster.json"

// layout is what a data folder must remember to come back as the same cluster.
type layout struct {
	ClusterID string `json:"cluster_id"`
	Nodes     []node `json:"nodes"`
}

// node is one process of the cluster.
type node struct {
	ID          int            `json:"id"`
	Broker      bool           `json:"broker,omitempty"`
	Controller  bool           `json:"controller,omitempty"`
	Rack        string         `json:"rack,omitempty"`
	DirectoryID string         `json:"directory_id"`
	Ports       map[string]int `json:"ports"` // by listener
}

func (n node) name() string                   { return "node-" + strconv.Itoa(n.ID) }
func (n node) dir(dataDir string) string      { return filepath.Join(dataDir, n.name()) }
func (n node) address(listener string) string { return "127.0.0.1:" + strconv.Itoa(n.Ports[listener]) }

func (l layout) where(is func(node) bool) []node {
	return slices.DeleteFunc(slices.Clone(l.Nodes), func(n node) bool { return !is(n) })
}

func (l layout) brokers() []node     { return l.where(func(n node) bool { return n.Broker }) }
func (l layout) controllers() []node { return l.where(func(n node) bool { return n.Controller }) }

// loadLayout reads the layout of a data folder; the error wraps [fs.ErrNotExist]
// when no cluster was ever made there.
func loadLayout(dataDir string) (layout, error) {
	var l layout
	text, err := os.ReadFile(filepath.Join(dataDir, layoutFile))
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("read %s: %w", filepath.Join(dataDir, layoutFile), err)
	}
	return l, nil
}

func (l layout) save(dataDir string) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dataDir, layoutFile)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// forget makes a data folder new again.
func forget(dataDir string) error {
	err := os.Remove(filepath.Join(dataDir, layoutFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	nodes, err := filepath.Glob(filepath.Join(dataDir, "node-*"))
	if err != nil {
		return err
	}
	for _, dir := range append(nodes, filepath.Join(dataDir, "format")) {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// draw lays out a new cluster: ids, racks, directory ids and ports.
func draw(o Options) (layout, error) {
	l := layout{ClusterID: o.ClusterID}
	if l.ClusterID == "" {
		l.ClusterID = newID()
	}
	for i := range o.Brokers {
		l.Nodes = append(l.Nodes, node{ID: o.FirstID + i, Broker: true, Controller: o.Combined && i < o.Controllers, Rack: o.Racks[i%len(o.Racks)]})
	}
	if !o.Combined {
		for i := range o.Controllers {
			l.Nodes = append(l.Nodes, node{ID: firstController + o.FirstID + i, Controller: true})
		}
	}
	ports := portDraw{taken: slices.Clone(o.ClientPorts)}
	for i := range l.Nodes {
		n := &l.Nodes[i]
		n.DirectoryID, n.Ports = newID(), map[string]int{}
		for _, listener := range n.listeners(o.Open) {
			if listener == listenerClient && len(o.ClientPorts) > 0 {
				n.Ports[listener] = o.ClientPorts[i]
				continue
			}
			port, err := ports.next()
			if err != nil {
				return l, err
			}
			n.Ports[listener] = port
		}
	}
	return l, nil
}

func (n node) listeners(open bool) []string {
	var names []string
	if n.Broker {
		names = append(names, listenerClient, listenerReplication)
		if open {
			names = append(names, listenerOpen, listenerOpenSASL)
		}
	}
	if n.Controller {
		names = append(names, listenerController)
	}
	return names
}

// portDraw draws free ports below the range that kernels take the ports of
// outgoing connections from: a client that dials a stopped broker from that
// broker's own port would connect to itself and keep the broker from coming back.
type portDraw struct{ taken []int }

const lowestPort, highestPort = 20000, 32000

func (d *portDraw) next() (int, error) {
	for range 1000 {
		n, err := rand.Int(rand.Reader, big.NewInt(highestPort-lowestPort))
		if err != nil {
			return 0, err
		}
		port := lowestPort + int(n.Int64())
		if slices.Contains(d.taken, port) {
			continue
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)) //nolint:noctx // returns at once
		if err != nil {
			continue
		}
		d.taken = append(d.taken, port)
		return port, listener.Close()
	}
	return 0, fmt.Errorf("find a free port: none between %d and %d", lowestPort, highestPort)
}

// newID draws an id as Kafka writes them: 16 bytes in base64. One that begins
// with a hyphen would be read as a flag by Kafka's own tools.
func newID() string {
	for {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		if text := base64.RawURLEncoding.EncodeToString(id[:]); text[0] != '-' {
			return text
		}
	}
}
