package enduser

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// parked returns an object if it is parked.
func (r *round) parked(id string) *parkedObject {
	for i := range r.turn.parked {
		if p := &r.turn.parked[i]; p.id == id {
			return p
		}
	}
	return nil
}

// covers reports whether a parked object still comes to a change.
func (p *parkedObject) covers(at Position) bool {
	return at.revision > p.at.revision || at.revision == p.at.revision && p.attempts > 0
}

// parkedDue returns a parked object that can be attempted now, nil if there is none.
func (r *round) parkedDue(now time.Time) *parkedObject {
	for i := range r.turn.parked {
		if p := &r.turn.parked[i]; p.attempts == 0 || !p.next.After(now) {
			return p
		}
	}
	return nil
}

// nextParked returns an attempt of a parked object.
func (r *round) nextParked(ctx context.Context, now time.Time) *flight {
	flying := 0
	for _, f := range r.flying {
		if f.scan == nil && !f.queued {
			flying++
		}
	}
	for i := 0; i < len(r.turn.parked) && flying < parkedInFlight && r.err == nil; {
		p := &r.turn.parked[i]
		if r.flying[p.id] != nil || p.attempts > 0 && p.next.After(now) {
			i++
			continue
		}
		f, free := r.ofParked(ctx, p)
		if f != nil {
			return f
		}
		if free {
			r.free(p.id)
		} else {
			i++
		}
	}
	return nil
}

// earliestParked returns an attempt of the parked object that waits longest.
func (r *round) earliestParked(ctx context.Context) *flight {
	for r.err == nil {
		var first *parkedObject
		for i := range r.turn.parked {
			if p := &r.turn.parked[i]; r.flying[p.id] == nil && (first == nil || p.next.Before(first.next)) {
				first = p
			}
		}
		if first == nil {
			return nil
		}
		f, free := r.ofParked(ctx, first)
		if f != nil || !free {
			return f
		}
		r.free(first.id)
	}
	return nil
}

// ofParked returns the next attempt of a parked object, or that it is free: nothing of it is
// left behind. With neither there is more to read than in one round.
func (r *round) ofParked(ctx context.Context, p *parkedObject) (f *flight, free bool) {
	if p.attempts > 0 {
		c := r.entry(ctx, p.at)
		if r.err != nil {
			return nil, false
		}
		if c != nil && r.selects(c) {
			return &flight{key: p.id, change: *c, number: p.attempts + 1}, false
		}
		if c == nil { // it was trimmed
			r.turn.gappedAt = r.now()
		}
		p.attempts = 0
	}
	if p.until.revision <= p.at.revision {
		return nil, true
	}
	s := r.behind[p.id]
	if s == nil {
		s = &scan{at: p.at, id: p.id, left: roundReads}
		r.behind[p.id] = s
	}
	s.end = p.until.revision
	c := r.peek(ctx, s)
	if c == nil {
		p.at = s.at
		return nil, r.err == nil && s.dry
	}
	f = &flight{key: p.id, change: *c, number: 1}
	s.pass()
	return f, false
}

// free takes an object out of the parked ones.
func (r *round) free(id string) {
	r.turn.parked = slices.DeleteFunc(r.turn.parked, func(p parkedObject) bool { return p.id == id })
	delete(r.behind, id)
}

// settle takes the result of an attempt.
func (r *round) settle(f *flight) {
	delete(r.flying, f.key)
	if f.scan != nil {
		r.parking--
	}
	switch {
	case f.err != nil:
		r.fail(f.err)
		r.giveUp(f)
		return
	case f.none:
		r.pass(f)
	case f.succeeded():
		r.succeed(f)
		r.pass(f)
		r.log(f)
	case f.result.Status == http.StatusGone:
		r.gone, r.halted = true, true
		r.failed()
		if !f.queued { // who asked for it asks again
			r.giveUp(f)
		}
		r.log(f)
	default:
		r.failed()
		r.log(f)
		r.retry(f)
	}
	if f.scan == &r.again {
		r.turn.redelivery.Sent++
	}
}

// giveUp leaves the change of an attempt to a later round.
func (r *round) giveUp(f *flight) {
	if f.queued {
		r.asked = slices.DeleteFunc(r.asked, func(id string) bool { return id == f.eventID })
	}
	if s := f.scan; s != nil && (s.undo.IsZero() || f.before.revision < s.undo.revision) {
		s.undo = f.before
	}
	if f.scan == nil {
		delete(r.behind, f.key)
	}
}

