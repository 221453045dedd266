package schema

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

func (r *Registry) routeSchemas(mux *http.ServeMux) {
	mux.Handle("GET /schemas", answer(r.getSchemas))
	mux.Handle("GET /schemas/types", answer(func(*http.Request) (any, error) {
		return []sr.SchemaType{sr.TypeJSON, sr.TypeProtobuf, sr.TypeAvro}, nil
	}))
	mux.Handle("GET /schemas/ids/{id}", r.byID(func(_ *http.Request, id int) any {
		return r.state.schemas[id].schema
	}))
	mux.Handle("GET /schemas/ids/{id}/schema", r.byID(func(_ *http.Request, id int) any {
		return rawText(r.state.schemas[id].schema.Schema)
	}))
	mux.Handle("GET /schemas/ids/{id}/versions", r.byID(func(req *http.Request, id int) any {
		return r.usesOf(req, id)
	}))
	mux.Handle("GET /schemas/ids/{id}/subjects", r.byID(func(req *http.Request, id int) any {
		names := []string{}
		for _, use := range r.usesOf(req, id) {
			names = append(names, use.Subject)
		}
		return slices.Compact(names)
	}))
	mux.Handle("GET /schemas/guids/{guid}", r.byGUID(func(id int) any {
		return sr.SubjectSchema{ID: id, GUID: r.state.schemas[id].guid, Schema: r.state.schemas[id].schema}
	}))
	mux.Handle("GET /schemas/guids/{guid}/ids", r.byGUID(func(id int) any {
		return []sr.ContextID{{Context: ".", ID: id}}
	}))
}

// byID answers for the id of the path when some version, live or softly
// deleted, holds it: data written with a deleted schema must stay readable.
func (r *Registry) byID(f func(*http.Request, int) any) http.Handler {
	return answer(func(req *http.Request) (any, error) {
		id, err := strconv.Atoi(req.PathValue("id"))
		if err != nil {
			return nil, fail(sr.ErrSchemaNotFound, "Schema %s not found", req.PathValue("id"))
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.state.schemas[id] == nil || len(r.state.uses(id, all)) == 0 {
			return nil, fail(sr.ErrSchemaNotFound, "Schema %d not found", id)
		}
		return f(req, id), nil
	})
}

func (r *Registry) byGUID(f func(id int) any) http.Handler {
	return answer(func(req *http.Request) (any, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for id, st := range r.state.schemas {
			if st.guid == req.PathValue("guid") && len(r.state.uses(id, all)) > 0 {
				return f(id), nil
			}
		}
		return nil, fail(sr.ErrSchemaNotFound, "Schema %s not found", req.PathValue("guid"))
	})
}

func (r *Registry) usesOf(req *http.Request, id int) []sr.SubjectVersion {
	uses := r.state.uses(id, kept(req))
	if name := req.URL.Query().Get("subject"); name != "" {
		uses = slices.DeleteFunc(uses, func(u sr.SubjectVersion) bool { return u.Subject != name })
	}
	return uses
}

func (r *Registry) getSchemas(req *http.Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep, prefix := kept(req), req.URL.Query().Get("subjectPrefix")
	out := []sr.SubjectSchema{}
	for _, name := range r.state.names(keep) {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		numbers := r.state.subjects[name].numbers(keep)
		if flag(req, "latestOnly") {
			numbers = numbers[len(numbers)-1:]
		}
		for _, n := range numbers {
			out = append(out, r.describe(name, *r.state.subjects[name].find(n)))
		}
	}
	return page(req, out), nil
}
