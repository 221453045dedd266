// Package aws applies dev, staging and prod to an emulator of AWS with the real
// Terraform and the real AWS provider, and plays EC2 and ECS to what they
// declared: real brokers for the machines, the real programs for the tasks.
//
// What stands for something else: addresses. The private names of the account
// mean nothing on this machine, so the player writes 127.0.0.1 and a port where
// a task's environment has one of them, and changes nothing else in it. Security
// groups pass no packets here: that no door is open is read from their rules.
package aws

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// root is the top of the repository.
const root = "../.."

// The account and the region that environments/staging is in.
const (
	accountID = "222222222222"
	region    = "us-east-1"
)

// account is an account of AWS that an emulator of its own keeps.
type account struct {
	t      *testing.T
	id     string
	url    string
	config aws.Config
}

// openAccount starts an emulator that ends with the test. Without Python's part,
// which make test-aws installs, the test fails: nothing here means anything then.
func openAccount(t *testing.T) *account {
	t.Helper()
	python := absolute(t, "build/tools/aws/bin/python")
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("%v: run make test-aws, which installs the emulator", err)
	}
	port := freePort(t)
	log, err := os.Create(filepath.Join(t.TempDir(), "emulator.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, absolute(t, "test/aws/emulator/emulator.py"), "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), "MOTO_ACCOUNT_ID="+accountID, "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			var lines []string
			for line := range strings.Lines(string(text)) {
				if !strings.Contains(line, "HTTP/1.1\" 2") {
					lines = append(lines, line)
				}
			}
			t.Logf("what the emulator refused, last:\n%s", strings.Join(lines[max(0, len(lines)-40):], ""))
		}
	})
	a := &account{t: t, id: accountID, url: "http://127.0.0.1:" + port}
	a.config, err = config.LoadDefaultConfig(t.Context(), config.WithRegion(region), config.WithBaseEndpoint(a.url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")),
		config.WithRetryMaxAttempts(2), config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the emulator answers", func() error {
		_, err := a.s3().ListBuckets(t.Context(), &s3.ListBucketsInput{})
		return err
	})
	return a
}

func (a *account) s3() *s3.Client {
	return s3.NewFromConfig(a.config, func(o *s3.Options) { o.UsePathStyle = true })
}

// environment is what a program calls this account with, and no other: nothing
// that the shell says of a real one gets through.
func (a *account) environment() map[string]string {
	env := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "TF_") {
			env[name] = value
		}
	}
	env["AWS_ENDPOINT_URL"], env["AWS_REGION"] = a.url, region
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "test", "test"
	env["AWS_CONFIG_FILE"], env["AWS_SHARED_CREDENTIALS_FILE"] = os.DevNull, os.DevNull
	env["AWS_EC2_METADATA_DISABLED"] = "true"
	env["AWS_MAX_ATTEMPTS"] = "2"
	return env
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// eventually fails the test when what does not come to pass in time.
func eventually(t *testing.T, limit time.Duration, what string, try func() error) {
	t.Helper()
	if err := within(t.Context(), limit, try); err != nil {
		t.Fatalf("%s: not within %s: %v", what, limit, err)
	}
}

func within(ctx context.Context, limit time.Duration, try func() error) error {
	err := errors.New("never tried")
	for until := time.Now().Add(limit); time.Now().Before(until) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}