// pass goes on behind the change of an attempt.
func (r *round) pass(f *flight) {
	if p := r.parked(f.key); p != nil && f.scan == nil && !f.queued {
		p.at, p.attempts, p.next = f.change.Position, 0, time.Time{}
	}
}

func (r *round) succeed(f *flight) {
	t := &r.turn
	if f.scan != &r.main {
		r.delivered = append(r.delivered, f.eventID)
	}
	t.failures, t.failingSince, t.lastSuccess = 0, time.Time{}, r.now()
	if t.step > 0 {
		t.step, t.retryAt = 0, time.Time{}
		for i := range t.parked {
			t.parked[i].next = t.lastSuccess
		}
	}
}

func (r *round) failed() {
	if t := &r.turn; t.failures == 0 {
		t.failingSince = r.now()
	}
	r.turn.failures++
}

// log adds an attempt to the log.
func (r *round) log(f *flight) {
	r.attempts = append(r.attempts, Attempt{
		EventID: f.eventID, Event: f.event, Kind: f.change.Kind, ID: f.change.ID, Number: f.number,
		At: f.at, Took: f.result.Took, Status: f.result.Status, Fault: f.result.Fault,
		Redelivery: f.queued && !f.change.Position.IsZero() || f.scan == &r.again, position: f.change.Position,
	})
	r.w.m.observer.attempted(r, f)
}

// retry parks the object of an attempt that has failed, or counts another failure of it. After
// the last attempt the event is a dead letter. If no more can be parked the change stays to be
// attempted, and the webhook backs off.
func (r *round) retry(f *flight) {
	now := r.now()
	wait := retryIn(f.number)
	if after := min(f.result.RetryAfter, maxRetryAfter).Truncate(time.Millisecond); after > 0 {
		wait = max(wait, after)
		if s := f.result.Status; !f.queued && (s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable) {
			r.turn.retryAt = later(r.turn.retryAt, now.Add(after))
		}
	}
	p := r.parked(f.key)
	switch {
	case f.queued:
	case p == nil && len(r.turn.parked) >= maxParked:
		r.giveUp(f)
		r.backOff(now)
	case p == nil:
		r.turn.parked = append(r.turn.parked, parkedObject{kind: f.change.Kind, id: f.key, since: now})
		p = r.parked(f.key)
		fallthrough
	default:
		if p.at.revision > f.change.Position.revision { // of a redelivery
			if p.until.revision < p.at.revision {
				p.until = p.at
			}
			delete(r.behind, f.key)
		}
		p.at, p.attempts, p.next = f.change.Position, f.number, now.Add(wait)
		if f.number == 1 {
			p.since = now
		}
		r.attempts[len(r.attempts)-1].Next = p.next
		if f.number >= maxAttempted {
			r.die(f)
			p.attempts, p.next = 0, time.Time{}
		}
	}
	switch {
	case f.probe:
		r.turn.step++
		r.turn.retryAt = later(r.turn.retryAt, now.Add(retryIn(r.turn.step)))
	case r.failing() >= deadAfter:
		r.backOff(now)
	}
}

// backOff lets the webhook as a whole wait.
func (r *round) backOff(now time.Time) {
	if r.turn.step == 0 {
		r.turn.step = 1
		r.turn.retryAt = later(r.turn.retryAt, now.Add(retryIn(1)))
	}
}

// failing returns how many objects were parked since the last success. Only their first
// failures count: the retries of one object tell nothing of the others.
func (r *round) failing() int {
	n := 0
	for i := range r.turn.parked {
		if p := &r.turn.parked[i]; p.since.After(r.turn.lastSuccess) && p.attempts > 0 {
			n++
		}
	}
	return n
}

// die makes a dead letter of the event of an attempt.
func (r *round) die(f *flight) {
	r.attempts[len(r.attempts)-1].Next = time.Time{}
	r.letters = append(r.letters, DeadLetter{
		EventID: f.eventID, Event: f.event, Kind: f.change.Kind, ID: f.change.ID, Position: f.change.Position,
		Attempts: f.number, Status: f.result.Status, Fault: f.result.Fault, At: r.now(), webhook: r.hook.ID,
	})
}
