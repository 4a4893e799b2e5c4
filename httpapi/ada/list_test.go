package ada_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func (s *server) createMany(t *testing.T, n int) (ids []string) {
	t.Helper()
	for range n {
		ids = append(ids, s.create(t, `{}`).ID)
	}
	return ids
}

// TestWalk follows next_page_url to the end: every user comes once, oldest first, and
// every page but the last is full.
func TestWalk(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		ids := s.createMany(t, 41)
		s.create(t, `{}`, as(apitest.Other))
		for query, size := range map[string]int{"": 20, "?limit=20": 20, "?limit=1": 1, "?limit=40": 40, "?limit=41": 41, "?limit=100": 100} {
			var walked []string
			next := new(users + query)
			for next != nil {
				p := s.list(t, *next)
				if next = p.Meta.NextPageURL; next != nil && len(p.Data) != size {
					t.Errorf("%s: a page has %d users", query, len(p.Data))
				}
				walked = append(walked, p.ids()...)
			}
			if diff := cmp.Diff(ids, walked); diff != "" {
				t.Errorf("%s: the walk differs:\n%s", query, diff)
			}
		}
	})
}

// TestCursorOutlivesItsUser: a list goes on behind a user that was deleted or has expired
// since, and skips nobody.
func TestCursorOutlivesItsUser(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		ids := s.createMany(t, 6)
		for _, id := range []string{ids[3], ids[5]} {
			s.do(t, "POST", conversations, `{"channel_id":"c","end_user_id":"`+id+`"}`).want(t, 201)
		}
		next := s.list(t, users+"?limit=2").Meta.NextPageURL
		for _, id := range ids[1:3] { // the cursor's own and the one behind it
			if err := s.Users.Tenant("acme").Delete(t.Context(), enduser.ByID(id)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(ids[3:5], s.list(t, *next).ids()); diff != "" {
			t.Errorf("after the deletes:\n%s", diff)
		}
		s.Clock.Advance(enduser.ProvisionalTTL)
		last := s.list(t, *next)
		if diff := cmp.Diff([]string{ids[3], ids[5]}, last.ids()); diff != "" || last.Meta.NextPageURL != nil {
			t.Errorf("a day later, before %v:\n%s", last.Meta.NextPageURL, diff)
		}
	})
}

