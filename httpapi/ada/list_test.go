package ada_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/ada"
)

func (s *server) createMany(t *testing.T, n int) (ids []string) {
	t.Helper()
	for range n {
		ids = append(ids, s.create(t, `{}`).ID)
	}
	return ids
}

// TestWalk follows next_page_url to the end: every user comes once, oldest first.
func TestWalk(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		ids := s.createMany(t, 41)
		for query, pages := range map[string]int{"": 3, "?limit=20": 3, "?limit=7": 6, "?limit=41": 1, "?limit=100": 1} {
			var walked []string
			n, target := 0, users+query
			for target != "" {
				p := s.list(t, target)
				walked = append(walked, p.ids()...)
				n++
				target = ""
				if p.Meta.NextPageURL != nil {
					target = *p.Meta.NextPageURL
				}
			}
			if n != pages {
				t.Errorf("%s has %d pages, want %d", query, n, pages)
			}
			if diff := cmp.Diff(ids, walked); diff != "" {
				t.Errorf("%s: the walk differs:\n%s", query, diff)
			}
		}
	})
}

// TestCursorOutlivesItsUser: the list goes on where a user stood that is gone.
func TestCursorOutlivesItsUser(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		ids := s.createMany(t, 6)
		first := s.list(t, users+"?limit=2")
		for _, id := range ids[1:3] { // the cursor's own and the one behind it
			if err := s.Users.Tenant("acme").Delete(t.Context(), enduser.ByID(id)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(ids[3:5], s.list(t, *first.Meta.NextPageURL).ids()); diff != "" {
			t.Errorf("the second page differs:\n%s", diff)
		}
	})
}

// TestNextPageURL: it has the scheme and host of the options or of the connection,
// the path that was asked for, and the limit if one was given.
func TestNextPageURL(t *testing.T) {
	t.Parallel()
	forwarded := []option{
		with("X-Forwarded-Host", "evil.example"), with("X-Forwarded-Proto", "https"), with("X-Forwarded-Prefix", "/evil"),
		with("Forwarded", `host=evil.example;proto=https`), with("X-Original-Url", "/evil"),
	}
	for _, tt := range []struct{ base, prefix, target, want string }{
		{"", "", "http://api.example/api/v2/end-users/", "http://api.example/api/v2/end-users/?cursor=C"},
		{"", "", "https://api.example:8443/api/v2/end-users?limit=1&cursor=", "https://api.example:8443/api/v2/end-users?cursor=C&limit=1"},
		{"", "/ada", "http://api.example/ada/api/v2/end-users/?limit=1", "http://api.example/ada/api/v2/end-users/?cursor=C&limit=1"},
		{"", "/a b", "http://api.example/a%20b/api/v2/end-users/", "http://api.example/a%20b/api/v2/end-users/?cursor=C"},
		{"https://users.example.com", "", "http://10.0.0.1:8080/api/v2/end-users/", "https://users.example.com/api/v2/end-users/?cursor=C"},
		{"https://example.com/users", "", "http://10.0.0.1/api/v2/end-users/?limit=1", "https://example.com/users/api/v2/end-users/?cursor=C&limit=1"},
		{"https://example.com/a/b/", "/ada", "http://10.0.0.1/ada/api/v2/end-users", "https://example.com/a/b/ada/api/v2/end-users?cursor=C"},
		{"https://example.com/a%2Fb%20c/", "", "http://10.0.0.1/api/v2/end-users", "https://example.com/a%2Fb%20c/api/v2/end-users?cursor=C"},
		{"https://example.com/", "", "http://10.0.0.1/api/v2/end-users", "https://example.com/api/v2/end-users?cursor=C"},
		{"http://users.example.com:81", "/ada", "https://internal/ada/api/v2/end-users/", "http://users.example.com:81/ada/api/v2/end-users/?cursor=C"},
	} {
		t.Run(tt.target, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, &ada.Options{BaseURL: tt.base})
			s.createMany(t, 21)
			s.handler = http.StripPrefix(tt.prefix, s.handler)
			for _, options := range [][]option{nil, forwarded, {func(r *http.Request) { r.RequestURI = r.URL.RequestURI() }}} {
				p := s.list(t, tt.target, options...)
				if got := strings.Replace(*p.Meta.NextPageURL, cursorOf(t, p), "C", 1); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			}
		})
	}
}

