package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// unreachableError says that no broker of a configured cluster answers.
type unreachableError struct {
	servers []string
	cause   error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no broker of %s answers: %s", strings.Join(e.servers, ", "), cause(e.cause))
}

func (e *unreachableError) Unwrap() error { return e.cause }

// wrongClusterError says that another cluster answers than the configuration is for.
type wrongClusterError struct {
	servers   []string
	want, got string
}

func (e *wrongClusterError) Error() string {
	return fmt.Sprintf("the cluster at %s has the id %q, and expected_cluster_id is %q", strings.Join(e.servers, ", "), e.got, e.want)
}

// reported remembers what has been said in this walk, so that a hundred
// resources with one trouble make one diagnostic.
type reported struct {
	mu   sync.Mutex
	said map[string]bool
}

// first reports whether the topic comes up for the first time.
func (r *reported) first(topic string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == nil {
		r.said = map[string]bool{}
	}
	defer func() { r.said[topic] = true }()
	return !r.said[topic]
}

// fail adds the diagnostic of a failed read or write. The summary is a verb
// phrase that names the object, such as `Create topic "x"`.
func (i *instance) fail(diags *diag.Diagnostics, summary string, err error) {
	var wrong *wrongClusterError
	if errors.As(err, &wrong) {
		diags.AddError(summary+": this is another cluster", sentence(wrong)+" Nothing was read or written.\n\n"+
			"Correct bootstrap_servers (HEADWATER_BOOTSTRAP_SERVERS) if they lead to the wrong place. If the configuration has a new cluster, "+
			"set expected_cluster_id (HEADWATER_EXPECTED_CLUSTER_ID) to its id.")
		return
	}
	if refusal := i.kafka.Refusal(err); refusal != nil {
		diags.AddError(summary+": Kafka and the provider do not come together", sentence(errors.New(refusal.What))+"\n\n"+refusal.Remedy)
		return
	}
	if away := i.unreachable(err); away != nil {
		diags.AddError(summary+": Kafka cannot be reached", fmt.Sprintf(
			"No broker of %s answers: %s.\n\nCheck that the cluster runs and that the provider's bootstrap_servers "+
				"(or HEADWATER_BOOTSTRAP_SERVERS), tls and sasl are right, then run the same command again: it goes on where this one stopped.",
			strings.Join(away.servers, ", "), cause(away.cause)))
		return
	}
	detail := sentence(err) + advice(err)
	if denied(err) {
		detail += i.adviceOnRights(err)
	}
	diags.AddError(summary, detail)
}

// failPlan is fail for reads and plans. A cluster that cannot be reached, or is
// another one, refuses the whole plan, so the first resource says it and the others
// keep their state.
func (i *instance) failPlan(diags *diag.Diagnostics, summary string, err error) {
	if i.ofAll(err) && !i.reported.first("unreachable") {
		return
	}
	i.fail(diags, summary, err)
}

// ofAll reports whether an error befalls every request of this walk alike.
func (i *instance) ofAll(err error) bool {
	var wrong *wrongClusterError
	return i.unreachable(err) != nil || errors.Is(err, errNoBrokers) || errors.As(err, &wrong) || i.kafka.Refusal(err) != nil
}

// unreachable tells a broken or refused connection, and a request that nobody
// answered in time, from an answer that says no.
func (i *instance) unreachable(err error) *unreachableError {
	var away *unreachableError
	if errors.As(err, &away) {
		return away
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) ||
		errors.Is(err, kerr.BrokerNotAvailable) {
		return &unreachableError{servers: i.kafka.BootstrapServers, cause: err}
	}
	return nil
}

// cause strips what the client says about its own pieces.
func cause(err error) string {
	var shards *kadm.ShardErrors
	if errors.As(err, &shards) && len(shards.Errs) > 0 {
		err = shards.Errs[0].Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within the request timeout"
	}
	if errors.Is(err, io.EOF) {
		return "it closed the connection, as brokers do on a wrong user or password, or when only one side uses TLS"
	}
	return strings.TrimSuffix(err.Error(), ".")
}

// sentence makes an error the first sentence of a detail.
func sentence(err error) string {
	text := cause(err)
	if text == "" {
		return ""
	}
	return capital(text) + "."
}

// capital begins a text as a sentence begins.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// advice says how to mend what brokers refuse most often.
func advice(err error) string {
	switch {
	case errors.Is(err, kerr.SecurityDisabled):
		return "\n\nThe brokers run without an authorizer: set authorizer.class.name on them, or remove the headwater_acl resources."
	case errors.Is(err, kerr.TopicAlreadyExists):
		return "\n\nIt was made outside this configuration. Bring it in with an import block, or delete it first."
	case errors.Is(err, kerr.NotController):
		return "\n\nThe controller of the cluster is moving to another node, and took longer than request_timeout allows. What was written before stays; " +
			"run the same command again, it goes on where this one stopped. If it says so again, look at the controllers' logs."
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return "\n\nThe cluster has fewer brokers than replicas are asked for: lower replication_factor or add brokers."
	}
	return ""
}

// warnUnchecked says once per walk what a plan could not look at.
func (i *instance) warnUnchecked(diags *diag.Diagnostics, why string) {
	if i.reported.first(why) {
		diags.AddWarning("Plan not checked by the brokers", why)
	}
}

// warnDenied says once per walk that the principal lacks the rights for the
// brokers' dry run, however many rights and resources that concerns: the plan then
// stands on Kafka's published rules alone.
func (i *instance) warnDenied(diags *diag.Diagnostics, err error) {
	if i.reported.first("denied") {
		diags.AddWarning("Plan not checked by the brokers", "The provider's principal lacks rights for their dry run, first met here. The plan is checked against "+
			"Kafka's published rules alone wherever that is so, and the brokers check again before anything is written. They said: "+sentence(err)+i.adviceOnRights(err))
	}
}

// failDryRun is failPlan for what brokers say to a request that only validates: a
// missing right is no fault of the plan, and what is wrong stands at its attribute
// where the answer tells which that is.
func (i *instance) failDryRun(diags *diag.Diagnostics, summary string, err error, at func(error) (path.Path, bool)) {
	switch {
	case err == nil:
		return
	case denied(err):
		i.warnDenied(diags, err)
		return
	}
	var found diag.Diagnostics
	i.failPlan(&found, summary, err)
	where, known := at(err)
	for _, d := range found {
		if known {
			d = diag.WithPath(where, d)
		}
		diags.Append(d)
	}
}

// mentioned is the longest of the keys that an error's text names.
func mentioned(err error, keys iter.Seq[string]) (longest string, ok bool) {
	text := err.Error()
	for key := range keys {
		if strings.Contains(text, key) && len(key) > len(longest) {
			longest = key
		}
	}
	return longest, longest != ""
}

// unknownKafka is why a plan is made without the brokers while their address is
// known only after apply.
const unknownKafka = "The provider's Kafka settings are known only after apply. The plan is checked against Kafka's published rules alone; " +
	"what is on the cluster is kept as the state has it, and the brokers check again before anything is written."
