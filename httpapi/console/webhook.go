package console

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// webhookPage is all about one webhook and what was sent to it.
type webhookPage struct {
	page

	Hook    enduser.Webhook
	Address address
	URL     string // "" if the credential may not see it
	Old     bool   // there are two secrets

	State   *enduser.WebhookState // nil if the credential may not see it, or Reason says why
	States  []hookState
	Lag     lag
	Reached time.Time // of the change that the redelivery under way sends next

	MayAttempts bool
	Attempts    []attemptRow
	AllAttempts int // how many there are

	MayDead bool
	Dead    []deadRow
	Pager   pager

	Reasons map[string]string // by part: why it could not be read
	Failed  string            // what could not be done
	Sent    *sentEvent

	MayPing, MayRedeliver, MayRedeliverAll, MayStop bool
}

// sentEvent is an event that somebody has asked for on this page.
type sentEvent struct {
	EventID string
	Attempt *attemptRow // what became of it
	Waiting bool        // it was asked for just now
}

// answerOf says what an endpoint answered.
func answerOf(status int) chip {
	switch {
	case status == 0:
		return chip{"danger", "no answer"}
	case status >= 200 && status < 300:
		return chip{"ok", strconv.Itoa(status)}
	}
	return chip{"danger", strconv.Itoa(status)}
}

// sentFor is how long an answer to an event is waited for.
const sentFor = 15 * time.Second

// shownAttempts is how many attempts are shown at first.
const shownAttempts = 20

// webhookQuery is what a request for the page of a webhook asks for.
type webhookQuery struct {
	all           bool // of the attempts
	after, before enduser.Cursor

	event string    // that was asked for
	asked time.Time // when
	seen  time.Time // when the last attempt before was
}

func readWebhookQuery(call *family.Call) (w webhookQuery, err error) {
	q, err := call.Query()
	if err != nil {
		return w, err
	}
	w.all = q.OneOf("attempts", "newest", "all") == "all"
	after, before := q.Text("after"), q.Text("before")
	w.event, w.asked, w.seen = q.Text("event"), q.Time("asked"), q.Time("seen")
	if w.event != "" && !isEventID(w.event) { // the page shows it: it must not be anybody's words
		q.Fault("event", enduser.CodeFormat, "must be the ID of an event")
	}
	if err := q.Strict(); err != nil {
		return w, err
	}
	if w.after, err = enduser.ParseCursor(after); err == nil {
		w.before, err = enduser.ParseCursor(before)
	}
	return w, err
}

func isEventID(text string) bool {
	rest, ok := strings.CutPrefix(text, "msg_")
	b, err := base64.RawURLEncoding.DecodeString(rest)
	return ok && err == nil && len(b) == 16
}

func (c *console) webhook(call *family.Call) error {
	q, err := readWebhookQuery(call)
	if err != nil {
		return err
	}
	return c.showWebhook(call, http.StatusOK, q, "")
}

// showWebhook answers the page of a webhook. What failed to be done is said on it.
func (c *console) showWebhook(call *family.Call, status int, q webhookQuery, failed string) error {
	r := c.Read(call)
	defer r.End()
	hooks := c.Tenant(call).Webhooks()
	h, err := hooks.Get(r.Context, call.PathValue("id"))
	if err != nil {
		return r.Explain(err, "")
	}
	a := addressOf(h.URL)
	p := &webhookPage{
		page: c.page(call, "webhooks", a.Host, "Webhooks"), Hook: h, Address: a, States: statesOf(&h, nil),
		Reasons: make(map[string]string), Failed: failed,
	}
	p.Crumbs = []link{{"webhooks", "Webhooks"}}
	p.Old = h.OldSecretUntil.After(p.Now)
	if !a.Cut || c.may(call, "updateWebhook", true) {
		p.URL = h.URL
	}
	if !h.Disabled {
		p.MayPing = c.may(call, "testWebhook", true)
		p.MayRedeliver = c.may(call, "redeliverEvent", true)
		p.MayRedeliverAll = c.may(call, "countRedelivery", false) && c.may(call, "startRedelivery", true)
	}
	c.readState(r, call, p)
	if err := c.readDead(r, call, p, &q); err != nil {
		return err
	}
	c.readAttempts(r, call, p, &q)
	if p.Sent != nil && p.Sent.Waiting && call.Request.Header.Get("HX-Request") != "" {
		call.Empty(http.StatusNoContent) // nothing is new
		return nil
	}
	p.name(c.subjects(r, call, p.abouts()))
	return c.show(call, status, "webhook", p)
}

