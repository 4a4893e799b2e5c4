package explo_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// server is a handler over a store, and what tests ask it with.
type server struct {
	handler http.Handler
	users   *enduser.Manager
	world   *apitest.World
}

// newServer returns a handler; a nil store is an empty one in memory.
func newServer(tb testing.TB, st store.Store, o *explo.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New(nil)
	}
	w := apitest.NewWorld(tb, st)
	h, err := explo.New(w.Users, w.Auth, o)
	if err != nil {
		tb.Fatal(err)
	}
	return &server{h, w.Users, w}
}

// routes are all routes, each with a body that has the token of a group, its ID, or
// both.
func routes(token, id string) []route {
	byToken, byID := `{"current_token":"`+token+`"}`, `{"user_group_id":"`+id+`","name":"New"}`
	return []route{
		{"createGroup", "GET", "/api/user", byID},
		{"rotateGroupToken", "POST", "/api/user", byToken},
		{"updateGroup", "PUT", "/api/user", byID},
		{"deleteGroup", "DELETE", "/api/user", byToken},
		{"createGroup", "POST", "/api/create_user_group/", byID},
		{"rotateGroupToken", "POST", "/api/refresh_user_group_token/", byToken},
		{"updateGroup", "POST", "/api/update_user_group/", byID},
		{"deleteGroup", "DELETE", "/api/delete_user_group/", byToken},
	}
}

type route struct{ action, method, path, body string }

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

func as(key string) option { return with("Authorization", "Token "+key) }

// answer is what came back.
type answer struct{ apitest.Answer }

// do sends a request, as acme unless an option says otherwise, and checks what
// holds for every answer. All methods have a body.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	options = append([]option{as(apitest.Acme), with("Content-Type", "application/json")}, options...)
	a := answer{apitest.Send(tb, s.handler, method, target, body, options...)}
	a.check(tb)
	return a
}

func (s *server) send(tb testing.TB, r route, options ...option) answer {
	tb.Helper()
	return s.do(tb, r.method, r.path, r.body, options...)
}

// reply is a body, of a success or a failure.
type reply struct {
	Success   int    `json:"success"`
	New       *bool  `json:"new_user_group"`
	Group     *group `json:"user_group"`
	Error     string `json:"error"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

type group struct {
	TeamID      int64           `json:"team_id"`
	Token       string          `json:"token"`
	Name        string          `json:"name"`
	ProvidedID  string          `json:"provided_id"`
	Demo        bool            `json:"is_demo_group"`
	Environment string          `json:"api_environment_tag"`
	Properties  json.RawMessage `json:"properties"`
	Mapping     json.RawMessage `json:"mapping"`
}

func (a answer) reply(tb testing.TB) reply {
	tb.Helper()
	var r reply
	if err := a.Unmarshal(&r); err != nil { // tests of concurrency are here in goroutines of their own
		tb.Errorf("%d: %v in %s", a.Status, err, a.Body)
	}
	return r
}

func (a answer) check(tb testing.TB) {
	tb.Helper()
	a.Challenged(tb)
	id, r := a.Header.Get("X-Request-Id"), a.reply(tb)
	shown := r.Group != nil
	if (a.Header.Get("ETag") != "") != shown || (a.Header.Get("Cache-Control") == "no-store") != shown {
		tb.Errorf("%d has ETag %q and Cache-Control %q: %s", a.Status, a.Header.Get("ETag"), a.Header.Get("Cache-Control"), a.Body)
	}
	if a.Status == http.StatusOK {
		if r.Success != 1 || r.Error != "" {
			tb.Errorf("a success that says otherwise: %s", a.Body)
		}
		return
	}
	if r.Success != 0 || r.Error == "" || r.Code == "" || r.RequestID != id || shown || !strings.HasPrefix(a.Body, `{"success":0,"error":"`) {
		tb.Errorf("%d with request ID %q: %s", a.Status, id, a.Body)
	}
}

// want fails the test at once if the answer has another status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	a.Want(tb, status)
	return a
}

// wantCode is want for failures.
func (a answer) wantCode(tb testing.TB, status int, code string) answer {
	tb.Helper()
	if got := a.want(tb, status).reply(tb).Code; got != code {
		tb.Fatalf("got code %q, want %q: %s", got, code, a.Body)
	}
	return a
}

func (a answer) group(tb testing.TB) group {
	tb.Helper()
	r := a.want(tb, http.StatusOK).reply(tb)
	if r.Group == nil {
		tb.Fatalf("no group: %s", a.Body)
	}
	return *r.Group
}

// create makes a group with an ID and returns it.
func (s *server) create(tb testing.TB, id string, options ...option) group {
	tb.Helper()
	a := s.do(tb, "GET", "/api/user", `{"user_group_id":"`+id+`","name":"Name","mapping":{"40":"213"},"properties":{"a":[1]}}`, options...)
	if r := a.want(tb, http.StatusOK).reply(tb); r.New == nil || !*r.New {
		tb.Fatalf("%s is there already: %s", id, a.Body)
	}
	return a.group(tb)
}

// acme returns the handle on the groups of acme's Customer environment.
func (s *server) acme() enduser.Tenant { return s.users.Tenant("acme") }

// within returns options of the families with nothing else set.
func within(o httpapi.Options) *explo.Options { return &explo.Options{Options: o} }
