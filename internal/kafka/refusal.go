package kafka

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Refusal is a connection that came to a broker and was refused by one of the two
// sides, for a reason that a person can mend.
type Refusal struct {
	What   string // what was refused and why, without a full stop
	Remedy string // what to do, a sentence
	cause  error
}

// Error is both in one line.
func (r *Refusal) Error() string { return r.What + ". " + r.Remedy }

// Unwrap is the client's own error.
func (r *Refusal) Unwrap() error { return r.cause }

// Refusal tells why a connection with these settings was refused; nil when the
// error is of another kind, such as a broker that is away.
func (c Config) Refusal(err error) *Refusal {
	if r := c.SASL.refusal(err); r != nil {
		return r
	}
	return c.TLS.refusal(err)
}

func (s SASL) refusal(err error) *Refusal {
	var token *tokenError
	var denied *deniedTokenError
	var credentials *awsError
	switch {
	case errors.As(err, &token):
		return &Refusal{
			What:   "log in to Kafka with OAUTHBEARER: " + token.Error(),
			Remedy: "Check token_url, client_id and client_secret of sasl (HEADWATER_SASL_TOKEN_URL, HEADWATER_SASL_CLIENT_ID and HEADWATER_SASL_CLIENT_SECRET).",
			cause:  err,
		}
	case errors.As(err, &credentials):
		return &Refusal{
			What:   "log in to Kafka with AWS_MSK_IAM: " + credentials.Error(),
			Remedy: "Give aws_access_key and aws_secret_key of sasl, or set AWS_PROFILE or the AWS_* variables.",
			cause:  err,
		}
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return &Refusal{
			What:   fmt.Sprintf("log in to Kafka: the brokers do not take SASL %s at this address", s.mechanism()),
			Remedy: "Set mechanism of sasl (HEADWATER_SASL_MECHANISM) to one that this listener has in its sasl.enabled.mechanisms.",
			cause:  err,
		}
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.As(err, &denied):
		return s.loginRefusal(err)
	}
	return nil
}

// loginRefusal is what the brokers say to a wrong name, password, token or key.
func (s SASL) loginRefusal(err error) *Refusal {
	switch s.mechanism() {
	case OAuthBearer:
		return &Refusal{
			What:   fmt.Sprintf("log in to Kafka with OAUTHBEARER: the brokers do not take the token: %s", err),
			Remedy: "Check that it has not expired, and that its issuer, audience and scope are those that the brokers expect.",
			cause:  err,
		}
	case AWSMSKIAM:
		return &Refusal{
			What:   fmt.Sprintf("log in to Kafka with AWS_MSK_IAM: the brokers refuse the AWS identity: %s", err),
			Remedy: "Check that it is the identity that you mean (aws sts get-caller-identity) and may kafka-cluster:Connect, and that the region (AWS_REGION) is the cluster's.",
			cause:  err,
		}
	}
	return &Refusal{
		What:   fmt.Sprintf("log in to Kafka as %q with %s: wrong user or password: %s", s.Username, s.mechanism(), err),
		Remedy: "Check sasl in the provider block or HEADWATER_SASL_USERNAME and HEADWATER_SASL_PASSWORD; a user has one password for each mechanism.",
		cause:  err,
	}
}

// remoteAlert is the operation of a [net.OpError] that crypto/tls makes of an alert
// that the other side sent. The alert itself has no exported type.
const remoteAlert = "remote error"

func (t TLS) refusal(err error) *Refusal {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		alert     *net.OpError
	)
	refusal := &Refusal{cause: err}
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		refusal.What, refusal.Remedy = expired(invalid.Cert, time.Now())
	case errors.As(err, &authority):
		refusal.What = "trust the broker's certificate: it is signed by an authority that is not known"
		refusal.Remedy = "Put the brokers' authority into ca_pem of tls (HEADWATER_TLS_CA_PEM)."
	case errors.As(err, &hostname):
		refusal.What = fmt.Sprintf("trust the broker's certificate: %s", hostname.Error())
		refusal.Remedy = "Address the broker by a name in its certificate, or give that name as server_name of tls (HEADWATER_TLS_SERVER_NAME)."
	case errors.As(err, &alert) && alert.Op == remoteAlert && strings.Contains(alert.Err.Error(), "certificate"):
		refusal.What = fmt.Sprintf("show Kafka the client's certificate: the broker refuses it: %s", alert.Err)
		refusal.Remedy = "Give cert_pem and key_pem of tls (HEADWATER_TLS_CERT_PEM, HEADWATER_TLS_KEY_PEM) a certificate that has not expired and is signed by an authority that the brokers trust."
	default:
		return nil
	}
	return refusal
}

// expired words a broker's certificate that is not valid now.
func expired(cert *x509.Certificate, now time.Time) (what, remedy string) {
	if now.Before(cert.NotBefore) {
		return fmt.Sprintf("trust the broker's certificate: it is valid from %s on, and now it is %s", stamp(cert.NotBefore), stamp(now)),
			"Check this machine's clock."
	}
	return fmt.Sprintf("trust the broker's certificate: the one of %q expired at %s", cert.Subject.CommonName, stamp(cert.NotAfter)),
		"Issue a new one, put it in the place of the old one and have the broker read it; if it is valid, check this machine's clock."
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
