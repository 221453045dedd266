// Package local is the embedded platform of the local environment: one process
// that holds a Kafka cluster of six broker addresses (franz-go's kfake, with its
// data on disk), a schema registry and the supervisor of the processors.
package local