func (p *webhookPage) abouts() (all []about) {
	for i := range p.Attempts {
		all = append(all, about{p.Attempts[i].Kind, p.Attempts[i].ID})
	}
	for i := range p.Dead {
		all = append(all, about{p.Dead[i].Kind, p.Dead[i].ID})
	}
	return all
}

// name gives each row what it is about.
func (p *webhookPage) name(found map[about]subject) {
	for i := range p.Attempts {
		r := &p.Attempts[i]
		r.About = about{r.Kind, r.ID}.of(found, p.Root)
	}
	for i := range p.Dead {
		r := &p.Dead[i]
		r.About = about{r.Kind, r.ID}.of(found, p.Root)
	}
}

// readState reads how far deliveries are.
func (c *console) readState(r family.Reading, call *family.Call, p *webhookPage) {
	if !c.may(call, "getWebhookState", false) {
		return
	}
	t := c.Tenant(call)
	s, err := t.Webhooks().State(r.Context, p.Hook.ID)
	if err != nil {
		p.Reasons["state"] = reasonOf(err)
		return
	}
	mayFeed := c.may(call, "listChanges", false)
	p.State, p.States, p.Lag = &s, statesOf(&p.Hook, &s), lagOf(r.Context, t, &s, mayFeed)
	if s.Redelivery == nil {
		return
	}
	p.MayStop = c.may(call, "stopRedelivery", true)
	if !mayFeed {
		return
	}
	if next, err := t.Changes(r.Context, enduser.ChangeQuery{After: s.Redelivery.Position, Limit: 1}); err == nil && len(next.Changes) > 0 {
		p.Reached = next.Changes[0].At
	}
}

// readAttempts reads the last attempts, and finds that of the event that was asked for.
func (c *console) readAttempts(r family.Reading, call *family.Call, p *webhookPage, q *webhookQuery) {
	if p.MayAttempts = c.may(call, "listWebhookAttempts", false); !p.MayAttempts {
		return
	}
	attempts, err := c.Tenant(call).Webhooks().Attempts(r.Context, p.Hook.ID)
	if err != nil {
		p.Reasons["attempts"] = reasonOf(err)
		return
	}
	if q.event != "" {
		p.Sent = sentOf(attempts, q, p.Now)
	}
	if p.AllAttempts = len(attempts); !q.all {
		attempts = attempts[:min(len(attempts), shownAttempts)]
	}
	later := make(map[string]bool, len(attempts)) // events that were attempted again
	for i := range attempts {
		a := &attempts[i]
		if later[a.EventID] {
			a.Next = time.Time{}
		}
		later[a.EventID] = true
		p.Attempts = append(p.Attempts, attemptRow{Attempt: *a, When: p.Time(a.At), Later: p.Time(a.Next), Answer: answerOf(a.Status), Again: p.again(a.EventID, a.Event, a.Kind)})
	}
}

// sentOf returns what became of the event that was asked for.
func sentOf(attempts []enduser.Attempt, q *webhookQuery, now time.Time) *sentEvent {
	s := &sentEvent{EventID: q.event}
	for i := range attempts {
		if a := &attempts[i]; a.EventID == q.event && a.At.After(q.seen) {
			s.Attempt = &attemptRow{Attempt: *a, Answer: answerOf(a.Status)}
			return s
		}
	}
	ago := now.Sub(q.asked)
	s.Waiting = ago < sentFor && ago > -sentFor // or the clocks of two processes differ
	return s
}

func (c *console) readDead(r family.Reading, call *family.Call, p *webhookPage, q *webhookQuery) error {
	if p.MayDead = c.may(call, "listDeadLetters", false); !p.MayDead {
		return nil
	}
	page, err := c.Tenant(call).Webhooks().DeadLetters(r.Context, p.Hook.ID, enduser.DeadLetterQuery{
		Desc: true, Limit: 50, After: q.after, Before: q.before,
	})
	switch {
	case errors.Is(err, enduser.ErrInvalid): // a cursor of another list
		return err
	case err != nil:
		p.Reasons["dead"] = reasonOf(err)
		return nil
	}
	family.LogUnreadable(call, page.Unreadable)
	for i := range page.DeadLetters {
		d := &page.DeadLetters[i]
		p.Dead = append(p.Dead, deadRow{DeadLetter: *d, When: p.Time(d.At), Answer: answerOf(d.Status), Again: p.again(d.EventID, d.Event, d.Kind)})
	}
	if !page.Previous.IsZero() {
		p.Pager.Newer = "?before=" + page.Previous.String() + "#dead"
	}
	if !page.Next.IsZero() {
		p.Pager.Older = "?after=" + page.Next.String() + "#dead"
	}
	return nil
}

