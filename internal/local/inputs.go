package local

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/capacity/offsets"
)

// inputs reads of the brokers what the autoscaler must know of a group.
type inputs struct{ client *kgo.Client }

// newInputs makes a client of the brokers. It does not dial.
func newInputs(place Place, secrets Secrets) (*inputs, error) {
	client, err := place.AdminConfig(secrets).Client()
	if err != nil {
		return nil, err
	}
	return &inputs{client}, nil
}

// Close lets go of the connections.
func (i *inputs) Close() { i.client.Close() }

func (i *inputs) read(ctx context.Context, group string) (map[capacity.Partition]capacity.Offsets, error) {
	return offsets.Read(ctx, kadm.NewClient(i.client), group)
}
