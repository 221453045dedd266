package stream

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactionVersion is the feature level from which the brokers raise a
// producer's epoch with each transaction (KIP-890): below it the late end of one
// transaction can end the next, which loses or tears what it wrote.
const transactionVersion = 2

// checkBrokers refuses brokers whose transactions cannot be relied on.
func (t *task) checkBrokers(ctx context.Context) error {
	const feature = "transaction.version"
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "headwater", "1"
	response, err := request.RequestWith(ctx, t.client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // told to stop
	}
	if err != nil {
		return fmt.Errorf("read the features of the brokers: %w", err)
	}
	level := int16(0)
	for _, f := range response.FinalizedFeatures {
		if f.Name == feature {
			level = f.MaxVersionLevel
		}
	}
	if level < transactionVersion {
		return fatalf("start %s: the brokers have %s at level %d, exactly once needs %d: "+
			"run kafka-features.sh upgrade --feature %s=%d (Kafka 4.0 or later) and start the processor again",
			t.spec.Name, feature, level, transactionVersion, feature, transactionVersion)
	}
	return nil
}
