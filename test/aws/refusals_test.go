package aws

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gruntwork-io/terratest/modules/terraform"
)

const clusterFile = "environments/staging/cluster/terraform.tfvars"

// What would come up and then fail, or lose data, must be refused in the plan of the
// root, in a sentence that says what is wrong. The modules' own tests have more.
func TestRootsRefuse(t *testing.T) {
	t.Parallel()
	a := openAccount(t)
	pushed := a.pushImages(t)
	for _, c := range []struct{ name, old, mistaken, want string }{
		{"zones that do not divide the brokers", `"6"   = { role = "broker", zone_id = "use1-az4" }`, "", "5 brokers do not divide evenly over 3 zones"},
		{"a volume smaller than retention needs", "gb_per_day = 5,", "gb_per_day = 50,", "50 GB a day kept for 7 days in 3 copies need volumes of 278 GB, not 100"},
		{"another account than the place's", `account_id   = "222222222222"`, `account_id   = "111111111111"`, "AWS account ID not allowed: 222222222222"},
		{"an image that may be another tomorrow", "", "", "a tag may mean another image tomorrow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := copyPlace(t, a, "staging")
			p.env["TF_VAR_images"] = pushed
			if c.old == "" {
				p.env["TF_VAR_images"] = strings.ReplaceAll(pushed, "@sha256:", ":")
			} else {
				p.mistake(c.old, c.mistaken)
			}
			out, err := terraform.InitAndPlanContextE(t, t.Context(), p.withoutState())
			if err == nil {
				t.Fatalf("the plan was accepted:\n%s", out)
			}
			if said := plain(out + err.Error()); !strings.Contains(said, c.want) {
				t.Errorf("the refusal lacks %q:\n%s", c.want, said)
			}
		})
	}
}

// mistake writes something else into the cluster root's terraform.tfvars.
func (p *place) mistake(old, mistaken string) {
	p.t.Helper()
	text := string(read(p.t, filepath.Join(p.dir, clusterFile)))
	if !strings.Contains(text, old) {
		p.t.Fatalf("%s has no %q", clusterFile, old)
	}
	p.write(clusterFile, strings.ReplaceAll(text, old, mistaken))
}

// withoutState are the options of a cluster root that is planned where it is, as
// one that nothing is kept of.
func (p *place) withoutState() *terraform.Options {
	p.t.Helper()
	p.write("environments/"+p.name+"/cluster/backend.tf", "")
	_, err := p.run("terraform", "--", "version") // writes where providers are found
	fatal(p.t, err)
	options := p.options("cluster")
	options.TerraformDir = filepath.Join(p.dir, "environments", p.name, "cluster")
	return options
}
