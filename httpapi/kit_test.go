package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// server is a handler over a store, with helpers for requests.
type server struct {
	handler http.Handler
	users   *enduser.Manager
}

func newServer(tb testing.TB, st store.Store, o *httpapi.Options) *server {
	tb.Helper()
	return newServerOf(tb, st, nil, auth(tb), o)
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

func auth(tb testing.TB) httpapi.Authenticator {
	tb.Helper()
	return apitest.NewWorld(tb, memory.New(nil)).Auth
}

func keyring(tb testing.TB) enduser.Keyring {
	tb.Helper()
	key, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		tb.Fatal(err)
	}
	return enduser.NewKeyring(key)
}

// answer is what came back.
type answer struct{ apitest.Answer }

// option changes a request before it is sent.
type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

func as(key string) option { return with("Authorization", "Bearer "+key) }

func under(ctx context.Context) option {
	return func(r *http.Request) { *r = *r.WithContext(ctx) }
}

// do sends a request, as acme unless an option says otherwise, and checks what
// holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	a := answer{apitest.Send(tb, s.handler, method, target, body, append([]option{as(apitest.Acme)}, options...)...)}
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

// check checks what holds for every answer of this family.
func (a answer) check(tb testing.TB, method string) {
	tb.Helper()
	a.Challenged(tb)
	if got := a.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		tb.Errorf("%d has X-Content-Type-Options %q", a.Status, got)
	}
	if a.Status < http.StatusBadRequest || method == http.MethodHead {
		return
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		tb.Errorf("%d has content type %q", a.Status, got)
	}
	p := a.problem(tb)
	if p.Type != httpapi.ProblemType+p.Code || p.Code == "" || p.Title == "" || p.Detail == "" || p.Status != a.Status || p.RequestID != a.Header.Get("X-Request-Id") {
		tb.Errorf("%d has problem %s", a.Status, a.Body)
	}
}

func (a answer) problem(tb testing.TB) problem {
	tb.Helper()
	return apitest.Read[problem](tb, a.Answer)
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
	return apitest.Read[user](tb, a.Answer)
}

func (a answer) decode(tb testing.TB, to any) {
	tb.Helper()
	if err := a.Unmarshal(to); err != nil {
		tb.Fatalf("%d: %v in %s", a.Status, err, a.Body)
	}
}

// want fails the test at once if the answer has another status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	a.Want(tb, status)
	return a
}

// wantCode is want for problems.
func (a answer) wantCode(tb testing.TB, status int, code string) problem {
	tb.Helper()
	p := a.want(tb, status).problem(tb)
	if p.Code != code {
		tb.Fatalf("got code %q, want %q: %s", p.Code, code, a.Body)
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
	return apitest.Read[group](tb, a.Answer)
}

// createGroup makes a group and returns it.
func (s *server) createGroup(tb testing.TB, body string, options ...option) group {
	tb.Helper()
	return s.do(tb, "POST", "/v1/groups", body, options...).want(tb, 201).group(tb)
}

// unsized is the option to send a body without its length.
func unsized(r *http.Request) { r.ContentLength = -1 }
