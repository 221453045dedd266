// Package kafka holds how Headwater reaches a Kafka cluster: addresses, TLS and
// SASL. The provider, the stream runtime and the command line all dial through
// it, so that a connection setting is spelled, checked and read from the
// environment in one place.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is everything needed to connect. The zero value of a part means that
// the part is off.
type Config struct {
	BootstrapServers []string // host:port of the brokers asked first
	ClientID         string   // shown in broker logs and quotas; "headwater" when empty
	SASL             SASL
	TLS              TLS
	DialTimeout      time.Duration // 5 s when zero

	// MaxInFlight bounds how many requests one client has out at a time, over all
	// brokers; no bound when zero. It is for administration: a fetch that waits for
	// records takes a turn all the while, and so would one that must not be answered.
	MaxInFlight int

	// Dial makes connections in the place of TCP, TLS, DialTimeout and MaxInFlight;
	// nil for those. Simulated networks are its use.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Validate reports what is wrong with the settings without dialling: an unknown
// SASL mechanism, a user without a password, a certificate without its key or that
// has expired, PEM text that does not parse.
func (c Config) Validate() error {
	_, tlsErr := c.TLS.Config()
	_, saslErr := c.SASL.Mechanisms()
	return errors.Join(tlsErr, saslErr)
}

// Options renders the Config as client options. It does not dial.
func (c Config) Options() ([]kgo.Opt, error) {
	id := c.ClientID
	if id == "" {
		id = "headwater"
	}
	timeout := c.DialTimeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.BootstrapServers...),
		kgo.ClientID(id),
		kgo.DialTimeout(timeout),
	}
	tlsConfig, err := c.TLS.Config()
	if err != nil {
		return nil, err
	}
	switch {
	case c.Dial != nil:
		opts = append(opts, kgo.Dialer(c.Dial))
	case c.MaxInFlight > 0:
		dial := (&net.Dialer{Timeout: timeout}).DialContext
		if tlsConfig != nil {
			dial = c.TLS.dialer(timeout)
		}
		opts = append(opts, kgo.Dialer(gatedDial(c.MaxInFlight, dial)))
	case tlsConfig != nil && c.TLS.hasFiles():
		opts = append(opts, kgo.Dialer(c.TLS.dialer(timeout)))
	case tlsConfig != nil:
		opts = append(opts, kgo.DialTLSConfig(tlsConfig))
	}
	mechanism, err := c.SASL.Mechanisms()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

// Client makes a client of the cluster with opts added to those of the Config.
// It does not dial: the first request does.
func (c Config) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	own, err := c.Options()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(own, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("make Kafka client for %s: %w", strings.Join(c.BootstrapServers, ","), err)
	}
	return client, nil
}
