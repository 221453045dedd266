package local

import (
	"bytes"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusable reports whether an answer to the request can be a refusal of what
// clients do with data: produce, consume, commit, transact, create a topic.
// Metadata counts too: a client that may not see a topic stops there and never
// sends the produce.
func refusable(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.Produce, kmsg.Fetch, kmsg.Metadata, kmsg.OffsetCommit, kmsg.FindCoordinator, kmsg.JoinGroup,
		kmsg.ConsumerGroupHeartbeat, kmsg.InitProducerID, kmsg.TxnOffsetCommit, kmsg.CreateTopics:
		return true
	default:
		return false
	}
}

// refused returns the resources that the answer refuses, each once.
func (d *denials) refused(answer kmsg.Response) []string {
	var found []string
	add := func(code int16, resource string) {
		if authorizationFailed(code) {
			found = append(found, resource)
		}
	}
	// A topic's name has to be asked of the cluster's one goroutine, so only for a refusal.
	topic := func(code int16, name string, id [16]byte) {
		if authorizationFailed(code) {
			found = append(found, d.topic(name, id))
		}
	}
	switch r := answer.(type) {
	case *kmsg.ProduceResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions[:min(1, len(t.Partitions))] { // rights are by topic
				topic(p.ErrorCode, t.Topic, t.TopicID)
			}
		}
	case *kmsg.FetchResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions[:min(1, len(t.Partitions))] {
				topic(p.ErrorCode, t.Topic, t.TopicID)
			}
		}
	case *kmsg.MetadataResponse:
		for _, t := range r.Topics {
			name := ""
			if t.Topic != nil {
				name = *t.Topic
			}
			topic(t.ErrorCode, name, t.TopicID)
		}
	case *kmsg.OffsetCommitResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions[:min(1, len(t.Partitions))] {
				add(p.ErrorCode, t.Topic)
			}
		}
	default:
		refusedByKey(answer, add)
	}
	return found
}

// refusedByKey handles the answers about a group, a transaction or the cluster.
func refusedByKey(answer kmsg.Response, add func(code int16, resource string)) {
	switch r := answer.(type) {
	case *kmsg.FindCoordinatorResponse:
		add(r.ErrorCode, "coordinator")
		for _, c := range r.Coordinators {
			add(c.ErrorCode, c.Key)
		}
	case *kmsg.JoinGroupResponse:
		add(r.ErrorCode, "group")
	case *kmsg.ConsumerGroupHeartbeatResponse:
		add(r.ErrorCode, "group")
	case *kmsg.InitProducerIDResponse:
		add(r.ErrorCode, "transactional id")
	case *kmsg.TxnOffsetCommitResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions[:min(1, len(t.Partitions))] {
				add(p.ErrorCode, t.Topic)
			}
		}
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			add(t.ErrorCode, t.Topic)
		}
	}
}

func (d *denials) topic(name string, id [16]byte) string {
	if name == "" && id != [16]byte{} && d.topicName != nil {
		return d.topicName(id)
	}
	return name
}

// saslUser is the user of a client's first SASL message, empty for a later one.
// body is what follows the client id in a SASLAuthenticate request.
func saslUser(version int16, body []byte) string {
	request := kmsg.NewPtrSASLAuthenticateRequest()
	request.SetVersion(version)
	if request.IsFlexible() && len(body) > 0 {
		body = body[1:]
	}
	if err := request.ReadFrom(body); err != nil {
		return ""
	}
	message := request.SASLAuthBytes
	if parts := bytes.SplitN(message, []byte{0}, 3); len(parts) == 3 {
		return string(parts[1]) // PLAIN
	}
	// SCRAM's client-first-message: n,,n=user,r=nonce, with = and , escaped.
	for part := range strings.SplitSeq(string(message), ",") {
		if user, ok := strings.CutPrefix(part, "n="); ok {
			return strings.NewReplacer("=3D", "=", "=2C", ",").Replace(user)
		}
	}
	return ""
}
