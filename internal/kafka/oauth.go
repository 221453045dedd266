package kafka

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tokenTimeout bounds one request to a token endpoint: brokers wait for the log-in
// meanwhile.
const tokenTimeout = 10 * time.Second

// OAuth says where an OAUTHBEARER token comes from: it is given as Token, or
// fetched from TokenURL with client credentials, anew before it expires.
type OAuth struct {
	Token string // a token as it is, which nobody renews

	TokenURL     string // of an OAuth 2 token endpoint, https, or http on a test machine
	ClientID     string
	ClientSecret string
	Scopes       []string // asked for; the client's own when empty
	CA           string   // certificates to trust at TokenURL besides the system's: PEM text or the path of a file

	Extensions map[string]string // sent to the brokers beside the token (KIP-342)
}

// mechanism returns the mechanism. It does not ask for a token yet.
func (o OAuth) mechanism() (sasl.Mechanism, error) {
	if (o.Token == "") == (o.TokenURL == "") {
		return nil, errors.New("SASL OAUTHBEARER needs either a token or a token URL with client credentials")
	}
	if err := checkExtensions(o.Extensions); err != nil {
		return nil, err
	}
	if o.Token != "" {
		return bearer{oauth.Auth{Token: o.Token, Extensions: o.Extensions}.AsMechanism()}, nil
	}
	source, err := o.source()
	if err != nil {
		return nil, err
	}
	return bearer{oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		token, err := source.Token()
		if err != nil {
			return oauth.Auth{}, &tokenError{endpoint: o.TokenURL, client: o.ClientID, cause: err}
		}
		return oauth.Auth{Token: token.AccessToken, Extensions: o.Extensions}, nil
	})}, nil
}

// bearer reads what Kafka answers to a token that it does not take: a JSON object
// (RFC 7628) in an answer without an error code.
type bearer struct{ sasl.Mechanism }

// Authenticate begins a log-in.
func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return bearerSession{session}, first, err
}

type bearerSession struct{ sasl.Session }

// Challenge ends a log-in.
func (s bearerSession) Challenge(answer []byte) (bool, []byte, error) {
	if len(answer) == 0 {
		return s.Session.Challenge(answer)
	}
	var refusal struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(answer, &refusal); err != nil || refusal.Status == "" {
		refusal.Status = "no reason given"
	}
	return false, nil, &deniedTokenError{refusal.Status}
}

// deniedTokenError says that the brokers do not take a token.
type deniedTokenError struct{ status string }

func (e *deniedTokenError) Error() string { return e.status }

// source is a source of tokens that all connections share: one token serves them
// until shortly before it expires.
func (o OAuth) source() (oauth2.TokenSource, error) {
	if o.ClientID == "" || o.ClientSecret == "" {
		return nil, errors.New("SASL OAUTHBEARER with a token URL needs both a client id and a client secret")
	}
	if u, err := url.Parse(o.TokenURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("the token URL %q is not an http or https address", o.TokenURL)
	}
	client := &http.Client{Timeout: tokenTimeout}
	if o.CA != "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if err := addCA(roots, o.CA); err != nil {
			return nil, fmt.Errorf("the CA of the token URL: %w", err)
		}
		transport, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("the process has replaced the default HTTP transport")
		}
		transport = transport.Clone()
		transport.TLSClientConfig.RootCAs = roots
		client.Transport = transport
	}
	config := clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: o.Scopes}
	// Tokens outlive any one request, so no request's context may bound them.
	return config.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client)), nil
}

// checkExtensions refuses what would break the message that carries them.
func checkExtensions(extensions map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(extensions)) {
		switch {
		case name == "auth" || name == "" || strings.ContainsFunc(name, notLetter):
			return fmt.Errorf("the OAUTHBEARER extension %q must have a name of letters, other than auth", name)
		case strings.Contains(extensions[name], "\x01"):
			return fmt.Errorf("the OAUTHBEARER extension %q holds a control character", name)
		}
	}
	return nil
}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }

// tokenError says that a token endpoint gave no token.
type tokenError struct {
	endpoint, client string
	cause            error
}

func (e *tokenError) Error() string {
	var refused *oauth2.RetrieveError
	if errors.As(e.cause, &refused) {
		return fmt.Sprintf("the token endpoint %s gave client %q no token: %s", e.endpoint, e.client, answerOf(refused))
	}
	return fmt.Sprintf("the token endpoint %s gave client %q no token: %s", e.endpoint, e.client, e.cause)
}

func (e *tokenError) Unwrap() error { return e.cause }

// answerOf words a refusal without its body, which may be a page.
func answerOf(refused *oauth2.RetrieveError) string {
	text := refused.ErrorCode
	if refused.ErrorDescription != "" {
		text += " (" + refused.ErrorDescription + ")"
	}
	if text == "" && refused.Response != nil {
		text = refused.Response.Status
	}
	return text
}
