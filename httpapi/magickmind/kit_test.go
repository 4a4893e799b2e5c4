package magickmind_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

const (
	users   = "/v1/end-users"
	missing = "0123456789abcdef01234567" // nobody's ID
)

// server is a handler over a world, and what tests ask it with.
type server struct {
	*apitest.World
	handler http.Handler
}

func newServer(tb testing.TB, st store.Store, o *magickmind.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New(nil)
	}
	w := apitest.NewWorld(tb, st)
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

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

func as(key string) option { return with("Authorization", "Bearer "+key) }

// answer is what came back.
type answer struct{ apitest.Answer }

// do sends a request, as acme unless an option says otherwise, and checks what
// holds for every answer.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	a := answer{apitest.Send(tb, s.handler, method, target, body, append([]option{as(apitest.Acme)}, options...)...)}
	a.Challenged(tb)
	if a.Status >= http.StatusBadRequest {
		a.checkProblem(tb)
	}
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
		Cursor    string  `json:"cursor"`
		Errors    []fault `json:"errors"`
	} `json:"error"`
}

type fault struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (a answer) checkProblem(tb testing.TB) {
	tb.Helper()
	id, p := a.Header.Get("X-Request-Id"), a.problem(tb).Error
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Instance == "" || p.Status != a.Status || p.RequestID != id {
		tb.Errorf("%d with request ID %q has %s", a.Status, id, a.Body)
	}
	if about := p.Type == "about:blank" && p.Title == http.StatusText(a.Status); about == (a.Status == 503) {
		tb.Errorf("%d has type %s and title %s", a.Status, p.Type, p.Title)
	}
}

func (a answer) problem(tb testing.TB) problem {
	tb.Helper()
	return apitest.Read[problem](tb, a.Answer)
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
func (a answer) masked() string { return varying.ReplaceAllString(a.Body, `"$1":""`) }

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

func (s *server) list(tb testing.TB, query string, options ...option) page {
	tb.Helper()
	p := apitest.Read[page](tb, s.do(tb, "GET", users+"?"+query, "", options...).want(tb, 200).Answer)
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

// untouched notes what acme has, and returns a function that fails the test if that
// is otherwise by then.
func (s *server) untouched(tb testing.TB) func() {
	tb.Helper()
	before := apitest.StateOf(tb, s.Users.Tenant("acme"))
	return func() {
		tb.Helper()
		if diff := cmp.Diff(before, apitest.StateOf(tb, s.Users.Tenant("acme"))); diff != "" {
			tb.Errorf("what acme has changed:\n%s", diff)
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
