package sensay_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/golden"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func newHandler(tb testing.TB, w *golden.World, o httpapi.Options) http.Handler {
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
		st = memory.New()
	}
	w := golden.NewWorld(tb, st)
	return &server{newHandler(tb, w, o), w.Users}
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
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request, as acme's administrator unless an option says otherwise, and
// checks what holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Header.Set("X-ORGANIZATION-SECRET", golden.Acme)
	if method == http.MethodPost || method == http.MethodPut {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, option := range options {
		option(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{w.Code, w.Header(), w.Body.String()}
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
	id := a.header.Get("X-Request-Id")
	if id == "" {
		tb.Errorf("%d without X-Request-Id", a.status)
	}
	if got := a.header.Values("X-API-Version"); len(got) != 1 || got[0] != "2025-03-25" {
		tb.Errorf("%d with X-API-Version %q", a.status, got)
	}
	if a.header.Get("WWW-Authenticate") != "" {
		tb.Errorf("%d has a challenge", a.status)
	}
	if method == http.MethodHead || a.status == http.StatusNoContent || a.status/100 == 3 {
		if a.body != "" {
			tb.Errorf("%s was answered with %d and a body: %s", method, a.status, a.body)
		}
		return
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		tb.Errorf("%d has content type %q", a.status, got)
	}
	if a.status == http.StatusOK {
		if u := a.user(tb); !u.Success || u.ID == "" || u.LinkedAccounts == nil || a.header.Get("ETag") == "" {
			tb.Errorf("ETag %q and user %s", a.header.Get("ETag"), a.body)
		}
		return
	}
	f := a.failure(tb)
	if f.Success == nil || *f.Success || f.Error == "" || f.ErrorCode == "" || f.RequestID != id || !fingerprint.MatchString(f.Fingerprint) {
		tb.Errorf("%d with request ID %q has body %s", a.status, id, a.body)
	}
	if retry := a.header.Get("Retry-After"); (a.status == 429 || a.status == 503) != (retry != "") {
		tb.Errorf("%d has Retry-After %q", a.status, retry)
	}
	if a.header.Get("ETag") != "" {
		tb.Errorf("%d has an ETag", a.status)
	}
}

func (a answer) decode(tb testing.TB, to any) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		tb.Fatalf("%d: %v in %s", a.status, err, a.body)
	}
}

func (a answer) failure(tb testing.TB) failure {
	tb.Helper()
	var f failure
	a.decode(tb, &f)
	return f
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
	var u user
	a.decode(tb, &u)
	return u
}

// want fails the test at once if the answer has another status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	if a.status != status {
		tb.Fatalf("got %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// wantCode is want for errors.
func (a answer) wantCode(tb testing.TB, status int, code string) failure {
	tb.Helper()
	f := a.want(tb, status).failure(tb)
	if f.ErrorCode != code {
		tb.Fatalf("got %s, want %s: %s", f.ErrorCode, code, a.body)
	}
	return f
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", "/v1/users", body, options...).want(tb, 200).user(tb)
}

// state is everything that a tenant's environment has: its users and its feed.
type state struct {
	Users   []enduser.User
	Changes []enduser.Change
}

func stateOf(tb testing.TB, t enduser.Tenant) (s state) {
	tb.Helper()
	for u, err := range t.All(tb.Context(), enduser.Filter{}) {
		if err != nil {
			tb.Fatal(err)
		}
		s.Users = append(s.Users, u)
	}
	var err error
	if s.Changes, err = t.Changes(tb.Context(), 0, 0); err != nil {
		tb.Fatal(err)
	}
	return s
}
