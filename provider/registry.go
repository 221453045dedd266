package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/errgroup"

	"headwater.internal/platform/internal/schema"
)

// registryPage is how many schemas one list request asks for: Confluent's
// registry answers no more at once.
const registryPage = 1000

// registryReaders bounds how many requests a load sends at a time.
const registryReaders = 32

// registry is the schema registry as the provider's types see it. What a refresh
// needs comes from two loads that all resources share: the latest version of
// every subject in one list, and the level of every subject in that list, read
// in parallel.
type registry struct {
	settings registrySettings
	timeout  time.Duration
	latest   *kind[sr.SubjectSchema] // by subject
	levels   *kind[string]           // by subject; subjects without a level of their own are missing

	making sync.Once
	client *sr.Client
	err    error

	mu     sync.Mutex
	parsed map[string]*schema.Schema // by subject and version, which never change
}

func newRegistry(set registrySettings, timeout time.Duration) *registry {
	g := &registry{settings: set, timeout: timeout, parsed: map[string]*schema.Schema{}}
	g.latest = newKind(2*timeout, g.loadLatest, g.loadSubject)
	g.levels = newKind(2*timeout, g.loadLevels, g.loadLevel)
	return g
}

// connect makes the client on first use. It does not dial.
func (g *registry) connect() (*sr.Client, error) {
	g.making.Do(func() {
		if g.settings.url == "" {
			g.err = errors.New("no schema registry is configured: set schema_registry.url in the provider block or HEADWATER_SCHEMA_REGISTRY_URL")
			return
		}
		tlsConfig, err := g.settings.tls.Config()
		if err != nil {
			g.err = err
			return
		}
		opts := []sr.ClientOpt{
			sr.URLs(strings.Split(g.settings.url, ",")...),
			sr.HTTPClient(&http.Client{Timeout: g.timeout, Transport: newRegistryTransport(tlsConfig)}),
			sr.UserAgent("terraform-provider-headwater"),
		}
		if g.settings.username != "" {
			opts = append(opts, sr.BasicAuth(g.settings.username, g.settings.password))
		}
		if g.settings.token != "" {
			opts = append(opts, sr.BearerToken(g.settings.token))
		}
		g.client, g.err = sr.NewClient(opts...)
	})
	return g.client, g.err
}

// loadLatest lists the latest version of every subject. A registry without the
// list endpoint yields nothing, and each subject is then asked for by name.
func (g *registry) loadLatest(ctx context.Context) (map[string]sr.SubjectSchema, error) {
	client, err := g.connect()
	if err != nil {
		return nil, err
	}
	all := map[string]sr.SubjectSchema{}
	for offset := 0; ; offset += registryPage {
		page, err := client.AllSchemas(sr.WithParams(ctx, sr.LatestOnly, sr.Offset(offset), sr.Limit(registryPage)))
		if hasStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, s := range page {
			if s.Version >= all[s.Subject].Version {
				all[s.Subject] = s
			}
		}
		if len(page) < registryPage || len(all) == before { // a registry that knows no pages repeats itself
			return all, nil
		}
	}
}

func (g *registry) loadSubject(ctx context.Context, subject string) (sr.SubjectSchema, bool, error) {
	client, err := g.connect()
	if err != nil {
		return sr.SubjectSchema{}, false, err
	}
	s, err := client.SchemaByVersion(ctx, subject, -1)
	if hasStatus(err, http.StatusNotFound) {
		return s, false, nil
	}
	return s, err == nil, err
}

// loadLevels reads the levels of all listed subjects, a few at a time.
func (g *registry) loadLevels(ctx context.Context) (map[string]string, error) {
	subjects, err := g.latest.peek(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	all := make(map[string]string, len(subjects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(registryReaders)
	for subject := range subjects {
		group.Go(func() error {
			level, _, err := g.loadLevel(ctx, subject)
			var refused *sr.ResponseError
			if errors.As(err, &refused) {
				return nil // perhaps a foreign subject: whoever needs it asks by name and is told
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			all[subject] = level // empty for none, so that nobody asks again
			return nil
		})
	}
	return all, group.Wait()
}

func (g *registry) loadLevel(ctx context.Context, subject string) (string, bool, error) {
	client, err := g.connect()
	if err != nil {
		return "", false, err
	}
	result := client.Compatibility(ctx, subject)[0]
	if hasStatus(result.Err, http.StatusNotFound) {
		return "", false, nil
	}
	return result.Level.String(), result.Err == nil, result.Err
}

// read returns a subject's latest schema and, when that is wanted, its own level,
// empty for none. Both are asked for at the same time.
func (g *registry) read(ctx context.Context, subject string, withLevel bool) (latest sr.SubjectSchema, level string, found bool, err error) {
	var group errgroup.Group
	if withLevel {
		group.Go(func() (err error) {
			level, _, err = g.levels.get(ctx, subject)
			return err
		})
	}
	latest, found, err = g.latest.get(ctx, subject)
	if levelErr := group.Wait(); err == nil {
		err = levelErr
	}
	return latest, level, found, err
}

// effectiveLevel is the level that the registry applies to a subject today.
func (g *registry) effectiveLevel(ctx context.Context, subject string) (sr.CompatibilityLevel, error) {
	client, err := g.connect()
	if err != nil {
		return 0, err
	}
	result := client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0]
	if hasStatus(result.Err, http.StatusNotFound) || // a registry that does not know the parameter
		result.Err == nil && result.Level == sr.CompatNone && g.noneInherits() {
		return g.globalLevel(ctx)
	}
	return result.Level, result.Err
}

// forget drops what was loaded of a subject after a write to it.
func (g *registry) forget(subject string) {
	g.latest.invalidate(subject)
	g.levels.invalidate(subject)
}

// version reads and parses one version of a subject with its references. found
// is false when the registry does not have it.
func (g *registry) version(ctx context.Context, subject string, number int) (parsed *schema.Schema, found bool, err error) {
	key := subject + "\x00" + strconv.Itoa(number)
	g.mu.Lock()
	parsed = g.parsed[key]
	g.mu.Unlock()
	if parsed != nil {
		return parsed, true, nil
	}
	client, err := g.connect()
	if err != nil {
		return nil, false, err
	}
	s, err := client.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), subject, number)
	if hasStatus(err, http.StatusNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	parsed, err = g.parse(ctx, s.Schema)
	if err != nil {
		return nil, false, fmt.Errorf("version %d of subject %q in the registry: %w", number, subject, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.parsed[key] = parsed
	return parsed, true, nil
}

// parse parses a schema whose references are all in the registry.
func (g *registry) parse(ctx context.Context, s sr.Schema) (*schema.Schema, error) {
	refs := make([]schema.Reference, 0, len(s.References))
	for _, r := range s.References {
		parsed, found, err := g.version(ctx, r.Subject, r.Version)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("reference %q: the registry has no version %d of subject %q", r.Name, r.Version, r.Subject)
		}
		refs = append(refs, schema.Reference{Name: r.Name, Schema: parsed})
	}
	return schema.Parse(s.Type, s.Schema, refs)
}

// hasStatus reports whether the registry answered with one of the statuses.
func hasStatus(err error, statuses ...int) bool {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	for _, status := range statuses {
		if answer.StatusCode == status {
			return true
		}
	}
	return false
}
