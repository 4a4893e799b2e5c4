package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

const (
	sessionCookie = "rollbook_console"
	anywhere      = "https://desk.example/a/b/"
)

// Somebody who wants a page signs in with a key, and gets it.
func TestSignIn(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	g := invite(t, mounted("/a/b", d.pages), anywhere)
	s := g.get("users?q=ann%40example.com&as=email")
	g.wantAt("without a key", s, 200, "sign-in?next="+url.QueryEscape("users?q=ann%40example.com&as=email"))
	next := elements(t, s.body, func(n *html.Node) bool { return attr(n, "name") == "next" })[0]
	form := url.Values{"key": {" " + apitest.Acme + "\n"}, "next": {attr(next, "value")}}
	g.wantAt("with a key", g.post("sign-in", form), 200, "users?q=ann%40example.com&as=email")
	g.wantAt("again", g.get(""), 200, "")
	g.wantAt("the sign-in page", g.get("sign-in?next=groups"), 200, "groups")
	g.wantAt("elsewhere", g.get("sign-in?next=//evil.example"), 200, "")
	g.wantAt("sign-out", g.post("sign-out", nil), 200, "sign-in")
	g.wantAt("afterwards", g.get("users/x"), 200, "sign-in?next=users%2Fx")
}

// Whatever is wrong with a key, the page says the same: beside the field, which takes the focus.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.revoked.Store(apitest.Reader)
	g := invite(t, d.pages, "https://desk.example/")
	pages := make(map[string]bool)
	for _, key := range []string{
		"no-such-key", "", " ", apitest.Reader, apitest.Acme + "\nx", apitest.Acme + "\x00", "schlüssel-für-alle", "\xff\xfe-not-utf-8",
		"</input><script>", strings.Repeat("k", 4096), strings.Repeat("k", 4097), strings.Repeat("k", 12<<10),
	} {
		s := g.post("sign-in", url.Values{"key": {key}, "next": {"users?q=x"}})
		g.wantAt("a wrong key", s, 401, "sign-in")
		if pages[s.body] = true; len(strings.TrimSpace(key)) > 1 && strings.Contains(s.body, key) {
			t.Errorf("the page has the key %.20q", key)
		}
		if len(g.cookies("")) > 0 {
			t.Errorf("a wrong key %.20q sets cookies", key)
		}
	}
	if len(pages) != 1 {
		t.Errorf("there are %d pages of wrong keys", len(pages))
	}
	for page := range pages {
		field := elements(t, page, func(n *html.Node) bool { return attr(n, "id") == "key" })[0]
		described := strings.Fields(attr(field, "aria-describedby"))
		fault := elements(t, page, func(n *html.Node) bool { return attr(n, "id") == described[0] })
		_, focused := has(field, "autofocus")
		if attr(field, "aria-invalid") != "true" || attr(field, "type") != "password" || attr(field, "autocomplete") != "off" || !focused || len(fault) != 1 || attr(fault[0], "class") != "error" {
			t.Errorf("the field is not tied to what is wrong:\n%s", page)
		}
		if next := elements(t, page, func(n *html.Node) bool { return attr(n, "name") == "next" })[0]; attr(next, "value") != "users?q=x" {
			t.Error("the page that was wanted is lost")
		}
	}
}

func has(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// TestSignInBodies: what is no form of fields is refused before anybody is asked for a key.
func TestSignInBodies(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	g := invite(t, d.pages, "https://desk.example/")
	g.wantAt("too long", g.post("sign-in", url.Values{"key": {strings.Repeat("k", 16<<10)}}), 413, "sign-in")
	g.wantAt("JSON", g.post("sign-in", nil, header("Content-Type", "application/json")), 415, "sign-in")
	g.wantAt("compressed", g.post("sign-in", nil, header("Content-Encoding", "gzip")), 415, "sign-in")
	g.wantAt("malformed", g.do(must(http.NewRequestWithContext(t.Context(), http.MethodPost, "https://desk.example/sign-in", nil))(t)), 415, "sign-in")
	g.wantAt("a semicolon", g.do(g.request(http.MethodPost, "sign-in", nil, func(r *http.Request) {
		body := "key=" + apitest.Acme + ";x"
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		r.Body = readCloser{strings.NewReader(body)}
	})), 400, "sign-in")
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// A key that is revoked ends at the next request: the session is forgotten, and its cookie
// dropped.
func TestRevokedKey(t *testing.T) {
	t.Parallel()
	kept := &mapSessions{}
	d := newDoor(t, &console.Options{Sessions: kept})
	g := invite(t, d.pages, "https://desk.example/")
	g.wantAt("signed in", g.signIn(apitest.Acme), 200, "")
	d.revoked.Store(apitest.Acme)
	s := g.get("users")
	g.wantAt("revoked", s, 200, "sign-in?next=users")
	if !strings.Contains(s.body, "You were signed out") {
		t.Error("the page does not say what happened")
	}
	if len(g.cookies("")) > 0 || len(kept.values) > 0 {
		t.Errorf("cookies %v and %d sessions are left", g.cookies(""), len(kept.values))
	}
	d.revoked.Store("")
	g.wantAt("valid again", g.get("users"), 200, "sign-in?next=users")
}

// TestSessionEnds: a session ends after its time, also if Sessions never forgets.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*console.Options{
		"by default": nil, "as set": {SessionFor: time.Hour}, "kept too long": {Sessions: &mapSessions{}},
	} {
		long := 12 * time.Hour
		if o != nil && o.SessionFor > 0 {
			long = o.SessionFor
		}
		d := newDoor(t, o)
		g := invite(t, d.pages, "https://desk.example/")
		g.signIn(apitest.Acme)
		d.Clock.Advance(long - time.Millisecond)
		g.wantAt(name, g.get("users"), 200, "users")
		d.Clock.Advance(time.Millisecond)
		g.wantAt(name, g.get("users"), 200, "sign-in?next=users")
	}
}

