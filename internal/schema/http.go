package schema

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/twmb/franz-go/pkg/sr"
)

// contentType is what Confluent's clients ask for.
const contentType = "application/vnd.schemaregistry.v1+json"

// maxRequest bounds a request's body in bytes.
const maxRequest = 4 << 20

// Handler serves the registry over the Confluent REST API.
func (r *Registry) Handler() http.Handler {
	mux := http.NewServeMux()
	r.routeSchemas(mux)
	r.routeSubjects(mux)
	r.routeSettings(mux)
	mux.Handle("GET /{$}", answer(func(*http.Request) (any, error) { return struct{}{}, nil }))
	mux.Handle("GET /contexts", answer(func(*http.Request) (any, error) { return []string{"."}, nil }))
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		writeFailure(w, http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found: "+req.Method+" "+req.URL.Path)
	})
	return mux
}

// rawText is answered as it stands instead of as JSON.
type rawText string

// answer turns a function of the request into a handler that writes its result,
// or its error with Confluent's code.
func answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, maxRequest)
		v, err := f(req)
		if err != nil {
			code := codeOf(err)
			writeFailure(w, statusOf(code), code, err.Error())
			return
		}
		body, isText := []byte(nil), false
		if raw, ok := v.(rawText); ok {
			body, isText = []byte(raw), true
		}
		if !isText {
			if body, err = json.Marshal(v); err != nil {
				writeFailure(w, http.StatusInternalServerError, sr.ErrStoreError.Code, err.Error())
				return
			}
		}
		write(w, http.StatusOK, body)
	})
}

// statusOf is the HTTP status that belongs to a code: its first three digits.
func statusOf(code int) int {
	if code >= 10000 {
		return code / 100
	}
	return code
}

func writeFailure(w http.ResponseWriter, status, code int, message string) {
	body, err := json.Marshal(map[string]any{"error_code": code, "message": message})
	if err != nil {
		slog.Error("encode registry answer", "err", err)
		return
	}
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		slog.Debug("answer registry client", "err", err) // it hung up; nothing is left to tell it
	}
}

// decodeBody reads a request's JSON. What does not decode is the client's
// error: a schema type or level that does not exist has a code of its own.
func decodeBody(req *http.Request, into any, invalid *sr.Error) error {
	err := json.NewDecoder(req.Body).Decode(into)
	var tooLarge *http.MaxBytesError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return fail(sr.ErrSchemaTooLarge, "Request is larger than %d bytes", maxRequest)
	case errors.As(err, &syntax):
		return &failure{code: http.StatusBadRequest, message: "Request is not JSON: " + err.Error()}
	default:
		return fail(invalid, "%v", err)
	}
}

// kept reads the deleted and deletedOnly parameters.
func kept(req *http.Request) func(deleted bool) bool {
	switch {
	case flag(req, "deletedOnly"):
		return gone
	case flag(req, "deleted"):
		return all
	default:
		return live
	}
}

func flag(req *http.Request, name string) bool {
	on, err := strconv.ParseBool(req.URL.Query().Get(name))
	return err == nil && on
}

// versionOf reads the version of the path: a positive number, latest or -1.
func versionOf(req *http.Request) (int, error) {
	text := req.PathValue("version")
	if text == "latest" || text == "-1" {
		return latestVersion, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fail(sr.ErrInvalidVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", text)
	}
	return int(n), nil
}

// page cuts a list to the offset and limit parameters.
func page[T any](req *http.Request, list []T) []T {
	query := req.URL.Query()
	if offset, err := strconv.Atoi(query.Get("offset")); err == nil && offset > 0 {
		list = list[min(offset, len(list)):]
	}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}
