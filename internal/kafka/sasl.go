package kafka

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// SASL mechanism names as Kafka spells them.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
	AWSMSKIAM   = "AWS_MSK_IAM"
)

// SASLMechanisms lists all mechanisms.
func SASLMechanisms() []string {
	return []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer, AWSMSKIAM}
}

// SASL says who the client is. The zero value is no authentication. Each
// mechanism looks at its own part only.
type SASL struct {
	Mechanism string // one of the names above; SCRAM-SHA-512 when empty and a Username is set
	Username  string // of PLAIN and SCRAM
	Password  string // of PLAIN and SCRAM
	OAuth     OAuth  // of OAUTHBEARER
	AWS       AWS    // of AWS_MSK_IAM

	// File is the path of a credential file (see [ReadCredential]) that holds
	// mechanism and password in the place of the fields above. It is read at each
	// login, so that a password can be turned while clients live.
	File string
}

// Mechanisms returns the mechanism to authenticate with, nil for none. It asks
// nobody: tokens and AWS credentials are fetched when a connection needs them. The
// error names what is missing or unknown, never a secret.
func (s SASL) Mechanisms() (sasl.Mechanism, error) {
	if s.File != "" {
		if s.Username == "" {
			return nil, fmt.Errorf("the SASL credential file %s needs a username", s.File)
		}
		return follow(s.Username, s.File)
	}
	if s.Mechanism == "" && s.Username == "" {
		return nil, nil //nolint:nilnil // no mechanism is a valid answer, documented above
	}
	switch s.mechanism() {
	case OAuthBearer:
		return s.OAuth.mechanism()
	case AWSMSKIAM:
		return s.AWS.mechanism()
	case Plain, ScramSHA256, ScramSHA512:
	default:
		return nil, fmt.Errorf("SASL mechanism %q is unknown: use one of %s", s.Mechanism, strings.Join(SASLMechanisms(), ", "))
	}
	if s.Username == "" || s.Password == "" {
		return nil, fmt.Errorf("SASL %s needs both a username and a password", s.mechanism())
	}
	switch s.mechanism() {
	case Plain:
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case ScramSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	default:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	}
}

// mechanism is the mechanism's name with the default filled in.
func (s SASL) mechanism() string {
	if s.Mechanism == "" {
		return ScramSHA512
	}
	return s.Mechanism
}
