package console

import (
	"errors"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// redeliverPage asks from when on events are to be sent again, and then whether so many are.
type redeliverPage struct {
	page
	ID       string
	Address  address
	Since    field
	Counted  bool
	At       time.Time
	Count    enduser.Count
	From     enduser.Position
	Replaces bool // a redelivery is under way
	MayStart bool
}

// sinceLayout is what browsers send of a datetime-local input.
const sinceLayout = "2006-01-02T15:04"

// showRedeliver asks from when on, and with a time counts what would be sent.
func (c *console) showRedeliver(call *family.Call) error {
	q, err := call.Query()
	if err != nil {
		return err
	}
	since := q.Text("since")
	if err := q.Strict(); err != nil {
		return err
	}
	if err := c.Allow(call, "getWebhook", false); err != nil {
		return err
	}
	r := c.Read(call)
	defer r.End()
	hooks := c.Tenant(call).Webhooks()
	h, err := hooks.Get(r.Context, call.PathValue("id"))
	if err != nil {
		return r.Explain(err, "")
	}
	a := addressOf(h.URL)
	p := &redeliverPage{
		page: c.page(call, "webhooks", "Redeliver all since a time", a.Host, "Webhooks"), ID: h.ID, Address: a,
		MayStart: !h.Disabled && c.may(call, "startRedelivery", true),
	}
	p.Crumbs = []link{{"webhooks", "Webhooks"}, {webhookPath(call), a.Host}}
	p.Since = field{
		Name: "since", Label: "Redeliver all events of changes since (UTC)", Type: "datetime-local", Required: true,
		Hint: "The next page says how many events that are.", Value: since,
	}
	if since == "" {
		p.Since.Value = p.Now.Add(-time.Hour).Format(sinceLayout)
		return c.show(call, http.StatusOK, "redeliver", p)
	}
	at, ok := parseSince(since)
	if !ok {
		p.Since.Error = "must be a date and time, such as " + p.Now.Format(sinceLayout)
		return c.show(call, http.StatusBadRequest, "redeliver", p)
	}
	p.At = at
	p.Count, p.From, err = hooks.CountSince(r.Context, h.ID, at)
	if errors.Is(err, enduser.ErrTrimmed) {
		p.Since.Error = "Changes of that time are no longer kept. Choose a later time."
		return c.show(call, http.StatusGone, "redeliver", p)
	}
	if err != nil {
		return r.Explain(err, "")
	}
	p.Counted = true
	if c.may(call, "getWebhookState", false) {
		s, err := hooks.State(r.Context, h.ID)
		p.Replaces = err == nil && s.Redelivery != nil
	}
	return c.show(call, http.StatusOK, "redeliver", p)
}

// Number says how many events would be sent.
func (p *redeliverPage) Number() string { return countText(p.Count) }

// parseSince reads a time as browsers send it, with seconds or without, or as links have it.
func parseSince(text string) (time.Time, bool) {
	for _, layout := range []string{sinceLayout, "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && !at.IsZero() {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// startRedelivery sends events again from a position on.
func (c *console) startRedelivery(call *family.Call) error {
	if err := c.Allow(call, "getWebhook", false); err != nil {
		return err
	}
	form := readForm(call)
	text := form.text("from")
	if err := form.err(); err != nil {
		return err
	}
	from, err := enduser.ParsePosition(text)
	if err != nil {
		return err
	}
	if err = c.Tenant(call).Webhooks().RedeliverSince(call.Request.Context(), call.PathValue("id"), from); err != nil {
		return c.notSent(call, err)
	}
	return c.redirect(call, webhookPath(call))
}

// stopRedelivery ends a redelivery that is under way.
func (c *console) stopRedelivery(call *family.Call) error {
	if err := c.Tenant(call).Webhooks().StopRedelivery(call.Request.Context(), call.PathValue("id")); err != nil {
		return err
	}
	return c.redirect(call, webhookPath(call))
}
