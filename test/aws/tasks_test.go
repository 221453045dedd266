package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// task is one running task of a service: the process of its one container. Each has
// an address of its own in 127.0.0.0/8, as a task on Fargate has one, and a folder
// in place of the volumes that it mounts.
type task struct {
	definition string // ARN of what it runs
	address    string
	dir        string
	cmd        *exec.Cmd
	grace      time.Duration // from SIGTERM to SIGKILL
	health     []string
	exited     chan struct{}
}

// mountPoint is where the images let their user write.
const mountPoint = "/var/lib/headwater"

// listens are the variables that say where a program listens: in a network of its
// own, and so on its own address here. Nothing else of the environment is rewritten
// but the mount point.
var listens = []string{"HEADWATER_HTTP_ADDRESS", "HEADWATER_LISTEN"}

// startTask runs the command of a task definition with its environment and the
// secrets that it names. A secret or an image that is not there is an error that
// names it, as it is a task that ECS cannot start.
func (f *fargate) startTask(ctx context.Context, arn string) (*task, error) {
	out, err := ecs.NewFromConfig(f.account.config).DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return nil, err
	}
	if containers := len(out.TaskDefinition.ContainerDefinitions); containers != 1 {
		return nil, fmt.Errorf("%s has %d containers, want one", arn, containers)
	}
	container := out.TaskDefinition.ContainerDefinitions[0]
	program, err := f.account.program(ctx, aws.ToString(container.Image))
	if err != nil {
		return nil, err
	}
	f.started++
	t := &task{
		definition: arn, address: fmt.Sprintf("127.77.%d.%d", f.started/250, f.started%250+1),
		dir: filepath.Join(f.dir, fmt.Sprintf("%s-%d", program, f.started)), exited: make(chan struct{}),
		grace: time.Duration(aws.ToInt32(container.StopTimeout)) * time.Second,
	}
	if container.HealthCheck != nil {
		t.health = container.HealthCheck.Command
	}
	env, err := f.account.containerEnvironment(ctx, container)
	if err != nil {
		return nil, err
	}
	command := append(container.EntryPoint, container.Command...)
	if len(command) == 0 || filepath.Base(command[0]) != program {
		return nil, fmt.Errorf("%s starts %q in the image of %s", arn, command, program)
	}
	return t, t.run(f.programs, command, env)
}

// run starts the process. The environment is the task's and no more: nothing of
// this machine's reaches it.
func (t *task) run(programs string, command []string, env map[string]string) error {
	if err := os.MkdirAll(filepath.Join(t.dir, "tmp"), 0o750); err != nil {
		return err
	}
	for _, name := range listens {
		if _, port, ok := strings.Cut(env[name], ":"); ok {
			env[name] = t.address + ":" + port
		}
	}
	t.cmd = exec.Command(filepath.Join(programs, filepath.Base(command[0])), command[1:]...) //nolint:gosec // ours
	t.cmd.Dir = t.dir
	t.cmd.Env = []string{"PATH=/usr/local/bin", "TMPDIR=" + filepath.Join(t.dir, "tmp")}
	for name, value := range env {
		t.cmd.Env = append(t.cmd.Env, name+"="+strings.ReplaceAll(value, mountPoint, t.dir))
	}
	log, err := os.Create(t.dir + ".log")
	if err != nil {
		return err
	}
	t.cmd.Stdout, t.cmd.Stderr = log, log
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := t.cmd.Start(); err != nil {
		return err
	}
	go func() { _ = t.cmd.Wait(); _ = log.Close(); close(t.exited) }()
	return nil
}

// healthy runs the container's own health check once.
func (t *task) healthy(ctx context.Context) error {
	select {
	case <-t.exited:
		text, _ := os.ReadFile(t.dir + ".log")
		return fmt.Errorf("it ended: %s", text[max(0, len(text)-1500):])
	default:
	}
	if len(t.health) < 2 || t.health[0] != "CMD" {
		return fmt.Errorf("its health check is %q", t.health)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	check := exec.CommandContext(ctx, t.cmd.Path, t.health[2:]...)
	check.Env, check.Dir = t.cmd.Env, t.dir
	if out, err := check.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(t.health, " "), err, out)
	}
	return nil
}

// stop is what ECS does: SIGTERM, and SIGKILL once the stop timeout is over.
func (t *task) stop() error {
	_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-t.exited:
		return nil
	case <-time.After(t.grace):
	}
	t.kill()
	return errors.New("it did not end within its stop timeout of " + t.grace.String())
}

func (t *task) kill() {
	_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL)
	<-t.exited
}

// containerEnvironment is the environment of a container, secrets resolved.
func (a *account) containerEnvironment(ctx context.Context, container types.ContainerDefinition) (map[string]string, error) {
	env := map[string]string{}
	for _, pair := range container.Environment {
		env[aws.ToString(pair.Name)] = aws.ToString(pair.Value)
	}
	client := secretsmanager.NewFromConfig(a.config)
	for _, secret := range container.Secrets {
		// arn:aws:secretsmanager:region:account:secret:name:key:stage:version, the last three optional
		parts := strings.Split(aws.ToString(secret.ValueFrom), ":")
		input := &secretsmanager.GetSecretValueInput{SecretId: aws.String(strings.Join(parts[:min(7, len(parts))], ":"))}
		if len(parts) == 10 && parts[9] != "" {
			input.VersionId = &parts[9]
		}
		out, err := client.GetSecretValue(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("the secret %s of %s: %w", aws.ToString(secret.ValueFrom), aws.ToString(secret.Name), err)
		}
		env[aws.ToString(secret.Name)] = aws.ToString(out.SecretString)
	}
	// What Fargate tells a task beside its definition: where AWS is, and who it is there.
	env["AWS_ENDPOINT_URL"], env["AWS_EC2_METADATA_DISABLED"] = a.url, "true"
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "test", "test"
	return env, nil
}

// A task whose secret is not there must not start without it.
func TestMissingSecretIsRefused(t *testing.T) {
	t.Parallel()
	a := openAccount(t)
	arn := "arn:aws:secretsmanager:us-east-1:222222222222:secret:headwater-staging/principals/refine-AbCdEf"
	_, err := a.containerEnvironment(t.Context(), types.ContainerDefinition{
		Secrets: []types.Secret{{Name: aws.String("HEADWATER_SASL_PASSWORD"), ValueFrom: &arn}},
	})
	if err == nil || !strings.Contains(err.Error(), "the secret "+arn+" of HEADWATER_SASL_PASSWORD") {
		t.Errorf("a secret that is not there: %v, want an error that names it and the variable", err)
	}
}
