// Package inventory lists what is on a Kafka cluster and in its schema registry,
// and tells what of it no Terraform state owns.
package inventory

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Objects are the declared things of a cluster, each once and in order. An ACL is
// one operation and a quota one limit, since a resource may own one and not the
// other.
type Objects struct {
	Topics   []string `json:"topics"`   // internal ones of Kafka left out
	ACLs     []ACL    `json:"acls"`     // one an operation
	Subjects []string `json:"subjects"` // of the schema registry
	Quotas   []Quota  `json:"quotas"`   // one a limit
	Users    []User   `json:"users"`    // SCRAM credentials
}

// ACL is one access control entry, in Kafka's spelling.
type ACL struct {
	Principal      string `json:"principal"`
	Host           string `json:"host"`
	PermissionType string `json:"permission_type"`
	ResourceType   string `json:"resource_type"`
	ResourceName   string `json:"resource_name"`
	PatternType    string `json:"pattern_type"`
	Operation      string `json:"operation"`
}

// DefaultEntity is the name of a quota's default entity, as Kafka's tools print it.
const DefaultEntity = "<default>"

// Quota is one limit of an entity. A part of the entity that it lacks is empty.
type Quota struct {
	User     string `json:"user,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	IP       string `json:"ip,omitempty"`
	Limit    string `json:"limit"` // such as producer_byte_rate
}

// User is one SCRAM credential.
type User struct {
	Username  string `json:"username"`
	Mechanism string `json:"mechanism"` // SCRAM-SHA-256 or SCRAM-SHA-512
}

// Ignore holds what is nobody's business: patterns as of [path.Match], such as
// "_*" or "connect-*".
type Ignore struct {
	Topics   []string
	Subjects []string
	Users    []string // names of users: their credentials, ACLs and quotas
}

// Check returns an error that names the first pattern that is none.
func (i Ignore) Check() error {
	for _, pattern := range slices.Concat(i.Topics, i.Subjects, i.Users) {
		if _, err := path.Match(pattern, ""); err != nil {
			return &patternError{pattern}
		}
	}
	return nil
}

type patternError struct{ pattern string }

func (e *patternError) Error() string {
	return "the pattern \"" + e.pattern + "\" does not end: close its bracket, or escape it with a backslash"
}

// Count is how many objects there are.
func (o Objects) Count() int {
	return len(o.Topics) + len(o.ACLs) + len(o.Subjects) + len(o.Quotas) + len(o.Users)
}

// Lines words each object for a person.
func (o Objects) Lines() []string {
	var lines []string
	for _, name := range o.Topics {
		lines = append(lines, fmt.Sprintf("topic %q", name))
	}
	for _, a := range o.ACLs {
		lines = append(lines, a.words())
	}
	for _, name := range o.Subjects {
		lines = append(lines, fmt.Sprintf("subject %q", name))
	}
	for _, q := range o.Quotas {
		lines = append(lines, q.words())
	}
	for _, u := range o.Users {
		lines = append(lines, fmt.Sprintf("%s credential of user %q", u.Mechanism, u.Username))
	}
	return lines
}

func (a ACL) words() string {
	text := fmt.Sprintf("ACL %s %s %s on %s %q", a.PermissionType, a.Principal, a.Operation, a.ResourceType, a.ResourceName)
	if a.PatternType != "LITERAL" {
		text += " (" + strings.ToLower(a.PatternType) + ")"
	}
	if a.Host != "*" {
		text += " from " + a.Host
	}
	return text
}

func (q Quota) words() string {
	text := "quota " + q.Limit + " of"
	for _, part := range [][2]string{{"user", q.User}, {"client id", q.ClientID}, {"address", q.IP}} {
		if part[1] != "" {
			text += fmt.Sprintf(" %s %q", part[0], part[1])
		}
	}
	return text
}

// Unmanaged returns what is found and neither owned nor ignored.
func Unmanaged(found, owned Objects, ignore Ignore) Objects {
	return Objects{
		Topics:   left(found.Topics, owned.Topics, func(name string) bool { return matches(ignore.Topics, name) }),
		ACLs:     left(found.ACLs, owned.ACLs, func(a ACL) bool { return matches(ignore.Users, strings.TrimPrefix(a.Principal, "User:")) }),
		Subjects: left(found.Subjects, owned.Subjects, func(name string) bool { return matches(ignore.Subjects, name) }),
		Quotas:   left(found.Quotas, owned.Quotas, func(q Quota) bool { return q.User != "" && matches(ignore.Users, q.User) }),
		Users:    left(found.Users, owned.Users, func(u User) bool { return matches(ignore.Users, u.Username) }),
	}
}

// left is what of found is neither owned nor ignored; never nil, so that it is a
// list in JSON too.
func left[T comparable](found, owned []T, ignored func(T) bool) []T {
	mine := make(map[T]bool, len(owned))
	for _, o := range owned {
		mine[o] = true
	}
	rest := []T{}
	for _, f := range found {
		if !mine[f] && !ignored(f) {
			rest = append(rest, f)
		}
	}
	return rest
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// sort puts each kind in order and drops what stands twice.
func (o *Objects) sort() {
	slices.Sort(o.Topics)
	slices.Sort(o.Subjects)
	slices.SortFunc(o.ACLs, func(a, b ACL) int {
		return cmp.Or(
			cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.ResourceName, b.ResourceName), cmp.Compare(a.PatternType, b.PatternType),
			cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Host, b.Host), cmp.Compare(a.PermissionType, b.PermissionType), cmp.Compare(a.Operation, b.Operation),
		)
	})
	slices.SortFunc(o.Quotas, func(a, b Quota) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.IP, b.IP), cmp.Compare(a.Limit, b.Limit))
	})
	slices.SortFunc(o.Users, func(a, b User) int {
		return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.Mechanism, b.Mechanism))
	})
	o.Topics, o.Subjects = slices.Compact(o.Topics), slices.Compact(o.Subjects)
	o.ACLs, o.Quotas, o.Users = slices.Compact(o.ACLs), slices.Compact(o.Quotas), slices.Compact(o.Users)
}
