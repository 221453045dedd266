package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client speaks to a supervisor over HTTP. It does not dial until asked.
type Client struct {
	URL   string // such as http://127.0.0.1:19082
	Token string
	HTTP  *http.Client // [http.DefaultClient] when nil; deletes wait for a drain, so give it no short timeout
}

// List returns all deployments by name.
func (c *Client) List(ctx context.Context) ([]Status, error) {
	var list []Status
	err := c.call(ctx, http.MethodGet, "/v1/deployments", nil, &list)
	return list, err
}

// Get returns one deployment. The error is [ErrUnknown] when there is none of
// that name.
func (c *Client) Get(ctx context.Context, name string) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodGet, path(name), nil, &s)
	return s, err
}

// Apply makes d the wish and returns without waiting for its tasks.
func (c *Client) Apply(ctx context.Context, d Deployment) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodPut, path(d.Name), d, &s)
	return s, err
}

// Delete drains a deployment and returns when its tasks are gone. The error is
// [ErrUnknown] when there is none of that name.
func (c *Client) Delete(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, path(name), nil, nil)
}

// Pause drains the tasks of a deployment and keeps it without any until Resume.
// It returns at once; [Client.WaitSettled] waits until the last is gone. The error
// is [ErrUnknown] when there is none of that name.
func (c *Client) Pause(ctx context.Context, name string) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodPost, path(name)+"/pause", nil, &s)
	return s, err
}

// Resume starts the tasks of a paused deployment again and returns at once. The
// error is [ErrUnknown] when there is none of that name.
func (c *Client) Resume(ctx context.Context, name string) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodPost, path(name)+"/resume", nil, &s)
	return s, err
}

// RestartNode restarts a node of the platform's Kafka and returns when it serves.
func (c *Client) RestartNode(ctx context.Context, id int32) error {
	return c.call(ctx, http.MethodPost, "/v1/nodes/"+strconv.Itoa(int(id))+"/restart", nil, nil)
}

// Log returns the last lines that a task wrote.
func (c *Client) Log(ctx context.Context, name string, ordinal, lines int) (string, error) {
	var text string
	err := c.call(ctx, http.MethodGet, path(name)+"/tasks/"+strconv.Itoa(ordinal)+"/log?lines="+strconv.Itoa(lines), nil, &text)
	return text, err
}

// CrashLoopError says that a task keeps dying, with the last lines it wrote.
type CrashLoopError struct {
	Name string
	Task Task
	Log  string // its last lines
}

// Error implements error.
func (e *CrashLoopError) Error() string {
	return fmt.Sprintf("task %d of %s does not stay up: %s after %d restarts; its log, %s, ends:\n%s",
		e.Task.Ordinal, e.Name, e.Task.LastExit, e.Task.Restarts, e.Task.Log, e.Log)
}

// crashLoop is how many restarts, counted from the start of the wait, are no
// accident any more.
const crashLoop = 4

// WaitSettled returns when all tasks of a deployment run what was applied last.
// The error is a [*CrashLoopError] when a task keeps dying, that of ctx with the
// tasks' states when they take too long, or [ErrUnknown].
func (c *Client) WaitSettled(ctx context.Context, name string) (Status, error) {
	first := map[int]int{} // restarts by ordinal when this wait met the task
	for {
		status, err := c.Get(ctx, name)
		if err != nil {
			return status, err
		}
		if status.Settled() {
			return status, nil
		}
		for _, t := range status.TasksStatus {
			if known, ok := first[t.Ordinal]; t.Current && (!ok || t.Restarts < known) {
				first[t.Ordinal] = t.Restarts
			}
			if t.Current && t.Restarts-first[t.Ordinal] >= crashLoop {
				return status, c.crashLoop(ctx, name, t)
			}
		}
		select {
		case <-ctx.Done():
			return status, fmt.Errorf("wait for the tasks of %s: %w: %s", name, ctx.Err(), describe(status))
		case <-time.After(150 * time.Millisecond):
		}
	}
}

func (c *Client) crashLoop(ctx context.Context, name string, t Task) error {
	text, err := c.Log(ctx, name, t.Ordinal, 12)
	if err != nil {
		text = "(" + err.Error() + ")"
	}
	return &CrashLoopError{Name: name, Task: t, Log: text}
}

func describe(s Status) string {
	parts := []string{fmt.Sprintf("%d of %d tasks", len(s.TasksStatus), s.Tasks)}
	for _, t := range s.TasksStatus {
		parts = append(parts, fmt.Sprintf("task %d %s (log %s)", t.Ordinal, t.State, t.Log))
	}
	return strings.Join(parts, ", ")
}

func path(name string) string { return "/v1/deployments/" + url.PathEscape(name) }

// call sends body as JSON and reads the answer into out: JSON, or the text as it
// is when out is a *string.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, reader)
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the supervisor's answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return refusal(resp.StatusCode, method+" "+path, text)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *string:
		*out = string(text)
		return nil
	default:
		return json.Unmarshal(text, out)
	}
}

// refusal turns an answer of 300 and above into an error.
func refusal(code int, what string, body []byte) error {
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Error == "" {
		p.Error = strings.TrimSpace(string(body))
	}
	if code == http.StatusNotFound {
		return fmt.Errorf("%s: %w", what, ErrUnknown)
	}
	return fmt.Errorf("the supervisor refuses %s (%d): %w", what, code, errors.New(p.Error))
}
