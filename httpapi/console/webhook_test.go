package console_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A test ping leads to the page of the webhook, which waits for its answer and shows it. It does
// not wait for ever.
func TestPing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		page := "webhooks/" + hook(t, d.acme, enduser.WebhookSpec{})
		for _, tt := range []struct {
			result enduser.Result
			want   string
		}{
			{enduser.Result{Status: 204, Took: 85 * time.Millisecond}, "webhook.ping was delivered: 204 after 85 ms."},
			{enduser.Result{Status: 500, Took: time.Second}, "webhook.ping was not delivered: 500 after 1000 ms."},
			{enduser.Result{Fault: "timeout", Took: 10 * time.Second}, "webhook.ping was not delivered: no answer after 10000 ms (timeout)."},
		} {
			sent := d.post(page+"/ping", nil)
			d.follow(sent).want(200, "Waiting for the answer to msg_", "Queued 1").has(`hx-trigger="every 1s"`)
			d.deliver(always(tt.result))
			d.follow(sent).want(200, tt.want).lacks("every 1s", "Waiting")
		}

		sent := d.post(page+"/ping", nil)
		address := strings.TrimPrefix(sent.Location, "../../")
		poll := func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+address, nil)
			r.Header.Set("HX-Request", "true")
			return d.serve(r).Status
		}
		d.Advance(14 * time.Second)
		if got := poll(); got != http.StatusNoContent {
			t.Errorf("a poll that brings nothing: %d", got)
		}
		d.Advance(time.Second)
		if got := poll(); got != http.StatusOK {
			t.Errorf("the last poll: %d", got)
		}
		d.follow(sent).want(200, "There is no answer to msg_", "nothing is sent unless a program of this service runs Deliver").lacks("every 1s")

		// Nobody else's words are shown as an event.
		if a := d.get(page + "?event=msg_call+0900-canary").want(400); strings.Contains(a.text(), "canary") {
			t.Errorf("the page says %s", a.text())
		}
	})
}

// What cannot be sent is said on the page of the webhook.
func TestNothingSent(t *testing.T) {
	t.Parallel()
	st := &faultstore.Store{Store: memory.New(nil)}
	d := newDesk(t, st, nil)
	id := hook(t, d.acme, enduser.WebhookSpec{})
	page := "webhooks/" + id
	st.OnApply = func(int64, []store.Op) error { return store.ErrUnavailable }
	d.post(page+"/ping", nil).want(503)
	st.OnApply = nil
	for range 20 {
		d.follow(d.post(page+"/ping", nil))
	}
	d.post(page+"/ping", nil).want(409, "Nothing was sent: 20 test pings and redeliveries wait already.", "Deliveries")
	d.post(page+"/redeliver", url.Values{"event": {"msg_AAAAAAAAAAAAAAAAAAAAAA"}}).want(404, "Nothing was sent: the event is no longer among the attempts and dead letters.")
	d.post(page+"/redeliver", nil).want(400)
	d.post(page+"/redeliver-since", url.Values{"from": {"x"}}).want(400)
	latest := must(d.acme.Latest(t.Context()))(t)
	must(d.acme.Webhooks().Update(t.Context(), id, func(e *enduser.WebhookEdit) error { e.Disabled = true; return nil }))(t)
	d.post(page+"/ping", nil).want(409, "Nothing was sent: the webhook is disabled.").lacks("Send a test ping", "Redeliver all")
	d.post(page+"/redeliver-since", url.Values{"from": {latest.String()}}).want(409, "Nothing was sent: the webhook is disabled.")
}

// An event is sent again from the list of attempts, and from that of dead letters.
func TestRedeliver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		page := "webhooks/" + hook(t, d.acme, enduser.WebhookSpec{})
		u := d.add(enduser.Spec{Name: "Ann <b>Lee"})
		d.deliver(always(enduser.Result{Status: 503}))
		a := d.get(page).want(200, "end_user.created", "Ann <b>Lee 1 503 0 ms just now 2026-05-04 03:02:01 UTC in ", "Dead letters None.").has("users/" + u.ID)
		event := a.form().Get("event")
		sent := d.post(page+"/redeliver", url.Values{"event": {event}})
		a = d.follow(sent)
		a.want(200, "Waiting for the answer to "+event) // the attempt that is there does not count
		d.Advance(time.Second)
		d.deliver(always(enduser.Result{Status: 500}))
		a = d.follow(sent)
		a.want(200, "end_user.created was not delivered: 500", "Ann <b>Lee 1 503 0 ms 1 s ago 2026-05-04 03:02:01 UTC Redeliver") // it was tried again

		for range 12 {
			d.Advance(24 * time.Hour)
			d.deliver(always(enduser.Result{Fault: "timeout"}))
		}
		a = d.get(page)
		_, dead, _ := strings.Cut(a.text(), "Dead letters Events whose attempts have all failed.")
		if !strings.Contains(dead, "end_user.created "+event+" Ann <b>Lee 8 no answer timeout") {
			t.Errorf("dead letters: %s", dead)
		}
		sent = d.post(page+"/redeliver", url.Values{"event": {event}})
		d.Advance(time.Second)
		d.deliver(always(enduser.Result{Status: 200}))
		d.follow(sent).want(200, "end_user.created was delivered: 200", "Dead letters None.")
	})
}

