package browser

import (
	"net/url"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
)

// screen is a page in a state.
type screen struct {
	name string
	show func(testing.TB, *world, agent) // to somebody who is signed in
}

// at is a screen at an address.
func at(name, path string) screen {
	return screen{name, func(_ testing.TB, _ *world, a agent) { a.open(path) }}
}

// states are worlds and their screens, as somebody with a key sees them.
func states() []struct {
	name, key string
	seed      func(*world) []screen
} {
	return []struct {
		name, key string
		seed      func(*world) []screen
	}{
		{"signed out", "", func(*world) []screen { return signInScreens() }},
		{"empty", fullKey, func(*world) []screen { return listScreens() }},
		{"one", fullKey, func(w *world) []screen {
			ctx, crm := w.tb.Context(), w.acme.As("crm")
			w.group(companies()[0])
			h := w.hook(enduser.WebhookSpec{URL: "https://crm.harbour.example/events"})
			u, err := crm.Create(ctx, enduser.Spec{ExternalID: "crm-1"}) // without a name, or anything else
			if err != nil {
				w.tb.Fatal(err)
			}
			w.settle()
			return screens(u, w.groupOf("brightwater"), h)
		}},
		{"full", fullKey, func(w *world) []screen {
			w.seed(people, w.troubles)
			all := screens(w.user(annID), w.groupOf("brightwater"), w.webhook("Newsletter"))
			return append(append(all, hookScreens(w)...), errorScreens(w.user(annID))...)
		}},
		{"extreme", fullKey, func(w *world) []screen { return w.extremeScreens() }},
		{"reader", readerKey, func(w *world) []screen {
			w.seed(people)
			return append(
				listScreens()[:1], at("user", "users/"+w.user(annID).ID), at("group", "groups/"+w.groupOf("brightwater").ID),
				at("webhook", "webhooks/"+w.webhook("Newsletter").ID), at("edit", "users/"+w.user(annID).ID+"/edit"),
			)
		}},
		{"late", fullKey, func(w *world) []screen { // nothing is read in time
			w.seed(people)
			w.options.ReadFor, w.options.OverviewFor = 1, 1
			return append(listScreens(), at("user", "users/"+w.user(annID).ID), at("group", "groups/"+w.groupOf("brightwater").ID), at("webhook", "webhooks/"+w.webhook("Newsletter").ID))
		}},
	}
}

// hookScreens are webhooks in the other states, and the answer to a test ping.
func hookScreens(w *world) (all []screen) {
	for _, h := range []string{"Customer records", "Former shop", "Staging", "Audit log", "Data lake", "Warehouse"} {
		all = append(all, at("webhook "+h, "webhooks/"+w.webhook(h).ID))
	}
	return append(all, screen{"ping", func(_ testing.TB, w *world, a agent) {
		a.open("webhooks/" + w.webhook("Warehouse").ID)
		a.press("Send a test ping")
		a.until("the answer is there", func(p *page) bool { return p.shows("webhook.ping was delivered: 204") })
	}})
}

// visit shows screens one after the other, to somebody who has signed in with a key unless there is none.
func visit(tb testing.TB, w *world, a agent, key string, all []screen, look func(screen)) {
	tb.Helper()
	if key != "" {
		signIn(a, key)
	}
	for _, s := range all {
		s.show(tb, w, a)
		look(s)
	}
}

// signInScreens are shown to who is signed out.
func signInScreens() []screen {
	return []screen{at("sign-in", "sign-in"), {"wrong-key", func(_ testing.TB, _ *world, a agent) {
		a.open("sign-in")
		a.fill("API key", "rbk_live_wrong")
		a.press("Sign in")
		a.until("the key is refused", func(p *page) bool { return p.status == 401 })
	}}}
}

// listScreens are the screens that need nobody.
func listScreens() []screen {
	return []screen{
		at("overview", ""), at("users", "users"),
		at("groups", "groups"), at("webhooks", "webhooks"), at("feed", "feed"),
	}
}

// screens are all screens of the console: those of lists, and those of a user, a group and a webhook.
func screens(u enduser.User, g enduser.Group, h enduser.Webhook) []screen {
	return append(listScreens(),
		at("user", "users/"+u.ID), at("edit", "users/"+u.ID+"/edit"), at("delete", "users/"+u.ID+"/delete"),
		at("group", "groups/"+g.ID), at("rotate", "groups/"+g.ID+"/rotate"),
		screen{"token", func(_ testing.TB, w *world, a agent) {
			a.open("groups/" + g.ID + "/rotate")
			a.press("Rotate token")
			a.until("the token is shown", func(p *page) bool { return p.shows("shown this once") })
			w.shownOnce(w.token(g.ExternalID), "the new token of a group")
		}},
		at("webhook", "webhooks/"+h.ID), at("redeliver-since", "webhooks/"+h.ID+"/redeliver-since?since=2026-11-23T00:00"),
	)
}

// errorScreens are pages that say what is wrong.
func errorScreens(u enduser.User) []screen {
	return []screen{
		at("not-found", "users/no-such-user"),
		at("nothing-found", "users?q="+url.QueryEscape("nobody of that name")),
		at("invalid-filter", "users?from=yesterday"),
		{"invalid-edit", func(_ testing.TB, _ *world, a agent) {
			a.open("users/" + u.ID + "/edit")
			a.fill("E-mail", "not an address")
			a.fill("Language", "no such language")
			a.press("Save changes")
			a.until("the form has come back", func(p *page) bool { return p.status == 400 })
		}},
		{"conflict", func(tb testing.TB, w *world, a agent) { //nolint:thelper // a step of a table
			a.open("users/" + u.ID + "/edit")
			a.fill("Name", "Ann of the form")
			w.rename(tb, u.ID, "Ann of somebody else")
			a.press("Save changes")
			a.until("the form has come back", func(p *page) bool { return p.status == 409 })
			w.rename(tb, u.ID, u.Name)
		}},
	}
}

// token returns the token of a group.
func (w *world) token(externalID string) string {
	w.tb.Helper()
	ctx, groups := w.tb.Context(), w.acme.Groups()
	g, err := groups.Get(ctx, enduser.GroupByExternalID(externalID))
	if err != nil {
		w.tb.Fatal(err)
	}
	token, err := groups.Reveal(ctx, g)
	if err != nil {
		w.tb.Fatal(err)
	}
	return token
}

// rename gives a user another name, as somebody else does.
func (w *world) rename(tb testing.TB, id, name string) {
	tb.Helper()
	_, err := w.acme.As("crm").Update(tb.Context(), enduser.ByID(id), func(e *enduser.Edit) error {
		e.Name = name
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// groupOf returns the group with an external ID.
func (w *world) groupOf(externalID string) enduser.Group {
	w.tb.Helper()
	g, err := w.acme.Groups().Get(w.tb.Context(), enduser.GroupByExternalID(externalID))
	if err != nil {
		w.tb.Fatal(err)
	}
	return g
}
