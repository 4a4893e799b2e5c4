package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// mounted returns a mux that has a console under a prefix.
func mounted(prefix string, pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, pages))
	if prefix != "" {
		mux.Handle(prefix, http.StripPrefix(prefix, pages))
	}
	return mux
}

// proxied returns a proxy that sends requests with other paths to a handler.
func proxied(h http.Handler, path func(string) string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: direct{h},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", r.In.Host
			r.Out.URL.Path, r.Out.URL.RawPath = path(r.Out.URL.Path), ""
		},
	}
}

// TestLongAddress: an address that is too long does not make a page that is much longer.
func TestLongAddress(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	g := invite(t, d.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	for _, address := range []string{
		"users?q=" + strings.Repeat("'", 1<<20), "feed?" + strings.Repeat("&", 1<<20), strings.Repeat("a/", 1<<19), strings.Repeat("%00", 1<<18),
	} {
		if s := g.get(address); s.status != http.StatusRequestURITooLong || len(s.body) > 100 || g.reply.Get("Content-Security-Policy") == "" {
			t.Errorf("%.10s: status %d, %d bytes", address, s.status, len(s.body))
		}
	}
	for _, address := range []string{"users?q=" + strings.Repeat("'", 16<<10-8), strings.Repeat("a/", 8<<10-1)} {
		if s := g.get(address); s.status == http.StatusRequestURITooLong || len(s.body) > 2<<20 {
			t.Errorf("%.10s: status %d, %d bytes", address, s.status, len(s.body))
		}
	}
}

// TestPrefixes: under any prefix, also one that a proxy adds or removes, every address that a
// page has is one of the console, and every page that is linked is there.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	strip := func(path string) string { return strings.TrimPrefix(path, "/x/y") }
	for name, tt := range map[string]struct {
		mount string
		wrap  func(http.Handler) http.Handler
	}{
		"the root":          {"/", func(h http.Handler) http.Handler { return h }},
		"a prefix":          {"/a/", func(h http.Handler) http.Handler { return mounted("/a", h) }},
		"a deep prefix":     {"/a/b/c/d/", func(h http.Handler) http.Handler { return mounted("/a/b/c/d", h) }},
		"prefixes in turns": {"/a/b/", func(h http.Handler) http.Handler { return mounted("/a", mounted("/b", h)) }},
		"an escaped prefix": {"/a%20b/", func(h http.Handler) http.Handler { return http.StripPrefix("/a b", h) }},
		"with a colon":      {"/a:b/", func(h http.Handler) http.Handler { return http.StripPrefix("/a:b", h) }},
		"a proxy strips":    {"/x/y/", func(h http.Handler) http.Handler { return proxied(h, strip) }},
		"a proxy keeps": {"/x/y/", func(h http.Handler) http.Handler {
			return proxied(mounted("/x/y", h), func(p string) string { return p })
		}},
		"a proxy replaces": {"/x/y/", func(h http.Handler) http.Handler {
			return proxied(mounted("/z", h), func(p string) string { return "/z" + strip(p) })
		}},
		"stripped too early": {"/a/", func(h http.Handler) http.Handler { return http.StripPrefix("/a/", h) }},
	} {
		d := newDoor(t, nil)
		u := must(d.Users.Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: "a/b c", Groups: []string{"g"}}))(t)
		_, _, err := d.Users.Tenant("acme").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "g"})
		ok(t, err)
		g := invite(t, tt.wrap(d.pages), "http://desk.example"+tt.mount)
		g.wantAt(name, g.get("users/"+u.ID), 200, "sign-in?next=users%2F"+u.ID)
		g.wantAt(name, g.post("sign-in", url.Values{"key": {apitest.Acme}, "next": {"users/" + u.ID}}), 200, "users/"+u.ID)
		if paths := g.jar.Cookies(must(url.Parse("http://desk.example" + strings.TrimSuffix(tt.mount, "/") + "x/users"))(t)); len(paths) > 0 && tt.mount != "/" {
			t.Errorf("%s: cookies leave the mount: %v", name, paths)
		}
		if pages := g.crawl(name); pages < 10 {
			t.Errorf("%s: only %d pages are linked", name, pages)
		}
		if tt.mount != "/" && name != "a proxy strips" && name != "a proxy replaces" && name != "stripped too early" { // these redirect themselves
			bare := g.get(strings.TrimSuffix(g.mount.String(), "/") + "?q=x")
			g.wantAt(name+", without a slash", bare, 200, "")
		}
	}
}

// crawl visits the pages that are linked from the overview, each with at most three queries, and
// returns how many there are.
func (g *guest) crawl(what string) int {
	g.Helper()
	seen, queries := map[string]bool{"": true}, make(map[string]int)
	for todo := []string{"", "no/such/page"}; len(todo) > 0; todo = todo[1:] {
		s := g.get(todo[0])
		if (s.status >= 400) != (todo[0] == "no/such/page") || s.at != todo[0] {
			g.Errorf("%s: %q: status %d at %q", what, todo[0], s.status, s.at)
		}
		at := must(g.mount.Parse(todo[0]))(g)
		for _, n := range elements(g, s.body, func(*html.Node) bool { return true }) {
			for _, name := range []string{"href", "src", "action", "formaction", "hx-get", "hx-post", "data-tail"} {
				value, ok := has(n, name)
				if !ok || strings.HasPrefix(value, "#") {
					continue
				}
				to := must(at.Parse(value))(g)
				to.Fragment = ""
				rel, ok := strings.CutPrefix(to.String(), g.mount.String())
				if !ok || strings.HasPrefix(value, "/") {
					g.Errorf("%s: %q has %s=%q, which is %s", what, todo[0], name, value, to)
				}
				page, _, _ := strings.Cut(rel, "?")
				if (name == "href" || name == "src") && !seen[rel] && queries[page] < 3 {
					seen[rel] = true
					queries[page]++
					todo = append(todo, rel)
				}
			}
		}
	}
	return len(seen)
}