// TestNextPageURL: it has the scheme and host of BaseURL or of the connection, the path of
// the request, and the limit if one was given. Location has the path alone.
func TestNextPageURL(t *testing.T) {
	t.Parallel()
	forwarded := []option{
		with("X-Forwarded-Host", "evil.example"), with("X-Forwarded-Proto", "https"), with("X-Forwarded-Prefix", "/evil"),
		with("Forwarded", `host=evil.example;proto=https`), with("X-Original-Url", "/evil"),
	}
	for _, tt := range []struct{ base, prefix, target, want string }{
		{"", "", "http://api.example/api/v2/end-users/?limit=1", "http://api.example/api/v2/end-users/?cursor=C&limit=1"},
		{"", "", "https://api.example:8443/api/v2/end-users?limit=1&cursor=", "https://api.example:8443/api/v2/end-users?cursor=C&limit=1"},
		{"", "", "http://[::1]:80/api/v2/end-users?limit=1", "http://[::1]:80/api/v2/end-users?cursor=C&limit=1"},
		{"", "/ada", "http://api.example/ada/api/v2/end-users/", "http://api.example/ada/api/v2/end-users/?cursor=C"},
		{"", "/a b", "http://api.example/a%20b/api/v2/end-users/", "http://api.example/a%20b/api/v2/end-users/?cursor=C"},
		{"https://users.example.com", "", "http://10.0.0.1:8080/api/v2/end-users/", "https://users.example.com/api/v2/end-users/?cursor=C"},
		{"https://example.com/users", "", "http://10.0.0.1/api/v2/end-users/", "https://example.com/users/api/v2/end-users/?cursor=C"},
		{"https://example.com/a/b/", "/ada", "http://10.0.0.1/ada/api/v2/end-users", "https://example.com/a/b/ada/api/v2/end-users?cursor=C"},
		{"https://example.com/a%2Fb%20c/", "", "http://10.0.0.1/api/v2/end-users", "https://example.com/a%2Fb%20c/api/v2/end-users?cursor=C"},
		{"http://users.example.com:81", "/ada", "https://internal/ada/api/v2/end-users/", "http://users.example.com:81/ada/api/v2/end-users/?cursor=C"},
	} {
		s := newServer(t, nil, &ada.Options{BaseURL: tt.base})
		s.createMany(t, 21)
		s.handler = http.StripPrefix(tt.prefix, s.handler)
		for _, options := range [][]option{nil, forwarded, {func(r *http.Request) { r.RequestURI = r.URL.RequestURI() }}} {
			p := s.list(t, tt.target, options...)
			if got := strings.Replace(*p.Meta.NextPageURL, cursorOf(t, p), "C", 1); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		}
		target, err := url.Parse(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		a := s.do(t, "POST", tt.target, `{}`).want(t, 201)
		if got, want := a.Header.Get("Location"), strings.TrimSuffix(target.EscapedPath(), "/")+"/"+a.user(t).ID; got != want {
			t.Errorf("Location is %s, want %s", got, want)
		}
	}
}

// TestHostileHost: whatever the Host is, and net/http accepts fewer, the answer is JSON
// with a URL.
func TestHostileHost(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.createMany(t, 2)
	for host, prefix := range map[string]string{"": users + "?", "a\"b": "http://", "a\xffb": "http://", "ü.example": "http://"} {
		next := *s.list(t, users+"?limit=1", func(r *http.Request) { r.Host = host }).Meta.NextPageURL
		if u, err := url.Parse(next); err != nil || u.Path != users || !strings.HasPrefix(next, prefix) {
			t.Errorf("%q makes %s, %v", host, next, err)
		}
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, base := range []string{
		"", "https://example.com", "http://[::1]:8080", "https://example.com/", "https://example.com/ada", "https://example.com/a%2Fb",
	} {
		if h, err := ada.New(s.Users, s.Auth, &ada.Options{BaseURL: base}); err != nil || h == nil {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, base := range []string{
		"example.com", "//example.com", "https://", "https://:443", "https://example.com/%zz", "https://example.com/ada?",
		"https://example.com/?a=b", "https://example.com/ada#a", "https:/example.com/ada", "https:example.com/ada", "/ada",
		"https://example.com?a=b", "https://example.com#a", "https://example.com#", "https://example.com/#/", "https:///", "https:///ada",
		"https://a:b@example.com", "ftp://example.com", "javascript:alert(1)", "https://exa mple.com", "https://example.com:https",
	} {
		if h, err := ada.New(s.Users, s.Auth, &ada.Options{BaseURL: base}); err == nil || h != nil || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%q is accepted, or the error shows a password: %v", base, err)
		}
	}
}

// stuck is a store whose lists read one record a page, and that stops behind one of them
// until the caller gives up.
type stuck struct {
	store.Store
	behind atomic.Int64 // a revision; 0: it does not stop
}

func (s *stuck) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if at := s.behind.Load(); at > 0 && int64(q.After) >= at {
		<-ctx.Done()
		return store.Page{}, ctx.Err()
	}
	q.Limit, q.Budget = 1, 1
	return s.Store.List(ctx, tenant, q)
}

// TestReadTimeout: a list that takes too long is a short page if it has somebody, else
// 503 with the URL of what is left. A client that follows it misses nobody.
func TestReadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &stuck{Store: memory.New(nil)}
		s := newServer(t, st, nil)
		const expired, living = 3, 3
		s.createMany(t, expired)
		s.Clock.Advance(enduser.ProvisionalTTL)
		ids := s.createMany(t, living)
		for behind := int64(1); behind < expired+living; behind++ {
			st.behind.Store(behind)
			shown, next := []string{}, ""
			if a := s.do(t, "GET", users+"?limit=5", ""); behind <= expired {
				var p problem
				if p, next = a.want(t, 503).failure(t); p.Type != "read_timeout" {
					t.Errorf("behind %d: %s", behind, a.Body)
				}
			} else {
				p := apitest.Read[page](t, a.want(t, 200).Answer)
				shown, next = p.ids(), *p.Meta.NextPageURL
			}
			st.behind.Store(0)
			if !strings.HasSuffix(next, "&limit=5") {
				t.Fatalf("behind %d: what is left is %q", behind, next)
			}
			if diff := cmp.Diff(ids, append(shown, s.list(t, next).ids()...)); diff != "" {
				t.Errorf("behind %d: the walk differs:\n%s", behind, diff)
			}
		}
	})
}

// cursorOf returns the cursor that leads on from a page.
func cursorOf(tb testing.TB, p page) string {
	tb.Helper()
	if p.Meta.NextPageURL == nil {
		tb.Fatal("no page follows")
	}
	u, err := url.Parse(*p.Meta.NextPageURL)
	if err != nil {
		tb.Fatal(err)
	}
	return u.Query().Get("cursor")
}
