package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/singleflight"
)

// instance is one configured provider, made by Configure and handed to every
// resource and data source as their ProviderData. Terraform configures anew for
// each walk (plan, apply), so what is kept here lives for one walk only.
type instance struct {
	settings
	collector      *collector
	batches        *batches
	schemaRegistry *registry
	catalogues     catalogues
	planned        planned
	topics         plannedTopics
	snapshots      snapshots
	moves          *mover
	duties         duties
	cordons        ownCordons
	turn           chan struct{} // one place: who changes a broker's settings is in it
	reported       reported
	aclWriter      *aclWriter
	guard          *aclGuard
	claims         aclClaims

	making sync.Once
	client *clusterClient
	err    error

	reaching singleflight.Group
	reached  atomic.Bool
}

// clusterClient is a client of the Kafka cluster: kadm's methods, and raw for
// requests that kadm lacks and for producing.
type clusterClient struct {
	*kadm.Client
	raw *kgo.Client
}

// errNoBrokers is the answer to whoever needs Kafka when no broker is configured.
var errNoBrokers = errors.New("no broker is configured: set bootstrap_servers in the provider block or HEADWATER_BOOTSTRAP_SERVERS")

func newInstance(set settings) *instance {
	inst := &instance{settings: set, turn: make(chan struct{}, 1)}
	inst.moves = &mover{inst: inst}
	inst.guard = &aclGuard{inst: inst, revoked: map[aclEntry]bool{}, denied: map[aclEntry]bool{}}
	// A load is a few requests, each with its own timeout inside the client.
	inst.collector = newCollector(inst.connect, 2*set.requestTimeout)
	inst.batches = newBatches(inst.connect, 2*set.requestTimeout)
	inst.aclWriter = newACLWriter(inst, 2*set.requestTimeout)
	inst.catalogues = catalogues{settings: set, dial: inst.connect}
	inst.schemaRegistry = newRegistry(set.registry, set.requestTimeout)
	return inst
}

// connect returns a client of the cluster that is meant and answers. The first
// call asks any broker for a sign of life, so that brokers that are away are told
// as such, at once and with their addresses, and not as the time-out of some
// request; and it compares the cluster's id with the expected one, so that nothing
// is read of another cluster, nor written to it.
func (i *instance) connect(ctx context.Context) (*clusterClient, error) {
	client, err := i.makeClient()
	if err != nil || i.reached.Load() {
		return client, err
	}
	_, err, _ = i.reaching.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.requestTimeout)
		defer cancel()
		if err := client.raw.Ping(ctx); err != nil {
			return nil, &unreachableError{servers: i.kafka.BootstrapServers, cause: err}
		}
		if err := i.compareCluster(ctx, client); err != nil {
			return nil, err
		}
		i.reached.Store(true)
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return client, nil
}

// compareCluster refuses a cluster other than the expected one.
func (i *instance) compareCluster(ctx context.Context, client *clusterClient) error {
	if i.expectedClusterID == "" {
		return nil
	}
	metadata, err := client.BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	if metadata.Cluster != i.expectedClusterID {
		return &wrongClusterError{servers: i.kafka.BootstrapServers, want: i.expectedClusterID, got: metadata.Cluster}
	}
	return nil
}

// makeClient returns the client that all share who do not have their own.
func (i *instance) makeClient() (*clusterClient, error) {
	i.making.Do(func() { i.client, i.err = i.newClient() })
	return i.client, i.err
}

// newClient makes a client, which dials when it is first asked.
func (i *instance) newClient() (*clusterClient, error) {
	if i.kafkaUnknown {
		return nil, errors.New("the provider's Kafka settings are not known yet")
	}
	if len(i.kafka.BootstrapServers) == 0 {
		return nil, errNoBrokers
	}
	raw, err := i.kafka.Client(
		kgo.RetryTimeout(i.requestTimeout),
		kgo.MetadataMinAge(50*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	client := &clusterClient{Client: kadm.NewClient(raw), raw: raw}
	client.SetTimeoutMillis(int32(i.requestTimeout.Milliseconds()))
	return client, nil
}

// instanceFrom reads a type's ProviderData in its Configure method. It returns
// nil before the provider is configured (when Terraform only validates).
func instanceFrom(data any, diags *diag.Diagnostics) *instance {
	if data == nil {
		return nil
	}
	inst, ok := data.(*instance)
	if !ok {
		diags.AddError("Configure the provider's types", fmt.Sprintf("expected *instance as provider data, got %T. Please report this to the platform team.", data))
		return nil
	}
	return inst
}
