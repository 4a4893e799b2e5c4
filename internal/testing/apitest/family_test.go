package apitest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// groups is a family of a few native routes, with something in front of the handler.
func groups(front func(next http.Handler) http.Handler) *apitest.Family {
	return &apitest.Family{
		New: func(tb testing.TB, w *apitest.World, o httpapi.Options) http.Handler {
			tb.Helper()
			h, err := httpapi.New(w.Users, w.Auth, &o)
			if err != nil {
				tb.Fatal(err)
			}
			return front(h)
		},
		Routes: func(tb testing.TB, w *apitest.World) []apitest.Route {
			tb.Helper()
			g, _, err := w.Users.Tenant("acme").Groups().Create(tb.Context(), enduser.GroupSpec{ExternalID: "kept"})
			if err != nil {
				tb.Fatal(err)
			}
			return []apitest.Route{
				{Action: "createGroup", Write: true, Method: "POST", Path: "/v1/groups", Body: `{"external_id":"new"}`},
				{Action: "listGroups", Method: "GET", Path: "/v1/groups", Query: true},
				{Action: "getGroup", Method: "GET", Path: "/v1/groups/" + g.ID},
				{Method: "GET", Path: "/healthz", Public: true},
			}
		},
		Problem: func(tb testing.TB, a apitest.Answer, code string) {
			tb.Helper()
			if a.Challenged(tb); !strings.Contains(a.Body, `"code":"`+code+`"`) {
				tb.Errorf("got %s, want %s", a.Body, code)
			}
		},
		Scheme: "Bearer ",
	}
}

// repair returns middleware that hides a fault of requests from the routes.
func repair(change func(r *http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			change(r)
			next.ServeHTTP(w, r)
		})
	}
}

// rewrite is repair of a body.
func rewrite(change func(body []byte) []byte) func(http.Handler) http.Handler {
	return repair(func(r *http.Request) {
		body, _ := io.ReadAll(r.Body) // of a test
		body = change(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	})
}

func hostile(t *testing.T, f *apitest.Family) {
	t.Helper()
	f.Hostile(t)
}

func access(t *testing.T, f *apitest.Family) {
	t.Helper()
	f.Access(t)
}

func isolation(t *testing.T, f *apitest.Family) {
	t.Helper()
	f.Isolation(t, nil)
}

// bypasses are ways around a part of the plumbing, each with the test that must fail for it.
var bypasses = map[string]struct {
	notices func(t *testing.T, f *apitest.Family)
	front   func(http.Handler) http.Handler
}{
	"nothing": {func(t *testing.T, f *apitest.Family) { hostile(t, f); access(t, f); isolation(t, f) }, repair(func(*http.Request) {})},
	"lenient JSON": {hostile, rewrite(func(body []byte) []byte {
		var v map[string]any
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&v); err != nil {
			return body
		}
		delete(v, "nobodys")
		text, _ := json.Marshal(v) // was JSON
		return text
	})},
	"trailing data": {hostile, rewrite(func(body []byte) []byte {
		var v json.RawMessage
		if json.NewDecoder(bytes.NewReader(body)).Decode(&v) != nil {
			return body
		}
		return v
	})},
	"size":         {hostile, rewrite(bytes.TrimSpace)},
	"media type":   {hostile, repair(func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })},
	"coding":       {hostile, repair(func(r *http.Request) { r.Header.Del("Content-Encoding") })},
	"query":        {hostile, repair(func(r *http.Request) { r.URL.RawQuery = "" })},
	"precondition": {hostile, repair(func(r *http.Request) { r.Header.Del("If-Match") })},
	"two credentials": {hostile, repair(func(r *http.Request) {
		if values := r.Header["Authorization"]; len(values) > 1 {
			r.Header["Authorization"] = values[:1]
		}
	})},
	"no credential": {hostile, repair(func(r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+apitest.Acme)
		}
	})},
	"rights": {access, repair(func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), apitest.Reader, apitest.Acme, 1))
	})},
	"panics": {access, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := recorder500{w, false}
			if next.ServeHTTP(&got, r); got.failed {
				_, _ = w.Write([]byte(`{"code":"secret of the backend"}`))
			}
		})
	}},
	"tenants": {isolation, repair(func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), apitest.Other, apitest.Acme, 1))
	})},
}

// recorder500 swallows answers of 500.
type recorder500 struct {
	http.ResponseWriter

	failed bool
}

func (r *recorder500) WriteHeader(status int) {
	r.failed = status == http.StatusInternalServerError
	if !r.failed {
		r.ResponseWriter.WriteHeader(status)
	}
}

func (r *recorder500) Write(b []byte) (int, error) {
	if r.failed {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

const bypassed = "ROLLBOOK_BYPASSED" // which of the bypasses TestOneBypass is about

// TestOneBypass is what TestBypasses runs.
func TestOneBypass(t *testing.T) {
	b, ok := bypasses[os.Getenv(bypassed)]
	if !ok {
		t.Skip("runs with TestBypasses")
	}
	b.notices(t, groups(b.front))
}

// A route that bypasses the plumbing must fail.
func TestBypasses(t *testing.T) {
	for name := range bypasses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneBypass$")
			run.Env = append(os.Environ(), bypassed+"="+name)
			out, err := run.CombinedOutput()
			if (err == nil) != (name == "nothing") || bytes.Contains(out, []byte("panic: ")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
