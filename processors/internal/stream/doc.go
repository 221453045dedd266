// Package stream runs a processor: it reads topics, hands each record to a pure
// rule, and writes what the rule decided, exactly once.
//
// A processor is a [Spec] (what it reads, writes and keeps) and a [Rule] (what
// it does with one record); its main.go only calls [Main]. The rule has no
// client, no logger and no clock: the record's times, the partition's clock and
// a transactional state are handed to it.
//
// What the runtime promises:
//
//   - Input offsets, outputs, state changes and ledger entries of one Kafka
//     transaction stand or fall together. State lives in Pebble, changes reach
//     the disk only after the commit, and the compacted state topic, written in
//     the same transaction, restores what a restart missed.
//   - Partition p of every input belongs to the same task, together with
//     partition p of the state.
//   - A record that cannot be handled goes to the dead letters inside the same
//     transaction and the partition goes on.
//   - Time is the partition's clock: the largest receipt time seen, moved by the
//     wall clock only where everything received has been processed. An event's
//     own time never moves it.
//
// # What becomes of what goes wrong
//
// Nothing is skipped without an entry, and nothing ends a task that would meet
// the same when it came back.
//
//	fault                                         outcome
//	no schema id, a body that does not decode,    dead letter of its class at once
//	a bad envelope, a rule that panics in Apply
//	unknown schema                                its partition is held for 30 s, then dead letter
//	                                              unknown_schema; waits in vain halve the next on the topic
//	unknown type, schema of another subject       the same for 3 s: unknown_type, wrong_subject
//	registry silent, down, or without what it     partitions that need it are held, known ids go on
//	must know
//	a rule that says Retry                        its partition is held, 250 ms to 5 s between tries
//	output or state entry over 1,000,000 bytes,   the record to blame is looked for in ever smaller
//	undeclared output, a panic in Seal            transactions: dead letter rule_error
//	a partition that can write nothing            it stops: headwater_stream_stopped{reason="unwritable"}
//	a panic in Wake                               the timer is set aside, its state in one dead letter
//	offset out of range, log that lost its end    the partition stops: reason="offset_out_of_range"
//	a batch over 64 MiB decompressed              the partition stops: reason="unreadable_batch"
//	a dead letter over 16 MiB                     written without its value; one over its topic's limit
//	                                              is refused as the next line has it
//	the brokers refuse outputs for want of a      abort and try again each second, membership kept
//	topic, a right or a limit
//	slow brokers                                  waited for; a transaction that outlives its timeout is
//	                                              aborted by them, and the task starts anew
//	unknown outcome of a commit                   the task ends, a new one takes a new epoch and restores
//	                                              up to the last stable offset
//	disk full under the state                     writes wait, the task takes nothing, membership kept
//	damaged state                                 dropped and restored
//	brokers below transaction.version 2           refused at start
//
// A held partition goes on by itself, a stopped one once an operator has acted;
// both keep the others going. /readyz names what is stopped.
//
// The files, in the order in which a record meets them: task.go (poll and
// commit), partition.go (one partition's rule, clock and ledger), tx.go (what a
// rule sees), store.go (Pebble), restore.go (the changelog).
package stream