// A form that is sent when the session is over is not lost: it was not followed by a redirect, so that
// the browser can send it again once somebody is signed in.
func TestFormOutlivesSession(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	acme := d.Users.Tenant("acme")
	u := must(acme.Create(t.Context(), enduser.Spec{Name: "Ann"}))(t)
	g := invite(t, mounted("/a/b", d.pages), anywhere)
	g.signIn(apitest.Acme)
	edit := "users/" + u.ID + "/edit"
	form := formOf(g.get(edit).body)
	form.Set("name", "Ann Lee")
	d.Clock.Advance(12 * time.Hour)
	s := g.post(edit, form)
	g.wantAt("signed out", s, 401, edit)
	if !strings.Contains(s.body, "reload this page") || !strings.Contains(s.body, `href="../../sign-in" target="_blank"`) || strings.Contains(s.body, "Refresh") {
		t.Errorf("the page does not say what to do: %s", s.body)
	}
	g.wantAt("in another tab", g.get("sign-in"), 200, "sign-in")
	g.signIn(apitest.Acme)
	g.wantAt("reloaded", g.post(edit, form), 200, "users/"+u.ID+"?done=saved")
	if got := must(acme.Get(t.Context(), enduser.ByID(u.ID)))(t); got.Name != "Ann Lee" {
		t.Errorf("the name is %q", got.Name)
	}
}

// TestSignOut: nobody gets in again with the cookies of a session that was ended, or replaced.
func TestSignOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	g := invite(t, d.pages, "https://desk.example/")
	for what, end := range map[string]func(){
		"signed out":       func() { g.post("sign-out", nil) },
		"signed in anew":   func() { g.signIn(apitest.Other) },
		"with a wrong key": func() { g.signIn("no-such-key"); g.post("sign-out", nil) },
	} {
		g.signIn(apitest.Acme)
		stolen := g.cookies("")
		end()
		thief := invite(t, d.pages, "https://desk.example/")
		thief.jar.SetCookies(thief.mount, stolen)
		if s := thief.get("users"); s.at != "sign-in?next=users" || len(stolen) != 1 {
			t.Errorf("%s: the old cookie %v leads to %s", what, stolen, s.at)
		}
	}
}

// TestFixation: a cookie that the browser had before signing in never becomes a session's, though
// it is one of somebody else.
func TestFixation(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	eve := invite(t, d.pages, "https://desk.example/")
	eve.signIn(apitest.Other)
	planted := eve.cookies("")
	ann := invite(t, d.pages, "https://desk.example/")
	ann.jar.SetCookies(ann.mount, planted)
	ann.signIn(apitest.Acme)
	if got := ann.cookies(""); len(got) != 1 || got[0].Value == planted[0].Value {
		t.Errorf("the planted cookie is kept: %v", got)
	}
	if s := eve.get("users"); s.at != "sign-in?next=users" {
		t.Errorf("the planted session leads to %s", s.at)
	}
	if s := ann.get(""); !strings.Contains(s.body, "acme") {
		t.Error("ann is somebody else")
	}
}

// TestTwoConsoles: consoles on one host, beside and under each other, do not share who is signed
// in.
func TestTwoConsoles(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	var guests []*guest
	for _, mount := range []string{"/", "/a/", "/b/"} {
		d := newDoor(t, nil)
		mux.Handle(mount, http.StripPrefix(strings.TrimSuffix(mount, "/"), d.pages))
		guests = append(guests, invite(t, mux, "https://desk.example"+mount))
	}
	for _, g := range guests[1:] { // one browser
		g.jar, g.client.Jar = guests[0].jar, guests[0].jar
	}
	keys := []string{apitest.Acme, apitest.Other, apitest.Reader}
	tenants := []string{">acme<", ">other<", ">acme<"}
	for i, g := range guests {
		g.wantAt("at first", g.get("users"), 200, "sign-in?next=users")
		g.wantAt("signed in", g.signIn(keys[i]), 200, "")
	}
	for i, g := range guests {
		if s := g.get("users"); s.at != "users" || !strings.Contains(s.body, tenants[i]) {
			t.Errorf("console %d is of somebody else, or at %s", i, s.at)
		}
	}
	guests[1].post("sign-out", nil)
	guests[0].wantAt("still", guests[0].get("users"), 200, "users")
	guests[1].wantAt("signed out", guests[1].get("users"), 200, "sign-in?next=users")
	guests[2].wantAt("still", guests[2].get("users"), 200, "users")
}