// All attempts are there for who asks for them, and dead letters are read page by page.
func TestManyAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		d := newDesk(t, st, nil)
		id := hook(t, d.acme, enduser.WebhookSpec{})
		page := "webhooks/" + id
		d.add(enduser.Spec{})
		for range 10 {
			d.Advance(24 * time.Hour)
			d.deliver(always(enduser.Result{Status: 500}))
		}
		dead, err := d.acme.Webhooks().DeadLetters(t.Context(), id, enduser.DeadLetterQuery{})
		if err != nil || len(dead.DeadLetters) != 1 {
			t.Fatalf("%d dead letters, %v", len(dead.DeadLetters), err)
		}
		event := dead.DeadLetters[0].EventID
		r := must(st.Get(t.Context(), "acme", store.ID(id+"/dead/"+event)))(t)
		for i := range 59 { // the schedule of attempts takes long to make so many
			another := r
			name := fmt.Sprintf("msg_%022d", i)
			another.ID, another.Data = id+"/dead/"+name, bytes.Replace(r.Data, []byte(event), []byte(name), 1)
			must(st.Apply(t.Context(), "acme", store.Ops(store.Create(another, nil))))(t)
		}
		for range 20 {
			d.post(page+"/ping", nil)
		}
		d.deliver(always(enduser.Result{Status: 204}))

		count := func(a *answer) int { return strings.Count(a.HTML, `<th scope="row"`) }
		a := d.get(page).want(200, "Show all 28 attempts")
		if got := count(a); got != 20+50 {
			t.Errorf("%d rows", got)
		}
		older, _, _ := strings.Cut(a.link("Older"), "#")
		a = d.get(older)
		if got := count(a); got != 20+10 || !strings.Contains(a.HTML, `rel="prev"`) {
			t.Errorf("the second page has %d rows", got)
		}
		a = d.get(page + "?attempts=all").lacks("Show all")
		if got := count(a); got != 28+50 {
			t.Errorf("%d rows of all", got)
		}
		for _, query := range []string{"after=x", "before=x", "attempts=some", "x=1", "asked=now"} {
			d.get(page + "?" + query).want(400)
		}
	})
}

// The number is stated before events are sent again, and the run can be stopped.
func TestRedeliverSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		id := hook(t, d.acme, enduser.WebhookSpec{})
		page := "webhooks/" + id + "/redeliver-since"
		d.get(page).want(200, "(UTC)").has(`type="datetime-local" value="2026-05-04T02:02"`)
		d.get(page+"?since=2026-05-04T00:00").want(200, "No events")
		d.add(enduser.Spec{})
		d.deliver(always(enduser.Result{Status: 204}))
		d.get(page+"?since=2026-05-04T00:00:30").want(200, "1 event will be sent again Changes since 2026-05-04 00:00:30 UTC.", "Redeliver 1 event")
		for range 999 {
			d.add(enduser.Spec{})
		}
		d.deliver(always(enduser.Result{Status: 204}))
		a := d.get(page+"?since=2026-05-04T00:00").want(200, "1,000 events will be sent again", "Redeliver 1,000 events").lacks("takes its place", "There are more")
		d.denied = map[string]bool{"startRedelivery": true}
		d.get(page+"?since=2026-05-04T00:00").want(200, "1,000 events").lacks("Redeliver 1,000 events", `name="from"`)
		d.denied = nil

		from := url.Values{"from": {a.form().Get("from")}}
		sent := d.post(page, from)
		d.follow(sent).want(200, "Redelivery Requested just now", "0 events sent so far; it has come to the changes of just now", "Stop the redelivery")
		d.denied = map[string]bool{"stopRedelivery": true}
		d.follow(sent).lacks("Stop the redelivery")
		d.denied = nil
		d.get(page+"?since=2026-05-04T00:00").want(200, "A redelivery is under way. This one takes its place.")
		sent = d.post("webhooks/"+id+"/stop", nil)
		d.follow(sent).lacks("Stop the redelivery")

		for _, wrong := range []string{"yesterday", "2026-13-01T00:00", "0001-01-01T00:00"} {
			d.get(page+"?since="+wrong).want(400, "must be a date and time, such as 2026-05-04T03:02")
		}
		d.get(page + "?since=2026-05-04T00:00&since=2026-05-04T00:00").want(400)
		latest := must(d.acme.Latest(t.Context()))(t)
		d.add(enduser.Spec{})
		d.add(enduser.Spec{})
		newest := must(d.acme.Latest(t.Context()))(t)
		ok(t, d.acme.TrimChanges(t.Context(), newest))
		d.get(page+"?since=2026-05-04T00:00").want(410, "Changes of that time are no longer kept. Choose a later time.")
		d.post(page, url.Values{"from": {latest.String()}}).want(410, "Nothing was sent: the changes from there on are no longer kept.")
	})
}

// More changes than are counted are said to be more.
func TestRedeliverMany(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it writes 10,000 users")
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		page := "webhooks/" + hook(t, d.acme, enduser.WebhookSpec{}) + "/redeliver-since"
		for range 10_001 {
			d.add(enduser.Spec{})
		}
		for range 4 {
			d.deliver(always(enduser.Result{Status: 204}))
		}
		d.get(page+"?since=2026-05-04T00:00").want(200, "10,000+ events will be sent again", "There are more: at most 10,000 changes are counted.", "Redeliver 10,000+ events")
	})
}
