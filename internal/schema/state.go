package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/sr"
)

// state is what the journal adds up to. It is not safe for concurrent use.
type state struct {
	schemas  map[int]*stored                  // by id; never forgotten, so an id never changes its meaning
	ids      map[[32]byte]int                 // by content
	subjects map[string]*subject              // live and soft-deleted
	levels   map[string]sr.CompatibilityLevel // by subject, "" is the global level
	modes    map[string]sr.Mode
	lastID   int
}

type stored struct {
	schema sr.Schema
	guid   string
	parsed *Schema // made on first use
}

type subject struct {
	versions []version // ascending
	last     int       // highest number ever given
}

type version struct {
	number, id int
	deleted    bool
}

func newState() *state {
	return &state{
		schemas: map[int]*stored{}, ids: map[[32]byte]int{}, subjects: map[string]*subject{},
		levels: map[string]sr.CompatibilityLevel{}, modes: map[string]sr.Mode{},
	}
}

// apply performs one change. It fails only on a change that this program never
// writes.
func (s *state) apply(c change) error {
	switch c.Operation {
	case "register":
		return s.applyRegister(c)
	case "delete":
		s.applyDelete(c)
		return nil
	case "level":
		if c.Value == "" {
			delete(s.levels, c.Subject)
			return nil
		}
		var level sr.CompatibilityLevel
		err := level.UnmarshalText([]byte(c.Value))
		s.levels[c.Subject] = level
		return err
	case "mode":
		if c.Value == "" {
			delete(s.modes, c.Subject)
			return nil
		}
		var mode sr.Mode
		err := mode.UnmarshalText([]byte(c.Value))
		s.modes[c.Subject] = mode
		return err
	default:
		return fmt.Errorf("operation %q is unknown: the file was written by a newer release", c.Operation)
	}
}

func (s *state) applyRegister(c change) error {
	if c.Schema != nil {
		key, err := contentKey(*c.Schema)
		if err != nil {
			return err
		}
		s.schemas[c.ID] = &stored{schema: *c.Schema, guid: uuid.UUID(key[:16]).String()}
		s.ids[key] = c.ID
		s.lastID = max(s.lastID, c.ID)
	}
	if s.schemas[c.ID] == nil {
		return fmt.Errorf("schema id %d has no text", c.ID)
	}
	sub := s.subjects[c.Subject]
	if sub == nil {
		sub = &subject{}
		s.subjects[c.Subject] = sub
	}
	sub.versions = append(sub.versions, version{number: c.Version, id: c.ID})
	slices.SortFunc(sub.versions, func(a, b version) int { return cmp.Compare(a.number, b.number) })
	sub.last = max(sub.last, c.Version)
	return nil
}

// applyDelete marks or removes versions. A subject that loses its last live
// version loses its level and mode as well, as on Confluent's registry.
func (s *state) applyDelete(c change) {
	sub := s.subjects[c.Subject]
	if sub == nil {
		return
	}
	if c.Permanent {
		sub.versions = slices.DeleteFunc(sub.versions, func(v version) bool { return slices.Contains(c.Versions, v.number) })
	}
	for i := range sub.versions {
		if slices.Contains(c.Versions, sub.versions[i].number) {
			sub.versions[i].deleted = true
		}
	}
	if sub.latest() == nil {
		delete(s.levels, c.Subject)
		delete(s.modes, c.Subject)
	}
	if len(sub.versions) == 0 {
		delete(s.subjects, c.Subject)
	}
}

// latest is the highest live version, nil when there is none.
func (sub *subject) latest() *version {
	for i := len(sub.versions) - 1; i >= 0; i-- {
		if !sub.versions[i].deleted {
			return &sub.versions[i]
		}
	}
	return nil
}

func (sub *subject) find(number int) *version {
	for i := range sub.versions {
		if sub.versions[i].number == number {
			return &sub.versions[i]
		}
	}
	return nil
}

