package local

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Defends Java's admin client on the embedded broker: it falls over kfake's answer
// to DescribeTopicPartitions, and asks for metadata where that is not offered.
func TestServesNoDescribeTopicPartitions(t *testing.T) {
	response, err := kmsg.NewPtrApiVersionsRequest().RequestWith(t.Context(), startChild(t).admin())
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int16]bool)
	for _, k := range response.ApiKeys {
		found[k.ApiKey] = true
	}
	if !found[int16(kmsg.Metadata)] || found[int16(kmsg.DescribeTopicPartitions)] {
		t.Errorf("the brokers offer Metadata: %t, DescribeTopicPartitions: %t; want true, false",
			found[int16(kmsg.Metadata)], found[int16(kmsg.DescribeTopicPartitions)])
	}
}
