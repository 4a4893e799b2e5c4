package apitest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// recorder is a test that keeps its errors to itself.
type recorder struct {
	testing.TB

	errors []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

// A check of every answer that misses a fault would weaken all tests.
func TestSendNotices(t *testing.T) {
	for _, test := range []struct {
		name   string
		method string
		status int
		header map[string]string // beside an ID and the type; "" for none
		body   string
		want   int
	}{
		{"a good answer", "GET", 200, nil, `{}`, 0},
		{"good rows", "POST", 200, map[string]string{"Content-Type": "application/x-ndjson"}, "{}\n{}\n", 0},
		{"a row that is no JSON", "POST", 200, map[string]string{"Content-Type": "application/x-ndjson"}, "{}\n{\n", 1},
		{"half a row", "POST", 200, map[string]string{"Content-Type": "application/x-ndjson"}, "{}\n{}", 1},
		{"a good refusal", "GET", 429, map[string]string{"Retry-After": "1"}, `{}`, 0},
		{"a good answer without a body", "DELETE", 204, map[string]string{"Content-Type": ""}, "", 0},
		{"no ID", "GET", 200, map[string]string{"X-Request-Id": ""}, `{}`, 1},
		{"another type", "GET", 200, map[string]string{"Content-Type": "text/plain"}, `{}`, 1},
		{"no JSON", "GET", 200, nil, `{`, 1},
		{"a body too many", "GET", 304, nil, `{}`, 1},
		{"a body for HEAD", "HEAD", 200, nil, `{}`, 1},
		{"429 without a time", "GET", 429, nil, `{}`, 1},
		{"503 without a time", "GET", 503, nil, `{}`, 1},
		{"a time without need", "GET", 200, map[string]string{"Retry-After": "1"}, `{}`, 1},
		{"405 without methods", "GET", 405, nil, `{}`, 1},
		{"methods without need", "GET", 404, map[string]string{"Allow": "GET"}, `{}`, 1},
		{"a failure with an ETag", "GET", 404, map[string]string{"ETag": `"1"`}, `{}`, 1},
		{"a failure with a location", "GET", 404, map[string]string{"Location": "/"}, `{}`, 1},
		{"401 without a challenge", "GET", 401, nil, `{}`, 1},
		{"a challenge without need", "GET", 403, map[string]string{"WWW-Authenticate": "Bearer"}, `{}`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &recorder{TB: t}
			apitest.Send(r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-Id", "1")
				w.Header().Set("Content-Type", "application/json")
				for name, value := range test.header {
					if w.Header().Set(name, value); value == "" {
						w.Header().Del(name)
					}
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body)) // of a recorder
			}), test.method, "/", "").Challenged(r)
			if len(r.errors) != test.want {
				t.Errorf("got %q, want %d", r.errors, test.want)
			}
		})
	}
}
