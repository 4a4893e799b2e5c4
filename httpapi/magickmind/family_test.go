package magickmind_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
)

func family() *apitest.Family {
	return &apitest.Family{
		New: func(tb testing.TB, w *apitest.World, o httpapi.Options) http.Handler {
			tb.Helper()
			return serve(tb, w, &magickmind.Options{Options: o, Login: accounts{}}).handler
		},
		Routes: func(tb testing.TB, w *apitest.World) []apitest.Route {
			tb.Helper()
			u, err := w.Users.Tenant("acme").Create(tb.Context(), enduser.Spec{Name: "Ann Lee", ExternalID: "CRM-7"})
			if err != nil {
				tb.Fatal(err)
			}
			return []apitest.Route{
				{Action: "createEndUser", Write: true, Method: "POST", Path: users, Body: `{"name":"A"}`},
				{Action: "listEndUsers", Method: "GET", Path: users, Query: true},
				{Action: "getEndUser", Method: "GET", Path: users + "/" + u.ID},
				{Action: "updateEndUser", Write: true, Method: "PUT", Path: users + "/" + u.ID, Body: `{"name":"A"}`},
				{Action: "deleteEndUser", Write: true, Method: "DELETE", Path: users + "/" + u.ID},
				{Method: "POST", Path: login, Body: right, Public: true},
				{Method: "POST", Path: refresh, Body: renewing("refresh-0001"), Public: true},
			}
		},
		Problem: func(tb testing.TB, a apitest.Answer, code string) {
			tb.Helper()
			answer{a}.check(tb)
			if p := (answer{a}).problem(tb); a.Status == 503 && p.Type != httpapi.ProblemType+code {
				tb.Errorf("type %s, want that of %s", p.Type, code)
			}
		},
		Scheme: "Bearer ",
	}
}

// TestGolden replays the exchanges of testdata on every backend.
func TestGolden(t *testing.T) {
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		return serve(tb, w, &magickmind.Options{
			Options: httpapi.Options{MaxBody: 1000}, Login: accounts{}, LoginRate: httpapi.Rate{Requests: 2, Per: time.Hour},
		}).handler
	})
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	family().Hostile(t)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	family().Access(t)
}

func TestIdempotencyKeysAreIgnored(t *testing.T) {
	t.Parallel()
	family().Idempotency(t)
}

// TestIsolation names another tenant's users in every way that a request can.
func TestIsolation(t *testing.T) {
	t.Parallel()
	family().Isolation(t, func(tb testing.TB, w *apitest.World) (more []apitest.Route) {
		tb.Helper()
		u, err := w.Users.Tenant("acme").Get(tb.Context(), enduser.ByExternalID("CRM-7"))
		if err != nil {
			tb.Fatal(err)
		}
		s := serve(tb, w, nil)
		plain := s.create(tb, `{"name":"Ann Lee"}`) // has its own ID for a place among the external IDs
		etag := `"` + u.Version.String() + `"`
		for _, id := range []string{u.ID, plain.ID} {
			path := users + "/" + id
			for _, header := range []option{
				func(*http.Request) {}, with("If-Match", etag), with("If-Match", "*"), with("If-None-Match", etag), with("X-Tenant-Id", "acme"),
			} {
				options := []option{header}
				more = append(
					more,
					apitest.Route{Method: "GET", Path: path, Options: options},
					apitest.Route{Method: "DELETE", Path: path, Options: options},
				)
				for _, body := range []string{`{}`, `{"external_id":"crm-7"}`, `{"name":"x","id":"` + id + `","tenant_id":"acme"}`, `{"name":""}`, `{"name":1}`} {
					more = append(more, apitest.Route{Method: "PUT", Path: path, Body: body, Options: options})
				}
			}
		}
		first := s.list(tb, "limit=1")
		after := *first.Paging.Cursors.After
		for _, query := range []string{
			"external_id=crm-7", "external_id=" + plain.ID, "name=ann", "name=ann&order=desc", "cursor=" + after, "limit=1&cursor=" + after,
			"cursor=" + *s.list(tb, "limit=1&cursor="+after).Paging.Cursors.Before, "name=ann&cursor=" + *s.list(tb, "name=ann&limit=1").Paging.Cursors.After,
			"tenant=acme", "tenant_id=acme", "environment=Customer", "access_token=" + apitest.Acme,
		} {
			more = append(more, apitest.Route{Method: "GET", Path: users + "?" + query})
		}
		// What is taken elsewhere is free, and no member names another tenant.
		for _, id := range []string{"CRM-7", u.ID, plain.ID} {
			more = append(more, apitest.Route{
				Method: "POST", Path: users, Body: `{"name":"x","external_id":"` + id + `","id":"` + u.ID + `","tenant_id":"acme","environment":"Customer"}`,
			})
		}
		return append(more, apitest.Route{Method: "GET", Path: users})
	})
}

func TestNewFailsClosed(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	if _, err := magickmind.New(w.Users, nil, nil); err == nil {
		t.Error("New accepts no Authenticator")
	}
	if _, err := magickmind.New(nil, w.Auth, nil); err == nil {
		t.Error("New accepts no users")
	}
}

// TestCredentials: the one place for a credential is Authorization, with Bearer.
func TestCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.do(t, "GET", users, "", with("Authorization", "bearer "+apitest.Acme)).want(t, 200)
	for _, authorization := range []string{
		"Basic " + apitest.Acme, apitest.Acme, "Bearer", "Bearer ", "Bearer " + apitest.Acme + ", Bearer " + apitest.Other, "Bearer " + strings.ToUpper(apitest.Acme),
	} {
		s.do(t, "GET", users, "", with("Authorization", authorization)).want(t, 401)
	}
	s.do(t, "GET", users+"?access_token="+apitest.Acme+"&api_key="+apitest.Acme, "", with("Authorization"),
		with("X-Api-Key", apitest.Acme), with("Cookie", "access_token="+apitest.Acme)).want(t, 401)
}

