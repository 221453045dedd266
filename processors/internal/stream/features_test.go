package stream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Defends exactly once against brokers that cannot give it: below
// transaction.version 2 the task refuses to start and says what to do.
func TestOldTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	p.cluster.Fake() // a real cluster is shared with other tests, which need the feature
	req := kmsg.NewPtrUpdateFeaturesRequest()
	update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	update.Feature, update.MaxVersionLevel, update.UpgradeType = "transaction.version", 0, 2
	req.FeatureUpdates = append(req.FeatureUpdates, update)
	resp, err := req.RequestWith(t.Context(), p.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	select {
	case err := <-r.done:
		var fatal *fatalError
		if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "transaction.version at level 0") || !strings.Contains(err.Error(), "kafka-features.sh") {
			t.Errorf("the task ended with %v", err)
		}
		r.done <- nil
	case <-time.After(30 * time.Second):
		t.Error("the task did not refuse")
	}
}
