package schema

import (
	"net/http"

	"github.com/twmb/franz-go/pkg/sr"
)

func (r *Registry) routeSettings(mux *http.ServeMux) {
	for _, suffix := range []string{"", "/{subject}"} {
		mux.Handle("GET /config"+suffix, answer(r.getLevel))
		mux.Handle("PUT /config"+suffix, answer(r.putLevel))
		mux.Handle("DELETE /config"+suffix, answer(r.resetLevel))
		mux.Handle("GET /mode"+suffix, answer(r.getMode))
		mux.Handle("PUT /mode"+suffix, answer(r.putMode))
		mux.Handle("DELETE /mode"+suffix, answer(r.resetMode))
	}
}

// levelAnswer spells the level both ways: Confluent's GET says
// compatibilityLevel, its PUT and DELETE say compatibility.
func levelAnswer(level sr.CompatibilityLevel) any {
	return map[string]sr.CompatibilityLevel{"compatibilityLevel": level, "compatibility": level}
}

func (r *Registry) getLevel(req *http.Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := req.PathValue("subject")
	if _, own := r.state.levels[name]; name != "" && !own && !flag(req, "defaultToGlobal") {
		return nil, noLevel(name)
	}
	return levelAnswer(r.state.level(name)), nil
}

func noLevel(name string) error {
	return fail(sr.ErrSubjectLevelCompatibilityNotConfigured, "Subject '%s' does not have subject-level compatibility configured", name)
}

func (r *Registry) putLevel(req *http.Request) (any, error) {
	var body struct {
		Level sr.CompatibilityLevel `json:"compatibility"`
	}
	if err := decodeBody(req, &body, sr.ErrInvalidCompatibilityLevel); err != nil {
		return nil, err
	}
	if body.Level == 0 {
		return nil, fail(sr.ErrInvalidCompatibilityLevel, "Request has no compatibility: name one of %v", Levels())
	}
	if err := r.setLevel(req.PathValue("subject"), body.Level); err != nil {
		return nil, err
	}
	return levelAnswer(body.Level), nil
}

func (r *Registry) resetLevel(req *http.Request) (any, error) {
	name := req.PathValue("subject")
	r.mu.Lock()
	level, own := r.state.levels[name]
	r.mu.Unlock()
	if !own {
		if name != "" {
			return nil, noLevel(name)
		}
		level = DefaultLevel
	}
	if err := r.setLevel(name, 0); err != nil {
		return nil, err
	}
	return levelAnswer(level), nil
}

func (r *Registry) getMode(req *http.Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := req.PathValue("subject")
	if _, own := r.state.modes[name]; name != "" && !own && !flag(req, "defaultToGlobal") {
		return nil, noMode(name)
	}
	return map[string]sr.Mode{"mode": r.state.mode(name)}, nil
}

func noMode(name string) error {
	return fail(sr.ErrSubjectLevelModeNotConfigured, "Subject '%s' does not have subject-level mode configured", name)
}

func (r *Registry) putMode(req *http.Request) (any, error) {
	var body struct {
		Mode *sr.Mode `json:"mode"`
	}
	if err := decodeBody(req, &body, sr.ErrInvalidMode); err != nil {
		return nil, err
	}
	if body.Mode == nil {
		return nil, fail(sr.ErrInvalidMode, "Request has no mode: name READWRITE, READONLY or IMPORT")
	}
	if err := r.setMode(req.PathValue("subject"), body.Mode.String()); err != nil {
		return nil, err
	}
	return map[string]sr.Mode{"mode": *body.Mode}, nil
}

func (r *Registry) resetMode(req *http.Request) (any, error) {
	name := req.PathValue("subject")
	r.mu.Lock()
	mode, own := r.state.modes[name]
	r.mu.Unlock()
	if !own && name != "" {
		return nil, noMode(name)
	}
	if !own {
		mode = sr.ModeReadWrite
	}
	if err := r.setMode(name, ""); err != nil {
		return nil, err
	}
	return map[string]sr.Mode{"mode": mode}, nil
}
