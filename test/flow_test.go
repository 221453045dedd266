package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/gruntwork-io/terratest/modules/terraform"
)

// options are terratest's for environments/local of this platform's source tree,
// with the variables that `headwater env` prints.
func (p *platform) options() *terraform.Options {
	p.t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(p.run("env")) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if ok {
			env[name] = strings.Trim(value, "'")
		}
	}
	return &terraform.Options{
		TerraformDir: filepath.Join(p.source, "environments", "local"),
		EnvVars:      env,
		NoColor:      true,
		Lock:         true,
		Logger:       logger.Discard,
	}
}

// The story of ARCHITECTURE.md, executed: the environment is applied by terraform
// from nothing, an event is a session within seconds, a team adds an event and
// evolves it, protection refuses what would lose data, and destroy leaves nothing.
func TestFollowOneEvent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newPlatform(t)
	p.run("start")
	opts := p.options()

	terraform.InitAndApplyContext(t, ctx, opts)
	if code := terraform.PlanExitCodeContext(t, ctx, opts); code != 0 {
		t.Fatalf("the second plan is not empty: exit code %d", code)
	}
	waitFor(t, time.Minute, "every processor to run", p.allRunning)

	t.Run("an order becomes a session and a count", func(t *testing.T) { orderBecomesSession(t, p) })
	t.Run("a visitor turns out to be a customer", func(t *testing.T) { visitorBecomesCustomer(t, p) })
	t.Run("a team adds an event", func(t *testing.T) { teamAddsEvent(ctx, t, p, opts) })
	t.Run("a schema evolves, compatibly only", func(t *testing.T) { schemaEvolves(ctx, t, p, opts) })
	t.Run("wrong files are refused at plan", func(t *testing.T) { wrongFilesRefused(ctx, t, p, opts) })
	t.Run("protection, then destroy", func(t *testing.T) { protectionThenDestroy(ctx, t, p, opts) })
}

func (p *platform) allRunning() bool {
	s := p.status()
	for _, d := range s.Deployments {
		for _, task := range d.Tasks {
			if task.State != "running" {
				return false
			}
		}
	}
	return len(s.Deployments) == 4
}

func orderBecomesSession(t *testing.T, p *platform) {
	p.run("send", "checkout.order_placed", "--customer", "flow-ada", "--data",
		`{"order_id":"o-1","total":12.5,"currency":"EUR"}`)
	waitFor(t, time.Minute, "the session of flow-ada", func() bool {
		found := p.sessions("flow-ada")
		return len(found) == 1 && found[0].Events == 1
	})
	counts := p.allTime()["checkout.order_placed"]
	if counts.Events != 1 || counts.UniqueCustomers != 1 || counts.RevenueMicros != 12_500_000 {
		t.Errorf("counts %+v, expected one order of one customer for 12.5", counts)
	}
}

// visitorBecomesCustomer: what the visitor did is one session of the customer,
// and nothing is left under the anonymous id; so are later visits.
func visitorBecomesCustomer(t *testing.T, p *platform) {
	view := func() { p.run("send", "browsing.page_viewed", "--anonymous-id", "flow-visitor", "--data", "{}") }
	owned := func(by string, views int64) func() bool {
		return func() bool {
			views := views
			for _, s := range p.sessions("flow-") {
				switch s.Customer {
				case by:
					views -= s.PageViews
				case "flow-visitor", "flow-eve":
					return false
				}
			}
			return views == 0
		}
	}
	view()
	waitFor(t, time.Minute, "the visitor's session", owned("flow-visitor", 1))
	p.run("send", "account.customer_identified", "--customer", "flow-eve", "--anonymous-id", "flow-visitor", "--data", "{}")
	waitFor(t, time.Minute, "the visitor's session to be the customer's", owned("flow-eve", 1))
	view()
	waitFor(t, time.Minute, "a later visit to be the customer's", owned("flow-eve", 2))
	waitFor(t, time.Minute, "one customer to be counted", func() bool {
		viewed := p.allTime()["browsing.page_viewed"]
		return viewed.Events == 2 && viewed.UniqueCustomers == 1
	})
}

const giftSent = `{"type":"record","name":"GiftSent","namespace":"checkout","doc":"A customer sent a gift card.","fields":[
  {"name":"amount","type":"double","doc":"Face value."}%s]}`

const giftCall = `
module "gift_sent" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "checkout"
  name        = "gift_sent"
  description = "A customer sent a gift card."
  owner       = "checkout"
  schema      = file("${path.module}/checkout/gift_sent.avsc")
  retention   = "30d"
  producers   = ["collect"]
  consumers   = ["refine"]
}
`

func (p *platform) write(path, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.source, path), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// liveWithin is how soon after an apply the collector takes a new event.
const liveWithin = 5 * time.Second

