package explo_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// server is a handler over a world, and what tests send to it.
type server struct {
	*apitest.World
	handler http.Handler
}

// newServer returns a handler; a nil store is an empty one in memory.
func newServer(tb testing.TB, st store.Store, o *explo.Options) *server {
	tb.Helper()
	if st == nil {
		st = memory.New(nil)
	}
	w := apitest.NewWorld(tb, st)
	return &server{w, newHandler(tb, w, o)}
}

func newHandler(tb testing.TB, w *apitest.World, o *explo.Options) http.Handler {
	tb.Helper()
	h, err := explo.New(w.Users, w.Auth, o)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func onBackends(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) { test(t, newServer(t, open(t), nil)) })
}

type option = apitest.Option

func with(name string, values ...string) option { return apitest.With(name, values...) }

func as(key string) option { return with("Authorization", "Token "+key) }

// answer is what came back.
type answer struct{ apitest.Answer }

// do sends a request, as acme unless an option says otherwise, and checks what holds for
// every answer. All methods have a body.
func (s *server) do(tb testing.TB, method, target, body string, options ...option) answer {
	tb.Helper()
	options = append([]option{as(apitest.Acme), with("Content-Type", "application/json")}, options...)
	a := answer{apitest.Send(tb, s.handler, method, target, body, options...)}
	if !a.Bodiless(method) {
		a.check(tb)
	}
	return a
}

// rotate sends a request for another token.
func (s *server) rotate(tb testing.TB, token string) answer {
	tb.Helper()
	return s.do(tb, "POST", "/api/user", `{"current_token":"`+token+`"}`)
}

// get sends get-or-create.
func (s *server) get(tb testing.TB, id string, options ...option) answer {
	tb.Helper()
	return s.do(tb, "GET", "/api/user", `{"user_group_id":"`+id+`"}`, options...)
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
	TeamID      int32           `json:"team_id"` // as wide as in clients that exist
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
func (s *server) create(tb testing.TB, id string) group {
	tb.Helper()
	a := s.do(tb, "GET", "/api/user", `{"user_group_id":"`+id+`","name":"Name","mapping":{"40":"213"},"properties":{"a":[1]}}`)
	if r := a.want(tb, http.StatusOK).reply(tb); r.New == nil || !*r.New {
		tb.Fatalf("%s is there already: %s", id, a.Body)
	}
	return a.group(tb)
}