// TestHostileHost: whatever Host is, and more than net/http lets through, the answer
// is JSON with a URL.
func TestHostileHost(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.createMany(t, 2)
	if p := s.list(t, users+"?limit=1", func(r *http.Request) { r.Host = "" }); !strings.HasPrefix(*p.Meta.NextPageURL, users+"?") {
		t.Errorf("no Host makes %s", *p.Meta.NextPageURL)
	}
	for _, host := range []string{"a\"b", "a\xffb", "[::1]:80", "ü.example"} {
		p := s.list(t, users+"?limit=1", func(r *http.Request) { r.Host = host })
		u, err := url.Parse(*p.Meta.NextPageURL)
		if err != nil || u.Path != users || u.Scheme != "http" {
			t.Errorf("%q makes %s, %v", host, *p.Meta.NextPageURL, err)
		}
	}
}

// TestLocationUnderPrefix: it keeps the prefix of the mount, too, and has nothing of
// what BaseURL says.
func TestLocationUnderPrefix(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &ada.Options{BaseURL: "https://example.com/users"})
	s.handler = http.StripPrefix("/ada", s.handler)
	for _, slash := range []string{"", "/"} {
		a := s.do(t, "POST", "/ada/api/v2/end-users"+slash, `{}`).want(t, 201)
		if got, want := a.Header.Get("Location"), "/ada"+users+a.user(t).ID; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for base, good := range map[string]bool{
		"":                          true,
		"https://example.com":       true,
		"http://[::1]:8080":         true,
		"example.com":               false,
		"//example.com":             false,
		"https://":                  false,
		"https://:443":              false,
		"https://example.com/":      true,
		"https://example.com/ada":   true,
		"https://example.com/a%2Fb": true,
		"https://example.com/%zz":   false,
		"https://example.com/ada?":  false,
		"https://example.com/?a=b":  false,
		"https://example.com/ada#a": false,
		"https:/example.com/ada":    false,
		"https:example.com/ada":     false,
		"/ada":                      false,
		"https://example.com?a=b":   false,
		"https://example.com#a":     false,
		"https://example.com#":      false,
		"https://example.com/#/":    false,
		"https:///":                 false,
		"https:///ada":              false,
		"https://a:b@example.com":   false,
		"ftp://example.com":         false,
		"javascript:alert(1)":       false,
		"https://exa mple.com":      false,
		"https://example.com:https": false,
	} {
		h, err := ada.New(s.Users, s.Auth, &ada.Options{BaseURL: base})
		if (err == nil) != good || (h == nil) == good {
			t.Errorf("%q: got %v", base, err)
		}
		if err != nil && strings.Contains(err.Error(), "a:b") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

// TestExpiryBetweenPages: a user that expires between two pages takes nobody with it.
func TestExpiryBetweenPages(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	var ids []string
	for i := range 4 {
		u := s.create(t, fmt.Sprintf(`{"external_id":"u%d"}`, i))
		ids = append(ids, u.ID)
		if i%2 == 1 {
			s.do(t, "POST", conversations, `{"channel_id":"c","end_user_id":"`+u.ID+`"}`).want(t, 201)
		}
	}
	first := s.list(t, users+"?limit=1")
	s.Clock.Advance(enduser.ProvisionalTTL)
	second := s.list(t, *first.Meta.NextPageURL)
	third := s.list(t, *second.Meta.NextPageURL)
	if diff := cmp.Diff([]string{ids[0], ids[1], ids[3]}, append(append(first.ids(), second.ids()...), third.ids()...)); diff != "" {
		t.Errorf("the walk differs:\n%s", diff)
	}
	if third.Meta.NextPageURL != nil {
		t.Errorf("something follows: %s", *third.Meta.NextPageURL)
	}
}
