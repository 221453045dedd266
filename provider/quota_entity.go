package main

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// defaultEntity stands for Kafka's default entity, as Kafka's own tools print it.
const defaultEntity = "<default>"

// Names of the parts of a quota's entity, as Kafka spells them.
const (
	entityUser     = "user"
	entityClientID = "client-id"
	entityIP       = "ip"
)

// quotaEntity says whom a quota binds. An empty part is absent; defaultEntity is
// the default of its kind.
type quotaEntity struct {
	user, clientID, ip string
}

// key spells the entity, such as "user=refine,client-id=<default>". It is also
// the import id.
func (e quotaEntity) key() string {
	var parts []string
	e.each(func(kind, name string) { parts = append(parts, kind+"="+name) })
	return strings.Join(parts, ",")
}

func parseQuotaEntity(key string) (quotaEntity, error) {
	var e quotaEntity
	for part := range strings.SplitSeq(key, ",") {
		kind, name, ok := strings.Cut(part, "=")
		switch {
		case !ok || name == "":
			return e, fmt.Errorf("parse quota entity %q: want user=NAME, client-id=NAME, ip=ADDRESS or user=NAME,client-id=NAME, with %s for the default", key, defaultEntity)
		case kind == entityUser:
			e.user = name
		case kind == entityClientID:
			e.clientID = name
		case kind == entityIP:
			e.ip = name
		default:
			return e, fmt.Errorf("parse quota entity %q: %q is not one of user, client-id and ip", key, kind)
		}
	}
	return e, nil
}

// entityOf reads an entity that Kafka described.
func entityOf(components kadm.ClientQuotaEntity) quotaEntity {
	var e quotaEntity
	for _, c := range components {
		name := defaultEntity
		if c.Name != nil {
			name = *c.Name
		}
		switch c.Type {
		case entityUser:
			e.user = name
		case entityClientID:
			e.clientID = name
		case entityIP:
			e.ip = name
		}
	}
	return e
}

// each calls fn for the parts that are there, in Kafka's order of precedence.
func (e quotaEntity) each(fn func(kind, name string)) {
	for _, part := range []struct{ kind, name string }{{entityUser, e.user}, {entityClientID, e.clientID}, {entityIP, e.ip}} {
		if part.name != "" {
			fn(part.kind, part.name)
		}
	}
}

// parts are the entity's names in the order of quotaIdentity, empty where absent.
func (e quotaEntity) parts() []string { return []string{e.user, e.clientID, e.ip} }

// components renders the entity for a write.
func (e quotaEntity) components() kadm.ClientQuotaEntity {
	var components kadm.ClientQuotaEntity
	e.each(func(kind, name string) {
		c := kadm.ClientQuotaEntityComponent{Type: kind}
		if name != defaultEntity {
			c.Name = &name
		}
		components = append(components, c)
	})
	return components
}

// filter renders the entity for an exact look-up.
func (e quotaEntity) filter() []kadm.DescribeClientQuotaComponent {
	var filter []kadm.DescribeClientQuotaComponent
	e.each(func(kind, name string) {
		c := kadm.DescribeClientQuotaComponent{Type: kind, MatchType: kmsg.QuotasMatchTypeExact, MatchName: &name}
		if name == defaultEntity {
			c.MatchType, c.MatchName = kmsg.QuotasMatchTypeDefault, nil
		}
		filter = append(filter, c)
	})
	return filter
}
