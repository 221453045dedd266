package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	goversion "github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafkatest"
)

// TestMain lets plain `go test` run the acceptance tests: they need nothing but a
// terraform binary on PATH.
func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "provider-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	env := map[string]string{"TF_CLI_CONFIG_FILE": dir + "/terraform.rc", "CHECKPOINT_DISABLE": "1"}
	if err := os.WriteFile(env["TF_CLI_CONFIG_FILE"], nil, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if terraform, err := exec.LookPath("terraform"); err == nil {
		env["TF_ACC"], env["TF_ACC_TERRAFORM_PATH"] = "1", terraform
	}
	for key, value := range env {
		if err := os.Setenv(key, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// factories serve the provider under test in this process.
var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"headwater": providerserver.NewProtocol6WithError(newProvider()),
}

// accept runs the steps against the provider in this process. Without a terraform
// binary it skips and says so; in CI that is a failure.
func accept(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	needTerraform(t)
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
}

// acceptFrom is accept for what only newer versions of Terraform know: with an
// older one it skips and says so.
func acceptFrom(t *testing.T, version *goversion.Version, steps ...resource.TestStep) {
	t.Helper()
	needTerraform(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories, Steps: steps,
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(version)},
	})
}

func needTerraform(t *testing.T) {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no terraform binary on PATH")
		}
		t.Skip("no terraform binary on PATH")
	}
}

// on prefixes a configuration with a provider block for the cluster.
func on(c *kafkatest.Cluster, body string) string {
	return onServers(c.Config.BootstrapServers, body)
}

func onServers(servers []string, body string) string {
	list, _ := json.Marshal(append([]string{}, servers...))
	return fmt.Sprintf(`
provider "headwater" {
  bootstrap_servers = %s
  request_timeout   = "10s"
}
%s`, list, body)
}

// terraformState is the state that checks read.
type terraformState = terraform.State

// overrideSource marks the settings made on a topic itself.
const overrideSource = kmsg.ConfigSourceDynamicTopicConfig

// flexible matches a message wherever Terraform breaks its lines.
func flexible(message string) *regexp.Regexp {
	words := strings.Fields(message)
	for i := range words {
		words[i] = regexp.QuoteMeta(words[i])
	}
	return regexp.MustCompile(strings.Join(words, `[\s│]+`))
}

// attribute hands an attribute of the only resource to fn.
func attribute(name string, fn func(string) error) resource.TestCheckFunc {
	return func(s *terraformState) error {
		for _, r := range s.RootModule().Resources {
			return fn(r.Primary.Attributes[name])
		}
		return errors.New("the state holds no resource")
	}
}

// connectTo reaches a cluster the way the provider's types do.
func connectTo(c *kafkatest.Cluster) connect {
	return newInstance(settings{kafka: c.Config, requestTimeout: 10 * time.Second}).connect
}
