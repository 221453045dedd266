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

// Certificates live for long: they protect a loopback interface. Those of nodes are
// made anew at every start, [Renew] makes them in between, and the authority's too.
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
	trusted     []*x509.Certificate // its own and, while one takes the place of another, the other's
}

// openAuthority reads the authority kept in dir, making one the first time.
func openAuthority(dir string) (authority, error) {
	certPath, keyPath := filepath.Join(dir, caName), filepath.Join(dir, caKeyName)
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

// parseAuthority finds the key's certificate among those that are trusted, of which
// there are two while one authority takes the place of another.
func parseAuthority(certPEM, keyPEM []byte) (authority, error) {
	keyBlock, _ := pem.Decode(keyPEM)
	if keyBlock == nil {
		return authority{}, errors.New("the key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return authority{}, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return authority{}, fmt.Errorf("the key is a %T, want ECDSA", parsed)
	}
	a := authority{key: key}
	for rest := certPEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return authority{}, err
		}
		a.trusted = append(a.trusted, certificate)
		if key.PublicKey.Equal(certificate.PublicKey) {
			a.certificate = certificate
		}
	}
	if a.certificate == nil {
		return authority{}, errors.New("no certificate is that of the key")
	}
	return a, nil
}

func newAuthority(certPath, keyPath string) (authority, error) {
	certPEM, keyPEM, err := issueAuthority()
	if err != nil {
		return authority{}, err
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

func issueAuthority() (certPEM, keyPEM []byte, err error) {
	certPEM, keyPEM, err = issue(&x509.Certificate{
		Subject:               pkix.Name{CommonName: "Headwater local authority"},
		NotAfter:              time.Now().Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, authority{})
	if err != nil {
		return nil, nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	return certPEM, keyPEM, nil
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
	return replaceFile(path, append(keyPEM, certPEM...))
}

// readCertificate reads the certificate of a node's file.
func readCertificate(path string) (*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("read the certificate in %s: there is none", path)
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}

// replaceFile replaces a file whole: a node that starts at that moment reads the old
// one or the new one.
func replaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
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
