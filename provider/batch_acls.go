package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// aclsPerRequest keeps a request under the 10,000 records that Kafka's controller
// writes at once.
const aclsPerRequest = 2000

// aclWriter writes what several resources ask for at about the same time in one
// request each way. An entry that one resource granted in this walk is not revoked
// by another: so a grant may move from one resource to another in one apply,
// whichever of the two comes first.
type aclWriter struct {
	inst   *instance
	client func() (*clusterClient, error) // of a connection of its own, so that ACLs do not wait for topics
	batch  *batch[aclWrite, struct{}]

	mu      sync.Mutex // one batch at a time
	granted map[aclEntry]bool
}

// aclWrite is what one resource asks for.
type aclWrite struct {
	grant, revoke []aclEntry
}

// newACLWriter makes the writer of one instance. Each batch is bounded by timeout.
func newACLWriter(inst *instance, timeout time.Duration) *aclWriter {
	w := &aclWriter{inst: inst, granted: map[aclEntry]bool{}}
	w.client = sync.OnceValues(inst.newClient)
	w.batch = newBatch(&inst.batches.crowd, timeout, w.send)
	return w
}

// grantACLs adds the entries. One that exists already is no error.
func (i *instance) grantACLs(ctx context.Context, entries []aclEntry) error {
	return i.aclWriter.write(ctx, aclWrite{grant: entries})
}

// revokeACLs deletes the entries. One that is gone already is no error.
func (i *instance) revokeACLs(ctx context.Context, entries []aclEntry) error {
	return i.aclWriter.write(ctx, aclWrite{revoke: entries})
}

func (w *aclWriter) write(ctx context.Context, own aclWrite) error {
	if len(own.grant)+len(own.revoke) == 0 {
		return nil
	}
	_, err := w.batch.do(ctx, own)
	return err
}

// send writes a batch, but for what would lock the provider out: what is granted
// first, so that nobody is locked out in between.
func (w *aclWriter) send(ctx context.Context, writes []aclWrite) ([]outcome[struct{}], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	outcomes := w.inst.guard.refuse(ctx, writes)
	var grant, revoke []aclEntry
	for i, write := range writes {
		if outcomes[i].err == nil {
			grant = append(grant, write.grant...)
			revoke = append(revoke, write.revoke...)
		}
	}
	failures := w.create(ctx, unique(grant))
	for _, entry := range grant {
		if failures[entry] == nil {
			w.granted[entry] = true
		}
	}
	revoke = slices.DeleteFunc(unique(revoke), func(e aclEntry) bool { return w.granted[e] })
	for entry, err := range w.remove(ctx, revoke) {
		failures[entry] = err
	}
	for i, write := range writes {
		for _, entry := range slices.Concat(write.grant, write.revoke) {
			w.inst.collector.acls.invalidate(entry.pattern.key())
			if outcomes[i].err == nil {
				outcomes[i].err = failures[entry]
			}
		}
	}
	return outcomes, nil
}

// create adds entries and returns why which could not be.
func (w *aclWriter) create(ctx context.Context, entries []aclEntry) map[aclEntry]error {
	return w.inChunks(ctx, entries, func(client *clusterClient, chunk []aclEntry) ([]error, error) {
		req := kmsg.NewPtrCreateACLsRequest()
		for _, e := range chunk {
			req.Creations = append(req.Creations, e.creation())
		}
		resp, err := req.RequestWith(ctx, client.raw)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, result := range resp.Results {
			errs = append(errs, codeError(result.ErrorCode, result.ErrorMessage))
		}
		return errs, nil
	})
}

// remove deletes entries and returns why which could not be.
func (w *aclWriter) remove(ctx context.Context, entries []aclEntry) map[aclEntry]error {
	return w.inChunks(ctx, entries, func(client *clusterClient, chunk []aclEntry) ([]error, error) {
		req := kmsg.NewPtrDeleteACLsRequest()
		for _, e := range chunk {
			req.Filters = append(req.Filters, e.filter())
		}
		resp, err := req.RequestWith(ctx, client.raw)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, result := range resp.Results {
			errs = append(errs, codeError(result.ErrorCode, result.ErrorMessage))
		}
		return errs, nil
	})
}

// inChunks sends entries in requests of bounded size and gathers the failures.
// Kafka answers entries in the order of the request.
func (w *aclWriter) inChunks(ctx context.Context, entries []aclEntry, send func(*clusterClient, []aclEntry) ([]error, error)) map[aclEntry]error {
	failures := map[aclEntry]error{}
	for chunk := range slices.Chunk(entries, aclsPerRequest) {
		errs, err := w.request(ctx, chunk, send)
		if err == nil && len(errs) < len(chunk) {
			err = errNoAnswer
		}
		for i, entry := range chunk {
			cause := err
			if cause == nil {
				cause = errs[i]
			}
			if cause != nil {
				failures[entry] = needs(cause, "ALTER", clusterType)
			}
		}
	}
	return failures
}

// request sends one chunk once the cluster is known to answer.
func (w *aclWriter) request(ctx context.Context, chunk []aclEntry, send func(*clusterClient, []aclEntry) ([]error, error)) ([]error, error) {
	client, err := w.inst.connect(ctx)
	if err == nil && w.inst.kafka.MaxInFlight == 0 {
		client, err = w.client()
	}
	if err != nil {
		return nil, err
	}
	return send(client, chunk)
}

// unique returns the entries in their order, each once.
func unique(entries []aclEntry) []aclEntry {
	seen := make(map[aclEntry]bool, len(entries))
	return slices.DeleteFunc(slices.Clone(entries), func(e aclEntry) bool {
		defer func() { seen[e] = true }()
		return seen[e]
	})
}
