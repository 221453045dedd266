package aws

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/gruntwork-io/terratest/modules/terraform"

	"headwater.internal/platform/internal/apache"
)

// machinery plays EC2: for each machine that the account runs a node of a real
// cluster, under its id, rack and cluster id. How such a node comes out of its user
// data is test/bootstrap's.
type machinery struct {
	t        *testing.T
	place    *place
	cluster  *apache.Cluster
	registry *apache.Registry
	password string
}

// startMachines starts the cluster that the root declared: its own id, the zones
// as racks, and the admin's password out of the secret store.
func startMachines(t *testing.T, p *place) *machinery {
	t.Helper()
	m := &machinery{t: t, place: p}
	options := p.options("cluster")
	clusterID := terraform.OutputContext(t, t.Context(), options, "cluster_id")
	m.password = p.account.secret(t, terraform.OutputMapContext(t, t.Context(), options, "secret_arns")["admin"])
	dir, cache := longLivedDir(t), absolute(t, "build/apache")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var err error
	m.cluster, err = apache.Start(ctx, apache.Options{
		CacheDir: cache, DataDir: filepath.Join(dir, "kafka"), ClusterID: clusterID, FirstID: 1,
		Racks: []string{"use1-az1", "use1-az2", "use1-az4"}, Password: m.password, QuickStart: true,
	})
	fatal(t, err)
	t.Cleanup(m.cluster.Close)
	m.registry, err = apache.StartRegistry(ctx, apache.RegistryOptions{CacheDir: cache, DataDir: filepath.Join(dir, "registry")})
	fatal(t, err)
	t.Cleanup(m.registry.Close)
	m.check()
	return m
}

// check demands that the nodes which run are those of the machines there are.
func (m *machinery) check() {
	m.t.Helper()
	var declared []int
	for node := range m.place.account.machines(m.t, m.place) {
		id, err := strconv.Atoi(node)
		fatal(m.t, err)
		declared = append(declared, id)
	}
	slices.Sort(declared)
	if running := m.cluster.Nodes(); !slices.Equal(running, declared) {
		m.t.Fatalf("the account has machines of the nodes %v, and the nodes %v run", declared, running)
	}
}

// runner is the environment of the task that applies the platform root, with this
// machine's addresses where the account's private names stand.
func (m *machinery) runner() map[string]string {
	m.t.Helper()
	family := "headwater-" + m.place.name + "-runner"
	out, err := ecs.NewFromConfig(m.place.account.config).DescribeTaskDefinition(m.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &family})
	fatal(m.t, err)
	env, err := m.place.account.containerEnvironment(m.t.Context(), out.TaskDefinition.ContainerDefinitions[0])
	fatal(m.t, err)
	config := m.cluster.Config()
	for name, value := range map[string]string{
		"TF_VAR_bootstrap_servers": strings.Join(config.BootstrapServers, ","),
		"TF_VAR_ca_certificate":    string(read(m.t, config.TLS.CA)),
		"TF_VAR_registry_url":      m.registry.URL(),
	} {
		if env[name] == "" {
			m.t.Errorf("the runner is not told %s", name)
		}
		env[name] = value
	}
	if env["HEADWATER_SASL_PASSWORD"] != m.password {
		m.t.Error("the runner has another password than the admin's")
	}
	return env
}

func (a *account) secret(t *testing.T, arn string) string {
	t.Helper()
	out, err := secretsmanager.NewFromConfig(a.config).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		t.Fatalf("the secret %s: %v", arn, err)
	}
	return aws.ToString(out.SecretString)
}

// longLivedDir is a folder that is removed once the test and its cleanups are over,
// whatever still writes to it.
func longLivedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "headwater-aws-") //nolint:usetesting // what still writes when the test ends must not fail it
	fatal(t, err)
	t.Cleanup(func() {
		for range 20 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	return dir
}
