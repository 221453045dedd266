package main

import (
	"fmt"
	"net/http"

	"headwater.internal/platform/internal/event"
)

// Verdicts on an event.
const (
	accepted = "accepted" // the brokers have it
	refused  = "refused"  // it breaks a rule: sending it again is of no use
	retry    = "retry"    // it may not be stored: send it again, with the same id
)

// Rules that stand beside those of [event.Schema.EncodeJSON].
const (
	ruleUnknownType = "unknown type" // the catalogue declares no such event
	ruleRetired     = "retired"      // the event takes no new records
	ruleProducers   = "producers"    // the event is not sent through the gateway
	ruleSize        = "size"         // too many bytes
	ruleContentType = "content type" // data that is not JSON
)

// verdict is the answer on one event.
type verdict struct {
	Index      int               `json:"index"`
	ID         string            `json:"id,omitempty"`
	Verdict    string            `json:"verdict"`
	Violations []event.Violation `json:"violations,omitempty"`
	Note       string            `json:"note,omitempty"`
}

// answer is the body of every response on events.
type answer struct {
	Success  bool      `json:"success"` // no event has to be sent again; what Segment's libraries look for
	Accepted int       `json:"accepted"`
	Refused  int       `json:"refused"`
	Retry    int       `json:"retry"`
	Code     string    `json:"code,omitempty"`    // with an error status
	Message  string    `json:"message,omitempty"` // with an error status, for people
	Events   []verdict `json:"events"`
}

func (a *answer) count() {
	for i := range a.Events {
		switch a.Events[i].Verdict {
		case accepted:
			a.Accepted++
		case refused:
			a.Refused++
		default:
			a.Retry++
		}
	}
	a.Success = a.Retry == 0 && (a.Accepted > 0 || a.Refused == 0)
}

// status chooses the response's status. One event to be sent again makes it 503,
// since many senders look at nothing else; those accepted are told apart by
// their ids when they come again. A batch of which something was taken is a
// success (mixed when something was refused too).
func (a *answer) status(allAccepted, mixed int) int {
	switch {
	case a.Retry > 0:
		a.Code = "retry"
		a.Message = fmt.Sprintf("%d of %d events may not be stored: send the request again, with the same ids", a.Retry, len(a.Events))
		return http.StatusServiceUnavailable
	case a.Refused == 0:
		return allAccepted
	case a.Accepted > 0:
		return mixed
	}
	a.Code = "refused"
	a.Message = fmt.Sprintf("%d of %d events were refused; their violations say why", a.Refused, len(a.Events))
	if len(a.Events) == 1 && len(a.Events[0].Violations) > 0 {
		v := a.Events[0].Violations[0]
		a.Message = v.String()
		return statusOf(v.Rule)
	}
	return http.StatusUnprocessableEntity
}

// statusOf is the status for a single event that breaks the rule.
func statusOf(rule event.Rule) int {
	switch rule {
	case event.RuleJSON, event.RuleUTF8, event.RuleDuplicate:
		return http.StatusBadRequest
	case ruleSize:
		return http.StatusRequestEntityTooLarge
	case ruleContentType:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusUnprocessableEntity
}
