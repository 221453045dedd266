package bootstrap

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// machine is one start of an instance: its files over those of this machine, its
// own mounts and devices. What systemd and cloud-init do there, the test does.
type machine struct {
	t        *testing.T
	cloud    *cloud
	metadata *metadata
	node     string
	instance string
	files    string // the layers of its own files
	devices  string // its /dev
	holder   *exec.Cmd
	kafka    *exec.Cmd
	log      string // Kafka's
	said     string // by every bootstrap
}

// layered are the folders that get a layer of the machine's own.
var layered = []string{"/etc", "/opt", "/usr/local", "/var"}

// enterMachine mounts the layers and gives way to what keeps the namespace.
const enterMachine = `set -e
mount --make-rprivate /
for dir in %s; do
  mkdir -p "$0/$dir/files" "$0/$dir/work"
  mount -t overlay overlay -o "lowerdir=$dir,upperdir=$0/$dir/files,workdir=$0/$dir/work" "$dir"
done
mount --bind "$1" /dev
mount --bind "$2" /etc/hosts
getent passwd kafka >/dev/null || useradd --system --no-create-home --home-dir /var/lib/kafka --shell /usr/sbin/nologin kafka
echo ready
exec sleep infinity`

// launch starts the machine that the node's group has now, as EC2 does.
func launch(t *testing.T, c *cloud, m *metadata, hosts, node string) *machine {
	t.Helper()
	instance := c.aws("autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", c.outputs.Nodes[node].AutoscalingGroup,
		"--query", "AutoScalingGroups[0].Instances[0].InstanceId")
	box := &machine{t: t, cloud: c, metadata: m, node: node, instance: instance}
	box.files, box.devices = mountTemp(t, "2g"), mountTemp(t, "1m")
	box.log = filepath.Join(work, "kafka-"+node+".log")
	box.writeUserData()
	box.makeDevices()
	rights := box.statements()
	c.mu.Lock()
	c.machines[instance] = box
	c.roles[box.accessKey()] = rights
	c.mu.Unlock()
	box.holder = exec.Command("unshare", "--mount", "bash", "-c", fmt.Sprintf(enterMachine, strings.Join(layered, " ")), box.files, box.devices, hosts)
	out, err := box.holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var failure bytes.Buffer
	box.holder.Stderr = &failure
	if err := box.holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.terminate)
	ready := make([]byte, 5)
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Fatalf("start the machine of node %s: %v: %s", node, err, failure.String())
	}
	return box
}

func (m *machine) role() string      { return "headwater-test-kafka-" + m.node }
func (m *machine) accessKey() string { return "ASIANODE" + m.node }

// statements is what the role allows.
func (m *machine) statements() []statement {
	m.t.Helper()
	var policy struct{ Statement []statement }
	text := m.cloud.aws("iam", "get-role-policy", "--role-name", m.role(), "--policy-name", "node", "--query", "to_string(PolicyDocument)")
	if err := json.Unmarshal([]byte(text), &policy); err != nil || len(policy.Statement) == 0 {
		m.t.Fatalf("read the policy of %s: %v: %s", m.role(), err, text)
	}
	return policy.Statement
}

// writeUserData does what cloud-init does with the user data that was stored.
func (m *machine) writeUserData() {
	m.t.Helper()
	stored := m.cloud.aws("ec2", "describe-launch-template-versions", "--launch-template-name", m.role(), "--versions", "$Latest",
		"--query", "LaunchTemplateVersions[0].LaunchTemplateData.UserData")
	packed, err := base64.StdEncoding.DecodeString(stored)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(stored) > 16<<10 {
		m.t.Errorf("user data has %d bytes, EC2 takes 16 KiB", len(stored))
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		m.t.Fatal(err)
	}
	var config struct {
		WriteFiles []struct{ Path, Content, Permissions string } `yaml:"write_files"`
	}
	if err := yaml.NewDecoder(unpacked).Decode(&config); err != nil || len(config.WriteFiles) == 0 {
		m.t.Fatalf("read user data: %v", err)
	}
	for _, file := range config.WriteFiles {
		mode, err := strconv.ParseUint(file.Permissions, 8, 32)
		if err != nil {
			m.t.Fatal(err)
		}
		m.write(file.Path, file.Content, os.FileMode(mode))
	}
	m.write("/usr/local/bin/systemctl", "#!/bin/sh\n# is-active, the one question that the programs ask\ntest -e /etc/headwater/kafka.active\n", 0o755)
}

