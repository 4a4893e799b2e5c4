package console_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
)

// needs are the actions that each route is refused without, for somebody who may do all else. A
// route that is not here fails the test: whoever adds one decides.
func needs() map[string][]string {
	return map[string][]string{
		"GET /static/{file}": nil, "GET /sign-in": nil, "POST /sign-in": nil, "POST /sign-out": nil, "POST /theme": nil, "POST /keys": nil,
		"GET /{path...}": nil,
		"GET /{$}":       nil, // each of its parts asks for itself

		"GET /users":                          {"listEndUsers"},
		"GET /users/{id}":                     {"getEndUser"},
		"GET /users/{id}/edit":                {"updateEndUser", "getEndUser"},
		"POST /users/{id}/edit":               {"updateEndUser", "getEndUser"},
		"GET /users/{id}/delete":              {"deleteEndUser", "getEndUser"},
		"POST /users/{id}/delete":             {"deleteEndUser", "getEndUser"},
		"GET /users/{id}/associate":           {"associateEndUser", "getEndUser"},
		"POST /users/{id}/associate":          {"associateEndUser", "getEndUser"},
		"GET /groups":                         {"listGroups"},
		"GET /groups/{id}":                    {"getGroup"},
		"GET /groups/{id}/rotate":             {"rotateGroupToken", "getGroup"},
		"POST /groups/{id}/rotate":            {"rotateGroupToken", "getGroup"},
		"GET /groups/{id}/token":              {"rotateGroupToken", "getGroup"},
		"GET /webhooks":                       {"listWebhooks"},
		"GET /webhooks/{id}":                  {"getWebhook"},
		"POST /webhooks/{id}/ping":            {"testWebhook", "getWebhook"},
		"POST /webhooks/{id}/stop":            {"stopRedelivery"},
		"GET /feed":                           {"listChanges"},
		"GET /feed/new":                       {"listChanges"},
		"POST /webhooks/{id}/redeliver":       {"redeliverEvent", "getWebhook"},
		"GET /webhooks/{id}/redeliver-since":  {"countRedelivery", "getWebhook"},
		"POST /webhooks/{id}/redeliver-since": {"startRedelivery", "getWebhook"},
	}
}

// staff is a console for which a function decides about rights, with one of everything.
type staff struct {
	*door

	may  func(httpapi.Principal, httpapi.Action) bool
	ids  map[string]string // by the folder of the pages
	acme enduser.Tenant
}

func newStaff(tb testing.TB, opts console.Options) *staff {
	tb.Helper()
	s := &staff{may: func(httpapi.Principal, httpapi.Action) bool { return true }}
	opts.Authorize = func(_ context.Context, p httpapi.Principal, a httpapi.Action) error {
		if !s.may(p, a) {
			return httpapi.ErrForbidden
		}
		return nil
	}
	s.door = newDoor(tb, &opts)
	s.acme = s.Users.Tenant("acme")
	s.ids = oneOfAll(tb, s.acme)
	return s
}

// oneOfAll makes a provisional user, a group and a webhook, and returns their IDs.
func oneOfAll(tb testing.TB, t enduser.Tenant) map[string]string {
	tb.Helper()
	u := must(t.Create(tb.Context(), enduser.Spec{Name: "Ann", ExpiresIn: enduser.ProvisionalTTL}))(tb)
	g, _, err := t.Groups().Create(tb.Context(), enduser.GroupSpec{ExternalID: rand.Text()})
	ok(tb, err)
	h, _, err := t.Webhooks().Create(tb.Context(), enduser.WebhookSpec{URL: "https://hooks.example/"})
	ok(tb, err)
	return map[string]string{"users": u.ID, "groups": g.ID, "webhooks": h.ID}
}

