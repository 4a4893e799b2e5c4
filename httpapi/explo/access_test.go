package explo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestNewFailsClosed(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	if _, err := explo.New(w.Users, nil, nil); err == nil {
		t.Error("New accepts no Authenticator")
	}
	if _, err := explo.New(nil, w.Auth, nil); err == nil {
		t.Error("New accepts no users")
	}
	if _, err := explo.New(enduser.New(memory.New(nil), nil), w.Auth, nil); !errors.Is(err, enduser.ErrNoKeyring) {
		t.Errorf("without a keyring: %v", err)
	}
	for _, overlap := range []time.Duration{-1, enduser.MaxOverlap + 1} {
		if _, err := explo.New(w.Users, w.Auth, &explo.Options{Overlap: overlap}); err == nil {
			t.Errorf("New accepts an overlap of %v", overlap)
		}
	}
	for _, overlap := range []time.Duration{0, enduser.MaxOverlap} {
		if _, err := explo.New(w.Users, w.Auth, &explo.Options{Overlap: overlap}); err != nil {
			t.Errorf("an overlap of %v: %v", overlap, err)
		}
	}
}

func TestAuthenticator(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	secret := errors.New("secret of the backend")
	for name, tt := range map[string]struct {
		auth httpapi.Authenticator
		want int
	}{
		"no tenant": {func(*http.Request, string) (httpapi.Principal, error) { return httpapi.Principal{}, nil }, 401},
		"error": {func(*http.Request, string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: "acme"}, secret
		}, 503},
		"panic": {func(*http.Request, string) (httpapi.Principal, error) { panic(secret) }, 500}, //nolint:forbidigo // what the test is about
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := explo.New(w.Users, tt.auth, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := &server{handler: h}
			for _, r := range routes("token", "id") {
				if a := s.send(t, r).want(t, tt.want); strings.Contains(a.Body, "secret") {
					t.Errorf("%s %s: the answer says what is wrong inside: %s", r.method, r.path, a.Body)
				}
			}
		})
	}
}

// TestCredentialHeaders: what cannot be written in a recorded exchange, headers that
// are there twice. The other cases are among those.
func TestCredentialHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const mine, others = "Token " + apitest.Acme, "Token " + apitest.Other
	for _, tt := range []struct {
		template, vendor []string
		want             int
	}{
		{[]string{mine}, nil, 200},
		{nil, []string{mine}, 200},
		{[]string{"token " + apitest.Acme}, nil, 200}, // schemes have no case (RFC 9110 section 11.1)
		{[]string{mine, mine}, nil, 401},
		{[]string{mine, others}, nil, 401},
		{nil, []string{mine, mine}, 401},
		{[]string{mine, mine}, []string{mine}, 401},
		{[]string{mine}, []string{mine, mine}, 401},
		{[]string{"Bearer " + apitest.Acme}, []string{mine}, 401},
		{[]string{""}, []string{mine}, 401},
		{nil, nil, 401},
	} {
		s.do(t, "GET", "/api/user", `{"user_group_id":"a"}`, with("Authorization", tt.template...), with("Explo-Authorization", tt.vendor...)).want(t, tt.want)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	asked, answer := map[string]bool{}, error(nil)
	s := newServer(t, nil, within(httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			asked[a.Name] = a.Write
			return answer
		},
	}))
	g := s.create(t, "kept")
	before := apitest.StateOf(t, s.acme())
	for _, tt := range []struct {
		err  error
		want int
		code string
	}{
		{httpapi.ErrForbidden, 403, "forbidden"},
		{errors.New("secret"), 503, "unavailable"},
	} {
		answer = tt.err
		clear(asked)
		want := map[string]bool{}
		for _, r := range routes(g.Token, "kept") {
			want[r.action] = true
			if a := s.send(t, r).wantCode(t, tt.want, tt.code); strings.Contains(a.Body, "secret") {
				t.Errorf("%s %s: %s", r.method, r.path, a.Body)
			}
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("actions (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
		t.Errorf("a refused request wrote:\n%s", diff)
	}
}

// TestTokensNeedARight of their own: who may make groups, or change them, is shown the
// token of one that is there only with the action revealGroupToken.
func TestTokensNeedARight(t *testing.T) {
	t.Parallel()
	refused := map[string]bool{}
	s := newServer(t, nil, within(httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			if refused[a.Name] {
				return httpapi.ErrForbidden
			}
			return nil
		},
	}))
	kept := s.create(t, "kept")
	for _, action := range []string{"revealGroupToken", "getGroup"} {
		clear(refused)
		refused[action] = true
		before := apitest.StateOf(t, s.acme())
		for _, r := range routes(kept.Token, "kept") {
			shows := r.action == "createGroup" || r.action == "updateGroup" && action == "revealGroupToken"
			if shows {
				s.send(t, r).wantCode(t, 403, "forbidden")
			}
		}
		if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
			t.Errorf("without %s a refused request wrote:\n%s", action, diff)
		}
		// What the request makes itself is shown.
		made := s.create(t, "new "+action)
		rotated := s.do(t, "POST", "/api/user", `{"current_token":"`+made.Token+`"}`).group(t)
		s.do(t, "DELETE", "/api/user/", `{"current_token":"`+rotated.Token+`"}`).want(t, 200)
	}
}

