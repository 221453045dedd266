package schema

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

// serve opens an empty registry and returns a client of it.
func serve(t *testing.T) *sr.Client {
	t.Helper()
	r, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// wantCode fails unless err is the registry's answer with that code.
func wantCode(t *testing.T, err error, kind *sr.Error) {
	t.Helper()
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.ErrorCode != kind.Code || answer.StatusCode != statusOf(kind.Code) {
		t.Errorf("got %+v, want code %d %s", err, kind.Code, kind.Name)
	}
}

func create(t *testing.T, client *sr.Client, subject string, s sr.Schema) sr.SubjectSchema {
	t.Helper()
	out, err := client.CreateSchema(context.Background(), subject, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Registering is idempotent, ids are global to a meaning, versions to a subject.
func TestRegister(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	first := create(t, client, "a-value", sr.Schema{Schema: order(fieldID)})
	again := create(t, client, "a-value", sr.Schema{Schema: " " + strings.ReplaceAll(order(fieldID), ",", " , ")})
	if diff := cmp.Diff(first, again); diff != "" || first.ID != 1 || first.Version != 1 || first.GUID == "" {
		t.Errorf("second registration of %+v differs:\n%s", first, diff)
	}
	second := create(t, client, "a-value", sr.Schema{Schema: order(fieldID, fieldNoteNull)})
	other := create(t, client, "b/ü value", sr.Schema{Schema: order(fieldID)})
	if second.ID != 2 || second.Version != 2 || other.ID != 1 || other.Version != 1 {
		t.Errorf("second %+v, other %+v", second, other)
	}
	found, err := client.LookupSchema(ctx, "a-value", sr.Schema{Schema: order(fieldID)})
	if err != nil || found.Version != 1 {
		t.Errorf("lookup: %+v, %v", found, err)
	}
	_, err = client.LookupSchema(ctx, "a-value", sr.Schema{Schema: order(fieldNote)})
	wantCode(t, err, sr.ErrSchemaNotFound)
	_, err = client.LookupSchema(ctx, "none", sr.Schema{Schema: order(fieldNote)})
	wantCode(t, err, sr.ErrSubjectNotFound)
	_, err = client.RegisterSchema(ctx, "a-value", sr.Schema{Schema: `{"type":"record"}`}, -1, -1)
	wantCode(t, err, sr.ErrInvalidSchema)
	_, err = client.RegisterSchema(ctx, "a\x01", sr.Schema{Schema: `"string"`}, -1, -1)
	wantCode(t, err, sr.ErrInvalidSubject)
	_, err = client.RegisterSchema(ctx, "a-value", sr.Schema{Schema: `"string"`}, 7, -1)
	wantCode(t, err, sr.ErrOperationNotPermitted)
	_, err = client.RegisterSchema(ctx, "a-value", sr.Schema{Schema: order(fieldID)}, 0, 9)
	wantCode(t, err, sr.ErrInvalidSchema)
}

// Going back to an older schema is possible: asked for by the next version's
// number, it becomes the latest under its old id, once.
func TestRegisterOlderAgain(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	create(t, client, "s", sr.Schema{Schema: order(fieldID)})
	create(t, client, "s", sr.Schema{Schema: order(fieldID, fieldNoteNull)})
	if again := create(t, client, "s", sr.Schema{Schema: order(fieldID)}); again.ID != 1 {
		t.Errorf("plain registration made %+v", again)
	}
	for range 2 {
		if id, err := client.RegisterSchema(ctx, "s", sr.Schema{Schema: order(fieldID)}, 0, 3); err != nil || id != 1 {
			t.Fatalf("id %d, %v", id, err)
		}
	}
	latest, err := client.SchemaByVersion(ctx, "s", -1)
	if err != nil || latest.Version != 3 || latest.ID != 1 {
		t.Errorf("latest is %+v, %v", latest, err)
	}
	uses, err := client.SchemaVersionsByID(ctx, 1)
	if diff := cmp.Diff([]sr.SubjectVersion{{Subject: "s", Version: 1}, {Subject: "s", Version: 3}}, uses); diff != "" || err != nil {
		t.Errorf("uses of id 1: %v %s", err, diff)
	}
}

// An incompatible schema is refused with the rule, and the check endpoint says
// the same beforehand.
func TestCompatibilityIsEnforced(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	create(t, client, "s", sr.Schema{Schema: order(fieldID)})
	bad := sr.Schema{Schema: order(fieldID, fieldNote)}
	_, err := client.RegisterSchema(ctx, "s", bad, -1, -1)
	wantCode(t, err, sr.ErrIncompatibleSchema)
	if !strings.Contains(err.Error(), RuleMissingDefault+" at note") {
		t.Errorf("the answer hides the rule: %v", err)
	}
	for _, version := range []int{1, -1, -2} {
		result, err := client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), "s", version, bad)
		if err != nil || result.Is || len(result.Messages) != 1 || !strings.Contains(result.Messages[0], RuleMissingDefault) {
			t.Errorf("check against %d: %+v, %v", version, result, err)
		}
	}
	_, err = client.CheckCompatibility(ctx, "s", 5, bad)
	wantCode(t, err, sr.ErrVersionNotFound)
	if result, err := client.CheckCompatibility(ctx, "new", -1, bad); err != nil || !result.Is {
		t.Errorf("check of a new subject: %+v, %v", result, err)
	}
	if set := client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, "s"); set[0].Err != nil || set[0].Level != sr.CompatNone {
		t.Errorf("set level: %+v", set)
	}
	if _, err := client.RegisterSchema(ctx, "s", bad, -1, -1); err != nil {
		t.Errorf("register at NONE: %v", err)
	}
}

