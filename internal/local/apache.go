package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"headwater.internal/platform/internal/apache"
)

// Kinds of Kafka that a platform runs on.
const (
	Embedded = "embedded" // six addresses of this process; needs nothing but Go
	Apache   = "apache"   // six brokers and three controllers of Apache Kafka, and Apicurio; needs Java
)

// apacheStopTimeout bounds an orderly stop: nodes that take longer are killed.
const apacheStopTimeout = 60 * time.Second

// WithApache runs the platform on Apache Kafka and Apicurio, downloaded into
// cacheDir where they are missing. Ctx bounds the start.
func WithApache(ctx context.Context, cacheDir string) Option {
	return func(p *Platform) {
		p.Place = p.Place.onApache()
		p.apache = &realBrokers{startup: ctx, cacheDir: cacheDir}
	}
}

// onApache is the same place with the addresses that real brokers have.
func (p Place) onApache() Place {
	p.Kafka = Apache
	p.TLSCA = p.Path("apache", "tls", "ca.pem")
	p.RegistryURL += "/apis/ccompat/v7"
	return p
}

// realBrokers are Apache Kafka and Apicurio. They end with this process.
type realBrokers struct {
	startup  context.Context //nolint:containedctx // an option outlives its call
	cacheDir string
	cluster  *apache.Cluster
	registry *apache.Registry
}

// start starts both side by side, or what was there goes on.
func (r *realBrokers) start(place Place, secrets Secrets, logger *slog.Logger) error {
	say := func(step string) { logger.Info(step) }
	var wait sync.WaitGroup
	var brokersErr, registryErr error
	wait.Go(func() {
		r.cluster, brokersErr = apache.Start(r.startup, apache.Options{
			CacheDir: r.cacheDir, DataDir: place.Path("apache"), Brokers: Brokers, ClientPorts: place.brokerPorts(),
			Username: Admin, Password: secrets.Admin, Settings: realSettings(), Progress: say,
		})
	})
	wait.Go(func() {
		u, err := url.Parse(place.RegistryURL)
		if err != nil {
			registryErr = err
			return
		}
		port, _ := strconv.Atoi(u.Port()) // NewPlace made it
		r.registry, registryErr = apache.StartRegistry(r.startup, apache.RegistryOptions{
			CacheDir: r.cacheDir, DataDir: place.Path("registry"), Port: port, Progress: say,
		})
	})
	wait.Wait()
	return errors.Join(brokersErr, registryErr)
}

// realSettings are the brokers' settings that differ from Kafka's defaults, the
// same as the embedded platform's where that has them.
func realSettings() map[string]string {
	return map[string]string{
		"offsets.retention.minutes": "525600", // a platform that was down for a week goes on where it was
	}
}

// close stops everything in order.
func (r *realBrokers) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apacheStopTimeout)
	defer cancel()
	var errs []error
	if r.cluster != nil {
		errs = append(errs, r.cluster.Stop(ctx))
		r.cluster.Close()
	}
	if r.registry != nil {
		errs = append(errs, r.registry.Stop(ctx))
	}
	return errors.Join(errs...)
}

// ApacheCacheDir is where the downloads of Apache Kafka and Apicurio are kept,
// below the top of the repository.
func ApacheCacheDir(root string) string { return filepath.Join(root, "build", "apache") }

// ChooseKafka is the kind of Kafka to start in dataDir: the one asked for, else
// that of the last start, else the embedded one. The data of one kind cannot be
// read by the other: the error says how to go on.
func ChooseKafka(dataDir, asked string) (string, error) {
	last, err := OpenPlace(dataDir)
	switch {
	case errors.Is(err, ErrNeverStarted) && asked == "":
		return Embedded, nil
	case errors.Is(err, ErrNeverStarted):
		return asked, nil
	case err != nil:
		return "", err
	case asked != "" && asked != last.kafka():
		return "", fmt.Errorf("%s holds a platform on %s Kafka, and %s was asked for: run headwater clean first, or give --data-dir another folder",
			dataDir, last.kafka(), asked)
	default:
		return last.kafka(), nil
	}
}