// numbers lists the versions that keep accepts.
func (sub *subject) numbers(keep func(deleted bool) bool) []int {
	out := []int{}
	for _, v := range sub.versions {
		if keep(v.deleted) {
			out = append(out, v.number)
		}
	}
	return out
}

func (s *state) level(name string) sr.CompatibilityLevel {
	if level, ok := s.levels[name]; ok {
		return level
	}
	if level, ok := s.levels[""]; ok {
		return level
	}
	return DefaultLevel
}

func (s *state) mode(name string) sr.Mode {
	if mode, ok := s.modes[name]; ok {
		return mode
	}
	if mode, ok := s.modes[""]; ok {
		return mode
	}
	return sr.ModeReadWrite
}

// names lists the subjects with a version that keep accepts, A to Z.
func (s *state) names(keep func(deleted bool) bool) []string {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.subjects)) {
		if len(s.subjects[name].numbers(keep)) > 0 {
			out = append(out, name)
		}
	}
	return out
}

// uses lists where an id is registered and keep accepts.
func (s *state) uses(id int, keep func(deleted bool) bool) []sr.SubjectVersion {
	out := []sr.SubjectVersion{}
	for _, name := range slices.Sorted(maps.Keys(s.subjects)) {
		for _, v := range s.subjects[name].versions {
			if v.id == id && keep(v.deleted) {
				out = append(out, sr.SubjectVersion{Subject: name, Version: v.number})
			}
		}
	}
	return out
}

// referrers lists the ids of live schemas that refer to a version.
func (s *state) referrers(name string, number int, keep func(deleted bool) bool) []int {
	found := map[int]bool{}
	for _, sub := range s.subjects {
		for _, v := range sub.versions {
			if keep(v.deleted) && slices.ContainsFunc(s.schemas[v.id].schema.References, func(r sr.SchemaReference) bool {
				return r.Subject == name && r.Version == number
			}) {
				found[v.id] = true
			}
		}
	}
	return slices.AppendSeq(make([]int, 0, len(found)), slices.Values(slices.Sorted(maps.Keys(found))))
}

// parsedByID parses a stored schema once.
func (s *state) parsedByID(id int) (*Schema, error) {
	st := s.schemas[id]
	if st.parsed != nil {
		return st.parsed, nil
	}
	parsed, err := s.parse(st.schema)
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w", id, err)
	}
	st.parsed = parsed
	return parsed, nil
}

// parse resolves a schema's references in the registry and parses it.
func (s *state) parse(in sr.Schema) (*Schema, error) {
	refs := make([]Reference, 0, len(in.References))
	for _, r := range in.References {
		sub := s.subjects[r.Subject]
		if sub == nil {
			return nil, fmt.Errorf("reference %s: subject %s does not exist", r.Name, r.Subject)
		}
		v := sub.find(r.Version)
		if v == nil {
			return nil, fmt.Errorf("reference %s: subject %s has no version %d", r.Name, r.Subject, r.Version)
		}
		if s.schemas[v.id].schema.Type != in.Type {
			return nil, fmt.Errorf("reference %s: subject %s holds %s, not %s", r.Name, r.Subject, s.schemas[v.id].schema.Type, in.Type)
		}
		parsed, err := s.parsedByID(v.id)
		if err != nil {
			return nil, err
		}
		refs = append(refs, Reference{Name: r.Name, Schema: parsed})
	}
	return Parse(in.Type, in.Schema, refs)
}

// contentKey is the same for two registrations that mean the same: normal text,
// type, references, metadata and rules.
func contentKey(in sr.Schema) ([32]byte, error) {
	normal, err := normalText(in.Type, in.Schema)
	if err != nil {
		return [32]byte{}, err
	}
	in.Schema = normal
	if len(in.References) == 0 {
		in.References = nil
	}
	text, err := json.Marshal(in)
	if err != nil {
		return [32]byte{}, errors.New("its metadata cannot be encoded")
	}
	return sha256.Sum256(text), nil
}
