package sensay_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func newHandler(tb testing.TB, w *apitest.World, o httpapi.Options) http.Handler {
	tb.Helper()
	h, err := sensay.New(w.Users, w.Auth, &sensay.Options{Options: o})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// server is a handler over a store, and the users behind it.
type server struct {
	handler http.Handler
	users   *enduser.Manager
}

func newServer(tb testing.TB, st store.Store, o httpapi.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New(nil)
	}
	w := apitest.NewWorld(tb, st)
	return &server{newHandler(tb, w, o), w.Users}
}

// newServerOf is newServer on a Manager with options.
func newServerOf(tb testing.TB, o *enduser.Options) *server {
	tb.Helper()
	w := apitest.NewWorld(tb, memory.New(nil))
	w.Users = enduser.New(w.Store, o)
	return &server{newHandler(tb, w, httpapi.Options{}), w.Users}
}

// acme returns the tenant whose secret requests have by default.
func (s *server) acme() enduser.Tenant { return s.users.Tenant("acme") }

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

// by sends the request with another secret.
func by(secret string) option { return with("X-ORGANIZATION-SECRET", secret) }

// as lets the request act as a user.
func as(id string) option { return with("X-USER-ID", id) }

// asAccount lets the request act as the user of an account.
func asAccount(accountType, id string) option {
	return func(r *http.Request) {
		r.Header.Set("X-USER-ID", id)
		r.Header.Set("X-USER-ID-TYPE", accountType)
	}
}

type answer struct{ apitest.Answer }

// do sends a request, as acme's organization unless an option says otherwise, and asserts
// what every answer has.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	a := answer{apitest.Send(tb, s.handler, method, target, body, append([]option{by(apitest.Acme)}, options...)...)}
	a.check(tb, method)
	return a
}

// The requests of users/me.

func (s *server) me(tb testing.TB, acting option, options ...option) answer {
	tb.Helper()
	return s.do(tb, "GET", "/v1/users/me", "", append([]option{acting}, options...)...)
}

func (s *server) put(tb testing.TB, acting option, body string, options ...option) answer {
	tb.Helper()
	return s.do(tb, "PUT", "/v1/users/me", body, append([]option{acting}, options...)...)
}

func (s *server) delete(tb testing.TB, acting option, options ...option) answer {
	tb.Helper()
	return s.do(tb, "DELETE", "/v1/users/me", "", append([]option{acting}, options...)...)
}

// The requests of the organization.

func (s *server) get(tb testing.TB, id string, options ...option) answer {
	tb.Helper()
	return s.do(tb, "GET", "/v1/users/"+id, "", options...)
}

func (s *server) post(tb testing.TB, body string, options ...option) answer {
	tb.Helper()
	return s.do(tb, "POST", "/v1/users", body, options...)
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.post(tb, body, options...).want(tb, 200).user(tb)
}

// failure is the body of an error.
type failure struct {
	Success     *bool  `json:"success"`
	Error       string `json:"error"`
	ErrorCode   string `json:"error_code"`
	Fingerprint string `json:"fingerprint"`
	RequestID   string `json:"request_id"`
}

var fingerprint = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (a answer) check(tb testing.TB, method string) {
	tb.Helper()
	for name, want := range map[string]string{
		"X-API-Version": "2025-03-25", "WWW-Authenticate": "", "Vary": "X-ORGANIZATION-SECRET, X-USER-ID, X-USER-ID-TYPE", "Cache-Control": "private",
	} {
		if got := strings.Join(a.Header.Values(name), " and "); got != want {
			tb.Errorf("%d with %s %q, want %q", a.Status, name, got, want)
		}
	}
	if a.Bodiless(method) {
		return
	}
	if a.Status == http.StatusOK {
		if u := a.user(tb); !u.Success || u.ID == "" || u.LinkedAccounts == nil || a.Header.Get("ETag") == "" {
			tb.Errorf("ETag %q and user %s", a.Header.Get("ETag"), a.Body)
		}
		return
	}
	f, id := a.failure(tb), a.Header.Get("X-Request-Id")
	if f.Success == nil || *f.Success || f.Error == "" || f.ErrorCode == "" || f.RequestID != id || !fingerprint.MatchString(f.Fingerprint) {
		tb.Errorf("%d with request ID %q has body %s", a.Status, id, a.Body)
	}
}

func (a answer) failure(tb testing.TB) failure {
	tb.Helper()
	return apitest.Read[failure](tb, a.Answer)
}

// user is a user as answers show it.
type user struct {
	Success        bool      `json:"success"`
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	Email          string    `json:"email"`
	LinkedAccounts []account `json:"linkedAccounts"`
}

type account struct {
	ID   string `json:"accountID"`
	Type string `json:"accountType"`
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

// statuses of the error codes that tests name.
var statuses = map[string]int{
	"INVALID": 400, "MALFORMED_JSON": 400, "MALFORMED_BODY": 400, "MALFORMED_PRECONDITION": 400, "INVALID_API_VERSION": 400,
	"UNAUTHORIZED": 401, "UNKNOWN_ACTING_USER": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "USER_NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405,
	"USER_EXISTS": 409, "EMAIL_EXISTS": 409, "LINKED_ACCOUNT_EXISTS": 409, "PRECONDITION_FAILED": 412,
	"TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415, "CORRUPT": 500, "NEWER": 503, "UNAVAILABLE": 503,
}

// refused fails the test at once unless the answer is that error.
func (a answer) refused(tb testing.TB, code string) failure {
	tb.Helper()
	f := a.want(tb, statuses[code]).failure(tb)
	if f.ErrorCode != code {
		tb.Fatalf("got %s, want %s: %s", f.ErrorCode, code, a.Body)
	}
	return f
}