// path is where a file of the machine lies in its layer.
func (m *machine) path(path string) string {
	for _, dir := range layered {
		if strings.HasPrefix(path, dir+"/") {
			return filepath.Join(m.files, dir, "files", strings.TrimPrefix(path, dir))
		}
	}
	m.t.Fatalf("%s is in none of %v", path, layered)
	return ""
}

func (m *machine) write(path, content string, mode os.FileMode) {
	m.t.Helper()
	at := m.path(path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) makeDevices() {
	m.t.Helper()
	for name, minor := range map[string]int{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		if err := syscall.Mknod(filepath.Join(m.devices, name), syscall.S_IFCHR|0o666, 1<<8|minor); err != nil {
			m.t.Fatal(err)
		}
		_ = os.Chmod(filepath.Join(m.devices, name), 0o666)
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, filepath.Join(m.devices, name)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// in is a command inside the machine, with what systemd gives a service.
func (m *machine) in(args ...string) *exec.Cmd {
	m.metadata.turn(m)
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(m.holder.Process.Pid), "--mount", "--"}, args...)...)
	cmd.Env = []string{
		"PATH=/usr/local/bin:" + filepath.Dir(venv("aws")) + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
		"AWS_ENDPOINT_URL=http://" + gateAddress, "AWS_MAX_ATTEMPTS=2",
	}
	return cmd
}

// bootstrap runs what stands before Kafka's start and returns what it said.
func (m *machine) bootstrap() (string, error) {
	m.t.Helper()
	began := time.Now()
	out, err := m.in("timeout", "600", m.unit("ExecStartPre")[0]).CombinedOutput()
	m.said += string(out)
	m.t.Logf("bootstrap of node %s took %s:\n%s", m.node, time.Since(began).Round(time.Second), out)
	return string(out), err
}

// unit returns the words of a line of kafka.service.
func (m *machine) unit(key string) []string {
	m.t.Helper()
	text, err := os.ReadFile(m.path("/etc/systemd/system/kafka.service"))
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Fields(strings.TrimPrefix(value, "+"))
		}
	}
	m.t.Fatalf("kafka.service has no %s", key)
	return nil
}

// start does what systemd does: bootstrap, Kafka as its own user, what follows.
func (m *machine) start() {
	m.t.Helper()
	if out, err := m.bootstrap(); err != nil {
		m.t.Fatalf("bootstrap of node %s: %v: %s", m.node, err, out)
	}
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	m.kafka = m.in(append([]string{"setpriv", "--reuid", "kafka", "--regid", "kafka", "--clear-groups", "--"}, m.unit("ExecStart")...)...)
	m.kafka.Stdout, m.kafka.Stderr = log, log
	if err := m.kafka.Start(); err != nil {
		m.t.Fatal(err)
	}
	if out, err := m.in("touch", "/etc/headwater/kafka.active").CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	if out, err := m.in("timeout", "180", m.unit("ExecStartPost")[0]).CombinedOutput(); err != nil {
		m.t.Fatalf("what follows the start of node %s: %v: %s\n%s", m.node, err, out, m.tail())
	}
}

func (m *machine) tail() string {
	text, _ := os.ReadFile(m.log)
	return string(text[max(0, len(text)-4000):])
}

// stop ends Kafka as systemd does.
func (m *machine) stop() {
	m.t.Helper()
	_ = m.kafka.Process.Signal(syscall.SIGTERM)
	_ = m.kafka.Wait()
	if out, err := m.in("rm", "-f", "/etc/headwater/kafka.active").CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
}

// terminate is the death of the machine: everything in it is gone at once.
func (m *machine) terminate() {
	if m.kafka != nil && m.kafka.ProcessState == nil {
		_ = m.kafka.Process.Kill()
		_ = m.kafka.Wait()
	}
	if m.holder.ProcessState == nil {
		_ = m.holder.Process.Kill()
		_ = m.holder.Wait()
	}
}
