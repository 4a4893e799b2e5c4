package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestOnce: what is shown once is shown to the browser that made it, while it is signed in as it
// was, on the page of what it belongs to, and for ten minutes.
func TestOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before func(s *staff, g *guest, cookie *http.Cookie)
		shown  bool
	}{
		"at once": {func(*staff, *guest, *http.Cookie) {}, true},
		"in time": {func(s *staff, _ *guest, _ *http.Cookie) { s.Clock.Advance(10*time.Minute - time.Millisecond) }, true},
		"after HEAD": {func(s *staff, g *guest, _ *http.Cookie) {
			g.do(g.request(http.MethodHead, "groups/"+s.ids["groups"]+"/token", nil))
		}, true},
		"late":  {func(s *staff, _ *guest, _ *http.Cookie) { s.Clock.Advance(10 * time.Minute) }, false},
		"again": {func(s *staff, g *guest, _ *http.Cookie) { g.get("groups/" + s.ids["groups"] + "/token") }, false},
		"signed out and in": {func(_ *staff, g *guest, _ *http.Cookie) {
			g.post("sign-out", nil)
			g.signIn(apitest.Acme)
		}, false},
		"by another key": {func(_ *staff, g *guest, _ *http.Cookie) { g.signIn(apitest.Other) }, false},
		"of another group": {func(s *staff, g *guest, cookie *http.Cookie) {
			s.ids = oneOfAll(g, s.acme)
			g.jar.SetCookies(must(g.mount.Parse("groups/"+s.ids["groups"]+"/rotate"))(g), []*http.Cookie{cookie})
		}, false},
	} {
		s := newStaff(t, console.Options{})
		g := invite(t, mounted("/a/b", s.pages), anywhere)
		g.signIn(apitest.Acme)
		path := "groups/" + s.ids["groups"]
		form := formOf(g.get(path + "/rotate").body)
		form.Set("overlap", "0")
		in := signed(g, g.request(http.MethodPost, path+"/rotate", form))
		resp := record(g.client.Transport.(direct).Handler, in)
		var once *http.Cookie
		for _, cookie := range resp.Result().Cookies() {
			once = cookie
		}
		if resp.Code != http.StatusSeeOther || once == nil || once.Path != "" || !once.HttpOnly || !once.Secure || once.SameSite != http.SameSiteStrictMode || once.MaxAge != 600 {
			t.Fatalf("%s: status %d with cookie %+v", name, resp.Code, once)
		}
		g.jar.SetCookies(in.URL, []*http.Cookie{once})
		if len(g.cookies("users")) != 1 || len(g.cookies(path+"x")) != 1 {
			t.Errorf("%s: the cookie is sent to other pages", name)
		}
		tt.before(s, g, once)
		page := g.get("groups/" + s.ids["groups"] + "/token")
		if shown := strings.Contains(page.body, `id="secret"`); shown != tt.shown {
			t.Errorf("%s: shown %t, status %d", name, shown, page.status)
		}
		if tt.shown && len(g.cookies(path+"/token")) != 1 {
			t.Errorf("%s: the cookie is left", name)
		}
	}
}
