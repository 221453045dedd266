package apache

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates live for long: they protect a loopback interface and are made
// anew at every start, except the authority, which clients keep.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	nodeLife      = 365 * 24 * time.Hour
)

// certificateFile holds a node's key and certificate, in its folder.
const certificateFile = "node.pem"

// organization marks the certificates of nodes, see principalRule.
const organization = "headwater-node"

// authority signs the nodes' certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

// openAuthority reads the authority kept in dir, making one the first time.
func openAuthority(dir string) (authority, error) {
	certPath, keyPath := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	certPEM, err := os.ReadFile(certPath)
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthority(certPath, keyPath)
	}
	keyPEM, keyErr := os.ReadFile(keyPath)
	if err = errors.Join(err, keyErr); err != nil {
		return authority{}, fmt.Errorf("read the certificate authority: %w", err)
	}
	a, err := parseAuthority(certPEM, keyPEM)
	if err != nil {
		return authority{}, fmt.Errorf("read the certificate authority in %s: %w: remove the folder to make a new one", dir, err)
	}
	return a, nil
}

func parseAuthority(certPEM, keyPEM []byte) (authority, error) {
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return authority{}, errors.New("not PEM")
	}
	certificate, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return authority{}, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return authority{}, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return authority{}, fmt.Errorf("the key is a %T, want ECDSA", parsed)
	}
	return authority{certificate, key, certPEM}, nil
}

func newAuthority(certPath, keyPath string) (authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Headwater local authority"},
		NotAfter:              time.Now().Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	certPEM, keyPEM, err := issue(template, authority{})
	if err != nil {
		return authority{}, fmt.Errorf("make the certificate authority: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(certPath), 0o700); err != nil {
		return authority{}, err
	}
	// The key first: a certificate without one could never be replaced.
	if err := os.WriteFile(keyPath, keyPEM, 0o600); err != nil {
		return authority{}, err
	}
	if err := os.WriteFile(certPath, certPEM, 0o600); err != nil {
		return authority{}, err
	}
	return parseAuthority(certPEM, keyPEM)
}

// issueNode writes to path the key and the certificate of one node, as Kafka's
// PEM key stores have them. The certificate serves both ends of a connection.
func (a authority) issueNode(name, path string) error {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{organization}},
		NotAfter:    time.Now().Add(nodeLife),
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	certPEM, keyPEM, err := issue(template, a)
	if err != nil {
		return fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	return os.WriteFile(path, append(keyPEM, certPEM...), 0o600)
}

// issue signs the template with by, or with its own key when by is empty.
func issue(template *x509.Certificate, by authority) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.NotBefore = time.Now().Add(-time.Hour) // clocks differ
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	parent, signer := by.certificate, by.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return certPEM, keyPEM, nil
}
