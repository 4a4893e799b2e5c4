package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// flow is something that people do.
type flow struct {
	name string
	run  func(*testing.T, *world, agent)
}

// flows are all that people do with the console. Each begins signed out.
func flows() []flow {
	return []flow{
		{"sign in", signingIn},
		{"search", searching},
		{"filter", filtering},
		{"pages", paging},
		{"edit", editing},
		{"invalid edit", invalidEditing},
		{"conflict", conflicting},
		{"delete", deleting},
		{"associate", associating},
		{"rotate", rotating},
		{"ping", pinging},
		{"redeliver", redelivering},
		{"redeliver since", redeliveringSince},
		{"feed", feeding},
		{"theme", choosingTheme},
	}
}

func signingIn(t *testing.T, w *world, a agent) {
	wanted := "users/" + w.user(annID).ID
	a.open(wanted)
	sees(a, "Sign in")
	for range 2 {
		a.fill("API key", "rbk_live_wrong")
		a.press("Sign in")
		a.until("the key is refused", func(p *page) bool { return p.status == 401 && p.heading() == "Sign in" })
	}
	a.fill("API key", fullKey)
	a.press("Sign in")
	if p := sees(a, annName); p.path != wanted {
		t.Errorf("after signing in at %q, want %q", p.path, wanted)
	}
	a.press("Sign out")
	sees(a, "Sign in")
	a.open("users")
	sees(a, "Sign in")
	a.fill("API key", readerKey)
	a.press("Sign in")
	sees(a, "Users")
	w.revoke(readerKey)
	a.open("users")
	sees(a, "Sign in")
}

func searching(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	ann := w.user(annID)
	for _, text := range []string{ann.ID, strings.ToUpper(annID), annEmail, "discord:80351110224678912"} {
		a.follow("Users")
		sees(a, "Users")
		a.fill("Find a user", text)
		a.press("Search")
		if p := sees(a, annName); p.path != "users/"+ann.ID {
			t.Errorf("%q leads to %q", text, p.path)
		}
	}
	a.follow("Users")
	sees(a, "Users")
	a.fill("Find a user", "lindqvist ann")
	a.press("Search")
	p := a.until("the name is found", func(p *page) bool {
		return strings.Contains(p.path, "q=lindqvist") && p.has(link, annName) && p.shows("was taken for")
	})
	if p.has(link, "Guest of Kestrel") {
		t.Error("somebody else is found, too")
	}
	a.follow("external ID")
	a.until("nobody has it as external ID", func(p *page) bool { return p.shows("Nobody found") })
	a.fill("Find a user", "nobody of that name")
	a.press("Search")
	a.until("nobody is found", func(p *page) bool { return strings.Contains(p.path, "q=nobody") && p.shows("Nobody found") })
}

func filtering(t *testing.T, _ *world, a agent) {
	signIn(a, fullKey)
	a.follow("Users")
	sees(a, "Users")
	a.press("More filters")
	a.fill("Group", "tidewell")
	a.pick("Metadata", "plan")
	a.fill("Metadata value", "pro")
	a.fill("Created from", "2026-11-20")
	a.press("Apply")
	p := a.until("one is left", func(p *page) bool { return strings.Contains(p.path, "group=tidewell") && p.has(link, annName) })
	if p.has(link, "Guest of Kestrel") || !p.shows("1 shown") {
		t.Errorf("others are found, too: %s", describe(p))
	}
	a.follow("Remove all")
	a.until("all are there again", func(p *page) bool { return p.path == "users" && p.has(link, "Guest of Kestrel") })
}

func paging(t *testing.T, _ *world, a agent) {
	signIn(a, fullKey)
	a.follow("Users")
	first := sees(a, "Users", "Guest of Kestrel")
	a.follow("Older")
	second := a.until("the second page", func(p *page) bool { return !p.shows("Guest of Kestrel") && p.has(link, "Newer") })
	if n, m := len(tags(first.root, "tr")), len(tags(second.root, "tr")); n != 51 || m != people-50+1 {
		t.Errorf("pages of %d and %d rows", n, m)
	}
	a.follow("Newer")
	a.until("the first page", func(p *page) bool { return p.shows("Guest of Kestrel") })
}

func editing(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	a.open("users/" + w.user(annID).ID)
	sees(a, annName)
	a.follow("Edit")
	sees(a, "Edit "+annName)
	a.fill("Name", "Ann Lindqvist-Okafor")
	a.fill("Groups", "brightwater\nkestrel")
	a.fill("Metadata", `{"plan": "enterprise", "seats": 40}`)
	a.press("Save changes")
	a.until("the change is shown", func(p *page) bool {
		return p.heading() == "Ann Lindqvist-Okafor" && p.shows("The changes were saved.") && p.shows("enterprise")
	})
	u := w.user(annID)
	if u.UpdatedBy != actor || strings.Join(u.Groups, " ") != "brightwater kestrel" || len(u.Metadata) != 2 || len(u.Accounts) != 2 {
		t.Errorf("the user is %+v", u)
	}
}

