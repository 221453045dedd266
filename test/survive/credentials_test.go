package survive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
)

// oldPasswords are what secrets.json held before a rotation.
func (p *platform) oldPasswords() (map[string]string, error) {
	s, err := local.LoadSecrets(p.dir)
	if err != nil {
		return nil, err
	}
	old := map[string]string{local.Admin: s.Admin, "refine": s.Principals["refine"], "checkout": s.Principals["checkout"]}
	return old, nil
}

// refused says of each of the passwords when a broker still takes it.
func (p *platform) refused(ctx context.Context, passwords map[string]string) (err error) {
	for name, password := range passwords {
		config := p.admin
		config.SASL = kafka.SASL{Mechanism: kafka.ScramSHA512, Username: name, Password: password}
		client, failed := config.Client(kgo.RequestRetries(0))
		if failed != nil {
			return failed
		}
		ping := client.Ping(ctx)
		client.Close()
		if !errors.Is(ping, kerr.SaslAuthenticationFailed) {
			err = errors.Join(err, fmt.Errorf("the old password of %s is not refused: %w", name, ping))
		}
	}
	return err
}

// plansNoUser plans with terraform, which must want to change no user's credential.
// It may see a task that is not ready at that moment.
func (p *platform) plansNoUser(ctx context.Context) error {
	out, err := p.run(ctx, "plan", "--source", "../..")
	if err == nil && (strings.Contains(out, "headwater_scram_credential") || !strings.Contains(out, "Terraform")) {
		err = fmt.Errorf("terraform would change credentials:\n%s", out)
	}
	return err
}

// serials are those of the certificates that the brokers show, by address.
func (p *platform) serials(ctx context.Context) (map[string]string, error) {
	config, err := p.admin.TLS.Config()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, server := range p.place.BootstrapServers {
		conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", server)
		if err != nil {
			return nil, err
		}
		found[server] = conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
		conn.Close()
	}
	return found, nil
}
