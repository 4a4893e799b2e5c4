package browser

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
)

// offers are the addresses that pages lead to or send forms to, by the action that each needs first.
// Parts of pages need others.
func offers() map[string]*regexp.Regexp {
	all := make(map[string]*regexp.Regexp)
	for _, row := range [][2]string{
		{"listEndUsers", `GET users`},
		{"getEndUser", `GET users/[^/]+`},
		{"updateEndUser", `(GET|POST) users/[^/]+/edit`},
		{"deleteEndUser", `(GET|POST) users/[^/]+/delete`},
		{"associateEndUser", `(GET|POST) users/[^/]+/associate`},
		{"listGroups", `GET groups`},
		{"getGroup", `GET groups/[^/]+`},
		{"rotateGroupToken", `(GET|POST) groups/[^/]+/(rotate|token)`},
		{"listWebhooks", `GET webhooks`},
		{"getWebhook", `GET webhooks/[^/]+`},
		{"testWebhook", `POST webhooks/[^/]+/ping`},
		{"redeliverEvent", `POST webhooks/[^/]+/redeliver`},
		{"countRedelivery", `GET webhooks/[^/]+/redeliver-since`},
		{"startRedelivery", `POST webhooks/[^/]+/redeliver-since`},
		{"listChanges", `GET feed`},
	} {
		all[row[0]] = regexp.MustCompile("^" + row[1] + "$")
	}
	return all
}

// A page offers nothing that the key may not: none of its links is refused, and no form leads to
// where it would be. The key that may everything is offered everything.
func TestOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backends.Memory(t))
	w.seed(3)
	s := w.serve()
	for lacking, is := range offers() {
		key := "rbk_live_without_" + lacking
		w.give(key, httpapi.Principal{Tenant: tenant, Actor: "limited", Credential: lacking}, func(action string) bool { return action != lacking })
		for _, offer := range w.crawl(t, s, key) {
			if is.MatchString(offer) {
				t.Errorf("without %s: %s is offered", lacking, offer)
			}
		}
	}
	all := w.crawl(t, s, fullKey)
	for action, is := range offers() {
		if !is.MatchString(find(all, is)) {
			t.Errorf("nothing that needs %s is offered to a key that may everything: %q", action, all)
		}
	}
	for _, offer := range w.crawl(t, s, readerKey) {
		if strings.HasPrefix(offer, "POST") && offer != "POST theme" && offer != "POST keys" && offer != "POST sign-out" {
			t.Errorf("to a key that may only read: %s is offered", offer)
		}
	}
}

func find(all []string, is *regexp.Regexp) string {
	for _, offer := range all {
		if is.MatchString(offer) {
			return offer
		}
	}
	return ""
}

// crawl follows every link that is offered to a key, and returns where links and forms lead to.
func (w *world) crawl(t *testing.T, s *site, key string) (all []string) {
	t.Helper()
	a := newPlain(t, s)
	signIn(a, key)
	todo, seen := []string{""}, map[string]bool{"": true}
	offered := make(map[string]bool)
	offer := func(method, ref string) {
		u := a.resolve(ref)
		if "http://"+u.Host != s.origin {
			return
		}
		path := strings.TrimPrefix(u.Path, "/")
		if what := method + " " + path; !offered[what] {
			offered[what] = true
			all = append(all, what)
		}
		if method == "GET" && !seen[path] {
			seen[path] = true
			if strings.HasSuffix(path, "/redeliver-since") { // the form that counts leads to the one that starts
				path += "?since=2026-11-01T00:00"
			}
			todo = append(todo, path)
		}
	}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		a.open(path)
		if a.page.status >= 400 {
			t.Errorf("with %s: %q is offered and answers %d", key, path, a.page.status)
		}
		for _, n := range tags(a.page.root, "a") {
			if ref, ok := lookup(n, "href"); ok && !strings.HasPrefix(ref, "#") {
				offer("GET", ref)
			}
		}
		for _, n := range tags(a.page.root, "form") {
			offer(strings.ToUpper(attr(n, "method")), attr(n, "action"))
		}
	}
	return all
}

// Another tenant's users, groups and webhooks look like those that do not exist, byte by byte.
func TestOtherTenant(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	a := newPlain(t, w.serve())
	signIn(a, otherKey)
	u, g, h := w.user(annID), w.groupOf("kestrel"), w.webhook("Billing")
	for _, path := range []string{
		"users/" + u.ID, "users/" + u.ID + "/edit", "users/" + u.ID + "/delete", "users/" + u.ID + "/associate", "groups/" + g.ID,
		"groups/" + g.ID + "/rotate", "groups/" + g.ID + "/token", "webhooks/" + h.ID, "webhooks/" + h.ID + "/redeliver-since",
		"users?q=" + u.ID, "users?q=" + annID, "users?q=" + url.QueryEscape(annEmail), "users?group=kestrel",
	} {
		unknown := strings.NewReplacer(
			u.ID, mirror(u.ID), g.ID, mirror(g.ID), h.ID, mirror(h.ID), annID, "crm-9999", url.QueryEscape(annEmail), url.QueryEscape("nobody@example.com"), "kestrel", "nothing",
		)
		a.open(path)
		theirs, status := a.body, a.page.status
		a.open(unknown.Replace(path))
		got, want := unknown.Replace(strings.ReplaceAll(theirs, annEmail, "nobody@example.com")), a.body
		if diff := cmp.Diff(request.ReplaceAllString(want, ""), request.ReplaceAllString(got, "")); diff != "" || status != a.page.status {
			t.Errorf("%s: status %d, of nobody %d: %s", path, status, a.page.status, diff)
		}
		if strings.Contains(theirs, annName) {
			t.Errorf("%s shows another tenant's user", path)
		}
	}
	if _, err := w.users.Tenant("lighthouse").Get(t.Context(), enduser.ByID(u.ID)); err == nil {
		t.Error("the other tenant has the user")
	}
}

// request is the ID of a request, which each has its own of.
var request = regexp.MustCompile(`Request <code>[0-9a-f]+</code>`)

// mirror returns an ID of nobody.
func mirror(id string) string { return strings.Repeat("0", len(id)-6) + id[len(id)-6:] }
