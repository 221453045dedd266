package local

import (
	"encoding/binary"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// denials counts and logs what the brokers refuse for want of a right. The
// embedded Kafka tells nobody but the client, so the listeners' connections are
// watched: what counts is what the broker answered, not a second opinion on the
// ACLs. docs/decisions/0005-denials-are-read-off-the-wire.md has the reasons.
type denials struct {
	total     *prometheus.CounterVec
	logger    *slog.Logger
	topicName func(id [16]byte) string // of a topic id, empty when there is none

	mu     sync.Mutex
	logged map[denial]time.Time // when each was logged last
}

// denial is one refusal: who, by which request, on what.
type denial struct{ principal, api, resource string }

// logEvery is how often the same denial is logged: a client retries for minutes.
const logEvery = time.Minute

func newDenials(logger *slog.Logger, registry *prometheus.Registry) *denials {
	d := &denials{logger: logger, logged: map[denial]time.Time{}}
	d.total = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "headwater_authorization_denied_total",
		Help: "Requests that the brokers refused for want of a right, by topic, group, transactional id or cluster.",
	}, []string{"principal", "api"})
	registry.MustRegister(d.total)
	return d
}

// listen is the brokers' net.Listen.
func (d *denials) listen(network, address string) (net.Listener, error) {
	inner, err := net.Listen(network, address) //nolint:noctx // the embedded Kafka gives no context
	if err != nil {
		return nil, err
	}
	return watchedListener{inner, d}, nil
}

func (d *denials) count(principal string, api int16, resource string) {
	found := denial{principal, kmsg.NameForKey(api), resource}
	d.total.WithLabelValues(found.principal, found.api).Inc()
	d.mu.Lock()
	now := time.Now()
	quiet := now.Sub(d.logged[found]) < logEvery
	if !quiet {
		d.logged[found] = now
	}
	d.mu.Unlock()
	if !quiet {
		d.logger.Warn("authorization denied", "principal", found.principal, "api", found.api, "resource", found.resource)
	}
}

type watchedListener struct {
	net.Listener
	denials *denials
}

// Accept implements [net.Listener].
func (l watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: conn, denials: l.denials, principal: "User:ANONYMOUS"}, nil
}

// prefixBytes of a request are looked at: enough for its header and for a whole
// SASL message.
const prefixBytes = 1 << 10

// watchedConn reads along: the head of each request, to know which answer is
// whose, and each answer that can be a refusal.
type watchedConn struct {
	net.Conn
	denials *denials

	// Used by the one goroutine that reads.
	size      [4]byte
	sizeHave  int
	remaining int
	prefix    []byte

	mu        sync.Mutex
	principal string
	asked     []asked // requests not answered yet, oldest first
}

// asked is what must be remembered of a request to read its answer.
type asked struct {
	correlation  int32
	key, version int16
}

// Read implements [net.Conn].
func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.follow(p[:n])
	return n, err
}

// follow cuts the stream into requests and keeps the head of each.
func (c *watchedConn) follow(data []byte) {
	for len(data) > 0 {
		if c.remaining == 0 {
			n := copy(c.size[c.sizeHave:], data)
			c.sizeHave += n
			data = data[n:]
			if c.sizeHave < len(c.size) {
				return
			}
			c.sizeHave, c.prefix = 0, c.prefix[:0]
			c.remaining = int(binary.BigEndian.Uint32(c.size[:]))
			continue
		}
		n := min(c.remaining, len(data))
		c.prefix = append(c.prefix, data[:min(n, prefixBytes-len(c.prefix))]...)
		c.remaining -= n
		data = data[n:]
		if c.remaining == 0 {
			c.request()
		}
	}
}

// request remembers the request whose head is in prefix.
func (c *watchedConn) request() {
	if len(c.prefix) < 10 {
		return // shorter than any header: the broker closes the connection
	}
	reader := kbin.Reader{Src: c.prefix}
	a := asked{key: reader.Int16(), version: reader.Int16(), correlation: reader.Int32()}
	reader.UnsafeNullableString() // the client id
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, a)
	if kmsg.Key(a.key) == kmsg.SASLAuthenticate {
		if user := saslUser(a.version, reader.Src); user != "" {
			c.principal = "User:" + user
		}
	}
}

// Write implements [net.Conn]. The embedded Kafka writes one answer a call.
func (c *watchedConn) Write(p []byte) (int, error) {
	c.response(p)
	return c.Conn.Write(p)
}

func (c *watchedConn) response(frame []byte) {
	if len(frame) < 8 {
		return
	}
	a, principal, ok := c.take(int32(binary.BigEndian.Uint32(frame[4:8])))
	if !ok || !refusable(a.key) {
		return
	}
	answer := kmsg.ResponseForKey(a.key)
	answer.SetVersion(a.version)
	body := frame[8:]
	if answer.IsFlexible() && len(body) > 0 {
		body = body[1:] // the header's tags, which the embedded Kafka leaves empty
	}
	if err := answer.ReadFrom(body); err != nil {
		return
	}
	for _, resource := range c.denials.refused(answer) {
		c.denials.count(principal, a.key, resource)
	}
}

// take returns the request that correlation answers and forgets the ones before
// it: a produce with acks=0 has no answer.
func (c *watchedConn) take(correlation int32) (asked, string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, a := range c.asked {
		if a.correlation == correlation {
			c.asked = append(c.asked[:0], c.asked[i+1:]...)
			return a, c.principal, true
		}
	}
	return asked{}, "", false
}

// authorizationFailed tells the refusals for want of a right from other errors.
func authorizationFailed(code int16) bool {
	switch code {
	case kerr.TopicAuthorizationFailed.Code, kerr.GroupAuthorizationFailed.Code,
		kerr.ClusterAuthorizationFailed.Code, kerr.TransactionalIDAuthorizationFailed.Code:
		return true
	default:
		return false
	}
}