// TestNotStripped: a console whose prefix nobody strips says so.
func TestNotStripped(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/a/", newDoor(t, nil).pages)
	g := invite(t, mux, "http://desk.example/")
	for _, path := range []string{"a/", "a/users", "a/sign-in"} {
		s := g.get(path)
		g.wantAt("not stripped", s, 404, path)
		if !strings.Contains(s.body, "mount it behind http.StripPrefix") {
			t.Errorf("%s: %s", path, s.body)
		}
	}
}

// TestBareMount: the mount without a slash leads to the one with it, whatever it is called.
func TestBareMount(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for _, tt := range []struct{ requested, at string }{
		{"/console", "/console/"},
		{"/a/b", "/a/b/"},
		{"/a%2Fb", "/a%2Fb/"},
		{"/a:b", "/a:b/"},
		{"/javascript:alert(1)", "/javascript:alert(1)/"},
		{"//evil.example", "//evil.example/"},
		{"/%2F%2Fevil.example", "/%2F%2Fevil.example/"},
		{"/console?next=//evil.example", "/console/"},
		{`/\evil.example`, "/%5Cevil.example/"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RequestURI = tt.requested
		r.URL = &url.URL{Path: "", RawQuery: "x"} // as http.StripPrefix leaves it
		w := httptest.NewRecorder()
		d.pages.ServeHTTP(w, r)
		requested, _, _ := strings.Cut(tt.requested, "?")
		at := must(url.Parse("http://desk.example" + strings.ReplaceAll(requested, `\`, "%5C")))(t)
		to := must(at.Parse(w.Header().Get("Location")))(t)
		if w.Code != http.StatusTemporaryRedirect || to.String() != "http://desk.example"+tt.at || w.Body.Len() > 0 {
			t.Errorf("%s: status %d to %s by %q", tt.requested, w.Code, to, w.Header().Get("Location"))
		}
	}
	for requested, status := range map[string]int{"http://desk.example": 303, "/console/": 303} { // the root already
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RequestURI, r.URL = requested, &url.URL{}
		w := httptest.NewRecorder()
		d.pages.ServeHTTP(w, r)
		if w.Code != status || w.Header().Get("Location") != "./sign-in" {
			t.Errorf("%s: status %d to %q", requested, w.Code, w.Header().Get("Location"))
		}
	}
}

// TestHostilePaths: whatever the path, a redirect stays on the host and under the mount, and a
// page has no address outside of it.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for _, mount := range []string{"", "/a/b"} {
		h := mounted(mount, d.pages)
		if mount == "" {
			h = d.pages
		}
		in := invite(t, h, "http://desk.example"+mount+"/")
		in.signIn(apitest.Acme)
		for _, path := range []string{
			"//evil.example", "//evil.example/", "///evil.example/..", "/%2F%2Fevil.example", "/%2f/evil.example", "/%5C%5Cevil.example", "/.%2fevil", "/%2e%2e/%2e%2e",
			"/users/..", "/users/../..", "/users/%2e%2e", "/./", "/users/./x", "/users//x", "/users/", "/sign-in/", "/sign-out/", "/javascript:alert(1)", "/https:evil.example",
			"/users/a%2F..%2F..%2Fb", "/users/%00", "/users/%0d%0aX:y", "/users/%ff", "/static/../x", "/static/%2e%2e%2fconsole.go", "/static/.", "/static/", "/users/x/edit/",
			"/sign-in?next=//evil.example", "/sign-in?next=https:evil.example", `/sign-in?next=/%5Cevil.example`, "/sign-in?next=..%2f..%2fx", "/sign-in?next=%2e%2e/x&next=y",
		} {
			for _, cookies := range [][]*http.Cookie{nil, in.cookies("")} {
				for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW", "CONNECT"} {
					checkPlace(t, h, method, mount, path, cookies)
				}
			}
		}
	}
}

func checkPlace(t *testing.T, h http.Handler, method, mount, path string, cookies []*http.Cookie) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://desk.example"+mount+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	if method == http.MethodConnect { // a mux takes the path as it is
		r.URL.Opaque = ""
	}
	w := record(h, r)
	name := fmt.Sprint(method, " ", mount, path, ", ", len(cookies), " cookies")
	to := w.Header().Get("Location")
	if to == "" {
		if w.Code < 400 && w.Code != http.StatusOK || w.Code >= 500 {
			t.Errorf("%s: status %d", name, w.Code)
		}
		return
	}
	cleaned := mount != "" && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") // by the mux before
	at, err := r.URL.Parse(to)
	if err != nil || at.Host != "desk.example" || at.Scheme != "http" || !cleaned && (!strings.HasPrefix(at.Path, mount+"/") || strings.HasPrefix(to, "/") || strings.Contains(to, `\`)) {
		t.Errorf("%s: leads to %q", name, to)
	}
}