// TestGetIfNew: who has the group as it is gets no body, and who has another version
// makes none.
func TestGetIfNew(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const known, unknown = `{"user_group_id":"kept"}`, `{"user_group_id":"new"}`
	s.create(t, "kept")
	etag := s.do(t, "GET", "/api/user", known).Header.Get("ETag")
	for _, path := range []string{"/api/user", "/api/user/"} {
		r := s.request(t, "GET", path, known, etag)
		if r.Code != 304 || r.Body.Len() > 0 || r.Header().Get("ETag") != etag {
			t.Errorf("%s: %d %v %s", path, r.Code, r.Header(), r.Body)
		}
	}
	s.do(t, "GET", "/api/user", known, with("If-None-Match", `"x"`)).want(t, 200)
	s.do(t, "GET", "/api/user", known, with("If-Match", etag)).want(t, 200)
	before := apitest.StateOf(t, s.acme())
	s.do(t, "GET", "/api/user", known, with("If-Match", `"x"`)).wantCode(t, 412, "precondition-failed")
	s.do(t, "GET", "/api/user", unknown, with("If-Match", etag)).wantCode(t, 412, "precondition-failed")
	s.do(t, "POST", "/api/create_user_group/", unknown, with("If-Match", etag)).wantCode(t, 412, "precondition-failed")
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
		t.Errorf("a refused request wrote:\n%s", diff)
	}
}

// request is do for an answer without a body.
func (s *server) request(t *testing.T, method, path, body, ifNoneMatch string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for name, value := range map[string]string{
		"Authorization": "Token " + apitest.Acme, "Content-Type": "application/json", "If-None-Match": ifNoneMatch,
	} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, within(httpapi.Options{Rates: []httpapi.Rate{{Requests: 2, Per: time.Minute}}}))
		get := func(options ...option) answer {
			return s.do(t, "GET", "/api/user", `{"user_group_id":"a"}`, options...)
		}
		get().want(t, 200)
		get().want(t, 200)
		a := get().wantCode(t, 429, "rate-limited")
		if a.Header.Get("RateLimit-Policy") != `"default";q=2;w=60` {
			t.Errorf("RateLimit-Policy %q", a.Header.Get("RateLimit-Policy"))
		}
		get(as(apitest.Other)).want(t, 200)
		wait, err := time.ParseDuration(a.Header.Get("Retry-After") + "s")
		if err != nil || wait > 61*time.Second {
			t.Fatalf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		time.Sleep(wait) //nolint:forbidigo // time of the bubble
		get().want(t, 200)
	})
}

