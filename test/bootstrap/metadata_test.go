package bootstrap

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// metadata is the instance metadata service of the machine whose turn it is: the
// second version only, which asks for a token that a PUT has got.
type metadata struct {
	mu      sync.Mutex
	machine *machine
	refused int // requests without a token
}

const metadataToken = "AQAEAtest"

func startMetadata(t *testing.T) *metadata {
	t.Helper()
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"address", "add", "169.254.169.254/32", "dev", "lo"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	m := &metadata{}
	serve(t, "169.254.169.254:80", m)
	return m
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "" {
		w.Header().Set("X-aws-ec2-metadata-token-ttl-seconds", "60")
		_, _ = w.Write([]byte(metadataToken))
		return
	}
	if r.Header.Get("X-aws-ec2-metadata-token") != metadataToken {
		m.refused++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	const credentials = "/latest/meta-data/iam/security-credentials/"
	switch r.URL.Path {
	case "/latest/meta-data/instance-id":
		_, _ = w.Write([]byte(m.machine.instance))
	case credentials:
		_, _ = w.Write([]byte(m.machine.role()))
	case credentials + m.machine.role():
		_ = json.NewEncoder(w).Encode(map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": m.machine.accessKey(), "SecretAccessKey": "secret", "Token": "session",
			"LastUpdated": time.Now().UTC().Format(time.RFC3339), "Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339),
		})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (m *metadata) turn(machine *machine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.machine = machine
}
