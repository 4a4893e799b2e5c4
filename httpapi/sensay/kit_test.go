package sensay_test

import (
	"net/http"
	"regexp"
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

// server is a handler over a store, and what tests ask it with.
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

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

// by sends the request with another secret.
func by(secret string) option { return with("X-ORGANIZATION-SECRET", secret) }

// as lets the request act as a user.
func as(id string) option { return with("X-USER-ID", id) }

// asAccount lets it act as the user of an account.
func asAccount(accountType, id string) option {
	return func(r *http.Request) {
		r.Header.Set("X-USER-ID", id)
		r.Header.Set("X-USER-ID-TYPE", accountType)
	}
}

// answer is what came back.
type answer struct{ apitest.Answer }

// do sends a request, as acme's administrator unless an option says otherwise, and
// checks what holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	a := answer{apitest.Send(tb, s.handler, method, target, body, append([]option{by(apitest.Acme)}, options...)...)}
	a.check(tb, method)
	return a
}

// failure is an error answer.
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
	if got := a.Header.Values("X-API-Version"); len(got) != 1 || got[0] != "2025-03-25" {
		tb.Errorf("%d with X-API-Version %q", a.Status, got)
	}
	if a.Header.Get("WWW-Authenticate") != "" {
		tb.Errorf("%d has a challenge", a.Status)
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

// user is a user as the routes show it.
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

// wantCode is want for errors.
func (a answer) wantCode(tb testing.TB, status int, code string) failure {
	tb.Helper()
	f := a.want(tb, status).failure(tb)
	if f.ErrorCode != code {
		tb.Fatalf("got %s, want %s: %s", f.ErrorCode, code, a.Body)
	}
	return f
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", "/v1/users", body, options...).want(tb, 200).user(tb)
}
