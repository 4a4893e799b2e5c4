package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// The credentials of the tests.
const (
	acmeKey    = "acme-key-0001"
	otherKey   = "other-key-0001"   // another tenant
	testingKey = "testing-key-0001" // acme's other environment
	readerKey  = "reader-key-0001"  // acme's, ReadOnly
)

func tokens(tb testing.TB) *httpapi.Tokens {
	tb.Helper()
	t, err := httpapi.NewTokens(map[string]httpapi.Principal{
		acmeKey:    {Tenant: "acme", Actor: "crm"},
		otherKey:   {Tenant: "other", Actor: "crm"},
		testingKey: {Tenant: "acme", Environment: enduser.Testing, Actor: "crm"},
		readerKey:  {Tenant: "acme", Actor: "reader", ReadOnly: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// server is a handler over a store, and what tests ask it with.
type server struct {
	handler http.Handler
	users   *enduser.Manager
}

func newServer(tb testing.TB, st store.Store, o *httpapi.Options) *server {
	tb.Helper()
	return newServerOf(tb, st, nil, tokens(tb).Authenticate, o)
}

func newServerOf(tb testing.TB, st store.Store, mo *enduser.Options, auth httpapi.Authenticator, o *httpapi.Options) *server {
	tb.Helper()
	if st == nil {
		st = storetest.Stingy(memory.New(nil)) // what is right over it is right over any
	}
	if mo == nil {
		mo = &enduser.Options{Keyring: keyring(tb)}
	}
	users := enduser.New(st, mo)
	h, err := httpapi.New(users, auth, o)
	if err != nil {
		tb.Fatal(err)
	}
	return &server{h, users}
}

func keyring(tb testing.TB) enduser.Keyring {
	tb.Helper()
	key, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		tb.Fatal(err)
	}
	return enduser.NewKeyring(key)
}

func openSQLite(tb testing.TB) store.Store {
	tb.Helper()
	st, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "users.db"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return st
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// option changes a request before it is sent.
type option func(*http.Request)

func with(name string, values ...string) option {
	return func(r *http.Request) {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
}

func as(key string) option { return with("Authorization", "Bearer "+key) }

func under(ctx context.Context) option {
	return func(r *http.Request) { *r = *r.WithContext(ctx) }
}

func newRequest(method, target, body string, options ...option) *http.Request {
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, target, http.NoBody)
	} else {
		r = httptest.NewRequest(method, target, strings.NewReader(body))
	}
	r.Header.Set("Authorization", "Bearer "+acmeKey)
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, option := range options {
		option(r)
	}
	return r
}

// do sends a request, as acme unless an option says otherwise, and checks what
// holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, newRequest(method, target, body, options...))
	a := answer{w.Code, w.Header(), w.Body.String()}
	a.check(tb, method)
	return a
}

// problem is an error answer.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Instance  string `json:"instance"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
	Field     string `json:"field"`
	HolderID  string `json:"holder_id"`
	Cursor    string `json:"cursor"`
	Errors    []struct {
		Pointer   string `json:"pointer"`
		Parameter string `json:"parameter"`
		Code      string `json:"code"`
		Message   string `json:"message"`
	} `json:"errors"`
}

func (a answer) check(tb testing.TB, method string) {
	tb.Helper()
	id := a.header.Get("X-Request-Id")
	if id == "" {
		tb.Errorf("%d without X-Request-Id", a.status)
	}
	if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
		tb.Errorf("%d has X-Content-Type-Options %q", a.status, got)
	}
	if method == http.MethodHead {
		if a.body != "" {
			tb.Errorf("HEAD was answered with a body: %s", a.body)
		}
		return
	}
	switch {
	case a.status >= http.StatusBadRequest:
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			tb.Errorf("%d has content type %q", a.status, got)
		}
		p := a.problem(tb)
		if p.Type != httpapi.ProblemType+p.Code || p.Code == "" || p.Title == "" || p.Detail == "" || p.Status != a.status || p.RequestID != id {
			tb.Errorf("%d with request ID %q has problem %s", a.status, id, a.body)
		}
		if retry := a.header.Get("Retry-After"); (a.status == 429 || a.status == 503) != (retry != "") {
			tb.Errorf("%d has Retry-After %q", a.status, retry)
		}
		if challenge := a.header.Get("WWW-Authenticate"); (a.status == 401) != (challenge != "") {
			tb.Errorf("%d has WWW-Authenticate %q", a.status, challenge)
		}
		if a.header.Get("ETag") != "" {
			tb.Errorf("%d has an ETag", a.status)
		}
	case a.status == http.StatusNoContent || a.status == http.StatusNotModified:
		if a.body != "" {
			tb.Errorf("%d has a body: %s", a.status, a.body)
		}
	case !json.Valid([]byte(a.body)):
		tb.Errorf("%d has a body that is not JSON: %s", a.status, a.body)
	}
}