// reasonOf says why a part of a page is missing.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, enduser.ErrNewer):
		return "A newer program has written this; this one cannot read it."
	case errors.Is(err, enduser.ErrCorrupt):
		return "This is damaged, and cannot be read."
	case errors.Is(err, context.DeadlineExceeded):
		return "This could not be read in time."
	}
	return "This cannot be read now."
}

// ping has a test event sent.
func (c *console) ping(call *family.Call) error {
	if err := c.Allow(call, "getWebhook", false); err != nil { // the answer shows it
		return err
	}
	asked := c.Users.Now()
	event, err := c.Tenant(call).Webhooks().Ping(call.Request.Context(), call.PathValue("id"))
	if err != nil {
		return c.notSent(call, err)
	}
	return c.leadToSent(call, event, asked, time.Time{})
}

// redeliver has an event sent again.
func (c *console) redeliver(call *family.Call) error {
	if err := c.Allow(call, "getWebhook", false); err != nil {
		return err
	}
	form := readForm(call)
	hooks, id, event := c.Tenant(call).Webhooks(), call.PathValue("id"), form.text("event")
	if err := form.err(); err != nil {
		return err
	}
	asked, seen := c.Users.Now(), time.Time{}
	if c.may(call, "listWebhookAttempts", false) { // else the page waits for no attempt
		attempts, err := hooks.Attempts(call.Request.Context(), id)
		if err != nil && !errors.Is(err, enduser.ErrCorrupt) && !errors.Is(err, enduser.ErrNewer) {
			return err
		}
		for i := range attempts {
			if attempts[i].EventID == event {
				seen = attempts[i].At
				break
			}
		}
	}
	if err := hooks.Redeliver(call.Request.Context(), id, event); err != nil {
		return c.notSent(call, err)
	}
	return c.leadToSent(call, event, asked, seen)
}

// leadToSent leads to the page of the webhook, which waits for what becomes of an event.
func (c *console) leadToSent(call *family.Call, event string, asked, seen time.Time) error {
	q := url.Values{"event": {event}, "asked": {asked.UTC().Format(time.RFC3339Nano)}}
	if !seen.IsZero() {
		q.Set("seen", seen.UTC().Format(time.RFC3339Nano))
	}
	return c.redirect(call, webhookPath(call)+"?"+q.Encode())
}

// webhookPath leads from the root to the page of the webhook of a request.
func webhookPath(call *family.Call) string { return "webhooks/" + url.PathEscape(call.PathValue("id")) }

// notSent says on the page of the webhook why nothing is sent.
func (c *console) notSent(call *family.Call, err error) error {
	switch {
	case errors.Is(err, enduser.ErrDisabled):
		return c.showWebhook(call, http.StatusConflict, webhookQuery{}, "Nothing was sent: the webhook is disabled.")
	case errors.Is(err, enduser.ErrInvalid):
		return c.showWebhook(call, http.StatusConflict, webhookQuery{},
			"Nothing was sent: 20 test pings and redeliveries wait already. If their number does not fall, no process delivers.")
	case errors.Is(err, enduser.ErrTrimmed):
		return c.showWebhook(call, http.StatusGone, webhookQuery{}, "Nothing was sent: the changes from there on are no longer kept. Choose a later time.")
	case errors.Is(err, enduser.ErrNotFound): // the webhook, or the event
		return c.showWebhook(call, http.StatusNotFound, webhookQuery{}, "Nothing was sent: the event is no longer among the attempts and dead letters.")
	}
	return err
}

// HeaderNames lists the names of the headers.
func (p *webhookPage) HeaderNames() string { return strings.Join(p.Hook.HeaderNames, ", ") }

// Events lists what the webhook selects.
func (p *webhookPage) Events() string { return eventsText(p.Hook.Events, len(p.Hook.Events)) }