// TestPolicy: the handle's policy is the Options' own where they say something.
func TestPolicy(t *testing.T) {
	t.Parallel()
	name := func(n int) string { return `{"user_group_id":"a","name":"` + strings.Repeat("é", n) + `"}` }
	for _, tt := range []struct {
		policy enduser.Policy
		limit  int
	}{{enduser.Policy{}, 256}, {enduser.Policy{MaxName: 5}, 5}} {
		s := newServer(t, nil, within(httpapi.Options{Policy: tt.policy}))
		s.do(t, "GET", "/api/user", name(tt.limit+1)).wantCode(t, 400, "invalid")
		s.do(t, "GET", "/api/user", name(tt.limit)).want(t, 200)
		s.do(t, "PUT", "/api/user", name(tt.limit+1)).wantCode(t, 400, "invalid")
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	mux := http.NewServeMux()
	mux.Handle("/explo/", http.StripPrefix("/explo", s.handler))
	mounted := &server{handler: mux}
	g := mounted.do(t, "GET", "/explo/api/user", `{"user_group_id":"a"}`).group(t)
	mounted.do(t, "POST", "/explo/api/user/", `{"current_token":"`+g.Token+`"}`).want(t, 200)
	mounted.do(t, "PATCH", "/explo/api/user/", `{}`).want(t, 405)
}

// TestRealServer: net/http passes on the body of a GET and a DELETE, and a client that
// asks with HEAD gets no body back.
func TestRealServer(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	live := httptest.NewServer(s.handler)
	defer live.Close()
	for _, tt := range []struct {
		method, body string
		want         int
	}{
		{"GET", `{"user_group_id":"a"}`, 200},
		{"HEAD", `{"user_group_id":"a"}`, 200},
		{"DELETE", `{"user_group_id":"a"}`, 200},
		{"DELETE", `{"user_group_id":"a"}`, 404},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, live.URL+"/api/user", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Token "+apitest.Acme)
		r.Header.Set("Content-Type", "application/json")
		response, err := live.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != tt.want {
			t.Errorf("%s: got %d, want %d", tt.method, response.StatusCode, tt.want)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestKeyringFails: a token that cannot be shown is no failure of the request that
// wrote the group, and the answer says so.
func TestKeyringFails(t *testing.T) {
	t.Parallel()
	key, err := enduser.NewKey("k", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	ring := &faultyKeyring{Keyring: enduser.NewKeyring(key)}
	w := apitest.NewWorld(t, memory.New(nil))
	users := enduser.New(w.Store, &enduser.Options{Keyring: ring})
	h, err := explo.New(users, w.Auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{handler: h, users: users}
	g := s.create(t, "a")
	get := `{"user_group_id":"a"}`

	ring.failOpening.Store(true)
	s.do(t, "GET", "/api/user", get).wantCode(t, 503, "unavailable")
	s.do(t, "GET", "/api/user", `{"user_group_id":"new"}`).wantCode(t, 503, "outcome-unknown")
	s.do(t, "PUT", "/api/user", `{"user_group_id":"a","name":"x"}`).wantCode(t, 503, "outcome-unknown")
	rotated := s.do(t, "POST", "/api/user", `{"current_token":"`+g.Token+`"}`).group(t) // it comes with the rotation
	ring.failOpening.Store(false)
	s.do(t, "POST", "/api/user", `{"current_token":"`+g.Token+`"}`).wantCode(t, 404, "not-found")
	got := s.do(t, "GET", "/api/user", get).group(t)
	if got.Name != "x" || got.Token != rotated.Token || got.Token == g.Token {
		t.Errorf("what was written is not there: %+v", got)
	}

	ring.failSealing.Store(true)
	s.do(t, "GET", "/api/user", `{"user_group_id":"newer"}`).wantCode(t, 503, "unavailable")
	s.do(t, "POST", "/api/user", `{"current_token":"`+got.Token+`"}`).wantCode(t, 503, "unavailable")
	ring.failSealing.Store(false)
	if again := s.do(t, "GET", "/api/user", get).group(t); again.Token != got.Token {
		t.Error("a rotation that failed changed the token")
	}
}

// faultyKeyring is a Keyring over a service that cannot be reached on request.
type faultyKeyring struct {
	enduser.Keyring

	failSealing, failOpening atomic.Bool
}

var errKeyring = errors.New("the service is on fire")

func (k *faultyKeyring) SealingKey(ctx context.Context, deadline time.Time) (enduser.Key, error) {
	if k.failSealing.Load() {
		return enduser.Key{}, fmt.Errorf("sealing: %w", errKeyring)
	}
	return k.Keyring.SealingKey(ctx, deadline)
}

func (k *faultyKeyring) OpeningKey(ctx context.Context, id string) (enduser.Key, error) {
	if k.failOpening.Load() {
		return enduser.Key{}, fmt.Errorf("opening: %w", errKeyring)
	}
	return k.Keyring.OpeningKey(ctx, id)
}
