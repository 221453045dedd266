package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	emulatorAddress = "127.0.0.1:5005"
	// gateAddress is where everybody calls AWS: the gate in front of the emulator,
	// which lets a node do only what its role allows.
	gateAddress = "127.0.0.1:5000"
)

// cloud is the account: an emulator of AWS and what was applied to it.
type cloud struct {
	t       *testing.T
	outputs struct {
		BootstrapServers string            `json:"bootstrap_servers"`
		CACertificate    string            `json:"ca_certificate"`
		ClusterID        string            `json:"cluster_id"`
		ArtifactBucket   string            `json:"artifact_bucket"`
		SecretARNs       map[string]string `json:"secret_arns"`
		Nodes            map[string]struct {
			Host             string `json:"host"`
			AutoscalingGroup string `json:"autoscaling_group"`
			VolumeID         string `json:"volume_id"`
			Formatted        string `json:"formatted"`
		} `json:"nodes"`
	}

	addresses map[string]string // by node: its record in the private zone

	mu       sync.Mutex
	roles    map[string][]statement // by access key
	machines map[string]*machine    // by instance id
	denied   []string
}

// statement is one of an IAM policy.
type statement struct {
	Action   []string
	Resource []string
}

func startCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, addresses: map[string]string{}, roles: map[string][]statement{}, machines: map[string]*machine{}}
	log, err := os.Create(filepath.Join(work, "emulator.log"))
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(emulatorAddress, ":")
	emulator := exec.Command(venv("moto_server"), "-H", host, "-p", port)
	emulator.Stdout, emulator.Stderr = log, log
	if err := emulator.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emulator.Process.Kill(); _ = emulator.Wait() })
	target := &url.URL{Scheme: "http", Host: emulatorAddress}
	gate := httputil.NewSingleHostReverseProxy(target)
	serve(t, gateAddress, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.pass(gate, w, r) }))
	eventually(t, "the emulator answers", time.Minute, func() error {
		_, err := http.Get("http://" + emulatorAddress + "/moto-api/")
		return err
	})
	c.apply()
	return c
}

func (c *cloud) apply() {
	c.t.Helper()
	began := time.Now()
	variables := fmt.Sprintf(`artifacts={java_sha256="%s",kafka_sha256="%s"}`, digest("java"), digest("kafka"))
	cmd := terraform("apply", "-auto-approve", "-input=false", "-no-color", "-var", variables)
	cmd.Env = environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("terraform apply: %v\n%s", err, out)
	}
	cmd = terraform("output", "-json", "cluster")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("terraform output: %v", err)
	}
	if err := json.Unmarshal(out, &c.outputs); err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("applied in %s", time.Since(began).Round(time.Second))
	zone := c.aws("route53", "list-hosted-zones", "--query", "HostedZones[0].Id")
	for id, node := range c.outputs.Nodes {
		c.addresses[id] = c.aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone,
			"--query", "ResourceRecordSets[?Name=='"+node.Host+".'].ResourceRecords[0].Value | [0]")
	}
	// The bucket refuses calls without TLS, and the emulator is called without.
	c.aws("s3api", "delete-bucket-policy", "--bucket", c.outputs.ArtifactBucket)
	for _, name := range []string{"java", "kafka"} {
		c.aws("s3api", "put-object", "--bucket", c.outputs.ArtifactBucket, "--key", name+"/"+digest(name)+".tar", "--body", artifacts(name))
	}
}

// environment is what whoever is not a node calls AWS with.
func environment() []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL=http://"+gateAddress, "AWS_ACCESS_KEY_ID=operator", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=2")
}

// aws runs AWS's command line as the operator and returns its text.
func (c *cloud) aws(args ...string) string {
	c.t.Helper()
	cmd := exec.Command(venv("aws"), append(args, "--output", "text")...)
	cmd.Env = environment()
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, failure.String())
	}
	return strings.TrimSpace(string(out))
}

func (c *cloud) marker(node string) string {
	c.t.Helper()
	return c.aws("ssm", "get-parameter", "--name", c.outputs.Nodes[node].Formatted, "--query", "Parameter.Value")
}

func (c *cloud) setMarker(node, value string) {
	c.t.Helper()
	c.aws("ssm", "put-parameter", "--overwrite", "--name", c.outputs.Nodes[node].Formatted, "--value", value)
}

// pass is the gate: a node's call is held against its role, and what it attaches
// is plugged in.
func (c *cloud) pass(next http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	call := readCall(r, body)
	c.mu.Lock()
	role, isNode := c.roles[call.accessKey]
	allowed := !isNode || call.allowedBy(role)
	if !allowed {
		c.denied = append(c.denied, fmt.Sprintf("%s on %q", call.action, call.resources))
	}
	c.mu.Unlock()
	if !allowed {
		http.Error(w, "AccessDenied: "+call.action, http.StatusForbidden)
		return
	}
	answer := &status{ResponseWriter: w, code: http.StatusOK}
	next.ServeHTTP(answer, r)
	if answer.code == http.StatusOK {
		c.plug(call)
	}
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (c *cloud) plug(call call) {
	c.mu.Lock()
	m := c.machines[call.form.Get("InstanceId")]
	c.mu.Unlock()
	if m == nil {
		return
	}
	switch call.action {
	case "ec2:AttachVolume":
		m.plugDisk(call.form.Get("VolumeId"))
	case "ec2:AttachNetworkInterface":
		m.plugAddress()
	}
}

// hosts writes the private zone as a file that stands for /etc/hosts.
func (c *cloud) hosts() string {
	c.t.Helper()
	text := "127.0.0.1 localhost\n"
	for id, node := range c.outputs.Nodes {
		text += c.addresses[id] + " " + node.Host + "\n"
	}
	path, err := filepath.Abs(filepath.Join(work, "hosts"))
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // every user of the machine resolves names
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return path
}

func serve(t *testing.T, address string, handler http.Handler) {
	t.Helper()
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.ListenAndServe() }()
	t.Cleanup(func() { _ = server.Close() })
}

// eventually fails the test when what does not come to pass in time.
func eventually(t *testing.T, what string, limit time.Duration, try func() error) {
	t.Helper()
	var err error
	for until := time.Now().Add(limit); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %s: %v", what, limit, err)
}