func TestMounts(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	mux := http.NewServeMux()
	mux.Handle("/magickmind/", http.StripPrefix("/magickmind", s.handler))
	mounted := &server{s.World, mux}
	a := mounted.do(t, "POST", "/magickmind"+users+"?x=y", `{"name":"A"}`).want(t, 201)
	location := a.Header.Get("Location")
	if want := "/magickmind" + users + "/" + a.user(t).ID; location != want {
		t.Errorf("Location %q, want %q", location, want)
	}
	if got := mounted.do(t, "GET", location, "").want(t, 200); got.Body != a.Body || got.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("Location leads to %v %s", got.Header, got.Body)
	}
	mounted.do(t, "GET", "/magickmind/nothing", "").want(t, 404)
	mounted.do(t, "PUT", "/magickmind"+users, "{}").want(t, 405)
	absolute := s.do(t, "POST", "http://other.example.com"+users, `{"name":"A"}`).want(t, 201)
	if location := absolute.Header.Get("Location"); !strings.HasPrefix(location, users+"/") {
		t.Errorf("Location %q", location)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &magickmind.Options{Login: accounts{}})
	u := s.create(t, `{"name":"A","external_id":"a/b"}`)
	for request, want := range map[string]int{
		"GET " + users + "/%00":                            400,
		"PUT " + users + "/%ff":                            400,
		"DELETE " + users + "/" + strings.Repeat("a", 999): 400,
		"GET " + users + "/a%2Fb":                          404, // an external ID is not an ID
		"GET " + users + "/" + u.ID + "/":                  404,
		"GET " + users + "/":                               404,
		"GET /V1/end-users":                                404,
		"GET /openapi.json":                                404,
		"PATCH " + users:                                   405,
		"OPTIONS " + users:                                 405,
		"POST " + users + "/" + u.ID:                       405,
		"GET /v1/auth/login":                               405,
		"DELETE /v1/auth/refresh":                          405,
		"POST /v1/auth/logout":                             404,
		"HEAD " + users + "/" + u.ID:                       200,
	} {
		method, path, _ := strings.Cut(request, " ")
		if a := s.do(t, method, path, "{}"); a.Status != want {
			t.Errorf("%.60s: got %d, want %d", request, a.Status, want)
		}
	}
}

// TestSilence: no log line, at any level, has anything personal or secret in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &faultstore.Store{Store: memory.New(nil)}
	s := newServer(t, f, &magickmind.Options{
		Options: httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		Login:   failing(session(), errors.New("the directory is on fire")),
	})
	const body = `{"name":"canary-name","external_id":"canary-id","canary":"canary"}`
	u := s.create(t, body)
	requests := func() {
		for _, r := range [][3]string{
			{"POST", users, body},
			{"PUT", users + "/" + u.ID, body},
			{"PUT", users + "/" + u.ID, `{"external_id":"<canary>"}`},
			{"GET", users + "?name=canary&external_id=canary&cursor=canary", ""},
			{"GET", users + "/canary", ""},
			{"GET", "/canary?canary", ""},
			{"POST", login, `{"email":"canary@example.com","password":"canary"}`},
			{"POST", refresh, `{"refresh_token":"canary"}`},
		} {
			s.do(t, r[0], r[1], r[2], with("Cookie", "canary"))
			s.do(t, r[0], r[1], r[2], as("canary-token"))
		}
	}
	apitest.Silent(t, f, &log, requests)
}

// TestWithoutActor: if a credential names no actor, created_by and updated_by have the
// tenant.
func TestWithoutActor(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	w.Auth = func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{Tenant: "acme"}, nil }
	s := serve(t, w, nil)
	u := s.create(t, `{"name":"Ann"}`)
	now := s.put(t, u.ID, `{"name":"Bea"}`).want(t, 200).user(t)
	if u.CreatedBy != "acme" || u.UpdatedBy != "acme" || now.CreatedBy != "acme" || now.UpdatedBy != "acme" {
		t.Errorf("got %+v, then %+v", u, now)
	}
}

// TestPolicy: each limit of this family holds unless the host sets another one.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy         enduser.Policy
		name, external int
	}{
		{enduser.Policy{}, 256, 255},
		{enduser.Policy{MaxName: 10}, 10, 255},
		{enduser.Policy{MaxExternalID: 100}, 256, 100},
	} {
		s := newServer(t, nil, &magickmind.Options{Options: httpapi.Options{Policy: tt.policy}})
		body := func(name, external int) string {
			return `{"name":"` + strings.Repeat("é", name) + `","external_id":"` + strings.Repeat("é", external) + `"}`
		}
		s.do(t, "POST", users, body(tt.name, tt.external+1)).wantFault(t, "external_id", enduser.CodeLength)
		s.do(t, "POST", users, body(tt.name+1, tt.external)).wantFault(t, "name", enduser.CodeLength)
		s.create(t, body(tt.name, tt.external))
	}
}

// rights returns options by which no request has the right to an action, and the actions
// that were asked about.
func rights(action string, refusal *error) (*magickmind.Options, map[string]int) {
	asked := map[string]int{}
	return &magickmind.Options{Login: accounts{}, Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			asked[a.Name]++
			if a.Name == action {
				return *refusal
			}
			return nil
		},
	}}, asked
}
