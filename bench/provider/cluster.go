package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/kafka"
)

// cluster is six brokers of Apache Kafka, three controllers and Apicurio, or a
// small one, all behind relays, and a place for Terraform's states.
type cluster struct {
	relays
	brokers  *apache.Cluster
	registry *apache.Registry
	states   *httptest.Server

	bootstrap   string // relay to a listener that asks for no log-in; its answers name the relays of all brokers
	registryURL string // through a relay
}

// startCluster starts everything, with its data in the data folder of o.
func startCluster(ctx context.Context, o *options) (*cluster, error) {
	c := &cluster{states: httptest.NewServer(&states{held: map[string][]byte{}})}
	var relayErr error
	advertise := func(address string) string {
		through, err := c.to(address)
		relayErr = errors.Join(relayErr, err)
		return through
	}
	var err error
	kafkaOptions := apache.Options{
		CacheDir: o.CacheDir, DataDir: filepath.Join(o.DataDir, "kafka"), Password: "bench-secret", Open: true, HeapMB: 384,
		Advertise: advertise, Progress: func(step string) { say("%s", step) },
	}
	kafkaOptions.Brokers, kafkaOptions.Combined = o.Brokers, o.Brokers <= 3
	if kafkaOptions.Combined {
		kafkaOptions.Controllers = o.Brokers
	}
	c.brokers, err = apache.Start(ctx, kafkaOptions)
	if err = errors.Join(err, relayErr); err != nil {
		return c, err
	}
	if c.bootstrap, err = c.to(c.brokers.Open()[0]); err != nil {
		return c, err
	}
	c.registry, err = apache.StartRegistry(ctx, apache.RegistryOptions{
		CacheDir: o.CacheDir, DataDir: filepath.Join(o.DataDir, "registry"), HeapMB: 384, Progress: func(step string) { say("%s", step) },
	})
	if err != nil {
		return c, err
	}
	direct, err := url.Parse(c.registry.URL())
	if err != nil {
		return c, err
	}
	through, err := c.to(direct.Host)
	c.registryURL = "http://" + through + direct.Path
	return c, err
}

// leftTopics counts the topics that are on the cluster, past the relays.
func (c *cluster) leftTopics(ctx context.Context) (int, error) {
	client, err := kafka.Config{BootstrapServers: c.brokers.Open()}.Client()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(ctx)
	return len(topics), err
}

// close ends everything that was started.
func (c *cluster) close() error {
	if c.brokers != nil {
		c.brokers.Close()
	}
	if c.registry != nil {
		c.registry.Close()
	}
	c.states.Close()
	return c.relays.close()
}

// states keeps Terraform's states by path, as its http backend wants them.
type states struct {
	mu   sync.Mutex
	held map[string][]byte
}

// ServeHTTP answers the backend's requests.
func (s *states) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch req.Method {
	case http.MethodGet:
		if s.held[req.URL.Path] == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Write(s.held[req.URL.Path]) //nolint:errcheck // Terraform hung up
	case http.MethodPost:
		body, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.held[req.URL.Path] = body
	case http.MethodDelete:
		delete(s.held, req.URL.Path)
	}
}

// say reports progress, apart from the table.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+strings.TrimSuffix(format, "\n")+"\n", args...)
}