func invalidEditing(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	before := w.user(annID)
	a.open("users/" + before.ID + "/edit")
	sees(a, "Edit "+annName)
	a.fill("Name", "Ann of the form")
	a.fill("E-mail", "not an address")
	a.fill("Metadata", `{"plan": `)
	a.press("Save changes")
	p := a.until("the form has come back", func(p *page) bool { return p.status == 400 && p.shows("This was not saved") })
	for _, label := range []string{"Name", "E-mail", "Metadata"} {
		n := p.find(field, label)[0]
		if wrong := attr(n, "aria-invalid") == "true"; wrong != (label != "Name") {
			t.Errorf("the field %s is marked as invalid: %t", label, wrong)
		}
	}
	if got := attr(p.find(field, "Name")[0], "value"); got != "Ann of the form" {
		t.Errorf("what was typed is lost: %q", got)
	}
	if !w.user(annID).Equal(before) {
		t.Error("something was saved")
	}
	a.fill("E-mail", "ann@lindqvist.example")
	a.fill("Metadata", `{"plan": "pro"}`)
	a.press("Save changes")
	sees(a, "Ann of the form")
}

func conflicting(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	id := w.user(annID).ID
	a.open("users/" + id + "/edit")
	sees(a, "Edit "+annName)
	a.fill("Name", "Ann of the form")
	a.fill("Language", "de")
	w.rename(t, id, "Ann of somebody else")
	a.press("Save changes")
	a.until("the conflict is shown", func(p *page) bool {
		return p.status == 409 && p.shows("Ann of the form") && p.shows("Ann of somebody else")
	})
	a.choose("Yours Ann of the form", "Ann of somebody else")
	a.press("Save changes")
	sees(a, "Ann of the form")
	if u := w.user(annID); u.Name != "Ann of the form" || u.Language != "de" || u.Email != annEmail {
		t.Errorf("the user is %+v", u)
	}
}

func deleting(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	ann := w.user(annID)
	a.open("users/" + ann.ID)
	sees(a, annName)
	a.follow("Delete")
	a.until("it asks", func(p *page) bool { return p.has(button, "Delete user") && p.shows("This cannot be undone.") })
	a.follow("Cancel")
	a.until("nothing has happened", func(p *page) bool { return p.heading() == annName && p.has(link, "Delete") })
	a.follow("Delete")
	a.press("Delete user")
	a.until("it is gone", func(p *page) bool {
		return p.heading() == "Users" && p.shows("The user was deleted.") && !p.has(link, annName)
	})
	if _, err := w.acme.Get(t.Context(), enduser.ByID(ann.ID)); err == nil {
		t.Error("the user exists")
	}
}

func associating(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	a.open("users/" + w.user("guest-31").ID)
	sees(a, "Guest of Kestrel", "expires in 3 h")
	a.follow("Associate")
	a.press("Make user permanent")
	a.until("it is permanent", func(p *page) bool {
		return p.heading() == "Guest of Kestrel" && p.shows("The user is permanent.") && !p.has(link, "Associate")
	})
	if u := w.user("guest-31"); !u.ExpiresAt.IsZero() {
		t.Errorf("it expires at %v", u.ExpiresAt)
	}
}

func rotating(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	old := w.token("kestrel")
	a.follow("Groups")
	sees(a, "Groups")
	a.follow("Kestrel Logistics")
	sees(a, "Kestrel Logistics")
	a.follow("Rotate token")
	a.choose("For 1 hour")
	a.press("Rotate token", "How long")
	token := w.tokenAfter("kestrel", old)
	p := a.until("the token is shown", func(p *page) bool { return p.shows(token) })
	w.shownOnce(token, "the new token of a group")
	a.open(p.path)
	a.until("the token is not shown again", func(p *page) bool { return !p.shows(token) && p.shows("was shown already") })
	a.follow("Back to the group")
	sees(a, "Kestrel Logistics", "old tokens accepted")
	w.clock.Advance(time.Hour)
	if _, err := w.acme.Groups().Authenticate(t.Context(), old); err == nil {
		t.Error("the old token is accepted after an hour")
	}
}

// tokenAfter waits until a group has another token than an old one.
func (w *world) tokenAfter(group, old string) (token string) {
	w.tb.Helper()
	until(w.tb, "the token is rotated", func() bool {
		token = w.token(group)
		return token != old
	})
	return token
}

func choosingTheme(t *testing.T, _ *world, a agent) {
	signIn(a, fullKey)
	a.open("users?q=ann")
	for _, theme := range []string{"Dark", "Light", "System"} {
		a.press(theme)
		p := a.until("the theme is "+theme, func(p *page) bool {
			return attr(p.find(button, theme)[0], "aria-pressed") == "true"
		})
		want := map[string]string{"Dark": "dark", "Light": "light"}[theme]
		if got := attr(tags(p.root, "html")[0], "data-theme"); got != want || p.path != "users?q=ann" {
			t.Errorf("the theme is %q at %q", got, p.path)
		}
	}
}
