package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// site returns a handler of the toy family with pages and forms.
func site(t *testing.T) http.Handler {
	t.Helper()
	config := configuration()
	config.Page = func(c *call, p *rest.Problem) []byte {
		if p.Status < http.StatusBadRequest {
			return nil
		}
		return append(c.Buffer(), "page of "+p.Code+" for "+c.Principal+" "+p.RequestID...)
	}
	echo := func(c *call) error { return c.Send(http.StatusOK, "text/html", append(c.Buffer(), c.Body()...)) }
	return rest.New(
		config,
		route{Method: "GET", Path: "/{$}", Public: true, Handle: echo},
		route{Method: "POST", Path: "/fields", Access: rest.Write("write"), Body: true, Form: true, MaxBody: 100, Handle: echo},
		route{Method: "GET", Path: "/elsewhere", Access: rest.Read("read"), Handle: func(*call) error {
			return &rest.Problem{Status: http.StatusSeeOther, Header: map[string]string{"Location": "./"}}
		}},
		route{Method: "GET", Path: "/own", Access: rest.Read("read"), Handle: func(c *call) error {
			p := c.Problem(rest.Unavailable("unavailable", "Not now.").Because(errSecret))
			return c.Send(p.Status, "text/html", append(c.Buffer(), "own page"...))
		}},
	)
}

// TestFormFields: the body of a form is read as it is. Any other is refused.
func TestFormFields(t *testing.T) {
	t.Parallel()
	h := site(t)
	form := with("Content-Type", "application/x-www-form-urlencoded")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("a=b"))
	_ = z.Close()
	for _, tt := range []struct {
		body   string
		change []func(*http.Request)
		status int
	}{
		{"a=b&a=%20", nil, 200},
		{"", nil, 200}, // a button alone
		{"not=%zza;form", nil, 200},
		{"a=b", []func(*http.Request){with("Content-Type", "Application/X-WWW-Form-URLencoded; charset=UTF-8")}, 200},
		{strings.Repeat("a", 100), nil, 200},
		{strings.Repeat("a", 101), nil, 413},
		{strings.Repeat("a", 101), []func(*http.Request){func(r *http.Request) { r.ContentLength = -1 }}, 413},
		{`{"a":"b"}`, []func(*http.Request){with("Content-Type", "application/json")}, 415},
		{"a=b", []func(*http.Request){with("Content-Type", "text/plain")}, 415},
		{"a=b", []func(*http.Request){with("Content-Type", "multipart/form-data; boundary=x")}, 415},
		{"a=b", []func(*http.Request){with("Content-Type")}, 415},
		{"", []func(*http.Request){with("Content-Type")}, 415},
		{"a=b", []func(*http.Request){with("Content-Type", "application/x-www-form-urlencoded; =")}, 415},
		{zipped.String(), []func(*http.Request){with("Content-Encoding", "gzip")}, 415},
	} {
		w := do(h, "POST", "/fields", tt.body, append([]func(*http.Request){form}, tt.change...)...)
		if w.Code != tt.status || tt.status == 200 && (w.Body.String() != tt.body || w.Header().Get("Content-Type") != "text/html") {
			t.Errorf("%.20q: got %d %s, want %d", tt.body, w.Code, w.Body, tt.status)
		}
	}
}

// TestPages: a family with pages writes problems as such, with who asks, and never redirects to
// a path that was cleaned.
func TestPages(t *testing.T) {
	t.Parallel()
	h := site(t)
	for _, tt := range []struct {
		method, path, key string
		status            int
		body, location    string
	}{
		{"GET", "/nothing", "key", 404, "page of not-found for  id-1", ""},
		{"GET", "/fields", "key", 405, "page of method-not-allowed for  id-1", ""},
		{"POST", "/fields", "key", 415, "page of unsupported-media-type for tenant id-1", ""},
		{"POST", "/fields", "other", 401, "page of unauthorized for  id-1", ""},
		{"GET", "/elsewhere", "key", 303, "", "./"},
		{"GET", "/own", "key", 503, "own page", ""},
		{"GET", "//fields", "key", 404, "page of not-found for  id-1", ""},
		{"GET", "/x/../own", "key", 404, "page of not-found for  id-1", ""},
	} {
		w := do(h, tt.method, tt.path, "", with("X-Key", tt.key), with("X-Request-Id", "id-1"))
		if w.Code != tt.status || w.Body.String() != tt.body || w.Header().Get("Location") != tt.location {
			t.Errorf("%s %s: got %d %s to %q", tt.method, tt.path, w.Code, w.Body, w.Header().Get("Location"))
		}
		if (w.Header().Get("Retry-After") != "") != (tt.status == 503) {
			t.Errorf("%s %s: %v", tt.method, tt.path, w.Header())
		}
	}
}

// observed is what an Observer was told.
type observed struct {
	family, path, code string
	status             int
}

func (o *observed) Began(family string)                { o.family = family }
func (o *observed) Matched(path string, _ rest.Access) { o.path = path }
func (*observed) Authenticated(string)                 {}
func (o *observed) Answered(status int, code string)   { o.status, o.code = status, code }

// TestOwnPageOfProblem: a route that answers a problem itself tells observers of its code, and
// the root has a path.
func TestOwnPageOfProblem(t *testing.T) {
	t.Parallel()
	h := site(t)
	for path, want := range map[string]observed{
		"/own": {path: "/own", status: 503, code: "unavailable"},
		"/":    {path: "/", status: 200},
	} {
		var got observed
		do(h, "GET", path, "", func(r *http.Request) {
			*r = *r.WithContext(context.WithValue(r.Context(), rest.ObserverKey{}, rest.Observer[string](&got)))
		})
		if got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
}
