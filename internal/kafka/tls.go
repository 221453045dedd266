package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// TLS says how the connection is encrypted and, for mutual TLS, which
// certificate the client shows. The zero value is plaintext. CA, Cert and Key
// each hold PEM text or the path of a PEM file. A file is read at each connection, so
// that it can be replaced while clients live.
type TLS struct {
	Enabled            bool // on with the system's roots; implied by any of CA, Cert and Key
	CA                 string
	Cert               string
	Key                string
	ServerName         string // expected name in the broker's certificate, when it differs from the address
	InsecureSkipVerify bool
}

// Config returns the TLS configuration, nil when TLS is off. The error names the
// part that does not load.
func (t TLS) Config() (*tls.Config, error) {
	if !t.Enabled && t.CA == "" && t.Cert == "" && t.Key == "" {
		return nil, nil //nolint:nilnil // plaintext is a valid answer, documented above
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // asked for by name
	}
	if t.CA != "" {
		cfg.RootCAs = x509.NewCertPool()
		if err := addCA(cfg.RootCAs, t.CA); err != nil {
			return nil, fmt.Errorf("the TLS CA: %w", err)
		}
	}
	return cfg, t.addClientCertificate(cfg)
}

// addCA adds the certificates of a PEM text or file to the pool.
func addCA(pool *x509.CertPool, textOrPath string) error {
	pem, err := readPEM(textOrPath)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return errors.New("it holds no PEM certificate")
	}
	return nil
}

func (t TLS) addClientCertificate(cfg *tls.Config) error {
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("mutual TLS needs both a certificate and its key")
	}
	if t.Cert == "" {
		return nil
	}
	cert, err := readPEM(t.Cert)
	if err != nil {
		return fmt.Errorf("read the TLS client certificate: %w", err)
	}
	key, err := readPEM(t.Key)
	if err != nil {
		return fmt.Errorf("read the TLS client key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("load the TLS client certificate: %w", err)
	}
	if until := pair.Leaf.NotAfter; time.Now().After(until) {
		return fmt.Errorf("the TLS client certificate of %q expired at %s: issue a new one and put it in its place",
			pair.Leaf.Subject.CommonName, stamp(until))
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
}

// hasFiles says whether any of the three is the path of a file.
func (t TLS) hasFiles() bool {
	for _, text := range []string{t.CA, t.Cert, t.Key} {
		if text != "" && !isPEM(text) {
			return true
		}
	}
	return false
}

// dialer connects with what the files hold at that moment: certificates are turned
// while clients live.
func (t TLS) dialer(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		config, err := t.Config()
		if err != nil {
			return nil, err
		}
		return (&tls.Dialer{NetDialer: &net.Dialer{Timeout: timeout}, Config: config}).DialContext(ctx, network, address)
	}
}

func isPEM(text string) bool { return strings.Contains(text, "-----BEGIN") }

// readPEM takes PEM text as it is and anything else as the path of a file.
func readPEM(textOrPath string) ([]byte, error) {
	if isPEM(textOrPath) {
		return []byte(textOrPath), nil
	}
	return os.ReadFile(textOrPath)
}
