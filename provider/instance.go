package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// instance is one configured provider, made by Configure and handed to every
// resource and data source as their ProviderData. Terraform configures anew for
// each walk (plan, apply), so what is kept here lives for one walk only.
type instance struct {
	settings
	collector *collector
	planned   planned

	dial   sync.Once
	client *kadm.Client
	err    error
}

func newInstance(set settings) *instance {
	inst := &instance{settings: set}
	inst.collector = newCollector(inst.admin)
	return inst
}

// admin returns the administrative client, made on first use. Making it does not
// dial either: the first request does.
func (i *instance) admin() (*kadm.Client, error) {
	i.dial.Do(func() {
		if len(i.kafka.BootstrapServers) == 0 {
			i.err = fmt.Errorf("no broker is configured: set bootstrap_servers in the provider block or HEADWATER_BOOTSTRAP_SERVERS")
			return
		}
		client, err := i.kafka.Client(
			kgo.RetryTimeout(i.requestTimeout),
			kgo.MetadataMinAge(50*time.Millisecond),
		)
		if err != nil {
			i.err = err
			return
		}
		i.client = kadm.NewClient(client)
		i.client.SetTimeoutMillis(int32(i.requestTimeout.Milliseconds()))
	})
	return i.client, i.err
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
