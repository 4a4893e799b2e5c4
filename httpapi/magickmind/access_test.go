package magickmind_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

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

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"name":"A"}`)
	check := s.untouched(t)
	for name, r := range protected(u.ID) {
		a := s.do(t, r.method, r.path, r.body, as(apitest.Reader))
		if want := map[bool]int{true: 403, false: 200}[r.write]; a.Status != want {
			t.Errorf("%s: got %d, want %d", name, a.Status, want)
		}
	}
	// Nobody learns from a refusal whether a user exists, or whether a body is good.
	s.do(t, "PUT", users+"/"+missing, "nonsense", as(apitest.Reader)).want(t, 403)
	s.do(t, "DELETE", users+"/"+missing, "", as(apitest.Reader)).want(t, 403)
	check()
}

// TestAuthorize: a host's rules for the native routes hold here.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	var err error
	asked := map[string]bool{}
	s := newServer(t, nil, &magickmind.Options{Login: accounts{}, Options: httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			asked[a.Name] = a.Write
			return err
		},
	}})
	u := s.create(t, `{"name":"A"}`)
	for refusal, want := range map[error]int{httpapi.ErrForbidden: 403, errors.New("secret"): 503} {
		err = refusal
		clear(asked)
		actions := map[string]bool{}
		for name, r := range protected(u.ID) {
			actions[name] = r.write
			if a := s.do(t, r.method, r.path, r.body).want(t, want); strings.Contains(a.Body, "secret") {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
		if diff := cmp.Diff(actions, asked); diff != "" {
			t.Errorf("actions (-want +got):\n%s", diff)
		}
	}
	s.do(t, "POST", login, right).want(t, 200) // needs no rights
}

func TestRates(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &magickmind.Options{Options: httpapi.Options{Rates: []httpapi.Rate{{Requests: 2, Per: time.Hour}}}})
	s.do(t, "GET", users, "").want(t, 200)
	s.create(t, `{"name":"A"}`)
	s.do(t, "GET", users, "").want(t, 429)
	s.do(t, "POST", users, `{"name":"A"}`).want(t, 429)
	s.do(t, "GET", users, "", as(apitest.Other)).want(t, 200)
}

// TestStoreErrors: a store that cannot be used is neither a missing user nor a
// failure of ours.
func TestStoreErrors(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"unavailable": fmt.Errorf("secret: %w", store.ErrUnavailable), "anything": errors.New("secret"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &apitest.Faulty{Store: memory.New(nil)}
			s := newServer(t, f, nil)
			u := s.create(t, `{"name":"A"}`)
			f.Fail(err)
			for action, r := range protected(u.ID) {
				a := s.do(t, r.method, r.path, r.body).want(t, 503)
				if p := a.problem(t).Error; p.Type != "urn:rollbook:problem:unavailable" || strings.Contains(a.Body, "secret") {
					t.Errorf("%s: %s", action, a.Body)
				}
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		f := &apitest.Faulty{Store: memory.New(nil)}
		s := newServer(t, f, nil)
		u := s.create(t, `{"name":"A"}`)
		f.Lost.Store(true)
		for _, r := range [][2]string{{"POST", users}, {"PUT", users + "/" + u.ID}, {"DELETE", users + "/" + u.ID}} { // which is done, so it comes last
			method, path := r[0], r[1]
			a := s.do(t, method, path, `{"name":"B"}`).want(t, 503)
			if p := a.problem(t).Error; p.Type != "urn:rollbook:problem:outcome-unknown" {
				t.Errorf("%s: %s", method, a.Body)
			}
		}
	})
}

// TestPanics: a store that panics is a 500, logged under the request's ID, and the
// next request is served.
func TestPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, &magickmind.Options{Options: httpapi.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))}})
	u := s.create(t, `{"name":"A"}`)
	for name, r := range protected(u.ID) {
		f.Panics.Store(true)
		a := s.do(t, r.method, r.path, r.body).want(t, 500)
		f.Panics.Store(false)
		if strings.Contains(a.Body, "panics") || !strings.Contains(log.String(), a.Header.Get("X-Request-Id")) {
			t.Errorf("%s: %s\nlog: %s", name, a.Body, log.String())
		}
		s.do(t, "GET", users+"/"+u.ID, "").want(t, 200)
	}
}

// TestNoPartialWrites: a write that is refused for one of its members does nothing
// of the rest.
func TestNoPartialWrites(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{"name":"Ann","external_id":"ann"}`)
		s.create(t, `{"name":"Bea","external_id":"bea"}`)
		etag := s.do(t, "GET", users+"/"+u.ID, "").Header.Get("ETag")
		s.do(t, "PUT", users+"/"+u.ID, `{"name":"Ann Lee"}`, with("If-Match", etag)).want(t, 200)
		check := s.untouched(t)
		for body, want := range map[string]int{
			`{"name":"New","external_id":"<new>"}`: 400,
			`{"name":"","external_id":"new"}`:      400,
			`{"name":"New","external_id":"BEA"}`:   409,
			`{"name":"New","external_id":1}`:       400,
		} {
			s.do(t, "PUT", users+"/"+u.ID, body).want(t, want)
			s.do(t, "POST", users, body).want(t, want)
		}
		for _, tags := range [][]string{{etag}, {"W/" + etag}, {`"0"`, etag}, {""}} {
			s.do(t, "PUT", users+"/"+u.ID, `{"name":"New"}`, with("If-Match", tags...)).want(t, 412)
			s.do(t, "DELETE", users+"/"+u.ID, "", with("If-Match", tags...)).want(t, 412)
		}
		check()
		s.do(t, "PUT", users+"/"+u.ID, `{"name":"Ann Lee"}`).want(t, 200) // as it is already
		check()
	})
}

