package browser

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
)

// follower is a tab with the live feed.
type follower struct{ *tab }

func follow(t *testing.T, w *world, key string, tolerant bool) follower {
	t.Helper()
	f := follower{newTab(t, w.serve(), tabOptions{scripts: true, tolerant: tolerant})}
	signIn(f, key)
	f.open("feed")
	sees(f, "Feed")
	f.press("Live")
	f.says("Following.")
	return f
}

// says waits until the state of the feed has a text.
func (f follower) says(text string) {
	f.tb.Helper()
	f.wait(text, func() bool {
		got, err := try[string](f.tab, `document.querySelector("#live-state").textContent`)
		return err == nil && strings.Contains(got, text)
	})
}

// first returns whose the newest change is that is shown, and how many are.
func (f follower) first() (name string, rows int) {
	f.tb.Helper()
	name = evaluate[string](f.tab, `document.querySelector("#changes tr:first-child td[data-label=Whose]").textContent.trim()`)
	return name, evaluate[int](f.tab, `document.querySelector("#changes").rows.length`)
}

// shows waits until the newest change that is shown is that of a user.
func (f follower) shows(name string) {
	f.tb.Helper()
	f.wait(name+" is shown", func() bool {
		got, _ := f.first()
		return got == name
	})
}

// counts waits until so many changes are kept back.
func (f follower) counts(n int) {
	f.tb.Helper()
	f.wait("new ones are counted", func() bool {
		return evaluate[string](f.tab, `(b => b.hidden ? "" : b.textContent)(document.querySelector("#live-new"))`) == strconv.Itoa(n)+" new"
	})
}

// point moves the mouse to an element.
func (f follower) point(selector string) {
	f.tb.Helper()
	at := evaluate[[]float64](f.tab, `(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector(`+quote(selector)+`).getBoundingClientRect())`)
	call(f.tab, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: at[0], Y: at[1]})
}

func (w *world) named(name string) {
	w.tb.Helper()
	if _, err := w.acme.Create(w.tb.Context(), enduser.Spec{Name: name}); err != nil {
		w.tb.Fatal(err)
	}
}

// The live feed shows what is new, but while somebody points at the list, has the focus in it, has
// selected text or reads further down. Then it counts.
func TestLiveFeed(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	f := follow(t, w, fullKey, false)
	w.named("Live One")
	f.shows("Live One")
	f.wait("it is announced", func() bool {
		return evaluate[string](f.tab, `document.querySelector("#said").textContent`) == "1 new change"
	})
	n := 1
	for _, pause := range []struct {
		why        string
		begin, end func()
	}{
		{"while you point at the list", func() { f.point("#changes tr:first-child") }, func() { f.point(".rail a") }},
		{
			"while the list has the focus", func() { evaluate[any](f.tab, `document.querySelector("#changes a").focus()`) },
			func() { evaluate[any](f.tab, `document.activeElement.blur()`) },
		},
		{
			"while text is selected", func() {
				evaluate[any](f.tab, `getSelection().selectAllChildren(document.querySelector("#changes tr"))`)
			},
			func() { evaluate[any](f.tab, `getSelection().removeAllRanges()`) },
		},
		{
			"while you read further down", func() { evaluate[any](f.tab, `scrollTo({top: 600, behavior: "instant"})`) },
			func() { evaluate[any](f.tab, `scrollTo({top: 0, behavior: "instant"})`) },
		},
	} {
		before, rows := f.first()
		pause.begin()
		w.named(fmt.Sprintf("Kept %d", n))
		w.named(fmt.Sprintf("Kept %d", n+1))
		f.counts(2)
		f.says("Paused " + pause.why)
		if got, now := f.first(); got != before || now != rows {
			t.Errorf("%s: the list has changed", pause.why)
		}
		pause.end()
		f.shows(fmt.Sprintf("Kept %d", n+1))
		if _, now := f.first(); now != rows+2 {
			t.Errorf("%s: %d rows, want %d", pause.why, now, rows+2)
		}
		n += 2
	}
	// The button shows them at once, and the focus is not lost with it.
	evaluate[any](f.tab, `scrollTo({top: 600, behavior: "instant"})`)
	w.named("At once")
	f.counts(1)
	evaluate[any](f.tab, `document.querySelector("#live-new").click()`) // a mouse would scroll, which ends the pause
	f.shows("At once")
	if id := evaluate[string](f.tab, `document.activeElement.id`); id != "live" {
		t.Errorf("the focus is at %q", id)
	}
	f.point(".rail a")
	// The page never grows beyond 500 rows, and Older goes on from the last one.
	for i := range 600 {
		w.named(fmt.Sprintf("Many %d", i))
	}
	f.shows("Many 599")
	if _, rows := f.first(); rows != 500 {
		t.Errorf("%d rows", rows)
	}
	last := evaluate[string](f.tab, `document.querySelector("#changes tr:last-child td[data-label=Whose]").textContent.trim()`)
	if last != "Many 100" {
		t.Errorf("the last row is that of %s", last)
	}
	f.press("Live") // off
	w.named("Not seen")
	f.follow("Older")
	f.until("the older ones", func(p *page) bool { return strings.Contains(p.path, "before=") })
	f.shows("Many 99")
}

// When the session ends, or the right to see the feed, the feed stops and says so.
func TestLiveFeedStops(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	w.give("rbk_live_ends", httpapi.Principal{Tenant: tenant, Actor: "guest", Credential: "guest"}, nil)
	f := follow(t, w, "rbk_live_ends", false)
	w.revoke("rbk_live_ends")
	w.named("Live One")
	f.says("You are signed out.")
	f.follow("Sign in")
	sees(f, "Sign in")

	w.give("rbk_live_loses", httpapi.Principal{Tenant: tenant, Actor: "guest", Credential: "guest"}, func(string) bool { return true })
	f = follow(t, w, "rbk_live_loses", false)
	w.give("rbk_live_loses", httpapi.Principal{Tenant: tenant, Actor: "guest", Credential: "guest"}, func(action string) bool { return action != "listChanges" })
	w.named("Live Two")
	f.says("This key may no longer read the feed.")

	f = follow(t, w, fullKey, true)
	if err := f.site.server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	f.site.server.CloseClientConnections()
	f.says("The server does not answer. Trying again in")
}
