package kafka

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Environment variables that [FromEnvironment] reads. The supervisor sets them
// for every task; the provider falls back on them.
const (
	EnvBootstrapServers = "HEADWATER_BOOTSTRAP_SERVERS" // host:port, comma separated
	EnvClientID         = "HEADWATER_CLIENT_ID"
	EnvDialTimeout      = "HEADWATER_DIAL_TIMEOUT" // a Go duration such as 5s

	EnvSASLMechanism = "HEADWATER_SASL_MECHANISM" // one of [SASLMechanisms]
	EnvSASLUsername  = "HEADWATER_SASL_USERNAME"
	EnvSASLPassword  = "HEADWATER_SASL_PASSWORD"
	EnvSASLFile      = "HEADWATER_SASL_FILE" // path of a credential file, in the place of mechanism and password; read at each login

	EnvSASLToken        = "HEADWATER_SASL_TOKEN" //nolint:gosec // the name of a variable, not a secret
	EnvSASLTokenURL     = "HEADWATER_SASL_TOKEN_URL"
	EnvSASLTokenCA      = "HEADWATER_SASL_TOKEN_CA_PEM" // PEM text, or the path of a PEM file
	EnvSASLClientID     = "HEADWATER_SASL_CLIENT_ID"
	EnvSASLClientSecret = "HEADWATER_SASL_CLIENT_SECRET" //nolint:gosec // the name of a variable, not a secret
	EnvSASLScopes       = "HEADWATER_SASL_SCOPES"        // space separated
	EnvSASLExtensions   = "HEADWATER_SASL_EXTENSIONS"    // name=value, comma separated

	EnvSASLAWSAccessKey    = "HEADWATER_SASL_AWS_ACCESS_KEY"
	EnvSASLAWSSecretKey    = "HEADWATER_SASL_AWS_SECRET_KEY"    //nolint:gosec // the name of a variable, not a secret
	EnvSASLAWSSessionToken = "HEADWATER_SASL_AWS_SESSION_TOKEN" //nolint:gosec // the name of a variable, not a secret
	EnvSASLAWSProfile      = "HEADWATER_SASL_AWS_PROFILE"

	EnvTLSEnabled            = "HEADWATER_TLS_ENABLED" // true turns TLS on with the system's roots
	EnvTLSCA                 = "HEADWATER_TLS_CA_PEM"  // PEM text, or the path of a PEM file, here and below
	EnvTLSCert               = "HEADWATER_TLS_CERT_PEM"
	EnvTLSKey                = "HEADWATER_TLS_KEY_PEM"
	EnvTLSServerName         = "HEADWATER_TLS_SERVER_NAME"
	EnvTLSInsecureSkipVerify = "HEADWATER_TLS_INSECURE_SKIP_VERIFY" // true accepts any certificate
)

// FromEnvironment reads a Config from the HEADWATER_* variables above.
func FromEnvironment() (Config, error) {
	c := Config{
		BootstrapServers: SplitServers(os.Getenv(EnvBootstrapServers)),
		ClientID:         os.Getenv(EnvClientID),
		SASL: SASL{
			Mechanism: os.Getenv(EnvSASLMechanism),
			Username:  os.Getenv(EnvSASLUsername),
			Password:  os.Getenv(EnvSASLPassword),
			File:      os.Getenv(EnvSASLFile),
			OAuth: OAuth{
				Token:        os.Getenv(EnvSASLToken),
				TokenURL:     os.Getenv(EnvSASLTokenURL),
				ClientID:     os.Getenv(EnvSASLClientID),
				ClientSecret: os.Getenv(EnvSASLClientSecret),
				Scopes:       strings.Fields(os.Getenv(EnvSASLScopes)),
				CA:           os.Getenv(EnvSASLTokenCA),
			},
			AWS: AWS{
				AccessKey:    os.Getenv(EnvSASLAWSAccessKey),
				SecretKey:    os.Getenv(EnvSASLAWSSecretKey),
				SessionToken: os.Getenv(EnvSASLAWSSessionToken),
				Profile:      os.Getenv(EnvSASLAWSProfile),
			},
		},
		TLS: TLS{
			CA:         os.Getenv(EnvTLSCA),
			Cert:       os.Getenv(EnvTLSCert),
			Key:        os.Getenv(EnvTLSKey),
			ServerName: os.Getenv(EnvTLSServerName),
		},
	}
	if len(c.BootstrapServers) == 0 {
		return Config{}, fmt.Errorf("%s is empty: name at least one broker as host:port", EnvBootstrapServers)
	}
	if err := c.parseEnvironment(); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

// parseEnvironment reads the variables that are more than text.
func (c *Config) parseEnvironment() (err error) {
	if c.TLS.Enabled, err = BoolFromEnvironment(EnvTLSEnabled); err != nil {
		return err
	}
	if c.TLS.InsecureSkipVerify, err = BoolFromEnvironment(EnvTLSInsecureSkipVerify); err != nil {
		return err
	}
	if c.DialTimeout, err = DurationFromEnvironment(EnvDialTimeout); err != nil {
		return err
	}
	c.SASL.OAuth.Extensions, err = ParseExtensions(os.Getenv(EnvSASLExtensions))
	return err
}

// BoolFromEnvironment reads true or false from a variable, false when it is not
// set. The error names the variable.
func BoolFromEnvironment(variable string) (bool, error) {
	text := os.Getenv(variable)
	if text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s is %q: write true or false", variable, text)
	}
	return on, nil
}

// DurationFromEnvironment reads a positive Go duration such as 5s from a variable,
// 0 when it is not set. The error names the variable.
func DurationFromEnvironment(variable string) (time.Duration, error) {
	text := os.Getenv(variable)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s is %q: write a positive duration such as 5s", variable, text)
	}
	return d, nil
}

// ParseExtensions reads OAUTHBEARER extensions written as name=value, comma
// separated; nil for none.
func ParseExtensions(list string) (map[string]string, error) {
	var extensions map[string]string
	for _, pair := range SplitServers(list) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%s has %q: write name=value, comma separated", EnvSASLExtensions, pair)
		}
		if extensions == nil {
			extensions = map[string]string{}
		}
		extensions[name] = value
	}
	return extensions, nil
}

// SplitServers splits a comma-separated list of host:port, dropping blanks.
func SplitServers(list string) []string {
	var servers []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			servers = append(servers, s)
		}
	}
	return servers
}