func teamAddsEvent(ctx context.Context, t *testing.T, p *platform, opts *terraform.Options) {
	p.write("schemas/checkout/gift_sent.avsc", fmt.Sprintf(giftSent, ""))
	p.write("schemas/gift.tf", giftCall)
	terraform.InitAndApplyContext(t, ctx, opts)
	applied := time.Now()
	waitFor(t, time.Minute, "the collector to accept the new event", func() bool {
		_, err := p.try("send", "checkout.gift_sent", "--customer", "flow-ben", "--id", "gift-1", "--data", `{"amount":20}`)
		return err == nil
	})
	if took := time.Since(applied); took > liveWithin {
		t.Errorf("the new event was accepted %s after the apply, expected at most %s", took, liveWithin)
	}
	waitFor(t, time.Minute, "the new event to be counted", func() bool {
		return p.allTime()["checkout.gift_sent"].Events == 1
	})
}

func schemaEvolves(ctx context.Context, t *testing.T, p *platform, opts *terraform.Options) {
	p.write("schemas/checkout/gift_sent.avsc", fmt.Sprintf(giftSent, `,{"name":"note","type":["null","string"],"default":null,"doc":"Words."}`))
	terraform.ApplyContext(t, ctx, opts)
	waitFor(t, time.Minute, "the collector to know the new field", func() bool {
		_, err := p.try("send", "checkout.gift_sent", "--customer", "flow-ben", "--id", "gift-2", "--data", `{"amount":20,"note":"hi"}`)
		return err == nil
	})
	p.write("schemas/checkout/gift_sent.avsc", fmt.Sprintf(giftSent, `,{"name":"colour","type":"string","doc":"No default."}`))
	refusedAtPlan(ctx, t, opts, "colour")
	p.write("schemas/checkout/gift_sent.avsc", fmt.Sprintf(giftSent, `,{"name":"note","type":["null","string"],"default":null,"doc":"Words."}`))
}

// refusedAtPlan demands that a plan fails and that its error has each of the words.
func refusedAtPlan(ctx context.Context, t *testing.T, opts *terraform.Options, words ...string) {
	t.Helper()
	out, err := terraform.PlanContextE(t, ctx, opts)
	if err == nil {
		t.Errorf("the plan was accepted, expected a refusal with %q:\n%s", words, out)
		return
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error()+out, "│", " ")), " ")
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("the refusal lacks %q:\n%s", word, err)
		}
	}
}

func wrongFilesRefused(ctx context.Context, t *testing.T, p *platform, opts *terraform.Options) {
	topic := func(name, body string) string {
		return fmt.Sprintf("resource \"headwater_topic\" %q {\n  name = %q\n  replication_factor = 3\n%s\n}\n", "t_"+strings.NewReplacer(".", "_", "-", "_").Replace(name), name, body)
	}
	cases := []struct {
		name, file string
		words      []string
	}{
		{"unknown config key", topic("wrong.key", "partitions = 1\nconfig = { \"retension.ms\" = \"1\" }"), []string{"retension.ms", "retention.ms", "config"}},
		{"negative retention", topic("wrong.retention", "partitions = 1\nconfig = { \"retention.ms\" = \"-5\" }"), []string{"retention.ms"}},
		{"names that differ in . and _", topic("wrong.a-b", "partitions = 1") + strings.Replace(topic("wrong_a-b", "partitions = 1"), "t_wrong_a_b", "t_other", 1), []string{"wrong_a-b", "wrong.a-b"}},
		{"an owner nobody is", strings.Replace(giftCall, `"checkout"
  schema`, `"chekout"
  schema`, 1), []string{"chekout", "teams.tf"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(p.source, "schemas", "wrong.tf")
			text := strings.Replace(c.file, `module "gift_sent"`, `module "wrong_gift"`, 1)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(file)
			terraform.InitContext(t, ctx, opts)
			refusedAtPlan(ctx, t, opts, c.words...)
		})
	}
	terraform.InitContext(t, ctx, opts)
}

func protectionThenDestroy(ctx context.Context, t *testing.T, p *platform, opts *terraform.Options) {
	out, err := terraform.DestroyContextE(t, ctx, opts)
	if err == nil {
		t.Fatalf("destroy of protected topics with records went through:\n%s", out)
	}
	if !strings.Contains(err.Error()+out, "protect") {
		t.Errorf("the refusal does not speak of protection: %v", err)
	}
	if got := p.allTime()["checkout.order_placed"].Events; got != 1 {
		t.Errorf("after the refused destroy %d orders are counted, expected 1", got)
	}
	opts.Vars = map[string]any{"deletion_protection": false}
	terraform.ApplyContext(t, ctx, opts)
	terraform.DestroyContext(t, ctx, opts)
	s := p.status()
	for _, topic := range s.Topics {
		if !strings.HasPrefix(topic.Name, "__") {
			t.Errorf("topic %s is left after destroy", topic.Name)
		}
	}
	if len(s.Deployments) != 0 {
		t.Errorf("deployments are left after destroy: %+v", s.Deployments)
	}
}
