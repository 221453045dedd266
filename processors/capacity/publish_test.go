package main

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, strings.TrimSpace(string(b)))
	return len(b), nil
}

func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

func newTestPublisher(t *testing.T) (*publisher, *lines) {
	t.Helper()
	said := &lines{}
	p, err := newPublisher(t.Context(), settings{environment: "staging", namespace: "Headwater", interval: 30 * time.Second, drain: time.Second}, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p, said
}

// Names, dimensions, units and values are what alarms and scaling policies are
// declared on; what is not known is left out, the heartbeat never.
func TestWhatIsPut(t *testing.T) {
	aws := startAWS(t)
	p, said := newTestPublisher(t)
	p.publish(t.Context(), []reading{
		{processor: "refine", ratio: 97, lag: 1.5, utilization: 75.66},
		{processor: "sessionize", ratio: math.NaN(), utilization: math.NaN(), lag: 70},
	}, time.Now())
	want := []datum{
		{"Headwater", "CapacityRatio", "Environment=staging,Processor=refine", "None", 97},
		{"Headwater", "TimeLag", "Environment=staging,Processor=refine", "Seconds", 1.5},
		{"Headwater", "Utilization", "Environment=staging,Processor=refine", "Percent", 75.66},
		{"Headwater", "TimeLag", "Environment=staging,Processor=sessionize", "Seconds", 70},
		{"Headwater", "Heartbeat", "Environment=staging", "Count", 1},
	}
	if diff := cmp.Diff(want, aws.take()); diff != "" {
		t.Errorf("put (-want +got):\n%s", diff)
	}
	if why := p.notReady(); why != "" || len(said.take()) > 0 {
		t.Errorf("not ready: %q", why)
	}
}

// More than CloudWatch takes at once goes in several requests, of the size that it
// takes even with the longest names.
func TestManyProcessorsAreBatched(t *testing.T) {
	aws := startAWS(t)
	p, said := newTestPublisher(t)
	p.settings.environment = strings.Repeat("e", 64)
	var list []reading
	for i := range 700 {
		name := fmt.Sprintf("%s%03d", strings.Repeat("p", 61), i)
		if !words.MatchString(name) {
			t.Fatal(name)
		}
		list = append(list, reading{processor: name, ratio: 100, lag: 1.0 / 3, utilization: 100.0 / 3})
	}
	p.publish(t.Context(), list, time.Now())
	if got := len(aws.take()); got != 2101 || aws.requests != 3 {
		t.Errorf("%d data in %d requests; said %q", got, aws.requests, said.take())
	}
}

// Each way in which CloudWatch does not take the metrics is one line, however often
// it is tried, and so is its end; meanwhile the task lives and says why it is not ready.
func TestRefusalsAreSaidOnce(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"Throttling", "throttled (Throttling)"},
		{"AccessDenied", "allow the task's role cloudwatch:PutMetricData"},
		{"InternalServiceFault", "InternalServiceFault: by the test"},
		{"", "no answer: "}, // nothing listens
	} {
		t.Run(c.code, func(t *testing.T) {
			aws := startAWS(t)
			aws.refuse(c.code)
			if c.code == "" {
				t.Setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:1")
			}
			t.Setenv("AWS_MAX_ATTEMPTS", "2")
			p, said := newTestPublisher(t)
			for range 3 {
				p.publish(t.Context(), nil, time.Now())
			}
			got := said.take()
			if len(got) != 1 || !strings.Contains(got[0], c.want) || strings.Contains(got[0], "hush") {
				t.Errorf("said %q, want one line with %q", got, c.want)
			}
			if why := p.notReady(); !strings.Contains(why, c.want) {
				t.Errorf("/readyz says %q", why)
			}
			if c.code == "" {
				return
			}
			aws.refuse("")
			p.publish(t.Context(), nil, time.Now())
			if got := said.take(); len(got) != 1 || !strings.Contains(got[0], "it goes on") || p.notReady() != "" {
				t.Errorf("after its end it said %q", got)
			}
		})
	}
}

// Settings that are missing or malformed are named, all at once.
func TestSettingsAreChecked(t *testing.T) {
	t.Setenv("HEADWATER_BOOTSTRAP_SERVERS", "127.0.0.1:1")
	read := func(pairs ...string) error {
		values := map[string]string{envEnvironment: "staging", envProbes: "127.0.0.1:0", envProcessors: `{"refine":{}}`}
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = pairs[i+1]
		}
		_, err := fromEnvironment(func(name string) string { return values[name] })
		return err
	}
	for _, good := range []string{`{"refine":{}}`, `{"refine":{"service":"r","target_utilization":0.6}}`, `{}`} {
		if err := read(envProcessors, good); err != nil {
			t.Error(err)
		}
	}
	for want, pairs := range map[string][]string{
		envEnvironment + ` is ""`:                  {envEnvironment, ""},
		envProbes + " is empty":                    {envProbes, ""},
		"write a duration from 1s":                 {envInterval, "10ms"},
		"write an object a processor":              {envProcessors, ""},
		"is \"null\": write an object":             {envProcessors, "null"},
		"unknown field":                            {envProcessors, `{"refine":{"servise":"x"}}`},
		"no service for refine":                    {envCluster, "stage"},
		"target_utilization 1.2 for refine":        {envProcessors, `{"refine":{"target_utilization":1.2}}`},
		`HEADWATER_CAPACITY_NAMESPACE is "AWS: x"`: {envNamespace, "AWS: x"},
	} {
		if err := read(pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", pairs, err, want)
		}
	}
}
