// Delay is a processor for the tests of autoscaling: it waits a declared time
// for each record, numbers the records of each key and passes them on. What it
// can do per second is so known, on a machine of any speed. It is no part of the
// platform and `make build` leaves it out.
package main

import (
	"encoding/binary"
	"time"

	"headwater.internal/platform/processors/internal/stream"
)

// doneSchema is written out in test/autoscale as well, which registers it.
const doneSchema = `{"type":"record","name":"Done","namespace":"delay","fields":[
	{"name":"id","type":"long"},{"name":"count","type":"long"}]}`

type done struct {
	ID    int64 `avro:"id"`    // of the input
	Count int64 `avro:"count"` // of its key's records so far
}

var spec = stream.Spec{
	Name:   "delay",
	About:  "waits for each record and passes it on.",
	Reads:  []stream.Source{{Topic: "work"}},
	Writes: []stream.Sink{{Topic: "done", Schema: doneSchema, SamePartition: true}},
	State:  stream.State{Topic: "state.delay", Version: 1},
}

type rule struct{ perEvent time.Duration }

func newRule(s *stream.Settings) stream.Rule {
	return rule{s.Duration("DELAY_PER_EVENT", 25*time.Millisecond, "what each record takes")}
}

// Apply implements [stream.Rule].
func (r rule) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	if len(in.Value) != 8 {
		return stream.DeadLetter(stream.BadPayload, "%d bytes are no number", len(in.Value))
	}
	time.Sleep(r.perEvent)
	count := int64(1)
	if before := tx.Get(in.Key); before != nil {
		count += int64(binary.BigEndian.Uint64(before)) //nolint:gosec // a count
	}
	tx.Put(in.Key, binary.BigEndian.AppendUint64(nil, uint64(count))) //nolint:gosec // a count
	id := int64(binary.BigEndian.Uint64(in.Value))                    //nolint:gosec // the test counts up from 1
	if err := tx.Append("done", in.Key, &done{id, count}, nil); err != nil {
		return stream.DeadLetter(stream.RuleError, "%v", err)
	}
	return stream.Applied
}

func main() { stream.Main(spec, newRule) }
