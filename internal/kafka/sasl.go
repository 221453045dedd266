package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// SASL mechanism names as Kafka spells them.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// SASL says who the client is. The zero value is no authentication.
type SASL struct {
	Mechanism string // one of the names above; SCRAM-SHA-512 when empty and a Username is set
	Username  string
	Password  string
}

// Mechanisms returns the mechanism to authenticate with, nil for none. The error
// names the attribute that is missing or unknown, never the password.
func (s SASL) Mechanisms() (sasl.Mechanism, error) {
	if s.Mechanism == "" && s.Username == "" {
		return nil, nil //nolint:nilnil // no mechanism is a valid answer, documented above
	}
	if s.Username == "" || s.Password == "" {
		return nil, fmt.Errorf("SASL %s needs both a username and a password", s.Mechanism)
	}
	switch s.Mechanism {
	case Plain:
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case ScramSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case ScramSHA512, "":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	default:
		return nil, fmt.Errorf("SASL mechanism %q is unknown: use %s, %s or %s", s.Mechanism, Plain, ScramSHA256, ScramSHA512)
	}
}
