package console_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestUnknown: what another tenant or environment has looks like what nobody has, byte for byte,
// whether somebody asks for it or sends the form of a page of their own. No list has it.
func TestUnknown(t *testing.T) {
	t.Parallel()
	s := newStaff(t, console.Options{})
	g := invite(t, s.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	const id = "00000000000000000000dead"
	nobodys := map[string]string{"users": id, "groups": id, "webhooks": id}
	others := map[string]map[string]string{
		"another tenant":      oneOfAll(t, s.Users.Tenant("other")),
		"another environment": oneOfAll(t, s.acme.In(enduser.Testing)),
	}
	latest := must(s.acme.Latest(t.Context()))(t)
	for _, r := range console.Routes() {
		folder, _, _ := strings.Cut(r.Path[1:], "/")
		if !strings.Contains(r.Path, "{id}") {
			for whose, ids := range others {
				if r.Method == http.MethodGet && ids[folder] != "" && strings.Contains(g.get(folder).body, ids[folder]) {
					t.Errorf("%s lists those of %s", r.Path, whose)
				}
			}
			continue
		}
		var form url.Values
		if r.Method == http.MethodPost {
			form = formOf(g.get(pageOf(r.Path, s.ids)).body)
			form.Set("event", "msg_AAAAAAAAAAAAAAAAAAAAAA")
			form.Set("from", latest.String())
		}
		ask := func(ids map[string]string) *httptest.ResponseRecorder {
			return record(s.pages, signed(g, g.request(r.Method, pageOf(r.Path, ids), form, header("X-Request-Id", "request-1"))))
		}
		nobody := ask(nobodys)
		want := nobody.Body.String()
		if nobody.Code != http.StatusNotFound {
			t.Errorf("%s %s: status %d", r.Method, r.Path, nobody.Code)
		}
		for whose, ids := range others {
			theirs := ask(ids)
			got := strings.ReplaceAll(theirs.Body.String(), ids[folder], id)
			if diff := cmp.Diff(want, got); diff != "" || nobody.Code != theirs.Code {
				t.Errorf("%s %s of %s: status %d, and of nobody %d:\n%s", r.Method, r.Path, whose, theirs.Code, nobody.Code, diff)
			}
			if diff := cmp.Diff(nobody.Header(), theirs.Header()); diff != "" {
				t.Errorf("%s %s of %s:\n%s", r.Method, r.Path, whose, diff)
			}
		}
	}
}

// signed returns a request with the cookies of a guest, who does not follow where it leads.
func signed(g *guest, r *http.Request) *http.Request {
	for _, cookie := range g.jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	return r
}

// TestHeaders: every answer, of whatever route and status, keeps out of caches, frames and other
// sites, and names its request.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newStaff(t, console.Options{})
	in, out := invite(t, s.pages, "https://desk.example/"), invite(t, s.pages, "https://desk.example/")
	want := http.Header{
		"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
		"Referrer-Policy": {"no-referrer"}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"},
		"Cross-Origin-Opener-Policy": {"same-origin"}, "Cross-Origin-Resource-Policy": {"same-origin"}, "X-Request-Id": {"request-1"},
	}
	statuses := make(map[int]bool)
	check := func(r *http.Request) {
		r.Header.Set("X-Request-Id", "request-1")
		resp := record(s.pages, r)
		statuses[resp.Code] = true
		for name := range want {
			if diff := cmp.Diff(want[name], resp.Header()[name]); diff != "" {
				t.Errorf("%s %s: %d: %s differs:\n%s", r.Method, r.URL, resp.Code, name, diff)
			}
		}
		if resp.Code != http.StatusSeeOther && !strings.HasPrefix(r.URL.Path, "/static/") && resp.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s %s: %d has content type %q", r.Method, r.URL, resp.Code, resp.Header().Get("Content-Type"))
		}
		if len(resp.Header()["Etag"]) > 0 || len(resp.Header()["Access-Control-Allow-Origin"]) > 0 {
			t.Errorf("%s %s: %v", r.Method, r.URL, resp.Header())
		}
	}
	for _, r := range console.Routes() {
		in.signIn(apitest.Acme) // again after sign-out
		for _, method := range []string{r.Method, http.MethodHead, http.MethodDelete, http.MethodOptions} {
			for _, g := range []*guest{in, out} {
				check(signed(g, g.request(method, pageOf(r.Path, s.ids), nil)))
				check(signed(g, g.request(method, pageOf(r.Path, s.ids)+"?x=%zz", nil, header("Sec-Fetch-Site", "cross-site"))))
			}
		}
	}
	for _, status := range []int{200, 303, 400, 401, 403, 404, 405} {
		if !statuses[status] {
			t.Errorf("no answer has status %d", status)
		}
	}
}

