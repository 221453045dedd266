package apache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// DefaultCompatibility is the rule for subjects that have none of their own.
// Apicurio's own default is to check nothing.
const DefaultCompatibility = "FULL_TRANSITIVE"

// RegistryOptions says what registry to start and where.
type RegistryOptions struct {
	CacheDir      string            // folder of the downloads, see [Fetch]; required
	DataDir       string            // folder of the schemas and the log; required
	Port          int               // on 127.0.0.1; a free one when 0
	Compatibility string            // the global rule; FULL_TRANSITIVE when empty
	HeapMB        int               // 192
	Progress      func(step string) // may be nil
}

// Registry is a running Apicurio. Schemas are on disk before they are
// acknowledged.
type Registry struct {
	options RegistryOptions
	guard   *guard
	process *process
}

// StartRegistry starts a registry on the schemas in o.DataDir, however its last
// run ended, sets its global compatibility, and returns when it answers. The
// error carries the end of its log.
func StartRegistry(ctx context.Context, o RegistryOptions) (*Registry, error) {
	if o.CacheDir == "" || o.DataDir == "" {
		return nil, errors.New("start the registry: CacheDir and DataDir must be set")
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Compatibility == "" {
		o.Compatibility = DefaultCompatibility
	}
	o.HeapMB = orDefault(o.HeapMB, defaultHeapMB)
	var err error
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return nil, err
	}
	runtime, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	app, err := fetchRegistry(ctx, o.CacheDir, o.Progress)
	if err != nil {
		return nil, err
	}
	if o.Port == 0 {
		if o.Port, err = new(portDraw).next(); err != nil {
			return nil, err
		}
	}
	o.Progress("starting the schema registry")
	r := &Registry{options: o}
	if err := r.launch(runtime, app); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := r.ready(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// URL is the root of the registry's Confluent API.
func (r *Registry) URL() string {
	return "http://127.0.0.1:" + strconv.Itoa(r.options.Port) + "/apis/ccompat/v7"
}

// LogFile is where the registry logs.
func (r *Registry) LogFile() string { return r.process.output }

// Kill ends the registry at once.
func (r *Registry) Kill() { r.process.kill() }

// Stop ends the registry in order; the error says that it had to be killed.
func (r *Registry) Stop(ctx context.Context) error {
	defer r.Close()
	return r.process.terminate(ctx, stopTimeout)
}

// Close kills what still runs. The schemas stay.
func (r *Registry) Close() {
	r.guard.close()
	<-r.process.exited
}

func (r *Registry) launch(runtime java, app string) error {
	o := r.options
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return err
	}
	jars, err := filepath.Glob(filepath.Join(app, "*-runner.jar"))
	if err != nil || len(jars) != 1 {
		return fmt.Errorf("start the registry: no program in %s: remove that folder", app)
	}
	args, output := filepath.Join(o.DataDir, "arguments"), filepath.Join(o.DataDir, "registry.log")
	flags := []string{
		"-Xmx" + strconv.Itoa(o.HeapMB) + "m", "-XX:TieredStopAtLevel=1", "-Duser.dir=" + o.DataDir,
		"-Dquarkus.http.host=127.0.0.1", "-Dquarkus.http.port=" + strconv.Itoa(o.Port),
		// By default a commit reaches the file half a second after its answer.
		"-Dquarkus.datasource.jdbc.url=jdbc:h2:file:" + filepath.Join(o.DataDir, "schemas") + ";WRITE_DELAY=0",
		"-Dquarkus.datasource.jdbc.acquisition-timeout=PT60S", // 5 s is too short for a file opened on a busy machine
		"-Dquarkus.datasource.jdbc.initial-size=2", "-Dquarkus.datasource.jdbc.min-size=2", "-Dquarkus.datasource.jdbc.max-size=10",
		"-Dquarkus.log.category.\"io.apicurio.common.apps.logging.audit\".level=WARN",
	}
	classes := classes{java: runtime.path, path: jars[0]}
	if err := classes.arguments(args, flags, "io.quarkus.runner.GeneratedMain"); err != nil {
		return err
	}
	if r.guard, err = newGuard(); err != nil {
		return err
	}
	if r.process, err = r.guard.run(runtime.path, "the registry", args, output, output); err != nil {
		r.guard.close()
		return err
	}
	return nil
}

// ready waits for the registry's first answer and sets the global rule.
func (r *Registry) ready(ctx context.Context) error {
	body, err := json.Marshal(map[string]string{"compatibility": r.options.Compatibility})
	if err != nil {
		return err
	}
	for {
		err := r.put(ctx, r.URL()+"/config", body)
		if err == nil {
			return nil
		}
		var refused *refusedError
		if errors.As(err, &refused) && refused.final() {
			return fmt.Errorf("set the registry's compatibility to %q: %w", r.options.Compatibility, err)
		}
		select {
		case <-r.process.exited:
			return r.process.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for the registry: %w (last: %w); its log is %s", ctx.Err(), err, r.process.output)
		case <-time.After(askEvery):
		}
	}
}

// refusedError is an HTTP answer other than 200.
type refusedError struct {
	status int
	body   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.body) }

// final says that asking again helps nothing. A conflict is with an earlier try of
// ours, whose answer came too late: the next one finds the rule and sets it.
func (e *refusedError) final() bool {
	return e.status < http.StatusInternalServerError && e.status != http.StatusNotFound && e.status != http.StatusConflict
}

func (r *Registry) put(ctx context.Context, url string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return errors.Join(&refusedError{resp.StatusCode, string(text)}, err)
}
