package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// settled waits until a page that waits for deliveries shows what it should: with scripts it changes
// by itself, without them it has to be loaded again.
func settled(t *testing.T, a agent, what string, done func() bool, shows func(*page) bool) {
	t.Helper()
	until(t, what, done)
	switch a := a.(type) {
	case *keyboard:
	case *tab:
		if !a.scripts {
			a.open(a.until("the page is there", func(*page) bool { return true }).path)
		}
	case *plain:
		a.open(a.page.path)
	}
	a.until(what, shows)
}

// attempt returns the newest attempt of a webhook that a function accepts.
func (w *world) attempt(id string, is func(enduser.Attempt) bool) (enduser.Attempt, bool) {
	w.tb.Helper()
	all, err := w.acme.Webhooks().Attempts(w.tb.Context(), id)
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, a := range all {
		if is(a) {
			return a, true
		}
	}
	return enduser.Attempt{}, false
}

func pinging(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	h := w.webhook("Billing")
	a.follow("Webhooks")
	sees(a, "Webhooks", "retrying", "disabled", "delivering")
	a.follow(h.URL, "Billing")
	sees(a, h.URL)
	a.press("Send a test ping")
	var ping enduser.Attempt
	settled(t, a, "the ping is delivered", func() (ok bool) {
		ping, ok = w.attempt(h.ID, func(a enduser.Attempt) bool { return a.Event == enduser.EventPing })
		return ok
	}, func(p *page) bool { return p.shows("webhook.ping was delivered: 204") })
	if err := w.receiver.await(t.Context(), ping.EventID, 1); err != nil {
		t.Error(err)
	}
}

func redelivering(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	h := w.webhook("Billing")
	again, ok := w.attempt(h.ID, func(a enduser.Attempt) bool { return a.Kind == "user" })
	if !ok {
		t.Fatal("nothing was delivered")
	}
	w.clock.Advance(time.Second) // the page tells attempts apart by their times
	a.open("webhooks/" + h.ID)
	a.press("Redeliver " + again.Event + " " + again.EventID)
	settled(t, a, "the event is delivered again", func() bool {
		_, ok := w.attempt(h.ID, func(a enduser.Attempt) bool { return a.Redelivery && a.EventID == again.EventID })
		return ok
	}, func(p *page) bool { return p.shows(again.Event + " was delivered: 204") })
	if err := w.receiver.await(t.Context(), again.EventID, 2); err != nil {
		t.Error(err)
	}
}

func redeliveringSince(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	h := w.webhook("Customer records")
	since := now.Add(-4 * time.Hour)
	count, _, err := w.acme.Webhooks().CountSince(t.Context(), h.ID, since)
	if err != nil || count.N < 5 {
		t.Fatal(count, err)
	}
	a.open("webhooks/" + h.ID)
	a.follow("Redeliver all since …")
	a.fill("Redeliver all events of changes since (UTC) (required)", since.Format("2006-01-02T15:04"))
	a.press("Count the events")
	name := "Redeliver " + itoa(count.N) + " events"
	a.until("it says how many", func(p *page) bool { return p.has(button, name) })
	a.press(name)
	a.until("the webhook is shown", func(p *page) bool {
		return strings.HasPrefix(p.path, "webhooks/"+h.ID) && p.has(link, "Redeliver all since …")
	})
	until(t, "all are delivered again", func() bool {
		all, err := w.acme.Webhooks().Attempts(t.Context(), h.ID)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, a := range all {
			if a.Redelivery && a.Status == 204 {
				n++
			}
		}
		return n == count.N
	})
}

func feeding(t *testing.T, w *world, a agent) {
	signIn(a, fullKey)
	a.follow("Feed")
	p := sees(a, "Feed", "name, last name and e-mail changed")
	if p.has(button, "Live") {
		a.press("Live")
		w.rename(t, w.user(annID).ID, "Ann of the feed")
		a.until("the change is there by itself", func(p *page) bool { return p.has(link, "Ann of the feed") })
	}
	a.pick("Kind", "group")
	a.press("Show")
	p = a.until("groups only", func(p *page) bool { return strings.Contains(p.path, "kind=group") && p.shows("Brightwater Dental") })
	if p.has(link, annName) {
		t.Error("changes of users are shown, too")
	}
}
