package main

import "math"

// topicConfigKeys are the topic settings of Apache Kafka 4.3.1, read out of
// LogConfig in its storage jar. Its replication throttles are missing on purpose:
// a reassignment sets and clears them, and nobody else may (see throttleKeys).
// The broker takes any retention.bytes, but gives a meaning to -1 and above only.
var topicConfigKeys = map[string]configKey{
	"cleanup.policy":                  {kind: list, values: []string{"compact", "delete"}},
	"compression.gzip.level":          {kind: integer, low: 1, high: 9, unset: "-1"},
	"compression.lz4.level":           {kind: integer, low: 1, high: 17},
	"compression.type":                {kind: text, values: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}},
	"compression.zstd.level":          {kind: integer, low: -131072, high: 22},
	"delete.retention.ms":             {kind: integer, low: 0, high: math.MaxInt64},
	"file.delete.delay.ms":            {kind: integer, low: 0, high: math.MaxInt64},
	"flush.messages":                  {kind: integer, low: 1, high: math.MaxInt64},
	"flush.ms":                        {kind: integer, low: 0, high: math.MaxInt64},
	"index.interval.bytes":            {kind: integer, low: 0, high: math.MaxInt32},
	"local.retention.bytes":           {kind: integer, low: -2, high: math.MaxInt64},
	"local.retention.ms":              {kind: integer, low: -2, high: math.MaxInt64},
	"max.compaction.lag.ms":           {kind: integer, low: 1, high: math.MaxInt64},
	"max.message.bytes":               {kind: integer, low: 0, high: math.MaxInt32},
	"message.timestamp.after.max.ms":  {kind: integer, low: 0, high: math.MaxInt64},
	"message.timestamp.before.max.ms": {kind: integer, low: 0, high: math.MaxInt64},
	"message.timestamp.type":          {kind: text, values: []string{"CreateTime", "LogAppendTime"}},
	"min.cleanable.dirty.ratio":       {kind: decimal, low: 0, high: 1},
	"min.compaction.lag.ms":           {kind: integer, low: 0, high: math.MaxInt64},
	"min.insync.replicas":             {kind: integer, low: 1, high: math.MaxInt32},
	"preallocate":                     {kind: boolean},
	"remote.log.copy.disable":         {kind: boolean},
	"remote.log.delete.on.disable":    {kind: boolean},
	"remote.storage.enable":           {kind: boolean},
	"retention.bytes":                 {kind: integer, low: -1, high: math.MaxInt64},
	"retention.ms":                    {kind: integer, low: -1, high: math.MaxInt64},
	"segment.bytes":                   {kind: integer, low: 1048576, high: math.MaxInt32},
	"segment.index.bytes":             {kind: integer, low: 4, high: math.MaxInt32},
	"segment.jitter.ms":               {kind: integer, low: 0, high: math.MaxInt64},
	"segment.ms":                      {kind: integer, low: 1, high: math.MaxInt64},
	"unclean.leader.election.enable":  {kind: boolean},
}

// throttleKeys are set on topics by a running reassignment. headwater_topic
// neither shows nor removes them.
var throttleKeys = map[string]bool{
	"follower.replication.throttled.replicas": true,
	"leader.replication.throttled.replicas":   true,
}
