package chaos

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/browsing"
	"headwater.internal/platform/schemas/checkout"
)

// The model: what one thread makes of the raw records, read in the order of
// their partitions. It is written to be seen through, not to be fast, and
// shares no code with the processors.

// accepted is an event that must be processed once.
type accepted struct {
	id, eventType, customer string
	anonymous               bool // the customer is an anonymous id
	at                      time.Time
	revenue                 *int64
	body                    string
}

// name tells an event from all others: ids are unique in a type.
func (a accepted) name() string { return a.eventType + " " + a.id }

// verdicts counts what became of the records of one partition number received
// in one minute.
type verdicts struct {
	in, applied, duplicate int64
	dead                   map[string]int64
}

type model struct {
	accepted map[string]accepted
	lanes    map[string][]string  // names in order, by customer and type
	dead     map[string]string    // class by where the record stands
	links    map[string]link      // by anonymous id: the one that counts
	refine   map[string]*verdicts // by partition and minute of receipt
}

func modelOf(o *observer) (*model, error) {
	m := &model{
		accepted: make(map[string]accepted), lanes: make(map[string][]string),
		dead: make(map[string]string), links: make(map[string]link), refine: make(map[string]*verdicts),
	}
	for at, records := range o.raw {
		seen := make(map[string]string) // content by id
		for _, r := range records {
			if err := m.judge(o, at, r, seen); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// judge says what refine must make of a raw record.
func (m *model) judge(o *observer, at place, r *kgo.Record, seen map[string]string) error {
	line := minuteKey(at.partition, r.Timestamp)
	v := m.refine[line]
	if v == nil {
		v = &verdicts{dead: make(map[string]int64)}
		m.refine[line] = v
	}
	v.in++
	id := header(r, "ce_id")
	content := header(r, "ce_subject") + "\n" + header(r, "ce_time") + "\n" + string(r.Value)
	class := header(r, headerBroken)
	first, known := seen[id]
	switch {
	case class != "" && class != "id_collision":
		v.dead[class]++
		m.dead[fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)] = class
		return nil
	case known && first == content:
		v.duplicate++
		return nil
	case known:
		v.dead["id_collision"]++
		m.dead[fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)] = "id_collision"
		return nil
	}
	seen[id] = content
	v.applied++
	return m.accept(o, r, id)
}

func (m *model) accept(o *observer, r *kgo.Record, id string) error {
	at, err := time.Parse(time.RFC3339Nano, header(r, "ce_time"))
	if err != nil {
		return err
	}
	a := accepted{
		id: id, eventType: header(r, "ce_type"), customer: string(r.Key), at: at, body: string(r.Value[5:]),
		anonymous: header(r, "ce_subject") == "",
	}
	m.note(a, header(r, "ce_anonymousid"))
	if a.eventType == checkout.OrderPlacedType {
		var order checkout.OrderPlaced
		if err := o.decode(r.Value, &order); err != nil {
			return err
		}
		a.revenue = new(int64(math.Round(order.Total * 1e6)))
	}
	m.accepted[a.name()] = a
	lane := a.customer + " " + a.eventType
	m.lanes[lane] = append(m.lanes[lane], a.name())
	return nil
}

func minuteKey(partition int32, received time.Time) string {
	return fmt.Sprintf("%d/%s", partition, received.UTC().Truncate(time.Minute).Format(time.RFC3339))
}

// session is what a session must come to, whatever its id and revision.
type session struct {
	Start, End                 time.Time
	Events, PageViews, Revenue int64
	Types                      map[string]int64
}

// sessions are all sessions, by customer and start.
func (m *model) sessions() map[string]session {
	byCustomer := make(map[string][]accepted)
	for _, a := range m.accepted {
		byCustomer[m.owner(a)] = append(byCustomer[m.owner(a)], a)
	}
	all := make(map[string]session)
	for customer, list := range byCustomer {
		slices.SortFunc(list, func(a, b accepted) int { return a.at.Compare(b.at) })
		begin := 0
		for i := range list {
			if i+1 == len(list) || list[i+1].at.Sub(list[i].at) > gap {
				all[sessionKey(customer, list[begin].at)] = sessionOf(list[begin : i+1])
				begin = i + 1
			}
		}
	}
	return all
}

func sessionOf(list []accepted) session {
	s := session{Start: list[0].at.UTC(), End: list[len(list)-1].at.UTC(), Types: make(map[string]int64)}
	for _, a := range list {
		s.Events++
		s.Types[a.eventType]++
		if a.eventType == browsing.PageViewedType || a.eventType == browsing.ScreenViewedType {
			s.PageViews++
		}
		if a.revenue != nil {
			s.Revenue += *a.revenue
		}
	}
	return s
}

func sessionKey(customer string, start time.Time) string {
	return customer + " " + start.UTC().Format(time.RFC3339Nano)
}

// count is what a window must come to in one partition.
type count struct{ Events, Customers, Revenue int64 }

// counts are all windows, by the key of aggregates.event-counts. partitionOf
// says where a customer's events stand.
func (m *model) counts(partitionOf map[string]int32) map[string]count {
	all := make(map[string]count)
	met := make(map[string]bool)
	for _, a := range m.accepted {
		customer := m.owner(a)
		partition := partitionOf[customer]
		for _, name := range []string{a.eventType, "*"} {
			for _, window := range []aggregates.Window{
				aggregates.WindowMinute, aggregates.WindowHour, aggregates.WindowDay, aggregates.WindowAllTime,
			} {
				key := countKey(name, window, a.at, partition)
				c := all[key]
				c.Events++
				if a.revenue != nil {
					c.Revenue += *a.revenue
				}
				if once := key + " " + customer; !met[once] {
					met[once] = true
					c.Customers++
				}
				all[key] = c
			}
		}
	}
	return all
}

func countKey(name string, window aggregates.Window, at time.Time, partition int32) string {
	start := at.UTC()
	switch window {
	case aggregates.WindowMinute:
		start = start.Truncate(time.Minute)
	case aggregates.WindowHour:
		start = start.Truncate(time.Hour)
	case aggregates.WindowDay:
		start = start.Truncate(24 * time.Hour)
	default:
		start = time.UnixMilli(0).UTC()
	}
	return fmt.Sprintf("%s/%s/%s/%d", name, strings.ToLower(string(window)), start.Format(time.RFC3339), partition)
}
