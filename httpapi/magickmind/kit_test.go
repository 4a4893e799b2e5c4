package magickmind_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/golden"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const (
	users   = "/v1/end-users"
	missing = "0123456789abcdef01234567" // nobody's ID
)

// server is a handler over a world, and what tests ask it with.
type server struct {
	*golden.World
	handler http.Handler
}

func newServer(tb testing.TB, st store.Store, o *magickmind.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New()
	}
	w := golden.NewWorld(tb, st)
	h, err := magickmind.New(w.Users, w.Auth, o)
	if err != nil {
		tb.Fatal(err)
	}
	return &server{w, h}
}

// onBackends runs a test over memory and over SQLite.
func onBackends(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) store.Store{
		"memory": func(testing.TB) store.Store { return memory.New() },
		"sqlite": golden.SQLite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newServer(t, open(t), nil))
		})
	}
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

// do sends a request, as acme unless an option says otherwise, and checks what
// holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+golden.Acme)
	if method == http.MethodPost || method == http.MethodPut {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, option := range options {
		option(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{w.Code, w.Header(), w.Body.String()}
	a.check(tb)
	return a
}

// problem is an error answer.
type problem struct {
	Error struct {
		Type      string  `json:"type"`
		Title     string  `json:"title"`
		Status    int     `json:"status"`
		Detail    string  `json:"detail"`
		Instance  string  `json:"instance"`
		RequestID string  `json:"request_id"`
		Errors    []fault `json:"errors"`
	} `json:"error"`
}

type fault struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (a answer) check(tb testing.TB) {
	tb.Helper()
	id := a.header.Get("X-Request-Id")
	if id == "" {
		tb.Errorf("%d without X-Request-Id", a.status)
	}
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		if a.body != "" {
			tb.Errorf("%d has a body: %s", a.status, a.body)
		}
		return
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		tb.Errorf("%d has content type %q", a.status, got)
	}
	if a.status < http.StatusBadRequest {
		if !json.Valid([]byte(a.body)) {
			tb.Errorf("%d has a body that is not JSON: %s", a.status, a.body)
		}
		return
	}
	p := a.problem(tb).Error
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Instance == "" || p.Status != a.status || p.RequestID != id {
		tb.Errorf("%d with request ID %q has %s", a.status, id, a.body)
	}
	if about := p.Type == "about:blank" && p.Title == http.StatusText(a.status); about == (a.status == 503) {
		tb.Errorf("%d has type %s and title %s", a.status, p.Type, p.Title)
	}
	if retry := a.header.Get("Retry-After"); (a.status == 429 || a.status == 503) != (retry != "") {
		tb.Errorf("%d has Retry-After %q", a.status, retry)
	}
	if challenge := a.header.Get("WWW-Authenticate"); (a.status == 401) != (challenge != "") {
		tb.Errorf("%d has WWW-Authenticate %q", a.status, challenge)
	}
	if allow := a.header.Get("Allow"); (a.status == 405) != (allow != "") {
		tb.Errorf("%d has Allow %q", a.status, allow)
	}
	for _, name := range []string{"Etag", "Location"} {
		if _, ok := a.header[name]; ok {
			tb.Errorf("%d has %s", a.status, name)
		}
	}
}

// decode reads the body, whose members must all be known.
func (a answer) decode(tb testing.TB, to any) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		tb.Fatalf("%d: %v in %s", a.status, err, a.body)
	}
}

func (a answer) problem(tb testing.TB) (p problem) {
	tb.Helper()
	a.decode(tb, &p)
	return p
}

// user is one user as the routes show it.
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

func (a answer) user(tb testing.TB) (u user) {
	tb.Helper()
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

// wantFault fails the test at once unless the answer is a 400 that blames that
// field, for that reason, and nothing else.
func (a answer) wantFault(tb testing.TB, field, code string) {
	tb.Helper()
	errors := a.want(tb, 400).problem(tb).Error.Errors
	if len(errors) != 1 || errors[0].Field != field || errors[0].Code != code || errors[0].Message == "" {
		tb.Fatalf("got %+v, want %s for %s", errors, code, field)
	}
}

var varying = regexp.MustCompile(`"(request_id|instance)":"[^"]*"`)

// masked is the body without what differs from request to request.
func (a answer) masked() string { return varying.ReplaceAllString(a.body, `"$1":""`) }

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", users, body, options...).want(tb, 201).user(tb)
}

// page is a page of the list.
type page struct {
	Data   []user `json:"data"`
	Paging struct {
		Cursors struct {
			After  *string `json:"after"`
			Before *string `json:"before"`
		} `json:"cursors"`
		HasMore     bool `json:"has_more"`
		HasPrevious bool `json:"has_previous"`
	} `json:"paging"`
}

func (s *server) list(tb testing.TB, query string, options ...option) (p page) {
	tb.Helper()
	s.do(tb, "GET", users+"?"+query, "", options...).want(tb, 200).decode(tb, &p)
	if p.Data == nil {
		tb.Errorf("%s: data is null", query)
	}
	if (p.Paging.Cursors.After != nil) != p.Paging.HasMore || (p.Paging.Cursors.Before != nil) != p.Paging.HasPrevious {
		tb.Errorf("%s: cursors and flags do not agree: %+v", query, p.Paging)
	}
	return p
}

func (p page) names() []string {
	names := []string{}
	for _, u := range p.Data {
		names = append(names, u.Name)
	}
	return names
}

// everything returns acme's users and changes, for tests in which they stay as they
// are.
func (s *server) everything(tb testing.TB) (users []enduser.User, changes []enduser.Change) {
	tb.Helper()
	acme := s.Users.Tenant("acme")
	for u, err := range acme.All(tb.Context(), enduser.Filter{}) {
		if err != nil {
			tb.Fatal(err)
		}
		users = append(users, u)
	}
	changes, err := acme.Changes(tb.Context(), 0, 1000)
	if err != nil {
		tb.Fatal(err)
	}
	return users, changes
}

// untouched notes how acme's users are, and returns a function that fails the test
// if they are otherwise by then.
func (s *server) untouched(tb testing.TB) func() {
	tb.Helper()
	users, changes := s.everything(tb)
	return func() {
		tb.Helper()
		nowUsers, nowChanges := s.everything(tb)
		if diff := cmp.Diff(users, nowUsers); diff != "" {
			tb.Errorf("the users changed:\n%s", diff)
		}
		if diff := cmp.Diff(changes, nowChanges); diff != "" {
			tb.Errorf("the feed changed:\n%s", diff)
		}
	}
}

// protected are the routes that need a credential, by their action.
func protected(id string) map[string]struct {
	method, path, body string
	write              bool
} {
	type route = struct {
		method, path, body string
		write              bool
	}
	return map[string]route{
		"createEndUser": {"POST", users, `{"name":"A"}`, true},
		"listEndUsers":  {"GET", users, "", false},
		"getEndUser":    {"GET", users + "/" + id, "", false},
		"updateEndUser": {"PUT", users + "/" + id, `{"name":"A"}`, true},
		"deleteEndUser": {"DELETE", users + "/" + id, "", true},
	}
}

// limiterFunc is a Limiter that is a function.
type limiterFunc func(key string, rates []httpapi.Rate) (httpapi.Decision, error)

func (f limiterFunc) Allow(_ context.Context, key string, rates []httpapi.Rate) (httpapi.Decision, error) {
	return f(key, rates)
}
