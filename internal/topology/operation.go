package topology

import "time"

// What headwater reset and headwater skip ask of a processor's program, and what
// it answers. The program does the work, since it alone knows how its state and
// its ledger are kept: <program> --reset REQUEST and <program> --skip REQUEST take
// JSON and print JSON, with the brokers and the state directory in the environment
// as a task has them.

// Reset asks to process again from another point, with the state cleared or kept.
type Reset struct {
	To        string `json:"to"`         // earliest, latest, or a time in RFC 3339
	Topic     string `json:"topic"`      // this input only; empty for all
	KeepState bool   `json:"keep_state"` // leave the state as it is
	DryRun    bool   `json:"dry_run"`    // only say what would happen
	By        string `json:"by"`         // who asks, for the ledger
}

// ResetReport is what a reset did, or would do.
type ResetReport struct {
	Processor    string    `json:"processor"`
	Moves        []Move    `json:"moves"`
	StateTopic   string    `json:"state_topic"`
	StateRecords int64     `json:"state_records"` // keys that are forgotten
	Directories  []string  `json:"directories"`   // of local state, dropped
	KeepState    bool      `json:"keep_state"`
	DryRun       bool      `json:"dry_run"`
	By           string    `json:"by"`
	At           time.Time `json:"at"`
}

// Move is one partition's new place.
type Move struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"` // the committed offset; -1 for none
	To        int64  `json:"to"`
	// Again and Passed are offsets, and so at most as many records: transaction
	// markers have offsets too.
	Again  int64 `json:"again"`  // to be processed a second time
	Passed int64 `json:"passed"` // never to be processed
	// Own is a topic that the processor itself writes, as a repartition topic. It
	// goes on at its end: what is processed again is written to it again.
	Own bool `json:"own,omitempty"`
}

// Skip asks to take a range of offsets off a processor.
type Skip struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"` // the committed offset
	To        int64  `json:"to"`   // the last that is skipped
	DryRun    bool   `json:"dry_run"`
	By        string `json:"by"`
}

// SkipReport is what a skip did, or would do.
type SkipReport struct {
	Processor    string    `json:"processor"`
	Topic        string    `json:"topic"`
	Partition    int32     `json:"partition"`
	From         int64     `json:"from"`
	To           int64     `json:"to"`
	DeadLettered int64     `json:"dead_lettered"` // records that went to dead-letters
	Emptied      int64     `json:"emptied"`       // of those, without their value, which is larger than dead-letters takes
	Deleted      int64     `json:"deleted"`       // offsets at the beginning that the log no longer has
	DryRun       bool      `json:"dry_run"`
	By           string    `json:"by"`
	At           time.Time `json:"at"`
}