// Protobuf and JSON are kept at NONE and refused, never waved through, above it.
func TestUncheckableFormats(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	for subject, s := range map[string]sr.Schema{
		"proto": {Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; message A { string b = 1; }`},
		"json":  {Type: sr.TypeJSON, Schema: `{"type":"object"}`},
	} {
		_, err := client.RegisterSchema(ctx, subject, s, -1, -1)
		wantCode(t, err, sr.ErrIncompatibleSchema)
		if result, err := client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, -1, s); err != nil || result.Is || !strings.Contains(strings.Join(result.Messages, ""), "NONE") {
			t.Errorf("check of %s: %+v, %v", subject, result, err)
		}
		client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, subject)
		if out := create(t, client, subject, s); out.Type != s.Type || out.Schema.Schema != s.Schema {
			t.Errorf("%s came back as %+v", subject, out)
		}
		wantCode(t, client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, subject)[0].Err, sr.ErrInvalidCompatibilityLevel)
	}
}

// References resolve, are listed from the other side, and protect what they need.
func TestReferences(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	create(t, client, "money", sr.Schema{Schema: `{"type":"record","name":"Money","namespace":"shared","fields":[{"name":"micros","type":"long"}]}`})
	using := sr.Schema{Schema: order(`{"name":"sum","type":"shared.Money"}`)}
	_, err := client.RegisterSchema(ctx, "order", using, -1, -1)
	wantCode(t, err, sr.ErrInvalidSchema)
	using.References = []sr.SchemaReference{{Name: "shared.Money", Subject: "money", Version: 1}}
	created := create(t, client, "order", using)
	if diff := cmp.Diff(using.References, created.References); diff != "" {
		t.Error(diff)
	}
	by, err := client.SchemaReferences(ctx, "money", 1)
	if err != nil || len(by) != 1 || by[0].Subject != "order" {
		t.Errorf("referenced by %+v, %v", by, err)
	}
	_, err = client.DeleteSubject(ctx, "money", sr.SoftDelete)
	wantCode(t, err, sr.ErrReferenceExists)
	wantCode(t, client.DeleteSchema(ctx, "money", 1, sr.SoftDelete), sr.ErrReferenceExists)
	using.References[0].Version = 9
	_, err = client.RegisterSchema(ctx, "order", using, -1, -1)
	wantCode(t, err, sr.ErrInvalidSchema)
}

// Deleting is soft first and hard second; softly deleted data stays readable and
// numbers and ids are never given twice.
func TestDelete(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	create(t, client, "s", sr.Schema{Schema: order(fieldID)})
	create(t, client, "s", sr.Schema{Schema: order(fieldID, fieldNoteNull)})
	_, err := client.DeleteSubject(ctx, "s", sr.HardDelete)
	wantCode(t, err, sr.ErrSubjectNotSoftDeleted)
	wantCode(t, client.DeleteSchema(ctx, "s", 1, sr.HardDelete), sr.ErrSchemaVersionNotSoftDeleted)
	if err := client.DeleteSchema(ctx, "s", 1, sr.SoftDelete); err != nil {
		t.Fatal(err)
	}
	wantCode(t, client.DeleteSchema(ctx, "s", 1, sr.SoftDelete), sr.ErrSchemaVersionSoftDeleted)
	_, err = client.SchemaByVersion(ctx, "s", 1)
	wantCode(t, err, sr.ErrVersionNotFound)
	if s, err := client.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), "s", 1); err != nil || s.ID != 1 {
		t.Errorf("deleted version: %+v, %v", s, err)
	}
	if text, err := client.SchemaTextByID(ctx, 1); err != nil || text != order(fieldID) {
		t.Errorf("id of a deleted version: %q, %v", text, err)
	}
	if numbers, err := client.DeleteSubject(ctx, "s", sr.SoftDelete); err != nil || cmp.Diff([]int{2}, numbers) != "" {
		t.Errorf("deleted %v, %v", numbers, err)
	}
	_, err = client.DeleteSubject(ctx, "s", sr.SoftDelete)
	wantCode(t, err, sr.ErrSubjectSoftDeleted)
	_, err = client.SubjectVersions(ctx, "s")
	wantCode(t, err, sr.ErrSubjectNotFound)
	if again := create(t, client, "s", sr.Schema{Schema: order(fieldID)}); again.ID != 1 || again.Version != 3 {
		t.Errorf("registered again as %+v", again)
	}
	for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
		if _, err := client.DeleteSubject(ctx, "s", how); err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.SchemaByID(ctx, 1)
	wantCode(t, err, sr.ErrSchemaNotFound)
	if fresh := create(t, client, "s", sr.Schema{Schema: `"string"`}); fresh.ID != 3 || fresh.Version != 1 {
		t.Errorf("a new schema got %+v", fresh)
	}
}

// Levels and modes are global unless a subject has its own.
func TestSettings(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	if got := client.Compatibility(ctx)[0]; got.Level != sr.CompatBackward || got.Err != nil {
		t.Errorf("global level: %+v", got)
	}
	wantCode(t, client.Compatibility(ctx, "s")[0].Err, sr.ErrSubjectLevelCompatibilityNotConfigured)
	if got := client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), "s")[0]; got.Level != sr.CompatBackward {
		t.Errorf("level with default: %+v", got)
	}
	for _, level := range Levels() {
		client.SetCompatibility(ctx, sr.SetCompatibility{Level: level}, "s", sr.GlobalSubject)
		if got := client.Compatibility(ctx, "s", sr.GlobalSubject); got[0].Level != level || got[1].Level != level {
			t.Errorf("levels: %+v", got)
		}
	}
	if reset := client.ResetCompatibility(ctx, "s")[0]; reset.Err != nil || reset.Level != sr.CompatFullTransitive {
		t.Errorf("reset: %+v", reset)
	}
	wantCode(t, client.ResetCompatibility(ctx, "s")[0].Err, sr.ErrSubjectLevelCompatibilityNotConfigured)
	wantCode(t, client.Do(ctx, http.MethodPut, "/config/s", map[string]string{"compatibility": "SIDEWAYS"}, nil), sr.ErrInvalidCompatibilityLevel)

	wantCode(t, client.Mode(ctx, "s")[0].Err, sr.ErrSubjectLevelModeNotConfigured)
	if got := client.Mode(ctx)[0]; got.Mode != sr.ModeReadWrite || got.Err != nil {
		t.Errorf("global mode: %+v", got)
	}
	client.SetMode(ctx, sr.ModeReadOnly, "s")
	_, err := client.RegisterSchema(ctx, "s", sr.Schema{Schema: `"string"`}, -1, -1)
	wantCode(t, err, sr.ErrOperationNotPermitted)
	client.SetMode(ctx, sr.ModeImport, "s")
	if id, err := client.RegisterSchema(ctx, "s", sr.Schema{Schema: `"string"`}, 40, 4); err != nil || id != 40 {
		t.Errorf("import: %d, %v", id, err)
	}
	if got := client.ResetMode(ctx, "s")[0]; got.Err != nil {
		t.Error(got.Err)
	}
	client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, "s")
	if next := create(t, client, "s", sr.Schema{Schema: `["string","null"]`}); next.ID != 41 || next.Version != 5 {
		t.Errorf("after an import: %+v", next)
	}
	wantCode(t, client.Do(ctx, http.MethodPut, "/mode", map[string]string{"mode": "SLEEP"}, nil), sr.ErrInvalidMode)
}

// The lists that tools page through.
func TestLists(t *testing.T) {
	client := serve(t)
	ctx := context.Background()
	create(t, client, "b", sr.Schema{Schema: order(fieldID)})
	create(t, client, "b", sr.Schema{Schema: order(fieldID, fieldNoteNull)})
	create(t, client, "a", sr.Schema{Schema: order(fieldID)})
	subjects, err := client.Subjects(ctx)
	if diff := cmp.Diff([]string{"a", "b"}, subjects); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	every, err := client.AllSchemas(ctx)
	if err != nil || len(every) != 3 {
		t.Errorf("schemas %+v, %v", every, err)
	}
	latest, err := client.AllSchemas(sr.WithParams(ctx, sr.LatestOnly, sr.SubjectPrefix("b")))
	if err != nil || len(latest) != 1 || latest[0].Version != 2 {
		t.Errorf("latest %+v, %v", latest, err)
	}
	if second, err := client.Subjects(sr.WithParams(ctx, sr.Offset(1), sr.Limit(1))); err != nil || cmp.Diff([]string{"b"}, second) != "" {
		t.Errorf("page %v, %v", second, err)
	}
	if types, err := client.SupportedTypes(ctx); err != nil || len(types) != 3 {
		t.Errorf("types %v, %v", types, err)
	}
	if names, err := client.SubjectsByID(ctx, 1); err != nil || cmp.Diff([]string{"a", "b"}, names) != "" {
		t.Errorf("subjects of id 1: %v, %v", names, err)
	}
	if byGUID, err := client.SchemaByGUID(ctx, every[0].GUID); err != nil || byGUID.ID != 1 {
		t.Errorf("by guid: %+v, %v", byGUID, err)
	}
	_, err = client.SchemaByVersion(ctx, "a", 0)
	wantCode(t, err, sr.ErrInvalidVersion)
}