func (a answer) problem(tb testing.TB) problem {
	tb.Helper()
	var p problem
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		tb.Fatalf("%d: %v in %s", a.status, err, a.body)
	}
	return p
}

// tagOf returns the entity tag of a version.
func tagOf(version string) string { return `"` + version + `"` }

// user is one user as the routes show it.
type user struct {
	ID               string            `json:"id"`
	ExternalID       *string           `json:"external_id"`
	TenantID         string            `json:"tenant_id"`
	Environment      string            `json:"environment"`
	Name             *string           `json:"name"`
	FirstName        *string           `json:"first_name"`
	LastName         *string           `json:"last_name"`
	Email            *string           `json:"email"`
	Avatar           *string           `json:"avatar"`
	Language         *string           `json:"language"`
	Metadata         json.RawMessage   `json:"metadata"`
	LinkedAccounts   []enduser.Account `json:"linked_accounts"`
	Groups           []string          `json:"groups"`
	SystemProperties json.RawMessage   `json:"system_properties"`
	CreatedBy        *string           `json:"created_by"`
	UpdatedBy        *string           `json:"updated_by"`
	CreatedAt        string            `json:"created_at"`
	UpdatedAt        string            `json:"updated_at"`
	AddedAt          string            `json:"added_at"`
	ExpiresAt        *string           `json:"expires_at"`
	Revision         int64             `json:"revision"`
	Version          string            `json:"version"`
}

func (a answer) user(tb testing.TB) user {
	tb.Helper()
	var u user
	a.decode(tb, &u)
	return u
}

func (a answer) decode(tb testing.TB, to any) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		tb.Fatalf("%d: %v in %s", a.status, err, a.body)
	}
}

// want fails the test at once if the answer has another status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	if a.status != status {
		tb.Fatalf("got %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// wantCode is want for problems.
func (a answer) wantCode(tb testing.TB, status int, code string) problem {
	tb.Helper()
	p := a.want(tb, status).problem(tb)
	if p.Code != code {
		tb.Fatalf("got code %q, want %q: %s", p.Code, code, a.body)
	}
	return p
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", "/v1/end-users", body, options...).want(tb, 201).user(tb)
}

// group is one group as the routes show it.
type group struct {
	ID          string          `json:"id"`
	ExternalID  string          `json:"external_id"`
	Number      int64           `json:"number"`
	TenantID    string          `json:"tenant_id"`
	Environment string          `json:"environment"`
	Name        *string         `json:"name"`
	Metadata    json.RawMessage `json:"metadata"`
	System      json.RawMessage `json:"system_properties"`
	CreatedBy   *string         `json:"created_by"`
	UpdatedBy   *string         `json:"updated_by"`
	CreatedAt   string          `json:"created_at"`
	UpdatedAt   string          `json:"updated_at"`
	AddedAt     string          `json:"added_at"`
	Revision    int64           `json:"revision"`
	Version     string          `json:"version"`
	Token       string          `json:"token"` // of a create and a rotation alone
}

func (a answer) group(tb testing.TB) group {
	tb.Helper()
	var g group
	a.decode(tb, &g)
	return g
}

// createGroup makes a group and returns it.
func (s *server) createGroup(tb testing.TB, body string, options ...option) group {
	tb.Helper()
	return s.do(tb, "POST", "/v1/groups", body, options...).want(tb, 201).group(tb)
}
