package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/twmb/franz-go/pkg/sr"
)

// DefaultLevel is the compatibility level of a registry whose global level was
// never set: BACKWARD, as on Confluent's registry. Subjects set their own; the
// event module asks for FULL_TRANSITIVE.
const DefaultLevel = sr.CompatBackward

// latestVersion is how a request asks for the highest live version.
const latestVersion = -1

// Registry keeps schemas by subject in one directory and serves them over the
// Confluent REST API. An answered change is on disk. It is safe for concurrent
// use; a second process on the same directory is refused.
type Registry struct {
	mu      sync.Mutex
	state   *state
	journal *journal
}

// New opens the registry in dir, which it makes when missing. The error names
// the file when it is damaged or in use.
func New(dir string) (*Registry, error) {
	st := newState()
	j, err := openJournal(dir, st.apply)
	if err != nil {
		return nil, err
	}
	return &Registry{state: st, journal: j}, nil
}

// Close releases the directory. Nothing is lost without it.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.journal.close()
}

// commit makes a change durable and then visible.
func (r *Registry) commit(c change) error {
	if err := r.journal.append(c); err != nil {
		return fail(sr.ErrStoreError, "%v", err)
	}
	return r.state.apply(c)
}

// register adds a schema to a subject and returns where it stands. A schema
// that the subject already holds is answered with its version, unless the
// request asks for the next version by number: so an older schema becomes the
// latest again.
func (r *Registry) register(name string, in sr.SubjectSchema) (sr.SubjectSchema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayRegister(name, in.ID); err != nil {
		return sr.SubjectSchema{}, err
	}
	schema, parsed, key, err := r.read(in.Schema)
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	id, known := r.state.ids[key]
	if known {
		if v := r.holds(name, id, in.Version); v != nil {
			return r.describe(name, *v), nil
		}
	}
	c := change{Operation: "register", Subject: name, Version: r.next(name), ID: id}
	if in.Version > 0 && in.Version != c.Version && r.state.mode(name) != sr.ModeImport {
		return sr.SubjectSchema{}, fail(sr.ErrInvalidSchema, "Version %d is not one more than the previous version %d", in.Version, c.Version-1)
	}
	if in.Version > 0 {
		c.Version = in.Version
	}
	if !known {
		c.ID, c.Schema = r.state.lastID+1, &schema
	}
	if in.ID > 0 && c.ID != in.ID {
		if known || r.state.schemas[in.ID] != nil {
			return sr.SubjectSchema{}, fail(sr.ErrIDDoesNotMatch, "Schema id %d is taken by another schema", in.ID)
		}
		c.ID = in.ID
	}
	if r.state.mode(name) != sr.ModeImport {
		if err := r.compatible(name, parsed); err != nil {
			return sr.SubjectSchema{}, err
		}
	}
	if err := r.commit(c); err != nil {
		return sr.SubjectSchema{}, err
	}
	return r.describe(name, *r.state.subjects[name].find(c.Version)), nil
}

func (r *Registry) mayRegister(name string, id int) error {
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unicode.IsControl) {
		return fail(sr.ErrInvalidSubject, "Subject name %q is empty or holds control characters", name)
	}
	switch mode := r.state.mode(name); {
	case mode == sr.ModeReadOnly:
		return fail(sr.ErrOperationNotPermitted, "Subject %s is in read-only mode", name)
	case id > 0 && mode != sr.ModeImport:
		return fail(sr.ErrOperationNotPermitted, "Subject %s is not in import mode", name)
	}
	return nil
}

// read parses a request's schema after pinning its references to versions.
func (r *Registry) read(in sr.Schema) (sr.Schema, *Schema, [32]byte, error) {
	in.References = slices.Clone(in.References)
	for i, ref := range in.References {
		if sub := r.state.subjects[ref.Subject]; ref.Version == latestVersion && sub != nil && sub.latest() != nil {
			in.References[i].Version = sub.latest().number
		}
	}
	parsed, err := r.state.parse(in)
	if err != nil {
		return in, nil, [32]byte{}, fail(sr.ErrInvalidSchema, "Invalid schema: %v", err)
	}
	key, err := contentKey(in)
	if err != nil {
		return in, nil, key, fail(sr.ErrInvalidSchema, "Invalid schema: %v", err)
	}
	return in, parsed, key, nil
}

