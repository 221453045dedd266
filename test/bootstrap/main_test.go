// Package bootstrap plays EC2 to the nodes of modules/kafka_cluster: it applies
// the module to an emulator of AWS, gives each node's user data a machine of its
// own (a mount namespace, a disk, a metadata service), and runs the programs in it
// until a real broker serves.
package bootstrap

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// root is the top of the repository, work where everything of this test goes.
const (
	root = "../.."
	work = root + "/build/bootstrap"
)

// inside marks the process that runs in namespaces of its own: nothing that it
// mounts, no address that it takes and no process that it starts outlives it.
const inside = "HEADWATER_BOOTSTRAP_INSIDE"

// tools are what a machine of Amazon Linux has and this one needs, by the Debian
// package that brings them.
var tools = map[string]string{
	"blkid": "util-linux", "curl": "curl", "ip": "iproute2", "losetup": "mount", "mkfs.ext4": "e2fsprogs", "mkfs.xfs": "xfsprogs",
	"nsenter": "util-linux", "openssl": "openssl", "setpriv": "util-linux", "unshare": "util-linux", "useradd": "passwd",
}

func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "bootstrap:", err)
		os.Exit(1)
	}
	os.Exit(enter())
}

// prepare does what needs the outer network, and says what is missing.
func prepare() error {
	if os.Geteuid() != 0 {
		return errors.New("playing machines takes root: mounts, addresses and loop devices. Run it in a container or a virtual machine")
	}
	var missing []string
	for tool, debian := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, fmt.Sprintf("%s (%s)", tool, debian))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("install %s", strings.Join(missing, ", "))
	}
	for _, path := range []string{venv("aws"), venv("moto_server"), artifacts("java"), artifacts("kafka")} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: run make test-bootstrap, which builds it", err)
		}
	}
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(work, "modules/kafka_cluster"), os.DirFS(filepath.Join(root, "modules/kafka_cluster"))); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(work, "root"), os.DirFS("testdata")); err != nil {
		return err
	}
	out, err := terraform("init", "-input=false", "-no-color").CombinedOutput()
	if err != nil {
		return fmt.Errorf("terraform init: %w\n%s", err, out)
	}
	return nil
}

// enter runs this program again in namespaces of its own.
func enter() int {
	cmd := exec.Command(os.Args[0], os.Args[1:]...) //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bootstrap: enter namespaces of its own:", err)
		return 1
	}
	return 0
}

func venv(program string) string {
	path, _ := filepath.Abs(filepath.Join(root, "build/tools/aws/bin", program))
	return path
}

// artifacts is the archive that the environments name: what make artifacts builds
// must be what is pinned there.
func artifacts(name string) string {
	return filepath.Join(root, "build/artifacts", name, digest(name)+".tar")
}

func digest(name string) string {
	text, err := os.ReadFile(filepath.Join(root, "environments/staging/cluster/terraform.tfvars"))
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == name+"_sha256" {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return "no " + name + "_sha256 in environments/staging/cluster/terraform.tfvars"
}

func terraform(args ...string) *exec.Cmd {
	headwater, _ := filepath.Abs(filepath.Join(root, "build/headwater"))
	dir, _ := filepath.Abs(filepath.Join(work, "root"))
	cmd := exec.Command(headwater, append([]string{"terraform", "--", "-chdir=" + dir}, args...)...)
	cmd.Dir = root
	return cmd
}
