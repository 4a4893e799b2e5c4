package magickmind_test

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const (
	users   = "/v1/end-users"
	missing = "0123456789abcdef01234567" // nobody's ID
)

// server is a handler over a world.
type server struct {
	*apitest.World
	handler http.Handler
}

func newServer(tb testing.TB, st store.Store, o *magickmind.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New(nil)
	}
	return serve(tb, apitest.NewWorld(tb, st), o)
}

func serve(tb testing.TB, w *apitest.World, o *magickmind.Options) *server {
	tb.Helper()
	h, err := magickmind.New(w.Users, w.Auth, o)
	if err != nil {
		tb.Fatal(err)
	}
	return &server{w, h}
}

func onBackends(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	apitest.Embedded(t, func(t *testing.T, st store.Store) { test(t, newServer(t, st, nil)) })
}

// acme returns the tenant whose key requests have by default.
func (s *server) acme() enduser.Tenant { return s.Users.Tenant("acme") }

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

func as(key string) option { return with("Authorization", "Bearer "+key) }

type answer struct{ apitest.Answer }

// do sends a request, as acme unless an option says otherwise, and asserts what every
// answer has.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	a := answer{apitest.Send(tb, s.handler, method, target, body, append([]option{as(apitest.Acme)}, options...)...)}
	a.check(tb)
	return a
}

func (a answer) check(tb testing.TB) {
	tb.Helper()
	a.Challenged(tb)
	if a.Status < http.StatusBadRequest {
		return
	}
	id, p := a.Header.Get("X-Request-Id"), a.problem(tb)
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Instance == "" || p.Status != a.Status || p.RequestID != id {
		tb.Errorf("%d with request ID %q has %s", a.Status, id, a.Body)
	}
	if about := p.Type == "about:blank" && p.Title == http.StatusText(a.Status); about == (a.Status == 503) {
		tb.Errorf("%d has type %s and title %s", a.Status, p.Type, p.Title)
	}
}

// problem is the member error of an error.
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Instance  string  `json:"instance"`
	RequestID string  `json:"request_id"`
	Cursor    string  `json:"cursor"`
	Errors    []fault `json:"errors"`
}

type fault struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (a answer) problem(tb testing.TB) problem {
	tb.Helper()
	return apitest.Read[struct {
		Error problem `json:"error"`
	}](tb, a.Answer).Error
}

// user is a user as answers show it.
type user struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	ExternalID string `json:"external_id"`
	TenantID   string `json:"tenant_id"`
	CreatedBy  string `json:"created_by"`
	UpdatedBy  string `json:"updated_by"`
	CreatedAt  string `json:"created_at"`
	UpdatedAt  string `json:"updated_at"`
}

func (a answer) user(tb testing.TB) user {
	tb.Helper()
	return apitest.Read[user](tb, a.Answer)
}

// want fails the test at once if the answer has another status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	a.Want(tb, status)
	return a
}

// wantFault fails the test at once unless the answer is a 400 that blames that field,
// with that code, and no other.
func (a answer) wantFault(tb testing.TB, field, code string) {
	tb.Helper()
	errors := a.want(tb, 400).problem(tb).Errors
	if len(errors) != 1 || errors[0].Field != field || errors[0].Code != code || errors[0].Message == "" {
		tb.Fatalf("got %+v, want %s for %s", errors, code, field)
	}
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", users, body, options...).want(tb, 201).user(tb)
}

func (s *server) get(tb testing.TB, id string) answer {
	tb.Helper()
	return s.do(tb, "GET", users+"/"+id, "")
}

func (s *server) put(tb testing.TB, id, body string, options ...option) answer {
	tb.Helper()
	return s.do(tb, "PUT", users+"/"+id, body, options...)
}

func (s *server) delete(tb testing.TB, id string, options ...option) answer {
	tb.Helper()
	return s.do(tb, "DELETE", users+"/"+id, "", options...)
}
