package enduser

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/internal/redact"
	"github.com/rollbook-go/rollbook/store"
)

// flight is one attempt.
type flight struct {
	key     string // of the object; of a ping the event's ID
	change  Change // zero of a ping
	eventID string
	event   string // its type
	number  int
	at      time.Time

	scan   *scan    // that came upon the change; nil: it is a parked object's, or of the queue
	before Position // the place of the scan before the change
	queued bool
	probe  bool // one attempt of a webhook that backs off

	result Result
	none   bool  // the event has no form for the webhook: nothing was sent
	err    error // nothing can be said: a read failed, or the context ended
}

// next returns the next attempt, nil if there is none now.
func (r *round) next(ctx context.Context) *flight {
	now := r.now()
	if f := r.nextQueued(ctx); f != nil {
		return f
	}
	if r.turn.resting(now) {
		return nil
	}
	if r.turn.step > 0 {
		return r.nextProbe(ctx)
	}
	if f := r.nextParked(ctx, now); f != nil {
		return f
	}
	if !r.underWay(func(f *flight) bool { return f.scan == &r.again }) { // new changes never keep it waiting altogether
		if f := r.nextOf(ctx, &r.again); f != nil {
			return f
		}
	}
	if f := r.nextOf(ctx, &r.main); f != nil {
		return f
	}
	return r.nextOf(ctx, &r.again)
}

func (r *round) underWay(is func(*flight) bool) bool {
	for _, f := range r.flying {
		if is(f) {
			return true
		}
	}
	return false
}

// nextOf returns the attempt of the next entry of a scan. Entries of one object are sent one
// after the other, and no more at a time than could be parked.
func (r *round) nextOf(ctx context.Context, s *scan) *flight {
	if s == &r.again && r.turn.redelivery == nil || !s.undo.IsZero() { // nothing overtakes a change that was given up
		return nil
	}
	if r.parking > 0 && len(r.turn.parked)+r.parking >= maxParked {
		return nil
	}
	c := r.peek(ctx, s)
	if c == nil || r.flying[c.ID] != nil {
		return nil
	}
	f := &flight{key: c.ID, change: *c, number: 1, scan: s, before: s.at}
	s.pass()
	return f
}

// nextProbe returns the one attempt of a webhook that backs off: of an object that was not
// attempted yet, which may succeed if only the others are at fault. If no more can be parked,
// parked ones have a turn.
func (r *round) nextProbe(ctx context.Context) *flight {
	if r.underWay(func(f *flight) bool { return f.probe }) {
		return nil
	}
	var f *flight
	full := len(r.turn.parked) >= maxParked
	if full && r.turn.step%probesOfParked != 0 {
		f = r.earliestParked(ctx)
	}
	if f == nil {
		f = r.nextOf(ctx, &r.main)
	}
	if f == nil {
		f = r.earliestParked(ctx)
	}
	if f == nil {
		f = r.nextOf(ctx, &r.again)
	}
	switch {
	case f != nil:
		f.probe = true
	case len(r.flying) == 0 && r.err == nil: // nothing is left that could fail
		r.turn.step, r.turn.retryAt = 0, time.Time{}
	}
	return f
}

// nextQueued returns the attempt of an event that somebody asked for.
func (r *round) nextQueued(ctx context.Context) *flight {
	for i := range r.turn.queue {
		q := &r.turn.queue[i]
		if slices.Contains(r.asked, q.eventID) {
			continue
		}
		if q.at.IsZero() {
			r.asked = append(r.asked, q.eventID)
			return &flight{key: q.eventID, eventID: q.eventID, number: 1, queued: true}
		}
		c := r.entry(ctx, q.at)
		if r.err != nil {
			return nil
		}
		if c != nil && r.flying[c.ID] != nil {
			continue
		}
		r.asked = append(r.asked, q.eventID)
		if c == nil { // it was trimmed
			continue
		}
		if p := r.parked(c.ID); p != nil && p.covers(q.at) { // it waits behind the one that failed
			p.next = r.now()
			continue
		}
		return &flight{key: c.ID, change: *c, number: 1, queued: true}
	}
	return nil
}

// entry returns the entry at a position, nil if the feed does not have it any more.
func (r *round) entry(ctx context.Context, at Position) *Change {
	page, err := r.feed.read(ctx, store.ChangeQuery{After: store.Revision(at.revision - 1), Limit: 1})
	if err != nil {
		if !errors.Is(err, ErrTrimmed) {
			r.fail(err)
		}
		return nil
	}
	var c Change
	if len(page.Changes) == 0 || r.feed.scan(&page.Changes[0], &c) != at {
		return nil
	}
	return &c
}

// launch begins an attempt.
func (r *round) launch(ctx context.Context, f *flight) {
	f.at = r.now()
	if f.eventID == "" {
		f.eventID = eventID(r.w.name, f.change.Position)
	}
	r.flying[f.key] = f
	if f.scan != nil {
		r.parking++
	}
	go func() {
		r.e.wait(ctx)
		r.fly(ctx, f)
		r.results <- f
	}()
}

// fly makes an attempt. It ends in time, whether it is the store or the endpoint that is slow.
func (r *round) fly(ctx context.Context, f *flight) {
	sending, cancel := context.WithTimeout(ctx, attemptFor)
	defer cancel()
	d := &Delivery{ID: f.eventID, Attempt: f.number, Webhook: r.hook, headers: redact.New(r.headers), secrets: redact.New(r.secrets)}
	if d.Event, f.err = r.event(sending, f); f.err == nil {
		f.err = translate("confirm", store.Confirm(sending, r.w.m.store, r.w.name))
	}
	if f.err != nil {
		return
	}
	f.event = d.Event.Type
	if f.none = r.hook.Format == FormatAda && f.event != EventPing && d.Event.User == nil; f.none {
		return
	}
	f.result = r.e.sender.Send(sending, d)
	if ctx.Err() != nil && !f.succeeded() {
		f.err = ctx.Err()
	}
}

func (f *flight) succeeded() bool {
	return f.result.Status >= http.StatusOK && f.result.Status < http.StatusMultipleChoices
}

// event returns the event of an attempt, with the object as it is now.
func (r *round) event(ctx context.Context, f *flight) (Event, error) {
	e := Event{Type: EventPing, Time: f.at, Tenant: r.w.Tenant.name, Environment: r.w.env}
	c := &f.change
	if c.Position.IsZero() {
		return e, nil
	}
	e.Type, e.Time, e.Position, e.Revision = eventType(c), c.At, c.Position, c.Revision
	e.Kind, e.ID, e.Actor, e.Fields, e.ExternalID = c.Kind, c.ID, c.Actor, c.Fields, c.ExternalID
	if c.Type == ChangeDeleted || c.Type == ChangeExpired {
		return e, nil
	}
	switch c.Kind {
	case kindUser:
		_, u, err := r.w.get(ctx, r.w.name, ByID(c.ID), f.at)
		if err == nil {
			e.User = &u
		}
		return e, lastingly(err)
	case kindGroup:
		g, err := r.w.Groups().Get(ctx, GroupByID(c.ID))
		if err == nil {
			e.Group = &g
		}
		return e, lastingly(err)
	}
	return e, nil
}

// lastingly returns an error that may pass; nil for one that says that there is nothing to
// show.
func lastingly(err error) error {
	if errors.Is(err, ErrNotFound) || ofOneRecord(err) {
		return nil
	}
	return err
}
