package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// datum is one that the fake CloudWatch was given.
type datum struct {
	Namespace, Name, Dimensions, Unit string
	Value                             float64
}

// fakeAWS is CloudWatch and ECS as far as the publisher speaks to them: it takes
// what they take and refuses what they refuse.
type fakeAWS struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	data     []datum
	requests int
	refusal  string         // an error code to answer with
	desired  map[string]int // by ECS service
}

// startAWS starts the fake and points the SDK at it.
func startAWS(t *testing.T) *fakeAWS {
	t.Helper()
	f := &fakeAWS{t: t, desired: map[string]int{}}
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_CLOUDWATCH": f.server.URL, "AWS_ENDPOINT_URL_ECS": f.server.URL, "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return f
}

func (f *fakeAWS) refuse(code string) { f.mu.Lock(); defer f.mu.Unlock(); f.refusal = code }

func (f *fakeAWS) want(service string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.desired[service] = n
}

// take returns what was put since the last call.
func (f *fakeAWS) take() []datum {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := f.data
	f.data = nil
	return data
}

func (f *fakeAWS) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if r.Header.Get("X-Amz-Target") == "AmazonEC2ContainerServiceV20141113.DescribeServices" {
		f.describe(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(strings.NewReader(string(body))); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	form, formErr := url.ParseQuery(string(body))
	switch {
	case err != nil || formErr != nil:
		f.t.Errorf("body: %v, %v", err, formErr)
	case !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/monitoring/aws4_request"):
		f.t.Errorf("signed for %q", r.Header.Get("Authorization"))
	case len(body) > 1_000_000: // less than 1 MiB, to be sure
		f.fail(w, "RequestEntityTooLarge", http.StatusRequestEntityTooLarge)
	case f.refusal != "":
		status := http.StatusBadRequest
		if f.refusal == "AccessDenied" {
			status = http.StatusForbidden
		}
		f.fail(w, f.refusal, status)
	case form.Get("Action") != "PutMetricData":
		f.fail(w, "InvalidAction", http.StatusBadRequest)
	default:
		f.put(w, form)
	}
}

func (f *fakeAWS) fail(w http.ResponseWriter, code string, status int) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>by the test</Message></Error><RequestId>%d</RequestId></ErrorResponse>`, code, f.requests)
}

func (f *fakeAWS) put(w http.ResponseWriter, form url.Values) {
	n := 0
	for ; form.Has(fmt.Sprintf("MetricData.member.%d.MetricName", n+1)); n++ {
		member := func(name string) string { return form.Get(fmt.Sprintf("MetricData.member.%d.%s", n+1, name)) }
		value, err := strconv.ParseFloat(member("Value"), 64)
		if err != nil {
			f.t.Errorf("value: %v", err)
		}
		if at, err := time.Parse(time.RFC3339, member("Timestamp")); err != nil || time.Since(at).Abs() > time.Minute {
			f.t.Errorf("timestamp %q: %v", member("Timestamp"), err)
		}
		var dimensions []string
		for i := 1; member(fmt.Sprintf("Dimensions.member.%d.Name", i)) != ""; i++ {
			dimensions = append(dimensions, member(fmt.Sprintf("Dimensions.member.%d.Name", i))+"="+member(fmt.Sprintf("Dimensions.member.%d.Value", i)))
		}
		f.data = append(f.data, datum{form.Get("Namespace"), member("MetricName"), strings.Join(dimensions, ","), member("Unit"), value})
	}
	if n == 0 || n > 1000 {
		f.fail(w, "InvalidParameterValue", http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, `<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PutMetricDataResponse>`)
}

func (f *fakeAWS) describe(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Cluster  string
		Services []string
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Cluster != "stage" || len(asked.Services) > mostServices {
		f.t.Errorf("services of %+v: %v", asked, err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f.refusal != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"%s","message":"by the test"}`, f.refusal)
		return
	}
	services, failures := []map[string]any{}, []map[string]any{}
	for _, name := range asked.Services {
		if n, ok := f.desired[name]; ok {
			services = append(services, map[string]any{"serviceName": name, "desiredCount": n, "runningCount": n - 1, "status": "ACTIVE"})
		} else {
			failures = append(failures, map[string]any{"arn": name, "reason": "MISSING"})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"services": services, "failures": failures})
}