// page returns the address of a route, relative to the root, about one of everything.
func pageOf(pattern string, ids map[string]string) string {
	folder, _, _ := strings.Cut(strings.TrimPrefix(pattern, "/"), "/")
	return strings.TrimPrefix(strings.NewReplacer(
		"{id}", ids[folder], "{$}", "", "{file}", "console.css", "{path...}", "no/such/page",
	).Replace(pattern), "/")
}

// TestRights: a key that lacks a right to what a page does or shows is refused, whether it asks or
// sends, and nothing is written. A key that has just these rights is not.
func TestRights(t *testing.T) {
	t.Parallel()
	s := newStaff(t, console.Options{})
	g := invite(t, s.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	rows := needs()
	for _, r := range console.Routes() {
		name := r.Method + " " + r.Path
		actions, known := rows[name]
		delete(rows, name)
		if !known {
			t.Errorf("%s is not in the table", name)
			continue
		}
		if r.Access.Action != "" && !slices.Contains(actions, r.Access.Action) {
			t.Errorf("%s needs %s, which is not in the table", name, r.Access.Action)
		}
		to, form := pageOf(r.Path, s.ids), url.Values{"theme": {"dark"}}
		if r.Method == http.MethodPost && len(actions) > 0 { // what the page that asks would send
			form = formOf(g.get(to).body)
		}
		send := func() int {
			in := g.request(r.Method, to, form)
			for _, cookie := range g.cookies(to) {
				in.AddCookie(cookie)
			}
			return record(s.pages, in).Code
		}
		before := apitest.StateOf(t, s.acme)
		for _, lacks := range actions {
			s.may = func(_ httpapi.Principal, a httpapi.Action) bool { return a.Name != lacks }
			if status := send(); status != http.StatusForbidden {
				t.Errorf("%s without %s: status %d", name, lacks, status)
			}
		}
		if diff := cmp.Diff(before, apitest.StateOf(t, s.acme)); diff != "" {
			t.Errorf("%s writes without a right:\n%s", name, diff)
		}
		s.may = func(_ httpapi.Principal, a httpapi.Action) bool { return slices.Contains(actions, a.Name) }
		if status := send(); len(actions) > 0 && status == http.StatusForbidden {
			t.Errorf("%s is refused with %v", name, actions)
		}
		s.may = func(httpapi.Principal, httpapi.Action) bool { return true }
		if r.Method == http.MethodPost {
			s.ids = oneOfAll(t, s.acme)
			g.signIn(apitest.Acme)
		}
	}
	for name := range rows {
		t.Errorf("there is no route %s", name)
	}
}

// TestReadOnly: without an Authorize, a key that may only read is refused every write, and no page
// offers it one.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	acme := d.Users.Tenant("acme")
	ids := oneOfAll(t, acme)
	before := apitest.StateOf(t, acme)
	g := invite(t, d.pages, "https://desk.example/")
	g.signIn(apitest.Reader)
	offers := make(map[string]string)
	for _, r := range console.Routes() {
		if r.Public {
			continue
		}
		to := pageOf(r.Path, ids)
		if r.Access.Write {
			g.wantAt(r.Method+" "+to, g.do(g.request(r.Method, to, nil)), 403, to)
			offers[r.Path] = to
		}
	}
	for _, page := range []string{"", "users", "users/" + ids["users"], "groups", "groups/" + ids["groups"], "webhooks", "webhooks/" + ids["webhooks"], "feed"} {
		s := g.get(page)
		g.wantAt("a page", s, 200, page)
		for path, to := range offers {
			if strings.Contains(s.body, to) {
				t.Errorf("%q offers %s", page, path)
			}
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, acme)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// TestCrossOrigin: every POST of another site is refused before anything else is done, with and
// without a session, and one of the console itself is not.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	s := newStaff(t, console.Options{})
	in, out := invite(t, s.pages, "https://desk.example/"), invite(t, s.pages, "https://desk.example/")
	in.signIn(apitest.Acme)
	before := apitest.StateOf(t, s.acme)
	session := in.cookies("")[0].Value
	for _, r := range console.Routes() {
		if r.Method != http.MethodPost {
			continue
		}
		to, form := pageOf(r.Path, s.ids), url.Values{"key": {apitest.Acme}, "theme": {"dark"}, "keys": {"off"}}
		for _, from := range [][]func(*http.Request){
			{header("Sec-Fetch-Site", "cross-site")},
			{header("Sec-Fetch-Site", "same-site")},
			{header("Sec-Fetch-Site", "nonsense")},
			{header("Origin", "https://evil.example")},
			{header("Origin", "https://desk.example.evil.example")},
			{header("Origin", "https://evil.desk.example")},
			{header("Origin", "https://desk.example:8443")},
			{header("Origin", "null")},
		} {
			for _, g := range []*guest{in, out} {
				got := g.post(to, form, from...)
				g.wantAt("POST "+r.Path, got, 403, to)
				if !strings.Contains(got.body, "comes from another site") || g.reply.Get("Set-Cookie") != "" {
					t.Errorf("POST %s: %v %s", r.Path, g.reply, got.body)
				}
			}
		}
		for _, from := range []func(*http.Request){header("Origin", "https://desk.example"), header("Origin"), header("Sec-Fetch-Site", "same-origin")} {
			if got := out.post(to, url.Values{"key": {"no-such-key"}}, from); got.status == http.StatusForbidden {
				t.Errorf("POST %s of the console itself is refused", r.Path)
			}
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
	for _, g := range []*guest{in, out} { // else the Origin of a form's POST is null, also of the console's own
		if !strings.Contains(g.get("").body, `<meta name="referrer" content="same-origin">`) {
			t.Error("a page keeps its origin from the console")
		}
	}
	if in.get("users").at != "users" || in.cookies("")[0].Value != session || len(out.cookies("")) > 0 {
		t.Error("another site changed who is signed in")
	}
}

// TestTenantsAtOnce: of many who load pages at once, everybody gets whole pages of the own tenant, with
// nothing of another.
func TestTenantsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	keys, tenants, ids := []string{apitest.Acme, apitest.Other}, []string{"acme", "other"}, make([]map[string]string, 2)
	for i, name := range tenants {
		tenant := d.Users.Tenant(name)
		ids[i] = oneOfAll(t, tenant)
		must(tenant.Create(t.Context(), enduser.Spec{Name: "of " + name}))(t)
	}
	atonce.Do(16, func(i int) {
		mine, theirs := i%2, 1-i%2
		g := invite(t, d.pages, "https://desk.example/")
		g.signIn(keys[mine])
		for _, r := range console.Routes() {
			if r.Public || r.Method != http.MethodGet {
				continue
			}
			to := pageOf(r.Path, ids[mine])
			s := g.get(to)
			if !strings.Contains(s.body, "<bdi>"+tenants[mine]+"</bdi>") || !strings.HasSuffix(s.body, "</html>\n") {
				t.Errorf("%s is not a page of %s: %s", to, tenants[mine], s.body)
			}
			for _, canary := range []string{"of " + tenants[theirs], "<bdi>" + tenants[theirs] + "<", ids[theirs]["users"], ids[theirs]["groups"], ids[theirs]["webhooks"]} {
				if strings.Contains(s.body, canary) {
					t.Errorf("%s of %s has %q", to, tenants[mine], canary)
				}
			}
		}
	})
}

// TestGetWritesNothing: no page that is only looked at writes.
func TestGetWritesNothing(t *testing.T) {
	t.Parallel()
	s := newStaff(t, console.Options{})
	g := invite(t, s.pages, "https://desk.example/")
	g.signIn(apitest.Acme)
	before := apitest.StateOf(t, s.acme)
	for _, r := range console.Routes() {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if to := pageOf(r.Path, s.ids); r.Method == http.MethodGet || method == http.MethodGet {
				g.do(g.request(method, to, nil))
			}
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}
