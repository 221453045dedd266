package main

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// brokerConfigKeys are the settings that Apache Kafka 4.3.1 changes on a running
// broker, read out of DynamicConfig.Broker in its server jar. Missing on purpose:
// passwords and keys (they would stand in the state), the throttles and cordon of
// a drain, and min.insync.replicas, which brokers refuse per broker while eligible
// leader replicas are on.
var brokerConfigKeys = map[string]configKey{
	"background.threads":                             {kind: integer, low: 1, high: math.MaxInt32},
	"compression.gzip.level":                         {kind: integer, low: 1, high: 9, unset: "-1"},
	"compression.lz4.level":                          {kind: integer, low: 1, high: 17},
	"compression.type":                               {kind: text, values: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}},
	"compression.zstd.level":                         {kind: integer, low: -131072, high: 22},
	"config.providers":                               {kind: list},
	"follower.fetch.last.tiered.offset.enable":       {kind: boolean},
	"group.consumer.assignment.interval.ms":          {kind: integer, low: 0, high: math.MaxInt32},
	"group.coordinator.cached.buffer.max.bytes":      {kind: integer, low: 524288, high: math.MaxInt32},
	"group.share.assignment.interval.ms":             {kind: integer, low: 0, high: math.MaxInt32},
	"group.streams.assignment.interval.ms":           {kind: integer, low: 0, high: math.MaxInt32},
	"listener.security.protocol.map":                 {kind: text},
	"listeners":                                      {kind: list},
	"log.cleaner.backoff.ms":                         {kind: integer, low: 0, high: math.MaxInt64},
	"log.cleaner.dedupe.buffer.size":                 {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"log.cleaner.delete.retention.ms":                {kind: integer, low: 0, high: math.MaxInt64},
	"log.cleaner.io.buffer.load.factor":              {kind: decimal},
	"log.cleaner.io.buffer.size":                     {kind: integer, low: 0, high: math.MaxInt32},
	"log.cleaner.io.max.bytes.per.second":            {kind: decimal},
	"log.cleaner.max.compaction.lag.ms":              {kind: integer, low: 1, high: math.MaxInt64},
	"log.cleaner.min.cleanable.ratio":                {kind: decimal, low: 0, high: 1},
	"log.cleaner.min.compaction.lag.ms":              {kind: integer, low: 0, high: math.MaxInt64},
	"log.cleaner.threads":                            {kind: integer, low: 0, high: math.MaxInt32},
	"log.cleanup.policy":                             {kind: list, values: []string{"compact", "delete"}},
	"log.flush.interval.messages":                    {kind: integer, low: 1, high: math.MaxInt64},
	"log.flush.interval.ms":                          {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"log.index.interval.bytes":                       {kind: integer, low: 0, high: math.MaxInt32},
	"log.index.size.max.bytes":                       {kind: integer, low: 4, high: math.MaxInt32},
	"log.local.retention.bytes":                      {kind: integer, low: -2, high: math.MaxInt64},
	"log.local.retention.ms":                         {kind: integer, low: -2, high: math.MaxInt64},
	"log.message.timestamp.after.max.ms":             {kind: integer, low: 0, high: math.MaxInt64},
	"log.message.timestamp.before.max.ms":            {kind: integer, low: 0, high: math.MaxInt64},
	"log.message.timestamp.type":                     {kind: text, values: []string{"CreateTime", "LogAppendTime"}},
	"log.preallocate":                                {kind: boolean},
	"log.retention.bytes":                            {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"log.retention.ms":                               {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"log.roll.jitter.ms":                             {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"log.roll.ms":                                    {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"log.segment.bytes":                              {kind: integer, low: 1048576, high: math.MaxInt32},
	"log.segment.delete.delay.ms":                    {kind: integer, low: 0, high: math.MaxInt64},
	"max.connection.creation.rate":                   {kind: integer, low: 0, high: math.MaxInt32},
	"max.connections":                                {kind: integer, low: 0, high: math.MaxInt32},
	"max.connections.per.ip":                         {kind: integer, low: 0, high: math.MaxInt32},
	"max.connections.per.ip.overrides":               {kind: text},
	"message.max.bytes":                              {kind: integer, low: 0, high: math.MaxInt32},
	"metric.reporters":                               {kind: list},
	"num.io.threads":                                 {kind: integer, low: 1, high: math.MaxInt32},
	"num.network.threads":                            {kind: integer, low: 1, high: math.MaxInt32},
	"num.recovery.threads.per.data.dir":              {kind: integer, low: 1, high: math.MaxInt32},
	"num.replica.fetchers":                           {kind: integer, low: 1, high: math.MaxInt32},
	"principal.builder.class":                        {kind: text},
	"producer.id.expiration.ms":                      {kind: integer, low: 1, high: math.MaxInt32},
	"remote.fetch.max.wait.ms":                       {kind: integer, low: 1, high: math.MaxInt32},
	"remote.list.offsets.request.timeout.ms":         {kind: integer, low: 1, high: math.MaxInt64},
	"remote.log.index.file.cache.total.size.bytes":   {kind: integer, low: 1, high: math.MaxInt64},
	"remote.log.manager.copier.thread.pool.size":     {kind: integer, low: 1, high: math.MaxInt32},
	"remote.log.manager.copy.max.bytes.per.second":   {kind: integer, low: 1, high: math.MaxInt64},
	"remote.log.manager.expiration.thread.pool.size": {kind: integer, low: 1, high: math.MaxInt32},
	"remote.log.manager.fetch.max.bytes.per.second":  {kind: integer, low: 1, high: math.MaxInt64},
	"remote.log.manager.follower.thread.pool.size":   {kind: integer, low: 1, high: math.MaxInt32},
	"remote.log.reader.threads":                      {kind: integer, low: 1, high: math.MaxInt32},
	"sasl.enabled.mechanisms":                        {kind: list},
	"sasl.kerberos.kinit.cmd":                        {kind: text},
	"sasl.kerberos.min.time.before.relogin":          {kind: integer, low: math.MinInt64, high: math.MaxInt64},
	"sasl.kerberos.principal.to.local.rules":         {kind: list},
	"sasl.kerberos.service.name":                     {kind: text},
	"sasl.kerberos.ticket.renew.jitter":              {kind: decimal},
	"sasl.kerberos.ticket.renew.window.factor":       {kind: decimal},
	"sasl.login.refresh.buffer.seconds":              {kind: integer, low: math.MinInt16, high: math.MaxInt16},
	"sasl.login.refresh.min.period.seconds":          {kind: integer, low: math.MinInt16, high: math.MaxInt16},
	"sasl.login.refresh.window.factor":               {kind: decimal},
	"sasl.login.refresh.window.jitter":               {kind: decimal},
	"sasl.mechanism.inter.broker.protocol":           {kind: text},
	"share.coordinator.cached.buffer.max.bytes":      {kind: integer, low: 524288, high: math.MaxInt32},
	"ssl.cipher.suites":                              {kind: list},
	"ssl.client.auth":                                {kind: text, values: []string{"required", "requested", "none"}},
	"ssl.enabled.protocols":                          {kind: list},
	"ssl.endpoint.identification.algorithm":          {kind: text},
	"ssl.engine.factory.class":                       {kind: text},
	"ssl.keymanager.algorithm":                       {kind: text},
	"ssl.keystore.location":                          {kind: text},
	"ssl.keystore.type":                              {kind: text},
	"ssl.protocol":                                   {kind: text},
	"ssl.provider":                                   {kind: text},
	"ssl.secure.random.implementation":               {kind: text},
	"ssl.trustmanager.algorithm":                     {kind: text},
	"ssl.truststore.location":                        {kind: text},
	"ssl.truststore.type":                            {kind: text},
	"transaction.partition.verification.enable":      {kind: boolean},
	"unclean.leader.election.enable":                 {kind: boolean},
}

// staticBrokerKeys are the settings that Apache Kafka 4.3.1 reads at start only,
// out of the same table.
//
//go:embed broker_config_static.txt
var staticBrokerKeys string

// brokerKeyReasons are the dynamic settings that brokerConfigKeys leaves out.
var brokerKeyReasons = map[string]string{
	"min.insync.replicas":                            "brokers refuse it for one broker while eligible leader replicas are on, and remove it. Set it on the topics",
	"cordoned.log.dirs":                              "it is set while a broker is being emptied, which is not a setting but a duty",
	"follower.replication.throttled.rate":            "a running reassignment sets and clears it",
	"leader.replication.throttled.rate":              "a running reassignment sets and clears it",
	"replica.alter.log.dirs.io.max.bytes.per.second": "a running reassignment sets and clears it",
}

// listenerPrefix may stand before a setting that is made for one listener.
var listenerPrefix = regexp.MustCompile(`^listener\.name\.[^.]+\.`)

// brokerConfig is what Kafka accepts as dynamic settings of one broker.
var brokerConfig = configTable{
	keys:  brokerConfigKeys,
	other: explainBrokerKey,
	plain: func(key string) string { return listenerPrefix.ReplaceAllString(key, "") },
}

func explainBrokerKey(key string) string {
	switch {
	case brokerKeyReasons[key] != "":
		return fmt.Sprintf("%q cannot be set here: %s.", key, brokerKeyReasons[key])
	case strings.Contains(key, "password") || strings.HasPrefix(key, "ssl.keystore.") || strings.HasPrefix(key, "ssl.truststore.") || key == "sasl.jaas.config":
		return fmt.Sprintf("%q holds a secret, which would stand in the state in clear text. Set it on the machine.", key)
	case slices.Contains(strings.Fields(staticBrokerKeys), key):
		return fmt.Sprintf("%q cannot change while a broker runs: set it in the broker's own file and restart the broker.", key)
	}
	return ""
}
