package stream

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// envUnsafe makes a task write outside its transactions: outputs and changes of
// state count as soon as they are written, the offsets only with the commit.
// It exists for one purpose, the negative control of test/chaos: a checker that
// finds nothing wrong with such a task would find nothing wrong with any.
const envUnsafe = "HEADWATER_UNSAFE_NO_TRANSACTIONS"

// writer is the client that outputs and changes of state go through: the
// transactional one.
func (t *task) writer(cfg kafka.Config, unsafe bool) (*kgo.Client, error) {
	if !unsafe {
		return t.client, nil
	}
	t.log.Warn("transactions are off: what this task writes will be lost and doubled", "because", envUnsafe)
	return cfg.Client(kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}), kgo.ProducerLinger(0))
}