// A host with a login of its own asks for no key, and has no sign-out of the console.
func TestOwnLogin(t *testing.T) {
	t.Parallel()
	w := newDoor(t, nil)
	in := true
	h := must(console.New(w.Users, func(_ *http.Request, key string) (httpapi.Principal, error) {
		if key != "" || !in {
			return httpapi.Principal{}, httpapi.ErrUnauthorized
		}
		return httpapi.Principal{Tenant: "acme", Actor: "ann"}, nil
	}, nil))(t)
	g := invite(t, h, "https://desk.example/")
	g.jar.SetCookies(g.mount, []*http.Cookie{{Name: sessionCookie, Value: strings.Repeat("A", 43)}}) //nolint:gosec // a jar may have anything
	s := g.get("users")
	g.wantAt("a page", s, 200, "users")
	if strings.Contains(s.body, "sign-out") {
		t.Error("there is a sign-out")
	}
	g.wantAt("the sign-in page", g.get("sign-in?next=groups"), 200, "groups")
	g.wantAt("without a key", g.signIn(""), 401, "sign-in")
	in = false
	g.wantAt("logged out of the host", g.get("users"), 200, "sign-in?next=users")
}

// A script whose session is over hears so: it would follow a redirect out of the page's sight.
func TestScripts(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	g := invite(t, d.pages, "https://desk.example/")
	g.wantAt("a script", g.get("users?q=x", header("HX-Request", "true")), 401, "users?q=x")
	if g.reply.Get("HX-Refresh") != "true" {
		t.Error("the page is not loaded again")
	}
	g.wantAt("a script that writes", g.post("users/x/delete", nil, header("HX-Request", "true")), 401, "users/x/delete")
	g.signIn(apitest.Acme)
	g.wantAt("signed in", g.get("users?q=x", header("HX-Request", "true")), 200, "users?q=x")
}

// TestSignInCounts: signing in is a request of the key.
func TestSignInCounts(t *testing.T) {
	t.Parallel()
	d := newDoor(t, &console.Options{Options: httpapi.Options{Rates: []httpapi.Rate{{Requests: 3, Per: time.Hour}}}})
	g := invite(t, d.pages, "https://desk.example/")
	g.wantAt("one, and the page", g.signIn(apitest.Acme), 200, "")
	g.wantAt("three", g.post("sign-in", url.Values{"key": {apitest.Acme}, "next": {"users"}}), 429, "users")
	s := g.signIn(apitest.Acme)
	g.wantAt("four", s, 429, "sign-in")
	if wait := g.reply.Get("Retry-After"); wait == "" || !strings.Contains(s.body, "Try again in "+wait+" s") {
		t.Error("the page does not say when to try again")
	}
	g.wantAt("another key", g.signIn(apitest.Other), 200, "")
}

// TestSessionsFail: if sessions cannot be kept or read, nobody gets in, and nobody is signed out.
func TestSessionsFail(t *testing.T) {
	t.Parallel()
	kept := &mapSessions{}
	d := newDoor(t, &console.Options{Sessions: kept})
	g := invite(t, d.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	kept.err = errors.New("a secret cause")
	for what, s := range map[string]sight{
		"a page": g.get("users"), "the sign-in page": g.get("sign-in"), "signing in": g.signIn(apitest.Acme), "signing out": g.post("sign-out", nil),
	} {
		if s.status != http.StatusServiceUnavailable || strings.Contains(s.body, "secret cause") || strings.Contains(s.body, `class="rail"`) {
			t.Errorf("%s: status %d: %s", what, s.status, s.body)
		}
	}
	kept.err = nil
	g.wantAt("later", g.get("users"), 200, "users")
}

// TestAuthenticatorFails: a failure to check a key is no wrong key.
func TestAuthenticatorFails(t *testing.T) {
	t.Parallel()
	w := newDoor(t, nil)
	failing := true
	h := must(console.New(w.Users, func(r *http.Request, key string) (httpapi.Principal, error) {
		if failing {
			return httpapi.Principal{}, errors.New("a secret cause")
		}
		return w.Auth(r, key)
	}, nil))(t)
	g := invite(t, h, "https://desk.example/")
	if s := g.signIn(apitest.Acme); s.status != http.StatusServiceUnavailable || strings.Contains(s.body, "secret cause") {
		t.Errorf("signing in: status %d: %s", s.status, s.body)
	}
	failing = false
	g.wantAt("later", g.signIn(apitest.Acme), 200, "")
	failing = true
	g.wantAt("a page", g.get("users"), 503, "users")
	failing = false
	g.wantAt("still signed in", g.get("users"), 200, "users")
}
