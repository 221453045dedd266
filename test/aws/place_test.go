package aws

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/gruntwork-io/terratest/modules/terraform"
)

// place is dev, staging or prod in an account: a copy of the tree that tests may
// edit, applied by the command that make apply runs.
type place struct {
	t       *testing.T
	account *account
	name    string
	dir     string            // the copy, a repository of its own to the command line
	env     map[string]string // of everything that runs Terraform
	runner  map[string]string // on top, for the platform root: the runner's own
}

// openPlace prepares a place whose images are in the account's registry and whose
// state has its bucket, without applying it.
func openPlace(t *testing.T, a *account, name string) *place {
	t.Helper()
	p := copyPlace(t, a, name)
	bucket := "headwater-" + name + "-state"
	if _, err := a.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	p.env["TF_VAR_images"] = a.pushImages(t, programs...)
	p.certify()
	return p
}

// certify has the account issue the collector's certificate and names it in the
// place's files, where an engineer writes it.
func (p *place) certify() {
	p.t.Helper()
	out, err := acm.NewFromConfig(p.account.config).RequestCertificate(p.t.Context(), &acm.RequestCertificateInput{DomainName: aws.String("events.example.com")})
	fatal(p.t, err)
	path := filepath.Join("environments", p.name, "platform", "terraform.tfvars")
	named := regexp.MustCompile(`certificate_arn = "[^"]*"`)
	text := read(p.t, filepath.Join(p.dir, path))
	if !named.Match(text) {
		p.t.Fatalf("%s names no certificate", path)
	}
	p.write(path, string(named.ReplaceAll(text, []byte(`certificate_arn = "`+aws.ToString(out.CertificateArn)+`"`))))
}

// copyPlace copies what a place is made of.
func copyPlace(t *testing.T, a *account, name string) *place {
	t.Helper()
	p := &place{t: t, account: a, name: name, dir: t.TempDir(), env: a.environment()}
	for _, tree := range []string{"environments", "modules", "schemas"} {
		if err := os.CopyFS(filepath.Join(p.dir, tree), os.DirFS(filepath.Join(root, tree))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(absolute(t, ".terraform-version"), filepath.Join(p.dir, ".terraform-version")); err != nil {
		p.write(".terraform-version", string(read(t, absolute(t, ".terraform-version"))))
	}
	if err := os.MkdirAll(filepath.Join(p.dir, "build"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"build/mirror", "build/tools"} {
		if err := os.Symlink(absolute(t, dir), filepath.Join(p.dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
	p.env["CHECKPOINT_DISABLE"] = "1"
	p.env["TF_CLI_CONFIG_FILE"] = filepath.Join(p.dir, "build", "terraform.rc")
	return p
}

// headwater is a call of the command line at the top of the copy, in a process
// group of its own as a shell gives it one.
func (p *place) headwater(args ...string) *exec.Cmd {
	cmd := exec.Command(absolute(p.t, "build/headwater"), args...)
	cmd.Dir = p.dir
	for name, value := range p.envOf(args[len(args)-1]) {
		if name != "TF_CLI_CONFIG_FILE" { // the command line writes its own
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// envOf is the environment in which a root is applied.
func (p *place) envOf(rootName string) map[string]string {
	env := maps.Clone(p.env)
	if rootName == "platform" {
		maps.Copy(env, p.runner)
	}
	return env
}

// run calls the command line and returns all that it said.
func (p *place) run(args ...string) (string, error) {
	p.t.Helper()
	out, err := p.headwater(args...).CombinedOutput()
	return string(out), err
}

func (p *place) apply(rootName string) {
	p.t.Helper()
	if out, err := p.run("apply", p.name, "--root", rootName); err != nil {
		p.t.Fatalf("headwater apply %s --root %s: %v\n%s", p.name, rootName, err, out)
	}
}

// options are terratest's for a root that was prepared by the command line.
func (p *place) options(rootName string) *terraform.Options {
	return &terraform.Options{
		TerraformDir: filepath.Join(p.dir, "build", "places", p.name, "environments", p.name, rootName),
		EnvVars:      p.envOf(rootName),
		NoColor:      true,
		Lock:         true,
		Logger:       logger.Discard,
	}
}

// unchanged demands an empty plan.
func (p *place) unchanged(rootName string) {
	p.t.Helper()
	options := p.options(rootName)
	options.PlanFilePath = filepath.Join(p.t.TempDir(), "plan")
	if code := terraform.PlanExitCodeContext(p.t, p.t.Context(), options); code != 0 {
		out, _ := terraform.PlanContextE(p.t, p.t.Context(), p.options(rootName))
		p.t.Fatalf("the plan of %s/%s after its apply is not empty: exit code %d\n%s", p.name, rootName, code, out)
	}
}

// write replaces a file of the copy.
func (p *place) write(path, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, path), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// set appends to a root's terraform.tfvars.
func (p *place) set(rootName, line string) {
	p.t.Helper()
	path := filepath.Join("environments", p.name, rootName, "terraform.tfvars")
	p.write(path, string(read(p.t, filepath.Join(p.dir, path)))+"\n"+line+"\n")
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
