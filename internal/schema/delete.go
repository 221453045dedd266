package schema

import (
	"github.com/twmb/franz-go/pkg/sr"
)

func live(deleted bool) bool { return !deleted }
func gone(deleted bool) bool { return deleted }
func all(bool) bool          { return true }

// deleteSubject deletes every version of a subject: softly, or for good those
// that were softly deleted before. It returns their numbers.
func (r *Registry) deleteSubject(name string, permanent bool) ([]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sub := r.state.subjects[name]
	switch {
	case sub == nil:
		return nil, noSubject(name)
	case permanent && sub.latest() != nil:
		return nil, fail(sr.ErrSubjectNotSoftDeleted, "Subject '%s' was not deleted first before being permanently deleted", name)
	case !permanent && sub.latest() == nil:
		return nil, fail(sr.ErrSubjectSoftDeleted, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", name)
	}
	keep := live
	if permanent {
		keep = gone
	}
	return r.delete(name, sub.numbers(keep), permanent)
}

// deleteVersion deletes one version of a subject, latestVersion included.
func (r *Registry) deleteVersion(name string, number int, permanent bool) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep := all
	if number == latestVersion && !permanent {
		keep = live
	}
	v, err := r.find(name, number, keep)
	if err != nil {
		return 0, err
	}
	switch {
	case permanent && !v.deleted:
		return 0, fail(sr.ErrSchemaVersionNotSoftDeleted, "Subject '%s' version %d was not deleted first before being permanently deleted", name, v.number)
	case !permanent && v.deleted:
		return 0, fail(sr.ErrSchemaVersionSoftDeleted, "Subject '%s' version %d was soft deleted. Set permanent=true to delete permanently", name, v.number)
	}
	deleted, err := r.delete(name, []int{v.number}, permanent)
	if err != nil {
		return 0, err
	}
	return deleted[0], nil
}

// delete refuses to take what another schema refers to.
func (r *Registry) delete(name string, numbers []int, permanent bool) ([]int, error) {
	if r.state.mode(name) == sr.ModeReadOnly {
		return nil, fail(sr.ErrOperationNotPermitted, "Subject %s is in read-only mode", name)
	}
	keep := live
	if permanent {
		keep = all // a softly deleted schema can still be read, so it still needs what it refers to
	}
	for _, n := range numbers {
		if ids := r.state.referrers(name, n, keep); len(ids) > 0 {
			return nil, fail(sr.ErrReferenceExists, "One or more references exist to the schema {subject=%s,version=%d}: schema ids %v", name, n, ids)
		}
	}
	return numbers, r.commit(change{Operation: "delete", Subject: name, Versions: numbers, Permanent: permanent})
}

// setLevel sets, or with the zero level removes, the level of a subject; the
// empty name is the global level. A subject that holds schemas nobody here can
// check keeps NONE.
func (r *Registry) setLevel(name string, level sr.CompatibilityLevel) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sub := r.state.subjects[name]; sub != nil && sub.latest() != nil && level > sr.CompatNone {
		if kind := r.state.schemas[sub.latest().id].schema.Type; kind != sr.TypeAvro {
			return fail(sr.ErrInvalidCompatibilityLevel, "Subject '%s' holds %s schemas, whose changes cannot be checked here: its level can only be NONE, not %s", name, kind, level)
		}
	}
	return r.commit(change{Operation: "level", Subject: name, Value: level.String()})
}

// setMode sets the mode of a subject, of the whole registry with an empty name.
// The empty value removes it.
func (r *Registry) setMode(name, mode string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.commit(change{Operation: "mode", Subject: name, Value: mode})
}
