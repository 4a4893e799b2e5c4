package ada_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/golden"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const (
	users         = "/api/v2/end-users/"
	conversations = "/api/v2/conversations/"
	missing       = "0123456789abcdef01234567" // nobody's ID
)

// server is a handler over a world, and what tests ask it with.
type server struct {
	*golden.World
	handler http.Handler
}

func newServer(tb testing.TB, st store.Store, o *ada.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New()
	}
	w := golden.NewWorld(tb, st)
	return &server{w, newHandler(tb, w.Users, w.Auth, o)}
}

// newHandler returns a handler that is not limited, where the options do not say so.
func newHandler(tb testing.TB, users *enduser.Manager, auth httpapi.Authenticator, o *ada.Options) http.Handler {
	tb.Helper()
	var unlimited ada.Options
	if o != nil {
		unlimited = *o
	}
	if unlimited.Rates == nil {
		unlimited.Rates = []httpapi.Rate{}
	}
	h, err := ada.New(users, auth, &unlimited)
	if err != nil {
		tb.Fatal(err)
	}
	return h
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
	if method == http.MethodPost || method == http.MethodPatch {
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

// problem is what an error answer says.
type problem struct {
	Type    string   `json:"type"`
	Message string   `json:"message"`
	Details []detail `json:"details"`
}

type detail struct {
	Parameter string `json:"parameter"`
	Location  string `json:"location"`
	Message   string `json:"message"`
}

func (a answer) check(tb testing.TB, method string) {
	tb.Helper()
	if a.header.Get("X-Request-Id") == "" {
		tb.Errorf("%d without X-Request-Id", a.status)
	}
	if a.status == http.StatusNotModified || method == http.MethodHead {
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
	p := a.problem(tb)
	if p.Message == "" || (p.Type == "validation_error") != (a.status == 400) {
		tb.Errorf("%d has %s", a.status, a.body)
	}
	for _, d := range p.Details {
		body := d.Location == "body" && strings.HasPrefix(d.Parameter, "$")
		if d.Message == "" || !body && d.Location != "query" && d.Location != "path" {
			tb.Errorf("%d has the detail %+v", a.status, d)
		}
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

func (a answer) problem(tb testing.TB) problem {
	tb.Helper()
	var envelope struct {
		Errors []problem `json:"errors"`
	}
	a.decode(tb, &envelope)
	if len(envelope.Errors) != 1 {
		tb.Fatalf("%d has not one error: %s", a.status, a.body)
	}
	return envelope.Errors[0]
}

// user is one user as the routes show it.
type user struct {
	ID         string  `json:"end_user_id"`
	ExternalID *string `json:"external_id"`
	Profile    struct {
		FirstName        *string         `json:"first_name"`
		LastName         *string         `json:"last_name"`
		DisplayName      *string         `json:"display_name"`
		Avatar           *string         `json:"avatar"`
		Email            *string         `json:"email"`
		Language         *string         `json:"language"`
		Metadata         json.RawMessage `json:"metadata"`
		SystemProperties json.RawMessage `json:"system_properties"`
	} `json:"profile"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
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
// parameter and nothing else.
func (a answer) wantFault(tb testing.TB, parameter, location string) {
	tb.Helper()
	details := a.want(tb, 400).problem(tb).Details
	if len(details) != 1 || details[0].Parameter != parameter || details[0].Location != location {
		tb.Fatalf("got %+v, want %s in the %s", details, parameter, location)
	}
}

// create makes a user and returns it.
func (s *server) create(tb testing.TB, body string, options ...option) user {
	tb.Helper()
	return s.do(tb, "POST", users, body, options...).want(tb, 201).user(tb)
}

// page is a page of the list.
type page struct {
	Data []user `json:"data"`
	Meta struct {
		NextPageURL *string `json:"next_page_url"`
	} `json:"meta"`
}

func (p page) ids() []string {
	ids := []string{}
	for _, u := range p.Data {
		ids = append(ids, u.ID)
	}
	return ids
}

func (s *server) list(tb testing.TB, target string, options ...option) (p page) {
	tb.Helper()
	s.do(tb, "GET", target, "", options...).want(tb, 200).decode(tb, &p)
	if p.Data == nil {
		tb.Errorf("%s: data is null", target)
	}
	return p
}

// everything returns all users, their sensitive values and all changes of one of
// acme's environments, for tests that nothing changes.
func (s *server) everything(tb testing.TB, env enduser.Environment) (users []enduser.User, secrets []map[string]enduser.Value, changes []enduser.Change) {
	tb.Helper()
	acme := s.Users.Tenant("acme").In(env)
	for u, err := range acme.All(tb.Context(), enduser.Filter{}) {
		if err != nil {
			tb.Fatal(err)
		}
		values, err := acme.RevealSensitive(tb.Context(), enduser.ByID(u.ID))
		if err != nil {
			tb.Fatal(err)
		}
		users, secrets = append(users, u), append(secrets, values)
	}
	changes, err := acme.Changes(tb.Context(), 0, 1000)
	if err != nil {
		tb.Fatal(err)
	}
	return users, secrets, changes
}

// secrets returns the sensitive values of a user of acme's, as JSON texts.
func (s *server) secrets(tb testing.TB, id string) map[string]string {
	tb.Helper()
	values, err := s.Users.Tenant("acme").RevealSensitive(tb.Context(), enduser.ByID(id))
	if err != nil {
		tb.Fatal(err)
	}
	texts := make(map[string]string)
	for key, value := range values {
		texts[key] = value.Text()
	}
	return texts
}

// request is one of a route.
type request struct {
	method, path, body string
	write              bool
}

// requests are one of every route, by the route's action.
func requests(id string) map[string]request {
	return map[string]request{
		"createEndUser":    {"POST", users, `{}`, true},
		"listEndUsers":     {"GET", users, "", false},
		"getEndUser":       {"GET", users + id, "", false},
		"updateEndUser":    {"PATCH", users + id, `{"profile":{"first_name":"A"}}`, true},
		"associateEndUser": {"POST", conversations, `{"channel_id":"c","end_user_id":"` + id + `"}`, true},
	}
}
