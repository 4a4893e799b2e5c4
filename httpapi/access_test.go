package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestNewFailsClosed(t *testing.T) {
	t.Parallel()
	users := enduser.New(memory.New(nil), nil)
	if _, err := httpapi.New(users, nil, nil); err == nil {
		t.Error("New accepts no Authenticator")
	}
	if _, err := httpapi.New(nil, auth(t), nil); err == nil {
		t.Error("New accepts no users")
	}
}

// TestPolicyPanics: a hook of the domain that panics is a 500.
func TestPolicyPanics(t *testing.T) {
	t.Parallel()
	policy := func(string) (enduser.Policy, bool) { panic("hook") } //nolint:forbidigo // what the test is about
	s := newServerOf(t, nil, &enduser.Options{Policy: policy}, auth(t), nil)
	s.do(t, "POST", "/v1/end-users", "{}").wantCode(t, 500, "internal")
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
		a := answer{apitest.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}}
		a.check(t, "GET")
		p := a.wantCode(t, tt.want, tt.code)
		if p.Instance != "/host/path" || strings.Contains(a.Body, "secret") {
			t.Errorf("%v: %s", tt.err, a.Body)
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
	location := a.Header.Get("Location")
	if want := "/registry/v1/end-users/" + a.user(t).ID; location != want {
		t.Errorf("Location %q, want %q", location, want)
	}
	if got := mounted.do(t, "GET", location, "").want(t, 200).Body; got != a.Body {
		t.Errorf("Location leads to %s", got)
	}
	b := mounted.do(t, "PUT", "/registry/v1/end-users/by-external-id/team%2Fb", `{}`).want(t, 201)
	if want := "/registry/v1/end-users/" + b.user(t).ID; b.Header.Get("Location") != want {
		t.Errorf("Location %q, want %q", b.Header.Get("Location"), want)
	}
	g := mounted.do(t, "POST", "/registry/v1/groups", `{"external_id":"v1/groups"}`).want(t, 201)
	if want := "/registry/v1/groups/" + g.group(t).ID; g.Header.Get("Location") != want {
		t.Errorf("Location %q, want %q", g.Header.Get("Location"), want)
	}
	mounted.do(t, "GET", g.Header.Get("Location"), "").want(t, 200)
	mounted.do(t, "PUT", strings.Replace(location, "/v1/end-users/", "/v1/sensitive/", 1), `{"a":"b"}`).want(t, 204)
	c := mounted.do(t, "POST", "/v1/end-users/v1/end-users", `{}`).want(t, 201)
	mounted.do(t, "GET", c.Header.Get("Location"), "").want(t, 200)
	mounted.do(t, "GET", "/registry/v1/end-users/", "").want(t, 404)
	mounted.do(t, "GET", "/registry/unknown", "").want(t, 404)
	mounted.do(t, "PUT", "/registry/v1/end-users", "{}").want(t, 405)
	mounted.do(t, "GET", "/registry/openapi.json", "", with("Authorization")).want(t, 200)
	// An external ID that looks like the route does not confuse Location.
	d := mounted.do(t, "PUT", "/registry/v1/end-users/by-external-id/v1%2Fend-users", `{}`).want(t, 201)
	mounted.do(t, "GET", d.Header.Get("Location"), "").want(t, 200)
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
	set, err := httpapi.NewTokens(map[string]httpapi.Principal{apitest.Acme: {Tenant: "acme"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(format, set); strings.Contains(got, apitest.Acme) || strings.Contains(got, fmt.Sprintf("%x", apitest.Acme)) {
			t.Errorf("%s shows a token", format)
		}
	}
	p, err := set.Authenticate(nil, apitest.Acme)
	if err != nil || p.Tenant != "acme" || p.Credential == "" || strings.Contains(p.Credential, apitest.Acme) {
		t.Errorf("got %+v, %v", p, err)
	}
}