// TestAssets: a file is kept for good at the address that has its hash, and asked for again at
// any other.
func TestAssets(t *testing.T) {
	t.Parallel()
	ok(t, mime.AddExtensionType(".js", "text/plain")) // as some systems have it
	d := newDoor(t, nil)
	g := invite(t, mounted("/a/b", d.pages), anywhere)
	page := g.get("sign-in")
	types := map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
	found := elements(t, page.body, func(n *html.Node) bool {
		return n.Data == "script" || n.Data == "link"
	})
	for _, n := range found {
		to := attr(n, "src") + attr(n, "href")
		s := g.get(to)
		path, _, _ := strings.Cut(to, "?")
		_, extension, _ := strings.Cut(strings.TrimPrefix(path, "./static/htmx."), ".")
		if i := strings.LastIndexByte(path, '.'); extension == "" || i > 0 {
			extension = path[i+1:]
		}
		if s.status != 200 || s.body == "" || g.reply.Get("Content-Type") != types[extension] || g.reply.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: status %d %v", to, s.status, g.reply)
		}
		for _, other := range []string{path, path + "?v=", path + "?v=other", path + "?v=other&v=" + to[len(path)+3:]} {
			if g.get(other); g.reply.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", other, g.reply)
			}
		}
	}
	if len(found) < 4 {
		t.Errorf("there are %d files", len(found))
	}
	for _, name := range []string{"no-such-file.css", "..%2Fconsole.go", "%2e%2e%2Fconsole.go", ".", "%2e", "%00", "console.css%00.js", "CONSOLE.CSS"} {
		if s := g.get("static/" + name); s.status != 404 && s.status != 303 && s.at != "sign-in" {
			t.Errorf("%s: status %d at %s", name, s.status, s.at)
		}
	}
}

// TestStoreFails: the page of a failure says what still works, asks neither the store nor for
// rights, and has the ID under which the log has the cause. Nothing inside is shown.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	st := &faultstore.Store{Store: memory.New(nil)}
	asked := 0
	d := &door{World: apitest.NewWorld(t, st)}
	d.revoked.Store("")
	d.pages = must(console.New(d.Users, d.authenticate, &console.Options{Options: httpapi.Options{
		Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error {
			asked++
			return nil
		},
	}}))(t)
	g := invite(t, d.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	ids := oneOfAll(t, d.Users.Tenant("acme"))
	for _, err := range []error{store.ErrUnavailable, errors.New("a secret cause")} {
		st.Fail(err)
		asked = 0
		logged.Reset()
		s := g.get("users/"+ids["users"], header("X-Request-Id", "request-1"))
		if s.status != 503 || !strings.Contains(s.body, "The overview answers without the store") || !strings.Contains(s.body, "<code>request-1</code>") || strings.Contains(s.body, "secret cause") || asked != 1 {
			t.Errorf("status %d after asking %d times: %s", s.status, asked, s.body)
		}
		if text := logged.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "request-1") {
			t.Errorf("logged %q", text)
		}
		overview := g.get("")
		g.wantAt("the overview", overview, 200, "")
	}
	st.Fail(nil)
	st.Panics.Store(true)
	if s := g.get("users/" + ids["users"]); s.status != 500 || !strings.Contains(s.body, "Everything else can still be read") {
		t.Errorf("a panic: %d %s", s.status, s.body)
	}
}

