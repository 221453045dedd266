package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"headwater.internal/platform/internal/supervisor"
)

// The test binary is also the program that the tests deploy.
func init() {
	switch os.Getenv("TEST_DEPLOYED_AS") {
	case "":
		return
	case "ready":
		_ = http.ListenAndServe(os.Getenv("HEADWATER_HTTP_ADDRESS"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	default:
		fmt.Println("no brokers to talk to")
	}
	os.Exit(1)
}

// testSupervisor is a supervisor that stops with the test, its API behind a URL.
func testSupervisor(t *testing.T) (*supervisor.Supervisor, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := supervisor.New(supervisor.Config{
		Dir: dir, LogDir: filepath.Join(dir, "logs"), StateDir: filepath.Join(dir, "state"),
		Login: func(string) (map[string]string, error) {
			return map[string]string{"HEADWATER_SASL_PASSWORD": "password"}, nil
		},
		Secret: func(key string) (string, error) { return "secret " + key, nil },

		DrainTimeout: time.Second, BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond, ProbeInterval: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler("token", nil))
	t.Cleanup(func() { server.Close(); s.Close(context.Background()) })
	return s, server.URL
}

func deployment(url, body string) string {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`
provider "headwater" {
  supervisor = { url = %q, token = "token" }
}
resource "headwater_deployment" "refine" {
  name    = "refine"
  program = %q
  %s
}`, url, program, body)
}

const readyOne = `
  environment = { TEST_DEPLOYED_AS = "ready" }`

const readyTwo = `
  tasks              = 2
  revision           = "2"
  environment        = { TEST_DEPLOYED_AS = "ready" }
  secret_environment = { KEYS = "write_keys" }`

// A deployment is made, changed, imported and found to be gone; each apply ends with all tasks running and an empty plan.
func TestDeploymentLifecycle(t *testing.T) {
	s, url := testSupervisor(t)
	const name = "headwater_deployment.refine"
	running := func(tasks int) resource.TestCheckFunc {
		return func(*terraformState) error {
			if status, err := s.Get("refine"); err != nil || !status.Settled() || status.Tasks != tasks {
				return fmt.Errorf("want %d tasks running: %+v, %w", tasks, status, err)
			}
			return nil
		}
	}
	accept(t,
		resource.TestStep{Config: deployment(url, readyOne), Check: running(1)},
		resource.TestStep{Config: deployment(url, readyOne), PlanOnly: true},
		resource.TestStep{Config: deployment(url, readyTwo), Check: running(2), ConfigPlanChecks: resource.ConfigPlanChecks{
			PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(name, plancheck.ResourceActionUpdate)},
		}},
		resource.TestStep{
			ResourceName: name, ImportState: true, ImportStateId: "refine",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name",
		},
		resource.TestStep{
			PreConfig: func() { scaleOutside(t, s) },
			Config:    deployment(url, readyTwo), Check: running(2),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(name, plancheck.ResourceActionUpdate)},
			},
		},
		resource.TestStep{
			PreConfig: func() {
				if err := s.Delete("refine"); err != nil {
					t.Error(err)
				}
			},
			Config: deployment(url, readyTwo), Check: running(2),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(name, plancheck.ResourceActionCreate)},
			},
		},
	)
	if list := s.List(); len(list) != 0 {
		t.Errorf("after the destroy: %+v", list)
	}
}

func scaleOutside(t *testing.T, s *supervisor.Supervisor) {
	t.Helper()
	status, err := s.Get("refine")
	if err != nil {
		t.Fatal(err)
	}
	status.Tasks = 1
	if err := s.Apply(status.Deployment); err != nil {
		t.Fatal(err)
	}
}

const readyScaled = `
  autoscale   = { min_tasks = 1, max_tasks = 6 }
  environment = { TEST_DEPLOYED_AS = "ready" }`

const readyScaledFurther = `
  autoscale   = { min_tasks = 2, max_tasks = 8, target_utilization = 0.6 }
  environment = { TEST_DEPLOYED_AS = "ready" }`

// While a deployment is autoscaled its number of tasks is no drift; new bounds hold at once, and a written number counts again when autoscale goes.
func TestDeploymentAutoscaled(t *testing.T) {
	s, url := testSupervisor(t)
	has := func(tasks, lowest int) resource.TestCheckFunc {
		return func(*terraformState) error {
			status, err := s.Get("refine")
			if err != nil || status.Tasks != tasks || (status.Autoscale != nil) != (lowest > 0) || (lowest > 0 && status.Autoscale.MinTasks != lowest) {
				return fmt.Errorf("want %d tasks, at least %d: %+v, %w", tasks, lowest, status, err)
			}
			return nil
		}
	}
	accept(t,
		resource.TestStep{Config: deployment(url, readyScaled+"\n  tasks = 2"), ExpectError: flexible(`"autoscale" cannot be specified when "tasks" is specified`)},
		resource.TestStep{
			Config:      deployment(url, `autoscale = { min_tasks = 3, max_tasks = 2 }`),
			ExpectError: flexible("value must be at least sum of"),
		},
		resource.TestStep{Config: deployment(url, readyScaled), Check: has(1, 1)},
		resource.TestStep{
			ResourceName: "headwater_deployment.refine", ImportState: true, ImportStateId: "refine",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name",
		},
		resource.TestStep{
			PreConfig: func() { scaleByLoad(t, s, 3) },
			Config:    deployment(url, readyScaled), PlanOnly: true,
		},
		resource.TestStep{
			PreConfig: func() { scaleByLoad(t, s, 1) },
			Config:    deployment(url, readyScaledFurther), Check: has(2, 2),
		},
		resource.TestStep{Config: deployment(url, readyScaledFurther), PlanOnly: true},
		resource.TestStep{Config: deployment(url, readyTwo), Check: has(2, 0)},
	)
}

// scaleByLoad does to the number of tasks what the autoscaler does.
func scaleByLoad(t *testing.T, s *supervisor.Supervisor, tasks int) {
	t.Helper()
	status, err := s.Get("refine")
	if err != nil {
		t.Fatal(err)
	}
	scaled := *status.Autoscale
	for _, d := range []*supervisor.Autoscale{nil, &scaled} { // the number is kept only while it stays autoscaled
		status.Autoscale, status.Tasks = d, tasks
		if err := s.Apply(status.Deployment); err != nil {
			t.Fatal(err)
		}
	}
}

// A program that dies fails the apply with its last words; mended, the next apply finishes.
func TestDeploymentThatCrashes(t *testing.T) {
	_, url := testSupervisor(t)
	accept(t,
		resource.TestStep{
			Config:      deployment(url, `environment = { TEST_DEPLOYED_AS = "broken" }`),
			ExpectError: flexible("does not stay up: exit status 1"),
		},
		resource.TestStep{
			Config:      deployment(url, `environment = { TEST_DEPLOYED_AS = "broken" }`),
			ExpectError: flexible("no brokers to talk to"),
		},
		resource.TestStep{Config: deployment(url, readyOne)},
	)
}

// What the supervisor refuses, and a supervisor that is not there, is said with what to do.
func TestDeploymentRefusals(t *testing.T) {
	_, url := testSupervisor(t)
	accept(t,
		resource.TestStep{
			Config:      deployment(url, `environment = { HEADWATER_TASK = "7" }`),
			ExpectError: flexible("HEADWATER_TASK, which the supervisor sets itself"),
		},
		resource.TestStep{
			Config:      deployment("http://127.0.0.1:1", readyOne),
			ExpectError: regexp.MustCompile(`http://127\.0\.0\.1:1`),
		},
	)
}