// holds finds the live version that answers a registration of id without a new
// one. wanted is the version asked for, or not positive.
func (r *Registry) holds(name string, id, wanted int) *version {
	sub := r.state.subjects[name]
	if sub == nil {
		return nil
	}
	if latest := sub.latest(); latest != nil && latest.id == id && (wanted <= 0 || wanted == sub.last+1) {
		return latest
	}
	for i := len(sub.versions) - 1; i >= 0; i-- {
		v := &sub.versions[i]
		if v.id == id && !v.deleted && (wanted <= 0 || wanted == v.number) {
			return v
		}
	}
	return nil
}

func (r *Registry) next(name string) int {
	if sub := r.state.subjects[name]; sub != nil {
		return sub.last + 1
	}
	return 1
}

// compatible answers 409 with every rule that the schema would break.
func (r *Registry) compatible(name string, next *Schema) error {
	earlier, err := r.earlier(name)
	if err != nil {
		return err
	}
	level := r.state.level(name)
	found := Check(level, next, earlier)
	if len(found) == 0 {
		return nil
	}
	return fail(sr.ErrIncompatibleSchema, "Schema being registered is incompatible with an earlier schema for subject %q at level %s, details: [%s]",
		name, level, strings.Join(messages(found), "; "))
}

func (r *Registry) earlier(name string) ([]Earlier, error) {
	sub := r.state.subjects[name]
	if sub == nil {
		return nil, nil
	}
	var out []Earlier
	for _, v := range sub.versions {
		if v.deleted {
			continue
		}
		parsed, err := r.state.parsedByID(v.id)
		if err != nil {
			return nil, fmt.Errorf("read version %d of %s: %w", v.number, name, err)
		}
		out = append(out, Earlier{Version: v.number, Schema: parsed})
	}
	return out, nil
}

func messages(found []Violation) []string {
	out := make([]string, len(found))
	for i, v := range found {
		out[i] = v.String()
	}
	return out
}

// lookup finds the version that holds a schema.
func (r *Registry) lookup(name string, in sr.Schema, keep func(bool) bool) (sr.SubjectSchema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sub := r.state.subjects[name]
	if sub == nil || len(sub.numbers(keep)) == 0 {
		return sr.SubjectSchema{}, noSubject(name)
	}
	_, _, key, err := r.read(in)
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	id, known := r.state.ids[key]
	for _, v := range slices.Backward(sub.versions) {
		if known && v.id == id && keep(v.deleted) {
			return r.describe(name, v), nil
		}
	}
	return sr.SubjectSchema{}, fail(sr.ErrSchemaNotFound, "Schema not found in subject %s", name)
}

// find resolves a version of a subject, latestVersion included.
func (r *Registry) find(name string, number int, keep func(bool) bool) (*version, error) {
	sub := r.state.subjects[name]
	if sub == nil || len(sub.numbers(keep)) == 0 {
		return nil, noSubject(name)
	}
	if number == latestVersion {
		numbers := sub.numbers(keep)
		number = numbers[len(numbers)-1]
	}
	v := sub.find(number)
	if v == nil || !keep(v.deleted) {
		return nil, fail(sr.ErrVersionNotFound, "Version %d not found in subject %s", number, name)
	}
	return v, nil
}

func (r *Registry) describe(name string, v version) sr.SubjectSchema {
	st := r.state.schemas[v.id]
	return sr.SubjectSchema{Subject: name, Version: v.number, ID: v.id, GUID: st.guid, Schema: st.schema}
}

// check reports what a schema would break. number is one version, latestVersion,
// or 0 for what the level demands.
func (r *Registry) check(name string, number int, in sr.Schema) ([]Violation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, parsed, _, err := r.read(in)
	if err != nil {
		return nil, err
	}
	earlier, err := r.earlier(name)
	if err != nil {
		return nil, err
	}
	if number > 0 {
		if _, err := r.find(name, number, live); err != nil {
			return nil, err
		}
		earlier = slices.DeleteFunc(earlier, func(e Earlier) bool { return e.Version != number })
	}
	if number == latestVersion && len(earlier) > 0 {
		earlier = earlier[len(earlier)-1:]
	}
	return Check(r.state.level(name), parsed, earlier), nil
}

// failure is an error that the API answers with Confluent's code.
type failure struct {
	code    int
	message string
}

// Error is the message that the client reads.
func (f *failure) Error() string { return f.message }

func fail(kind *sr.Error, format string, args ...any) error {
	return &failure{code: kind.Code, message: fmt.Sprintf(format, args...)}
}

func noSubject(name string) error {
	return fail(sr.ErrSubjectNotFound, "Subject '%s' not found.", name)
}

// codeOf is the Confluent code of an error, that of a store error when it has none.
func codeOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return sr.ErrStoreError.Code
}
