package console

import (
	"strconv"

	"github.com/rollbook-go/rollbook/enduser"
)

// attemptRow is an attempt in a list.
type attemptRow struct {
	enduser.Attempt
	When, Later moment // At and Next
	About       subject
	Answer      chip
	Again       *again
}

// TookText says how long the answer took, in one line.
func (r *attemptRow) TookText() string {
	return strconv.FormatInt(r.Took.Milliseconds(), 10) + "\u00a0ms"
}

// draw implements component.
func (r attemptRow) draw(m *markup) {
	m.fill(`<th scope="row">%<span class="sub mono cut">%</span></th><td class="full" data-label="About">`, r.Event, r.EventID)
	if r.Kind != "" {
		r.About.draw(m)
	} else {
		m.fill(`–`)
	}
	m.fill(`</td><td class="told" data-label="Attempt">%`, strconv.Itoa(r.Number))
	m.flag(r.Redelivery, ` <span class="sub">redelivery</span>`)
	m.fill(`</td><td class="first" data-label="Answer">`)
	r.Answer.draw(m)
	m.fill(` <span class="sub">`)
	if r.Fault != "" {
		m.fill(`%, `, visible(r.Fault))
	}
	m.fill(`%</span></td><td data-label="When">`, r.TookText())
	r.When.draw(m)
	if r.Next.IsZero() {
		m.fill(`</td><td></td>`)
		return
	}
	m.fill(`</td><td class="told" data-label="Next">`)
	r.Later.draw(m)
	m.fill(`</td>`)
}

// deadRow is a dead letter in a list.
type deadRow struct {
	enduser.DeadLetter
	When   moment // At
	About  subject
	Answer chip
	Again  *again
}

// draw implements component.
func (r deadRow) draw(m *markup) {
	m.fill(`<th scope="row">%<span class="sub mono cut">%</span></th><td class="full" data-label="About">`, r.Event, r.EventID)
	r.About.draw(m)
	m.fill(`</td><td class="told" data-label="Attempts">%</td><td class="first" data-label="Last answer">`, strconv.Itoa(r.Attempts))
	r.Answer.draw(m)
	if r.Fault != "" {
		m.fill(` <span class="sub">%</span>`, visible(r.Fault))
	}
	m.fill(`</td><td data-label="When">`)
	r.When.draw(m)
	m.fill(`</td>`)
}

// again is an event that can be sent again.
type again struct{ Root, Webhook, EventID, Event string }

func (p *webhookPage) again(eventID, event, kind string) *again {
	if !p.MayRedeliver || kind == "" { // a ping is sent once
		return nil
	}
	return &again{p.Root, p.Hook.ID, eventID, event}
}

// draw implements component.
func (a *again) draw(m *markup) {
	m.fill(`<form method="post" action="%webhooks/%/redeliver"><input type="hidden" name="event" value="%">`, a.Root, a.Webhook, a.EventID)
	m.fill(`<button class="small">Redeliver<span class="visually-hidden"> % %</span></button></form>`, a.Event, a.EventID)
}
