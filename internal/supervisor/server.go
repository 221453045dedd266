package supervisor

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves the HTTP API. All but /healthz and /metrics needs the bearer
// token. platform is what GET /v1/platform answers: the addresses.
func (s *Supervisor) Handler(token string, platform any) http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /v1/platform", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, platform) })
	api.HandleFunc("GET /v1/deployments", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.List()) })
	api.HandleFunc("GET /v1/deployments/{name}", s.serveGet)
	api.HandleFunc("PUT /v1/deployments/{name}", s.servePut)
	api.HandleFunc("DELETE /v1/deployments/{name}", s.serveDelete)
	api.HandleFunc("POST /v1/deployments/{name}/pause", s.serveSwitch(s.Pause))
	api.HandleFunc("POST /v1/deployments/{name}/resume", s.serveSwitch(s.Resume))
	api.HandleFunc("GET /v1/deployments/{name}/tasks/{ordinal}/log", s.serveLog)
	api.HandleFunc("POST /v1/nodes/{id}/restart", s.serveRestart)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.config.Registry, promhttp.HandlerOpts{Registry: s.config.Registry}))
	mux.Handle("/", authenticated(token, api))
	return mux
}

func authenticated(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			refuse(w, http.StatusUnauthorized, errors.New("the bearer token is missing or wrong"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveRestart restarts a node of Kafka. Who asked may go away meanwhile: a node
// that was stopped is started.
func (s *Supervisor) serveRestart(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, fmt.Errorf("%q is no node id", r.PathValue("id")))
		return
	case s.config.RestartNode == nil:
		refuse(w, http.StatusNotImplemented, errors.New("the embedded Kafka has no nodes to restart: make up KAFKA=apache runs brokers that have"))
		return
	}
	if err := s.config.RestartNode(context.WithoutCancel(r.Context()), id); err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, http.StatusOK, "ok")
}

func (s *Supervisor) serveGet(w http.ResponseWriter, r *http.Request) {
	status, err := s.Get(r.PathValue("name"))
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return
	}
	answer(w, http.StatusOK, status)
}

func (s *Supervisor) servePut(w http.ResponseWriter, r *http.Request) {
	var d Deployment
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	body.DisallowUnknownFields()
	if err := body.Decode(&d); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("read the deployment: %w", err))
		return
	}
	if name := r.PathValue("name"); d.Name != name {
		refuse(w, http.StatusBadRequest, fmt.Errorf("the path names %q and the body %q", name, d.Name))
		return
	}
	switch err := s.Apply(d); {
	case errors.Is(err, errClosed):
		refuse(w, http.StatusServiceUnavailable, err)
	case err != nil:
		refuse(w, http.StatusBadRequest, err)
	default:
		s.serveGet(w, r)
	}
}

func (s *Supervisor) serveDelete(w http.ResponseWriter, r *http.Request) {
	err := s.Delete(r.PathValue("name"))
	switch {
	case errors.Is(err, ErrUnknown):
		refuse(w, http.StatusNotFound, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// serveSwitch serves what pauses a deployment or lets it go on.
func (s *Supervisor) serveSwitch(change func(name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch err := change(r.PathValue("name")); {
		case errors.Is(err, errClosed):
			refuse(w, http.StatusServiceUnavailable, err)
		case errors.Is(err, ErrUnknown):
			refuse(w, http.StatusNotFound, err)
		case err != nil:
			refuse(w, http.StatusInternalServerError, err)
		default:
			s.serveGet(w, r)
		}
	}
}

// serveLog answers the last lines of a task's log: ?lines=N, 20 by default.
func (s *Supervisor) serveLog(w http.ResponseWriter, r *http.Request) {
	status, err := s.Get(r.PathValue("name"))
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return
	}
	ordinal, err := strconv.Atoi(r.PathValue("ordinal"))
	if err != nil || ordinal < 0 || ordinal >= len(status.TasksStatus) {
		refuse(w, http.StatusNotFound, fmt.Errorf("%s has no task %s", status.Name, r.PathValue("ordinal")))
		return
	}
	lines, err := strconv.Atoi(r.URL.Query().Get("lines"))
	if err != nil || lines <= 0 {
		lines = 20
	}
	text, err := lastLines(status.TasksStatus[ordinal].Log, lines)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

// problem is the body of every refusal.
type problem struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, code int, err error) { answer(w, code, problem{err.Error()}) }

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
