package explo_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	for overlap, good := range map[time.Duration]bool{-1: false, 0: true, enduser.MaxOverlap: true, enduser.MaxOverlap + 1: false} {
		if _, err := explo.New(w.Users, w.Auth, &explo.Options{Overlap: overlap}); (err == nil) != good {
			t.Errorf("an overlap of %v: %v", overlap, err)
		}
	}
}

// TestCredentialHeaders: what recorded exchanges cannot have, such as a header twice.
func TestCredentialHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const mine, others = "Token " + apitest.Acme, "Token " + apitest.Other
	for _, tt := range []struct {
		template, vendor []string
		want             int
	}{
		{nil, []string{mine}, 200},
		{[]string{"token " + apitest.Acme}, nil, 200}, // schemes have no case (RFC 9110 section 11.1)
		{[]string{mine, others}, nil, 401},
		{nil, []string{mine, mine}, 401},
		{[]string{mine, mine}, []string{mine}, 401},
		{[]string{mine}, []string{mine, mine}, 401},
		{[]string{"Bearer " + apitest.Acme}, []string{mine}, 401},
		{[]string{""}, []string{mine}, 401},
	} {
		s.get(t, "a", with("Authorization", tt.template...), with("Explo-Authorization", tt.vendor...)).want(t, tt.want)
	}
}

// TestTokensNeedARight: a credential that may make or change groups is shown the token of
// one that exists only with the right to the action revealGroupToken.
func TestTokensNeedARight(t *testing.T) {
	t.Parallel()
	refused := ""
	s := newServer(t, nil, within(httpapi.Options{
		Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
			if refused == a.Name {
				return httpapi.ErrForbidden
			}
			return nil
		},
	}))
	s.create(t, "kept")
	for action, sent := range map[string][]string{
		"revealGroupToken": {"GET /api/user", "POST /api/create_user_group/", "PUT /api/user", "POST /api/update_user_group/"},
		"getGroup":         {"GET /api/user", "POST /api/create_user_group/"},
	} {
		refused = action
		unchanged := s.Unchanged(t)
		for _, request := range sent {
			method, path, _ := strings.Cut(request, " ")
			s.do(t, method, path, `{"user_group_id":"kept","name":"New"}`).wantCode(t, 403, "forbidden")
		}
		unchanged()
		rotated := s.rotate(t, s.create(t, "new").Token).group(t) // a request shows what it makes itself
		s.do(t, "DELETE", "/api/user/", `{"current_token":"`+rotated.Token+`"}`).want(t, 200)
	}
}

// TestGetIfNew: a client that has the group as it is gets no body, and one that has another
// version makes none.
func TestGetIfNew(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.create(t, "kept")
	etag := s.get(t, "kept").Header.Get("ETag")
	for _, request := range []string{"GET /api/user", "GET /api/user/", "HEAD /api/user"} {
		method, path, _ := strings.Cut(request, " ")
		a := s.do(t, method, path, `{"user_group_id":"kept"}`, with("If-None-Match", etag))
		if a.Status != 304 || a.Header.Get("ETag") != etag {
			t.Errorf("%s: %d %v", request, a.Status, a.Header)
		}
	}
	s.get(t, "kept", with("If-None-Match", `"x"`)).want(t, 200)
	s.get(t, "kept", with("If-Match", etag)).want(t, 200)
	unchanged := s.Unchanged(t)
	s.get(t, "kept", with("If-Match", `"x"`)).wantCode(t, 412, "precondition-failed")
	s.get(t, "new", with("If-Match", etag)).wantCode(t, 412, "precondition-failed")
	s.do(t, "POST", "/api/create_user_group/", `{"user_group_id":"new"}`, with("If-Match", etag)).wantCode(t, 412, "precondition-failed")
	unchanged()
}

// TestRates: the limiter of httpapi counts if the host gives none.
func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, within(httpapi.Options{Rates: []httpapi.Rate{{Requests: 1, Per: time.Minute}}}))
		s.get(t, "a").want(t, 200)
		a := s.get(t, "a").wantCode(t, 429, "rate-limited")
		if got := a.Header.Get("RateLimit-Policy"); got != `"default";q=1;w=60` {
			t.Errorf("RateLimit-Policy %q", got)
		}
		s.get(t, "a", as(apitest.Other)).want(t, 200)
		wait, err := time.ParseDuration(a.Header.Get("Retry-After") + "s")
		if err != nil || wait > 61*time.Second {
			t.Fatalf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		time.Sleep(wait) //nolint:forbidigo // time of the bubble
		s.get(t, "a").want(t, 200)
	})
}

// TestPolicy: the fields of the Options' policy replace the family's one by one.
func TestPolicy(t *testing.T) {
	t.Parallel()
	name := func(n int) string { return `{"user_group_id":"undefined","name":"` + strings.Repeat("é", n) + `"}` }
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

// TestRealServer: net/http passes on the body of a GET and a DELETE, and an answer to HEAD
// has no body.
func TestRealServer(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	live := httptest.NewServer(s.handler)
	defer live.Close()
	for _, tt := range []struct {
		method string
		want   int
	}{{"GET", 200}, {"HEAD", 200}, {"DELETE", 200}, {"DELETE", 404}} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, live.URL+"/api/user", strings.NewReader(`{"user_group_id":"a"}`))
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
