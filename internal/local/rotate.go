package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// propagation bounds how long brokers may take to know a new password.
const propagation = time.Minute

// Rotation turns passwords while those who log in with them live on. A user may
// have one credential of each SCRAM mechanism: the new password comes under the one
// that nobody uses, all move there, and then it takes the place of the old one. So
// there is no moment at which what somebody logs in with is refused.
//
// It is noted step by step. One that was interrupted is taken up by the next.
type Rotation struct {
	place   Place
	secrets Secrets
	client  *kgo.Client
	admin   *kadm.Client
	say     func(text string)
	names   []string         // A to Z
	rounds  map[string]int32 // iterations of the credential that each has; scramIterations where none is known
}

// NewRotation prepares to turn the passwords of the principals named, or of all
// that Kafka and secrets.json know. The error names one that neither knows.
func NewRotation(ctx context.Context, place Place, secrets Secrets, names []string, say func(text string)) (*Rotation, error) {
	client, err := place.AdminConfig(secrets).Client(kgo.MetadataMinAge(50 * time.Millisecond))
	if err != nil {
		return nil, err
	}
	r := &Rotation{place: place, secrets: secrets, client: client, admin: kadm.NewClient(client), say: say}
	if err := r.choose(ctx, names); err != nil {
		client.Close()
		return nil, err
	}
	return r, nil
}

// Close lets go of the connections.
func (r *Rotation) Close() { r.client.Close() }

// Names are the principals whose passwords are turned, A to Z.
func (r *Rotation) Names() []string { return slices.Clone(r.names) }

// choose finds the principals, those of an interrupted rotation among them.
func (r *Rotation) choose(ctx context.Context, names []string) error {
	users, err := r.admin.DescribeUserSCRAMs(ctx)
	if err != nil {
		return fmt.Errorf("ask Kafka for its users: %w", err)
	}
	r.rounds = map[string]int32{}
	for _, user := range users {
		for _, credential := range user.CredInfos {
			if credential.Mechanism == kadm.ScramSha512 {
				r.rounds[user.User] = credential.Iterations
			}
		}
	}
	known := []string{Admin} // the embedded Kafka does not list its superuser
	for name := range r.secrets.Principals {
		if _, there := users[name]; there && name != Admin {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no principal is called %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	if len(names) == 0 {
		names = known
	}
	r.names = slices.Concat(names, slices.Collect(maps.Keys(r.secrets.Next)))
	slices.Sort(r.names)
	r.names = slices.Compact(r.names)
	return nil
}

// Run turns the passwords. It takes as long as two changes of the credential files
// take to be followed ([kafka.LoginSettle]).
func (r *Rotation) Run(ctx context.Context) error {
	if err := r.draw(); err != nil {
		return err
	}
	// What anybody logs in with now stands in its file from here on.
	for _, name := range r.names {
		if err := r.place.ensureCredential(name, r.old(name)); err != nil {
			return err
		}
	}
	r.say("the new passwords come beside the old ones")
	if err := r.move(ctx, kadm.ScramSha256, kafka.ScramSHA256); err != nil {
		return err
	}
	r.say("all use the new passwords; the old ones go")
	if err := r.set(ctx, kadm.ScramSha512, kafka.ScramSHA512); err != nil {
		return err
	}
	if err := r.commit(); err != nil {
		return err
	}
	if err := r.follow(ctx, kafka.ScramSHA512); err != nil {
		return err
	}
	return r.clear(ctx)
}

// draw makes the new passwords and notes them, but for those that are noted.
func (r *Rotation) draw() error {
	if r.secrets.Next == nil {
		r.secrets.Next = map[string]string{}
	}
	for _, name := range r.names {
		fillKey(r.secrets.Next, name)
	}
	return r.secrets.save(r.place.DataDir)
}

func (r *Rotation) old(name string) string {
	if name == Admin {
		return r.secrets.Admin
	}
	return r.secrets.Principals[name]
}

// move gives all the new password under the mechanism and has them use it.
func (r *Rotation) move(ctx context.Context, mechanism kadm.ScramMechanism, name string) error {
	if err := r.set(ctx, mechanism, name); err != nil {
		return err
	}
	return r.follow(ctx, name)
}

// set gives all the new password under the mechanism and waits until every broker
// knows it.
func (r *Rotation) set(ctx context.Context, mechanism kadm.ScramMechanism, name string) error {
	upsert := make([]kadm.UpsertSCRAM, 0, len(r.names))
	for _, principal := range r.names {
		upsert = append(upsert, kadm.UpsertSCRAM{
			User: principal, Mechanism: mechanism, Password: r.secrets.Next[principal],
			Iterations: max(r.rounds[principal], scramIterations),
		})
	}
	answers, err := r.admin.AlterUserSCRAMs(ctx, nil, upsert)
	if err = errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("set the new passwords under %s: %w", name, err)
	}
	// Kafka writes them in the order of the request, and brokers read them in that order.
	for _, principal := range []string{r.names[0], r.names[len(r.names)-1]} {
		for _, server := range r.place.BootstrapServers {
			if err := r.accepted(ctx, server, name, principal); err != nil {
				return err
			}
		}
	}
	return nil
}

// accepted waits until the broker takes the new password.
func (r *Rotation) accepted(ctx context.Context, server, mechanism, principal string) error {
	config := r.place.KafkaConfig(principal, "")
	config.BootstrapServers = []string{server}
	config.SASL = kafka.SASL{Mechanism: mechanism, Username: principal, Password: r.secrets.Next[principal]}
	ctx, cancel := context.WithTimeout(ctx, propagation)
	defer cancel()
	for {
		client, err := config.Client(kgo.RequestRetries(0))
		if err != nil {
			return err
		}
		err = client.Ping(ctx)
		client.Close()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the broker at %s takes the new password of %s: %w (last: %w)", server, principal, context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// follow has all log in with the new password under the mechanism, and waits until
// no login that began with what was before can be under way.
func (r *Rotation) follow(ctx context.Context, mechanism string) error {
	for _, name := range r.names {
		if err := r.place.writeCredential(name, mechanism, r.secrets.Next[name]); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(kafka.LoginSettle):
		return nil
	}
}

// commit makes the new passwords those of secrets.json. They stay noted until the
// last trace of the rotation is gone.
func (r *Rotation) commit() error {
	for _, name := range r.names {
		if name == Admin {
			r.secrets.Admin = r.secrets.Next[name]
		} else {
			r.secrets.Principals[name] = r.secrets.Next[name]
		}
	}
	return r.secrets.save(r.place.DataDir)
}

// clear removes the credentials under the other mechanism.
func (r *Rotation) clear(ctx context.Context) error {
	remove := make([]kadm.DeleteSCRAM, 0, len(r.names))
	for _, name := range r.names {
		remove = append(remove, kadm.DeleteSCRAM{User: name, Mechanism: kadm.ScramSha256})
	}
	answers, err := r.admin.AlterUserSCRAMs(ctx, remove, nil)
	if err = errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("remove the credentials under %s: %w", kafka.ScramSHA256, err)
	}
	r.secrets.Next = nil
	return r.secrets.save(r.place.DataDir)
}

// save replaces secrets.json whole.
func (s Secrets) save(dataDir string) error {
	secretsMu.Lock()
	defer secretsMu.Unlock()
	if err := writeJSON(filepath.Join(dataDir, "secrets.json"), s, 0o600); err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	return nil
}
