package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// protected are the routes that need a credential, by the action that they are; where
// several are the same one, with more behind it.
func protected(id, group string) map[string]struct {
	method, path, body string
	write              bool
} {
	type route = struct {
		method, path, body string
		write              bool
	}
	return map[string]route{
		"createEndUser":                {"POST", "/v1/end-users", `{}`, true},
		"listEndUsers":                 {"GET", "/v1/end-users", "", false},
		"getEndUser":                   {"GET", "/v1/end-users/" + id, "", false},
		"updateEndUser":                {"PATCH", "/v1/end-users/" + id, `{}`, true},
		"deleteEndUser":                {"DELETE", "/v1/end-users/" + id, "", true},
		"associateEndUser":             {"POST", "/v1/end-users/" + id + "/associate", "", true},
		"upsertEndUser":                {"PUT", "/v1/end-users/by-external-id/x", `{}`, true},
		"getEndUser by external ID":    {"GET", "/v1/end-users/by-external-id/x", "", false},
		"updateEndUser by external ID": {"PATCH", "/v1/end-users/by-external-id/x", `{}`, true},
		"deleteEndUser by external ID": {"DELETE", "/v1/end-users/by-external-id/x", "", true},
		"replaceSensitive":             {"PUT", "/v1/sensitive/" + id, `{"a":"b"}`, true},
		"updateSensitive":              {"PATCH", "/v1/sensitive/" + id, `{"a":"b"}`, true},
		"createGroup":                  {"POST", "/v1/groups", `{"external_id":"new"}`, true},
		"listGroups":                   {"GET", "/v1/groups", "", false},
		"getGroup":                     {"GET", "/v1/groups/" + group, "", false},
		"updateGroup":                  {"PATCH", "/v1/groups/" + group, `{}`, true},
		"deleteGroup":                  {"DELETE", "/v1/groups/" + group, "", true},
		"rotateGroupToken":             {"POST", "/v1/groups/" + group + "/rotate", `{}`, true},
		"listChanges":                  {"GET", "/v1/changes", "", false},
	}
}

func TestNewFailsClosed(t *testing.T) {
	t.Parallel()
	users := enduser.New(memory.New(nil), nil)
	if _, err := httpapi.New(users, nil, nil); err == nil {
		t.Error("New accepts no Authenticator")
	}
	if _, err := httpapi.New(nil, tokens(t).Authenticate, nil); err == nil {
		t.Error("New accepts no users")
	}
}

