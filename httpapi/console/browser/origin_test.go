package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"

	"github.com/rollbook-go/rollbook/enduser"
)

// Another origin cannot send a form in somebody's name, not even from another port of the same
// machine, to which a browser sends the cookies.
func TestCrossOriginForm(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	s := w.serve()
	ann := w.user(annID)
	evil := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		//nolint:gosec // G705: the other site is what it is
		_, _ = fmt.Fprintf(rw, `<!doctype html><form method=post action="%susers/%s/%s"><input name=version value="%s"><input name=key value=evil><input type=submit></form>`,
			s.url, ann.ID, strings.Trim(r.URL.Path, "/"), ann.Version)
	}))
	t.Cleanup(evil.Close)
	tab := newTab(t, s, tabOptions{scripts: true, tolerant: true})
	signIn(tab, fullKey)
	for _, origin := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} { // same site, other site
		for _, action := range []string{"delete", "edit", "associate"} {
			loads, _, _ := tab.state()
			call(tab, cdppage.Navigate, cdppage.NavigateParams{URL: origin + "/" + action})
			tab.wait("the other page is loaded", func() bool { l, _, _ := tab.state(); return l > loads })
			evaluate[bool](tab, `document.querySelector("input[type=submit]").click(), true`)
			tab.wait("the form is sent", func() bool { l, _, _ := tab.state(); return l > loads+1 })
			if p := tab.page(); p.status != http.StatusForbidden {
				t.Errorf("a form of %s: %s", origin, describe(p))
			}
		}
	}
	if after, err := w.acme.Get(t.Context(), enduser.ByID(ann.ID)); err != nil || !after.Equal(ann) {
		t.Errorf("the user was changed: %v", err)
	}
}

// Cookies are as safe as a browser makes them.
func TestCookies(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	plainSite := w.serveAt("/a/b/", mounts()[1].handler(t, w.pages()))
	for _, s := range []*site{plainSite, w.serveTLS()} {
		tab := newTab(t, s, tabOptions{})
		signIn(tab, fullKey)
		tab.press("Dark")
		var mine *network.Cookie
		for _, c := range tab.cookies() {
			path := strings.TrimPrefix(s.url, s.origin)
			if path = strings.TrimSuffix(path, "/"); path == "" {
				path = "/"
			}
			if !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != path || c.Secure != s.secure || c.Domain != "127.0.0.1" {
				t.Errorf("at %s the cookie %s: HttpOnly %t, SameSite %s, Path %s, Secure %t, Domain %s", s.url, c.Name, c.HTTPOnly, c.SameSite, c.Path, c.Secure, c.Domain)
			}
			if strings.Contains(c.Value, fullKey) {
				t.Errorf("the cookie %s has the key", c.Name)
			}
			if c.Name == "rollbook_console" {
				mine = c
			}
		}
		if mine == nil {
			t.Errorf("there is no cookie of the session: %+v", tab.cookies())
		}
	}
}
