package enduser

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// round is one round at a webhook: attempts, and the write that records them. All of it is one
// goroutine's, but for the attempts themselves.
type round struct {
	e *engine
	j *job
	w writer

	record store.Record // of the webhook
	hook   Webhook
	feed   feed
	base   webhookTurn // as the store has it
	turn   webhookTurn // with what has happened since

	headers map[string]string
	secrets []string

	main   scan             // from the position on
	again  scan             // of the redelivery
	behind map[string]*scan // of parked objects: what came after the change that was delivered

	flying  map[string]*flight // attempts under way, by their object; pings by their event
	parking int                // of them, those that would be parked
	results chan *flight
	halted  bool // no more attempts in this round
	gone    bool // the endpoint answered 410
	err     error

	attempts  []Attempt
	logged    bool         // they are in the log that the job holds
	letters   []DeadLetter // new ones
	delivered []string     // events that may have been dead letters
	asked     []string     // events of the queue that were attempted
}

// scan walks over the entries of the feed.
type scan struct {
	at   Position // of the last entry that it has passed
	undo Position // if it must not be passed: the place before the earliest attempt that was given up
	end  int64    // the last revision to look at; 0: the feed's
	id   string   // the only object to look at; "": all
	read []Change
	dry  bool // there is nothing more in the feed
	left int  // entries that may still be read
}

const (
	roundReads    = 5000 // entries that a scan reads in a round
	roundAttempts = 200
)

func newRound(j *job, w writer, record store.Record, hook Webhook, turn webhookTurn) *round {
	r := &round{
		e: j.e, j: j, w: w, record: record, hook: hook, feed: w.feedOf(w.name), base: turn, turn: turn.clone(),
		main: scan{at: turn.position, left: roundReads}, behind: make(map[string]*scan),
		flying: make(map[string]*flight), results: make(chan *flight, inFlight),
	}
	if d := turn.redelivery; d != nil {
		end := min(d.Through.revision, turn.position.revision) // the rest is still to come
		r.again = scan{at: d.Position, end: cmp.Or(end, -1), left: roundReads}
	}
	return r
}

// clone returns a copy that shares nothing which a round changes.
func (w *webhookTurn) clone() webhookTurn {
	c := *w
	c.parked, c.queue = slices.Clone(w.parked), slices.Clone(w.queue)
	if w.redelivery != nil {
		d := *w.redelivery
		c.redelivery = &d
	}
	return c
}

func (r *round) now() time.Time { return r.w.m.millis() }

// wanted reports whether there is anything to attempt now.
func (r *round) wanted(ctx context.Context) bool {
	now := r.now()
	if r.turn.position.IsZero() {
		r.main.at, r.err = r.e.latest(ctx, r.w.name)
		r.turn.position = r.main.at
		return r.err == nil && len(r.turn.queue) > 0
	}
	if len(r.turn.queue) > 0 {
		return true
	}
	if r.turn.resting(now) {
		return false
	}
	return r.turn.redelivery != nil || r.parkedDue(now) != nil || r.peek(ctx, &r.main) != nil
}

// peek returns the next entry of a scan that the webhook selects, nil if there is none now. It
// passes the others, and those of parked objects.
func (r *round) peek(ctx context.Context, s *scan) *Change {
	for r.err == nil {
		if len(s.read) == 0 {
			if s.dry || s.left <= 0 {
				return nil
			}
			r.fill(ctx, s)
			continue
		}
		c := &s.read[0]
		if r.selects(c) && (s.id == "" && !r.passes(c) || s.id == c.ID) {
			return c
		}
		s.pass()
	}
	return nil
}

// pass moves a scan over its next entry.
func (s *scan) pass() { s.at, s.read = s.read[0].Position, s.read[1:] }

// selects reports whether a change is sent. Of an entry that is damaged nobody knows what it
// was: the webhook has a gap.
func (r *round) selects(c *Change) bool {
	switch c.Kind {
	case kindUser, kindGroup:
		return r.hook.selects(c)
	case kindWebhook:
		return c.Type == ChangeDisabled && r.hook.selects(c)
	case "":
		r.turn.gappedAt = r.now()
	}
	return false
}

// passes reports whether an entry is left to a parked object, which will come to it.
func (r *round) passes(c *Change) bool {
	p := r.parked(c.ID)
	if p == nil || !p.covers(c.Position) {
		return false
	}
	if c.Position.revision > p.until.revision {
		p.until = c.Position
		if b := r.behind[c.ID]; b != nil {
			b.dry = false
		}
	}
	return true
}

// fill reads the next entries of a scan. If the feed does not have what follows its place any
// more, it goes on with the oldest entry, and the webhook has a gap.
func (r *round) fill(ctx context.Context, s *scan) {
	q := ChangeQuery{After: s.at, Limit: min(store.DefaultLimit, s.left)}
	if s.id != "" {
		q.Limit = min(store.MaxLimit-1, s.left)
	}
	page, err := r.feed.after(ctx, q)
	if errors.Is(err, ErrTrimmed) {
		r.turn.gappedAt = r.now()
		q.After = Position{}
		page, err = r.feed.oldest(ctx, q)
	}
	if err == nil && len(page.Changes) > 0 {
		err = translate("confirm", store.Confirm(ctx, r.w.m.store, r.w.name))
	}
	if err != nil {
		r.fail(err)
		return
	}
	s.left -= len(page.Changes)
	s.read, s.dry = page.Changes, !page.More
	if len(page.Changes) == 0 {
		s.at = page.Position
	}
	if last := len(s.read) - 1; s.end != 0 && last >= 0 && s.read[last].Position.revision >= s.end {
		s.dry = true
		s.read = slices.DeleteFunc(s.read, func(c Change) bool { return c.Position.revision > s.end })
	}
}

// fail ends the round without a result for what could not be read.
func (r *round) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.halted = true
}

// run makes attempts until there is nothing to attempt, or the round has to end.
func (r *round) run(ctx context.Context) {
	if r.headers, r.secrets, r.err = r.w.openWebhook(ctx, r.w.name, &r.hook, r.now()); r.err != nil {
		return
	}
	over := time.NewTimer(sendFor)
	defer over.Stop()
	for {
		for r.open() {
			f := r.next(ctx)
			if f == nil {
				break
			}
			r.launch(ctx, f)
		}
		if len(r.flying) == 0 {
			return
		}
		select {
		case f := <-r.results:
			r.settle(f)
		case <-over.C:
			r.halted = true
		case <-r.j.again: // something was written while attempts are under way
			r.main.dry = false
		}
	}
}

// open reports whether another attempt may begin: it has to end within the lease.
func (r *round) open() bool {
	return !r.halted && !r.now().Add(attemptFor).After(r.turn.due) && r.err == nil && len(r.flying) < inFlight &&
		len(r.attempts)+len(r.flying) < roundAttempts && len(r.delivered) < store.MaxOps/2
}

// more reports whether something could be attempted right now, in another round.
func (r *round) more() bool {
	now := r.now()
	switch {
	case r.gone:
		return false
	case len(r.turn.queue) > 0:
		return true
	case r.turn.resting(now):
		return false
	}
	return !r.main.dry || len(r.main.read) > 0 || !r.main.undo.IsZero() || r.turn.redelivery != nil || r.parkedDue(now) != nil
}

// alarm returns when to look at the webhook again.
func (r *round) alarm(now time.Time) time.Time {
	if r.turn.resting(now) {
		return r.turn.retryAt
	}
	at := now.Add(jitter(asleepFor))
	for i := range r.turn.parked {
		if next := later(r.turn.parked[i].next, now); next.Before(at) {
			at = next
		}
	}
	return at
}