func TestAuthenticator(t *testing.T) {
	t.Parallel()
	secret := errors.New("secret of the backend")
	tests := []struct {
		name string
		auth httpapi.Authenticator
		want int
	}{
		{"unauthorized", func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{}, httpapi.ErrUnauthorized
		}, 401},
		{"wrapped", func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: "acme"}, fmt.Errorf("%w: %w", httpapi.ErrUnauthorized, secret)
		}, 401},
		{"no tenant", func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{}, nil }, 401},
		{"error", func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: "acme"}, secret
		}, 503},
		{"context", func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{}, context.DeadlineExceeded
		}, 503},
		{"panic", func(*http.Request, string) (httpapi.Principal, error) { panic(secret) }, 500}, //nolint:forbidigo // what the test is about
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServerOf(t, nil, nil, tt.auth, nil)
			for name, r := range protected("x", "x") {
				if a := s.do(t, r.method, r.path, r.body).want(t, tt.want); strings.Contains(a.body, "secret") {
					t.Errorf("%s: the answer says what is wrong inside: %s", name, a.body)
				}
			}
			s.do(t, "GET", "/healthz", "").want(t, 200)
			s.do(t, "GET", "/openapi.json", "").want(t, 200)
		})
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"x"}`)
	g := s.createGroup(t, `{"external_id":"a"}`)
	for name, r := range protected(u.ID, g.ID) {
		a := s.do(t, r.method, r.path, r.body, as(readerKey))
		if want := map[bool]int{true: 403, false: 200}[r.write]; a.status != want {
			t.Errorf("%s: got %d, want %d", name, a.status, want)
		}
	}
	// Nobody learns from a refusal whether a user exists.
	for _, method := range []string{"PATCH", "DELETE"} {
		s.do(t, method, "/v1/end-users/unknown", "{}", as(readerKey)).wantCode(t, 403, "forbidden")
	}
	if got := s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200).user(t); got.Revision != u.Revision {
		t.Error("a reader wrote")
	}
	if got := s.do(t, "GET", "/v1/groups/"+g.ID, "").want(t, 200).group(t); got.Revision != g.Revision {
		t.Error("a reader rotated")
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	var err error
	asked := map[string]bool{}
	s := newServer(t, nil, &httpapi.Options{
		Authorize: func(_ context.Context, p httpapi.Principal, a httpapi.Action) error {
			if p.Tenant == "acme" {
				asked[a.Name] = a.Write
				return err
			}
			return nil
		},
	})
	u := s.create(t, `{"external_id":"x"}`)
	g := s.createGroup(t, `{"external_id":"x"}`)
	for _, tt := range []struct {
		err  error
		want int
	}{
		{httpapi.ErrForbidden, 403},
		{fmt.Errorf("no: %w", httpapi.ErrForbidden), 403},
		{errors.New("secret of the backend"), 503},
	} {
		err = tt.err
		clear(asked)
		want := map[string]bool{}
		for name, r := range protected(u.ID, g.ID) {
			action, _, _ := strings.Cut(name, " ")
			want[action] = r.write
			if a := s.do(t, r.method, r.path, r.body).want(t, tt.want); strings.Contains(a.body, "secret") {
				t.Errorf("%s: %s", name, a.body)
			}
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("actions (-want +got):\n%s", diff)
		}
	}
	err = nil
	if got := s.do(t, "GET", "/v1/end-users/"+u.ID, "", as(readerKey)).want(t, 200).user(t); got.Revision != u.Revision {
		t.Error("a refused request wrote")
	}
}

// TestPanics: a hook or store that panics is a 500, and the next request is served.
func TestPanics(t *testing.T) {
	t.Parallel()
	f := &apitest.Faulty{Store: memory.New(nil)}
	var log bytes.Buffer
	s := newServer(t, f, &httpapi.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	u := s.create(t, `{"external_id":"x"}`)
	g := s.createGroup(t, `{"external_id":"x"}`)
	for name, r := range protected(u.ID, g.ID) {
		f.Panics.Store(true)
		a := s.do(t, r.method, r.path, r.body)
		f.Panics.Store(false)
		a.wantCode(t, 500, "internal")
		if strings.Contains(a.body, "store that panics") {
			t.Errorf("%s: %s", name, a.body)
		}
		if !strings.Contains(log.String(), a.header.Get("X-Request-Id")) {
			t.Errorf("%s: the log does not have the request", name)
		}
		s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{}`).want(t, 200)
	}
	panics := newServer(t, nil, &httpapi.Options{Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error { panic("hook") }}) //nolint:forbidigo // what the test is about
	panics.do(t, "GET", "/v1/changes", "").wantCode(t, 500, "internal")
	policy := newServerOf(t, nil, &enduser.Options{Policy: func(string) (enduser.Policy, bool) { panic("hook") }}, tokens(t).Authenticate, nil) //nolint:forbidigo // what the test is about
	policy.do(t, "POST", "/v1/end-users", "{}").wantCode(t, 500, "internal")

	abort := newServer(t, nil, &httpapi.Options{Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error { panic(http.ErrAbortHandler) }}) //nolint:forbidigo // what the test is about
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // a panic value is compared as net/http does
				t.Errorf("recovered %v", v)
			}
		}()
		abort.handler.ServeHTTP(httptest.NewRecorder(), newRequest("GET", "/v1/changes", ""))
	}()
}

func TestStoreErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want int
		code string
	}{
		{"unavailable", fmt.Errorf("secret: %w", store.ErrUnavailable), 503, "unavailable"},
		{"anything", errors.New("secret"), 503, "unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &apitest.Faulty{Store: memory.New(nil)}
			s := newServer(t, f, nil)
			u := s.create(t, `{"external_id":"x"}`)
			g := s.createGroup(t, `{"external_id":"x"}`)
			f.Fail(tt.err)
			for name, r := range protected(u.ID, g.ID) {
				a := s.do(t, r.method, r.path, r.body)
				if a.wantCode(t, tt.want, tt.code); strings.Contains(a.body, "secret") {
					t.Errorf("%s: %s", name, a.body)
				}
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		f := &apitest.Faulty{Store: memory.New(nil)}
		s := newServer(t, f, nil)
		u := s.create(t, `{"external_id":"x"}`)
		f.Lost.Store(true)
		s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{"name":"A"}`).wantCode(t, 503, "outcome-unknown")
	})
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, id := range []string{"a", "7f6e-1", strings.Repeat("x", 128), `!"#$%&'()*+,-./`} {
		if got := s.do(t, "GET", "/unknown", "", with("X-Request-Id", id)).header.Get("X-Request-Id"); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	seen := map[string]bool{}
	for _, ids := range [][]string{nil, {""}, {"a b"}, {"a\tb"}, {"é"}, {"a\x7f"}, {strings.Repeat("x", 129)}, {"a", "b"}, {"a", "a"}} {
		got := s.do(t, "GET", "/healthz", "", with("X-Request-Id", ids...)).header.Get("X-Request-Id")
		if len(got) != 24 || seen[got] {
			t.Errorf("%q became %q", ids, got)
		}
		seen[got] = true
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
		code string
	}{
		{enduser.ErrNotFound, 404, "not-found"},
		{fmt.Errorf("host: %w", enduser.ErrUnavailable), 503, "unavailable"},
		{enduser.ErrUnknown, 503, "outcome-unknown"},
		{enduser.ErrContended, 503, "contended"},
		{enduser.ErrAmbiguous, 409, "ambiguous"},
		{enduser.ErrTrimmed, 410, "trimmed"},
		{&enduser.ConflictError{Kind: "user", Field: "email", HolderID: "u1"}, 409, "conflict"},
		{&enduser.InvalidError{Violations: []enduser.Violation{{Field: enduser.Field{Name: "metadata", Key: "a/b~c"}, Code: "c", Message: "m"}}}, 400, "invalid"},
		{httpapi.ErrUnauthorized, 401, "unauthorized"},
		{httpapi.ErrForbidden, 403, "forbidden"},
		{errors.New("secret"), 500, "internal"},
		{enduser.ErrCorrupt, 500, "corrupt"},
		{fmt.Errorf("secret: %w", enduser.ErrNewer), 503, "newer"},
		{enduser.ErrVersion, 412, "precondition-failed"},
		{&enduser.InvalidError{Violations: []enduser.Violation{{Code: enduser.CodeCursor}}}, 400, "invalid-cursor"},
		{fmt.Errorf("secret: %w", enduser.ErrNoKeyring), 501, "no-keyring"},
		{fmt.Errorf("secret: %w", enduser.ErrNoKey), 500, "no-key"},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("X-Request-Id", "host-1")
		httpapi.WriteError(w, httptest.NewRequest(http.MethodGet, "/host/path", nil), tt.err)
		a := answer{w.Code, w.Header(), w.Body.String()}
		a.check(t, "GET")
		p := a.wantCode(t, tt.want, tt.code)
		if p.Instance != "/host/path" || strings.Contains(a.body, "secret") {
			t.Errorf("%v: %s", tt.err, a.body)
		}
		if tt.code == "invalid" && p.Errors[0].Pointer != "/metadata/a~1b~0c" {
			t.Errorf("pointer %q", p.Errors[0].Pointer)
		}
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	mux := http.NewServeMux()
	mux.Handle("/registry/", http.StripPrefix("/registry", s.handler))
	mux.Handle("/v1/end-users/v1/", http.StripPrefix("/v1/end-users", s.handler)) // a prefix that looks like a route
	mounted := &server{mux, s.users}
	a := mounted.do(t, "POST", "/registry/v1/end-users?on_conflict=fail", `{"external_id":"a"}`).want(t, 201)
	location := a.header.Get("Location")
	if want := "/registry/v1/end-users/" + a.user(t).ID; location != want {
		t.Errorf("Location %q, want %q", location, want)
	}
	if got := mounted.do(t, "GET", location, "").want(t, 200).body; got != a.body {
		t.Errorf("Location leads to %s", got)
	}
	b := mounted.do(t, "PUT", "/registry/v1/end-users/by-external-id/team%2Fb", `{}`).want(t, 201)
	if want := "/registry/v1/end-users/" + b.user(t).ID; b.header.Get("Location") != want {
		t.Errorf("Location %q, want %q", b.header.Get("Location"), want)
	}
	g := mounted.do(t, "POST", "/registry/v1/groups", `{"external_id":"v1/groups"}`).want(t, 201)
	if want := "/registry/v1/groups/" + g.group(t).ID; g.header.Get("Location") != want {
		t.Errorf("Location %q, want %q", g.header.Get("Location"), want)
	}
	mounted.do(t, "GET", g.header.Get("Location"), "").want(t, 200)
	mounted.do(t, "PUT", strings.Replace(location, "/v1/end-users/", "/v1/sensitive/", 1), `{"a":"b"}`).want(t, 204)
	c := mounted.do(t, "POST", "/v1/end-users/v1/end-users", `{}`).want(t, 201)
	mounted.do(t, "GET", c.header.Get("Location"), "").want(t, 200)
	mounted.do(t, "GET", "/registry/v1/end-users/", "").want(t, 404)
	mounted.do(t, "GET", "/registry/unknown", "").want(t, 404)
	mounted.do(t, "PUT", "/registry/v1/end-users", "{}").want(t, 405)
	mounted.do(t, "GET", "/registry/openapi.json", "", with("Authorization")).want(t, 200)
	// A redirect to a cleaned path must not lead out of the mount.
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, newRequest("GET", "http://example.com/v1//end-users", ""))
	if location := w.Header().Get("Location"); strings.HasPrefix(location, "//") {
		t.Errorf("redirected to %q", location)
	}
	// An external ID that looks like the route does not confuse Location.
	d := mounted.do(t, "PUT", "/registry/v1/end-users/by-external-id/v1%2Fend-users", `{}`).want(t, 201)
	mounted.do(t, "GET", d.header.Get("Location"), "").want(t, 200)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for token, p := range map[string]httpapi.Principal{
		"":                 {Tenant: "acme"},
		"short":            {Tenant: "acme"},
		"with a space":     {Tenant: "acme"},
		"not-ascii-é-é":    {Tenant: "acme"},
		"control-\x00-00":  {Tenant: "acme"},
		"canary-no-tenant": {},
	} {
		if _, err := httpapi.NewTokens(map[string]httpapi.Principal{token: p}); err == nil {
			t.Errorf("token %q of %q is accepted", token, p.Tenant)
		} else if token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
	set := tokens(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(format, set); strings.Contains(got, acmeKey) || strings.Contains(got, fmt.Sprintf("%x", acmeKey)) {
			t.Errorf("%s shows a token", format)
		}
	}
	p, err := set.Authenticate(nil, acmeKey)
	if err != nil || p.Tenant != "acme" || p.Credential == "" || strings.Contains(p.Credential, acmeKey) {
		t.Errorf("got %+v, %v", p, err)
	}
}
