package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/schema"
)

// history lists a subject's live versions, oldest first; none for a subject that
// the registry does not know.
func (g *registry) history(ctx context.Context, subject string) ([]sr.SubjectSchema, error) {
	client, err := g.connect()
	if err != nil {
		return nil, err
	}
	history, err := client.Schemas(ctx, subject)
	if hasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return history, err
}

// violations holds a schema against a subject's history at a level. Of Protobuf and
// JSON schemas only the type is looked at: their rules are the registry's, see
// [registry.verdict].
func (g *registry) violations(ctx context.Context, level sr.CompatibilityLevel, next *schema.Schema, history []sr.SubjectSchema) ([]schema.Violation, error) {
	if level == sr.CompatNone || len(history) == 0 {
		return nil, nil
	}
	if !schema.Transitive(level) {
		history = history[len(history)-1:]
	}
	var earlier []schema.Earlier
	for _, s := range history {
		if next.Type() != sr.TypeAvro && next.Type() == s.Type {
			continue
		}
		parsed, err := g.parse(ctx, s.Schema)
		if err != nil {
			return nil, fmt.Errorf("version %d of subject %q in the registry: %w", s.Version, s.Subject, err)
		}
		earlier = append(earlier, schema.Earlier{Version: s.Version, Schema: parsed})
	}
	return schema.Compare(level, next, earlier), nil
}

// register makes a schema the latest version of a subject. A schema that an
// older version holds is asked for under the next number; a registry that
// answers with the old version all the same has that one deleted softly first.
func (g *registry) register(ctx context.Context, subject string, want sr.Schema, history []sr.SubjectSchema) (sr.SubjectSchema, error) {
	client, err := g.connect()
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	older := slices.IndexFunc(history, func(s sr.SubjectSchema) bool { return sameSchema(s.Schema, want) })
	if older < 0 {
		return g.registerLatest(ctx, subject, want, -1, -1)
	}
	numbers, err := client.SubjectVersions(sr.WithParams(ctx, sr.ShowDeleted), subject)
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	latest, err := g.registerLatest(ctx, subject, want, 0, slices.Max(numbers)+1)
	if err == nil || !errors.Is(err, errNotLatest) && !hasStatus(err, http.StatusUnprocessableEntity) {
		return latest, err
	}
	if err := client.DeleteSchema(ctx, subject, history[older].Version, sr.SoftDelete); err != nil {
		return sr.SubjectSchema{}, fmt.Errorf("take back version %d, which holds the same schema: %w", history[older].Version, err)
	}
	return g.registerLatest(ctx, subject, want, -1, -1)
}

// errNotLatest says that a registration was answered and did not become the
// latest version.
var errNotLatest = errors.New("the registry accepted the schema and did not make it the latest version")

func (g *registry) registerLatest(ctx context.Context, subject string, want sr.Schema, id, version int) (sr.SubjectSchema, error) {
	if _, err := g.client.RegisterSchema(ctx, subject, want, id, version); err != nil {
		return sr.SubjectSchema{}, err
	}
	latest, err := g.client.SchemaByVersion(ctx, subject, -1)
	if err == nil && !sameSchema(latest.Schema, want) {
		return latest, errNotLatest
	}
	return latest, err
}

// setLevel sets a subject's own level, or removes it when level is empty.
func (g *registry) setLevel(ctx context.Context, subject, level string) error {
	client, err := g.connect()
	if err != nil {
		return err
	}
	if level == "" {
		err := client.ResetCompatibility(ctx, subject)[0].Err
		if hasStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	}
	var want sr.CompatibilityLevel
	if err := want.UnmarshalText([]byte(level)); err != nil {
		return err
	}
	err = client.SetCompatibility(ctx, sr.SetCompatibility{Level: want}, subject)[0].Err
	if want == sr.CompatNone && g.noneInherits() && hasStatus(err, http.StatusNotFound) {
		return nil // no rule to remove from a subject that is to come
	}
	return err
}

// remove deletes a subject with its level: softly, and then for good when asked.
// One that is gone already is no error.
func (g *registry) remove(ctx context.Context, subject string, hard bool) error {
	client, err := g.connect()
	if err != nil {
		return err
	}
	defer g.forget(subject)
	if _, err := client.DeleteSubject(ctx, subject, sr.SoftDelete); err != nil && !hasStatus(err, http.StatusNotFound) {
		return err
	}
	// After the subject: one that other schemas refer to is not deleted, and keeps its level.
	if err := g.setLevel(ctx, subject, ""); err != nil {
		return err
	}
	if !hard {
		return nil
	}
	if _, err := client.DeleteSubject(ctx, subject, sr.HardDelete); err != nil && !hasStatus(err, http.StatusNotFound) {
		return err
	}
	return nil
}
