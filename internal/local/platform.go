package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/schema"
	"headwater.internal/platform/internal/supervisor"
)

// Platform is a running local platform.
type Platform struct {
	Place   Place
	Secrets Secrets

	brokers    *brokers
	registry   *schema.Registry
	apache     *realBrokers // instead of the two above
	inputs     *inputs
	supervisor *supervisor.Supervisor
	servers    []*http.Server
	lock       *os.File
	policy     capacity.Policy
}

// Option changes how the platform is started.
type Option func(*Platform)

// WithScalePolicy sets the policy of autoscaled deployments, less the bounds and
// the target that each has itself.
func WithScalePolicy(policy capacity.Policy) Option {
	return func(p *Platform) { p.policy = policy }
}

// Start starts the platform in dataDir with ports counted from portBase, and
// with it the deployments it ran last. A second process on the same data
// directory is refused. The error of a port in use says how to move.
func Start(dataDir string, portBase int, logger *slog.Logger, opts ...Option) (*Platform, error) {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	absolute, err := filepath.Abs(dataDir) // tasks run elsewhere
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(absolute)
	if err != nil {
		return nil, err
	}
	p := &Platform{Place: NewPlace(absolute, portBase), lock: lock}
	p.Place.Revision = Revision()
	for _, opt := range opts {
		opt(p)
	}
	if err := p.start(logger); err != nil {
		return nil, errors.Join(err, p.Close(context.Background()))
	}
	return p, nil
}

func (p *Platform) start(logger *slog.Logger) error {
	var err error
	if p.Secrets, err = EnsureSecrets(p.Place.DataDir); err != nil {
		return err
	}
	if err := p.Place.ensureCredential(Admin, p.Secrets.Admin); err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := p.startKafka(metrics, logger); err != nil {
		return err
	}
	if p.Place.ClusterID, err = clusterID(p.Place, p.Secrets); err != nil {
		return err
	}
	if p.inputs, err = newInputs(p.Place, p.Secrets); err != nil {
		return err
	}
	if p.supervisor, err = supervisor.New(p.supervisorConfig(metrics, logger)); err != nil {
		return err
	}
	p.Place.PID = os.Getpid()
	// Last: who gets an answer from /healthz may rely on all the rest.
	if err := p.serve(p.Place.SupervisorURL, p.supervisor.Handler(p.Secrets.SupervisorToken, p.Place), logger); err != nil {
		return err
	}
	if err := p.Place.Save(); err != nil {
		return err
	}
	logger.Info("the platform is up", "bootstrap_servers", p.Place.BootstrapList(), "registry", p.Place.RegistryURL,
		"supervisor", p.Place.SupervisorURL, "cluster_id", p.Place.ClusterID)
	return nil
}

// startKafka starts the brokers and the registry.
func (p *Platform) startKafka(metrics *prometheus.Registry, logger *slog.Logger) error {
	if p.apache != nil {
		return p.apache.start(p.Place, p.Secrets, logger)
	}
	var err error
	if p.registry, err = schema.New(p.Place.Path("registry")); err != nil {
		return fmt.Errorf("start the schema registry: %w", err)
	}
	if err := p.serve(p.Place.RegistryURL, p.registry.Handler(), logger); err != nil {
		return err
	}
	p.brokers, err = startBrokers(p.Place, p.Secrets, metrics, logger)
	return err
}

// Close drains the tasks, then stops the brokers and the registry. Its data
// stays.
func (p *Platform) Close(ctx context.Context) error {
	var errs []error
	if p.supervisor != nil {
		p.supervisor.Close(ctx)
	}
	if p.inputs != nil {
		p.inputs.Close()
	}
	for _, s := range p.servers {
		errs = append(errs, s.Close())
	}
	if p.brokers != nil {
		errs = append(errs, p.brokers.Close())
	}
	if p.registry != nil {
		errs = append(errs, p.registry.Close())
	}
	if p.apache != nil {
		errs = append(errs, p.apache.close(ctx))
	}
	if p.Place.PID != 0 {
		p.Place.PID = 0
		errs = append(errs, p.Place.Save())
	}
	return errors.Join(append(errs, p.lock.Close())...)
}

func (p *Platform) supervisorConfig(metrics *prometheus.Registry, logger *slog.Logger) supervisor.Config {
	var restart func(context.Context, int) error
	if p.apache != nil {
		restart = func(ctx context.Context, id int) error { return p.apache.cluster.Restart(ctx, id) }
	}
	return supervisor.Config{
		RestartNode: restart,
		Dir:         p.Place.Path("supervisor"),
		LogDir:      p.Place.Path("logs"),
		StateDir:    p.Place.Path("state"),
		Environment: p.Place.Environment(),
		Login:       p.loginOf,
		Secret: func(key string) (string, error) {
			s, err := LoadSecrets(p.Place.DataDir)
			if err != nil {
				return "", err
			}
			return s.Lookup(key)
		},
		Offsets:     p.inputs.read,
		ScalePolicy: p.policy,
		Logger:      logger,
		Registry:    metrics,
	}
}

// loginOf is what a task of the deployment logs in with, which is the principal.
func (p *Platform) loginOf(principal string) (map[string]string, error) {
	s, err := EnsureSecrets(p.Place.DataDir, principal)
	if err != nil {
		return nil, err
	}
	if err := p.Place.ensureCredential(principal, s.Principals[principal]); err != nil {
		return nil, err
	}
	return p.Place.LoginEnvironment(principal, s.Principals[principal]), nil
}

// Lookup reads one secret by the key that a deployment's secret_environment
// names: write_keys (all, as name:key,name2:key2), write_keys/<name> or
// principals/<name>.
func (s Secrets) Lookup(key string) (string, error) {
	kind, name, _ := strings.Cut(key, "/")
	switch {
	case key == "write_keys":
		var pairs []string
		for _, n := range slices.Sorted(maps.Keys(s.WriteKeys)) {
			pairs = append(pairs, n+":"+s.WriteKeys[n])
		}
		return strings.Join(pairs, ","), nil
	case kind == "write_keys" && s.WriteKeys[name] != "":
		return s.WriteKeys[name], nil
	case kind == "principals" && s.Principals[name] != "":
		return s.Principals[name], nil
	default:
		return "", fmt.Errorf("no secret is called %q: use write_keys, write_keys/<name> or principals/<name>", key)
	}
}

// serve answers at address until the platform closes.
func (p *Platform) serve(address string, handler http.Handler, logger *slog.Logger) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", u.Host) //nolint:noctx // returns at once
	if err != nil {
		return fmt.Errorf("listen: %w", mendable(err))
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	p.servers = append(p.servers, server)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("server stopped", "address", address, "error", err)
		}
	}()
	return nil
}

// Revision tells this build of the program from others: a hash of its bytes.
func Revision() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return ""
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// clusterID asks the brokers who they are.
func clusterID(place Place, secrets Secrets) (string, error) {
	client, err := place.AdminConfig(secrets).Client()
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	id, err := describeCluster(ctx, client)
	if err != nil {
		return "", fmt.Errorf("ask the brokers as %s: %w (if secrets.json was removed, remove the data with headwater clean)", Admin, err)
	}
	return id, nil
}
