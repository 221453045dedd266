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
// The files, in the order in which a record meets them: task.go (poll and
// commit), partition.go (one partition's rule, clock and ledger), tx.go (what a
// rule sees), store.go (Pebble), restore.go (the changelog).
package stream
