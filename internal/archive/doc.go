// Package archive is the long memory of the platform: every processed event, once,
// as Parquet files by event date and hour on object storage, and the books by which
// writers and readers agree on which files count.
//
// # Layout
//
//	events/date=2026-11-27/hour=18/<topic id>-p0007-<first>-<last>.parquet
//	commits/<topic id>/p0007/<first>.json
//	intents/<topic id>/p0007/<first>-<next>-<writer>.json
//	heads/<topic id>/p0007.json
//
// A batch is a run of offsets of one partition: from first, where the batch before
// it ended, to last. Its rows lie in one file for each hour in which its events
// happened. Names hold the id of the topic, so that one made anew under the same
// name begins a history of its own.
//
// # Exactly once
//
// Object storage has no transactions, but it can create an object only where there
// is none. [Writer.Write] notes which files it is about to write (the intent),
// writes them, opens each again and compares it, and then creates the commit of the
// batch. The commit's name is the batch's first offset, so of two writers that
// both believe to own a partition one creates it; the other learns what was
// committed, removes its own files and goes on behind them. A file counts if and
// only if the commit of its batch names it. What a writer that died has left behind
// is named by its intent and removed by the next writer of the partition.
//
// Offsets of the consumer group play no part in this: they may lag, be reset or be
// lost. [Writer.Position] is where the commits end; a head is a hint where to look,
// which may lag.
package archive