// TestRetriedCreate: the second try of a create leads to the user of the first.
func TestRetriedCreate(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		const body = `{"name":"Ann","external_id":"ann"}`
		u := s.create(t, body)
		detail := s.do(t, "POST", users, body).want(t, 409).problem(t).Error.Detail
		id := detail[strings.LastIndex(detail, " ")+1:]
		if got := s.do(t, "GET", users+"/"+id, "").want(t, 200).user(t); got != u {
			t.Errorf("%q leads to %+v", detail, got)
		}
	})
}

// TestLostReplies: a create that was not confirmed leaves one user, and who repeats
// it finds that one.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	f := &apitest.Faulty{Store: memory.New(nil)}
	s := newServer(t, f, nil)
	const body = `{"name":"Ann","external_id":"ann"}`
	f.Lost.Store(true)
	s.do(t, "POST", users, body).want(t, 503)
	f.Lost.Store(false)
	got := s.list(t, "").Data
	if len(got) != 1 || got[0].ExternalID != "ann" {
		t.Fatalf("the list shows %+v", got)
	}
	if detail := s.do(t, "POST", users, body).want(t, 409).problem(t).Error.Detail; !strings.HasSuffix(detail, " "+got[0].ID) {
		t.Errorf("%q does not lead to %s", detail, got[0].ID)
	}
}

// TestWithoutActor: where a credential names no actor, the tenant stands for it.
func TestWithoutActor(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{apitest.Acme: {Tenant: "acme"}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := magickmind.New(w.Users, tokens.Authenticate, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{w, h}
	u := s.create(t, `{"name":"Ann"}`)
	if u.CreatedBy != "acme" || u.UpdatedBy != "acme" {
		t.Errorf("got %+v", u)
	}
	if now := s.do(t, "PUT", users+"/"+u.ID, `{"name":"Bea"}`).want(t, 200).user(t); now.CreatedBy != "acme" || now.UpdatedBy != "acme" {
		t.Errorf("got %+v", now)
	}
}

// TestUsersOfOtherFamilies: what another family of routes, or a program, made shows
// with all members, and can be changed.
func TestUsersOfOtherFamilies(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		made, err := s.Users.Tenant("acme").Create(t.Context(), enduser.Spec{
			FirstName: "Ann", Email: "ann@example.com", ExpiresIn: time.Hour, Groups: []string{"g"},
			Accounts: []enduser.Account{{Type: "discord", ID: "1"}}, Metadata: enduser.Metadata{"plan": enduser.String("pro")},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := user{
			ID: made.ID, Name: "Ann", TenantID: "acme", CreatedBy: "acme", UpdatedBy: "acme",
			CreatedAt: "2026-01-28T10:43:43Z", UpdatedAt: "2026-01-28T10:43:43Z",
		}
		if got := s.do(t, "GET", users+"/"+made.ID, "").want(t, 200).user(t); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		s.Clock.Advance(1999 * time.Millisecond)
		want.ExternalID, want.UpdatedBy, want.UpdatedAt = "ann", "crm", "2026-01-28T10:43:44Z"
		if got := s.do(t, "PUT", users+"/"+made.ID, `{"external_id":"ann"}`).want(t, 200).user(t); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		now, err := s.Users.Tenant("acme").Get(t.Context(), enduser.ByExternalID("ANN"))
		if err != nil || now.Name != "" || now.FirstName != "Ann" || now.Email != made.Email || len(now.Accounts) != 1 || len(now.Groups) != 1 || len(now.Metadata) != 1 || !now.ExpiresAt.Equal(made.ExpiresAt) {
			t.Errorf("a PUT of the external ID left %+v, %v", now, err)
		}
		if got := s.list(t, "").Data; len(got) != 1 || got[0] != want {
			t.Errorf("the list shows %+v", got)
		}
		s.Clock.Advance(time.Hour) // the provisional one is over
		s.do(t, "GET", users+"/"+made.ID, "").want(t, 404)
		s.create(t, `{"name":"B","external_id":"ann"}`)
	})
}

// TestPolicy: each limit of this family holds unless the host has another one.
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
	if got := magickmind.Policy(); got.MaxExternalID != 255 {
		t.Errorf("got %+v", got)
	}
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

// TestHead: HEAD is GET without the body.
func TestHead(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"name":"A"}`)
	get := s.do(t, "GET", users+"/"+u.ID, "").want(t, 200)
	r := httptest.NewRequest(http.MethodHead, users+"/"+u.ID, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+apitest.Acme)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("ETag") != get.Header.Get("ETag") {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
}

// TestSilence: no log line, at any level, has anything personal or secret in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &apitest.Faulty{Store: memory.New(nil)}
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
	requests()
	f.Fail(errors.New("the store is on fire"))
	requests()
	f.Panics.Store(true)
	requests()
	if log.Len() == 0 {
		t.Fatal("failures of the server are not logged")
	}
	for _, secret := range []string{"canary", apitest.Acme} {
		if strings.Contains(strings.ToLower(log.String()), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
}
