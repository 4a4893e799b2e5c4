package apitest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Option changes a request before it is sent.
type Option func(*http.Request)

// With returns the option to replace the values of a header. Without values the header is
// absent.
func With(name string, values ...string) Option {
	return func(r *http.Request) {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Send sends a request to a handler and checks what holds for every answer of every family.
// A POST, PUT or PATCH is said to be JSON unless an option says otherwise. Several goroutines
// may send at once.
func Send(tb testing.TB, h http.Handler, method, target, body string, options ...Option) Answer {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, option := range options {
		option(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := Answer{w.Code, w.Header(), w.Body.String()}
	for _, fault := range a.faults(method) {
		tb.Errorf("%s %.80s: %d %s", method, target, a.Status, fault)
	}
	return a
}

// faults returns what is wrong with an answer to any request.
func (a Answer) faults(method string) (faults []string) {
	unless := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fault)
		}
	}
	unless(a.Header.Get("X-Request-Id") != "", "has no X-Request-Id")
	retry := a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable ||
		a.Status == http.StatusConflict && strings.Contains(a.Body, `"idempotency-in-progress"`)
	unless(a.has("Retry-After") == retry, "has Retry-After: "+a.Header.Get("Retry-After"))
	unless(a.has("Allow") == (a.Status == http.StatusMethodNotAllowed), "has Allow: "+a.Header.Get("Allow"))
	if a.Status >= http.StatusBadRequest {
		unless(len(a.Header.Values("ETag")) == 0, "has an ETag")
		unless(len(a.Header.Values("Location")) == 0, "has a Location")
	}
	if a.Bodiless(method) {
		unless(a.Body == "", "has a body: "+a.Body)
		return faults
	}
	media := a.Header.Get("Content-Type")
	if media == "application/x-ndjson" && a.Status == http.StatusOK {
		for line := range strings.Lines(a.Body) {
			unless(json.Valid([]byte(line)) && strings.HasSuffix(line, "\n"), "has a line that is not JSON: "+line)
		}
		return faults
	}
	unless(media == "application/json" || media == "application/problem+json" && a.Status >= http.StatusBadRequest, "has content type "+media)
	unless(json.Valid([]byte(a.Body)), "has a body that is not JSON: "+a.Body)
	return faults
}

func (a Answer) has(name string) bool { return a.Header.Get(name) != "" }

// Bodiless reports whether the answer must not have a body, given the request's method.
func (a Answer) Bodiless(method string) bool {
	return method == http.MethodHead || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified
}

// Challenged checks that a 401 has a challenge, and any other answer has none.
func (a Answer) Challenged(tb testing.TB) {
	tb.Helper()
	if a.has("WWW-Authenticate") != (a.Status == http.StatusUnauthorized) {
		tb.Errorf("%d has WWW-Authenticate %q", a.Status, a.Header.Get("WWW-Authenticate"))
	}
}

// Want fails the test at once if the answer has another status.
func (a Answer) Want(tb testing.TB, status int) {
	tb.Helper()
	if a.Status != status {
		tb.Fatalf("got %d, want %d: %s", a.Status, status, a.Body)
	}
}

// Unmarshal reads the body. It fails if a member has no field in to.
func (a Answer) Unmarshal(to any) error {
	d := json.NewDecoder(strings.NewReader(a.Body))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// Read is Unmarshal that fails the test at once.
func Read[T any](tb testing.TB, a Answer) (to T) {
	tb.Helper()
	if err := a.Unmarshal(&to); err != nil {
		tb.Fatalf("%d: %v in %s", a.Status, err, a.Body)
	}
	return to
}

// LimiterFunc is a Limiter that is a function.
type LimiterFunc func(key string, rates []httpapi.Rate) (httpapi.Decision, error)

// Allow implements httpapi.Limiter.
func (f LimiterFunc) Allow(_ context.Context, key string, _ int, rates []httpapi.Rate) (httpapi.Decision, error) {
	return f(key, rates)
}
