package schema

import (
	"net/http"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

func (r *Registry) routeSubjects(mux *http.ServeMux) {
	mux.Handle("GET /subjects", answer(r.getSubjects))
	mux.Handle("POST /subjects/{subject}", answer(r.postLookup))
	mux.Handle("DELETE /subjects/{subject}", answer(func(req *http.Request) (any, error) {
		return r.deleteSubject(req.PathValue("subject"), flag(req, "permanent"))
	}))
	mux.Handle("GET /subjects/{subject}/versions", answer(r.getVersions))
	mux.Handle("POST /subjects/{subject}/versions", answer(r.postVersion))
	mux.Handle("GET /subjects/{subject}/versions/{version}", r.byVersion(func(_ *http.Request, s sr.SubjectSchema) any { return s }))
	mux.Handle("GET /subjects/{subject}/versions/{version}/schema", r.byVersion(func(_ *http.Request, s sr.SubjectSchema) any {
		return rawText(s.Schema.Schema)
	}))
	mux.Handle("GET /subjects/{subject}/versions/{version}/referencedby", r.byVersion(func(req *http.Request, s sr.SubjectSchema) any {
		return r.state.referrers(s.Subject, s.Version, kept(req))
	}))
	mux.Handle("DELETE /subjects/{subject}/versions/{version}", answer(func(req *http.Request) (any, error) {
		number, err := versionOf(req)
		if err != nil {
			return nil, err
		}
		return r.deleteVersion(req.PathValue("subject"), number, flag(req, "permanent"))
	}))
	mux.Handle("POST /compatibility/subjects/{subject}/versions", answer(func(req *http.Request) (any, error) {
		return r.postCompatibility(req, 0)
	}))
	mux.Handle("POST /compatibility/subjects/{subject}/versions/{version}", answer(func(req *http.Request) (any, error) {
		number, err := versionOf(req)
		if err != nil {
			return nil, err
		}
		return r.postCompatibility(req, number)
	}))
}

func (r *Registry) getSubjects(req *http.Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	prefix := req.URL.Query().Get("subjectPrefix")
	names := slices.DeleteFunc(r.state.names(kept(req)), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	return page(req, names), nil
}

func (r *Registry) getVersions(req *http.Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := req.PathValue("subject")
	sub := r.state.subjects[name]
	if sub == nil {
		return nil, noSubject(name)
	}
	numbers := sub.numbers(kept(req))
	if len(numbers) == 0 {
		return nil, noSubject(name)
	}
	return page(req, numbers), nil
}

func (r *Registry) postVersion(req *http.Request) (any, error) {
	var body sr.SubjectSchema
	if err := decodeBody(req, &body, sr.ErrInvalidSchema); err != nil {
		return nil, err
	}
	return r.register(req.PathValue("subject"), body)
}

func (r *Registry) postLookup(req *http.Request) (any, error) {
	var body sr.Schema
	if err := decodeBody(req, &body, sr.ErrInvalidSchema); err != nil {
		return nil, err
	}
	return r.lookup(req.PathValue("subject"), body, kept(req))
}

func (r *Registry) byVersion(f func(*http.Request, sr.SubjectSchema) any) http.Handler {
	return answer(func(req *http.Request) (any, error) {
		number, err := versionOf(req)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		name := req.PathValue("subject")
		v, err := r.find(name, number, kept(req))
		if err != nil {
			return nil, err
		}
		return f(req, r.describe(name, *v)), nil
	})
}

// postCompatibility answers whether a schema could be registered. number is a
// version, latestVersion, or 0 for all that the level demands.
func (r *Registry) postCompatibility(req *http.Request, number int) (any, error) {
	var body sr.Schema
	if err := decodeBody(req, &body, sr.ErrInvalidSchema); err != nil {
		return nil, err
	}
	found, err := r.check(req.PathValue("subject"), number, body)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"is_compatible": len(found) == 0}
	if flag(req, "verbose") {
		out["messages"] = messages(found)
	}
	return out, nil
}