// TestAuthorizeFails: rights that cannot be checked are none, on the page of that, too.
func TestAuthorizeFails(t *testing.T) {
	t.Parallel()
	d := newDoor(t, &console.Options{Options: httpapi.Options{Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error {
		return errors.New("a secret cause")
	}}})
	g := invite(t, d.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	s := g.get("users")
	if s.status != 503 || strings.Contains(s.body, "secret cause") || strings.Contains(s.body, `href="./users"`) {
		t.Errorf("status %d: %s", s.status, s.body)
	}
	g.wantAt("the overview", g.get(""), 200, "")
}

// TestProblemPages: what the pages of problems say to people.
func TestProblemPages(t *testing.T) {
	t.Parallel()
	s := newStaff(t, console.Options{Options: httpapi.Options{ReadFor: time.Nanosecond}})
	g := invite(t, s.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	for _, tt := range []struct {
		method, to string
		status     int
		says       []string
	}{
		{"GET", "no/such/page", 404, []string{"<title>Not found · Rollbook</title>", "There is nothing here.", `href="../../"`, `aria-label="Main"`}},
		{"GET", "sign-out", 404, []string{"Not found"}},
		{"PUT", "users", 405, []string{"This address is for a button of a page"}},
		{"GET", "feed?from=yesterday&x=%3Cb%3E", 400, []string{"This address is not valid", `<a href="./feed">Feed</a>`, "<code>x</code> is not a parameter"}},
		{"GET", "groups?x=1&limit=2", 400, []string{"<code>limit</code>", "<code>x</code>"}},
		{"GET", "groups?a=%zz", 400, []string{"The query is not valid."}},
		{"GET", "groups", 503, []string{"One user is still found at once"}},
	} {
		got := g.do(g.request(tt.method, tt.to, nil))
		if got.status != tt.status {
			t.Errorf("%s: status %d: %s", tt.to, got.status, got.body)
		}
		for _, text := range tt.says {
			if !strings.Contains(got.body, text) {
				t.Errorf("%s lacks %q:\n%s", tt.to, text, got.body)
			}
		}
		h1 := elements(t, got.body, func(n *html.Node) bool { return n.Data == "h1" })
		if len(h1) != 1 || strings.Contains(got.body, "<b>") {
			t.Errorf("%s: %d headings:\n%s", tt.to, len(h1), got.body)
		}
	}
	s.may = func(httpapi.Principal, httpapi.Action) bool { return false }
	if got := g.get("users"); got.status != 403 || !strings.Contains(got.body, "You have no right to this.") {
		t.Errorf("without rights: %d %s", got.status, got.body)
	}
}

// TestObserve: a middleware around the console sees which of its routes answered, whom, and how.
func TestObserve(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	var info *httpapi.RequestInfo
	g := invite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, seen := httpapi.Observe(r.Context())
		info = seen
		http.StripPrefix("/a/b", d.pages).ServeHTTP(w, r.WithContext(ctx))
	}), anywhere)
	crm := httpapi.Principal{Tenant: "acme", Environment: enduser.Customer, Actor: "crm"}
	for _, tt := range []struct {
		method, to string
		in         bool
		want       httpapi.RequestInfo
	}{
		{"GET", "users", false, httpapi.RequestInfo{Route: "/users", Action: httpapi.Action{Name: "listEndUsers"}, Status: 303}},
		{"GET", "sign-in", false, httpapi.RequestInfo{Route: "/sign-in", Status: 200}},
		{"POST", "sign-in", false, httpapi.RequestInfo{Route: "/sign-in", Status: 401, Code: "unauthorized"}},
		{"PUT", "users", false, httpapi.RequestInfo{Status: 405, Code: "method-not-allowed"}},
		{"GET", "https://desk.example/a/b", false, httpapi.RequestInfo{Route: "/", Status: 307}},
		{"GET", "", true, httpapi.RequestInfo{Route: "/", Principal: crm, Status: 200}},
		{"GET", "users/x", true, httpapi.RequestInfo{Route: "/users/{id}", Action: httpapi.Action{Name: "getEndUser"}, Principal: crm, Status: 404, Code: "not-found"}},
		{"GET", "no/such/page", true, httpapi.RequestInfo{Route: "/{path...}", Principal: crm, Status: 404, Code: "not-found"}},
		{"GET", "users?x=y", true, httpapi.RequestInfo{Route: "/users", Action: httpapi.Action{Name: "listEndUsers"}, Principal: crm, Status: 400, Code: "invalid"}},
	} {
		r := g.request(tt.method, tt.to, url.Values{"key": {"no-such-key"}})
		if tt.in {
			g.signIn(apitest.Acme)
			signed(g, r)
		}
		record(g.client.Transport.(direct).Handler, r)
		tt.want.Family = "console"
		info.Principal.Credential = "" // a hash of the key
		if diff := cmp.Diff(tt.want, *info); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", tt.method, tt.to, diff)
		}
	}
}
