package enduser

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

const (
	maxWrites  = 5               // attempts to write what came of a round
	partingFor = 5 * time.Second // how long it may take after the context has ended
)

// write writes what came of the round: the turn, the log, the dead letters, and that the
// webhook is disabled, all of it or nothing. It keeps the turn for another round, or gives it
// back. It reports false if another owns the turn by now: then it repeats what this round did.
func (r *round) write(ctx context.Context, keep bool) (bool, error) {
	r.finish(keep)
	state, err := changed, error(nil)
	for n := 0; ; n++ {
		if state == changed {
			state, err = r.attempt(ctx)
		}
		switch {
		case err == nil && state == done:
			r.tell(ctx)
			return true, nil
		case err == nil && state == taken:
			return false, nil
		case ofOneRecord(err) || n >= maxWrites || ctx.Err() != nil:
			return false, err
		case err != nil:
			r.e.report(ctx, "a write", err)
			pause(ctx, pauseAfter(n))
		}
		state, err = r.rebase(ctx)
	}
}

// writeState is what became of a write.
type writeState uint8

const (
	changed writeState = iota // not done: something has changed
	done
	taken // not done: another owns the turn
)

// finish sets what the turn says after the round.
func (r *round) finish(keep bool) {
	t, now := &r.turn, r.now()
	if t.position = r.main.at; !r.main.undo.IsZero() {
		t.position = r.main.undo
	}
	if d := t.redelivery; d != nil {
		switch s := &r.again; {
		case !s.undo.IsZero():
			d.Position = s.undo
		case s.dry && len(s.read) == 0:
			t.redelivery = nil
		default:
			d.Position = s.at
		}
	}
	t.queue = r.without(t.queue)
	switch {
	case r.disable(now):
		t.owner, t.due = "", time.Time{}
	case keep:
		t.due = now.Add(leaseFor)
	case r.err != nil && !errors.Is(r.err, context.Canceled) && !errors.Is(r.err, context.DeadlineExceeded):
		t.owner, t.due = "", now.Add(pauseAfter(maxWrites))
	case r.more():
		t.owner, t.due = "", now
	default:
		t.owner, t.due = "", r.alarm(now)
	}
}

// without returns a queue without the events that were attempted.
func (r *round) without(queue []queuedEvent) []queuedEvent {
	return slices.DeleteFunc(slices.Clone(queue), func(q queuedEvent) bool { return slices.Contains(r.asked, q.eventID) })
}

// disable decides whether the webhook is disabled, and why.
func (r *round) disable(now time.Time) bool {
	t := &r.turn
	switch {
	case r.gone:
		r.hook.DisabledReason = DisabledGone
	case t.failures >= disableFailures && now.Sub(t.failingSince) >= failingFor &&
		now.Sub(later(t.lastSuccess, r.hook.CreatedAt)) >= disableAfter:
		r.hook.DisabledReason = DisabledFailing
	default:
		return false
	}
	r.hook.Disabled, r.hook.DisabledAt = true, now
	return true
}

// tell reports what was written: dead letters, and a webhook that was disabled.
func (r *round) tell(ctx context.Context) {
	r.w.m.observer.wrote(r)
	if r.hook.Disabled && r.e.opts.Disabled != nil {
		r.e.opts.Disabled(ctx, r.hook.Clone())
	}
}

// attempt attempts the write. It returns changed if it was refused.
func (r *round) attempt(ctx context.Context) (writeState, error) {
	ops, err := r.letterOps(ctx)
	if err != nil {
		return changed, err
	}
	if r.hook.Disabled {
		next, err := r.w.rewriteWebhook(r.record, &r.hook)
		if err != nil {
			return changed, err
		}
		ops = append(ops, store.Replace(r.record, next, r.w.note(ChangeDisabled, nil)))
	}
	log, err := r.logOps(ctx)
	if err != nil {
		return changed, err
	}
	own, err := r.turn.op()
	if err != nil {
		return changed, err
	}
	ops = append(append(ops, log...), own)
	rev, err := r.w.m.store.Apply(ctx, r.w.name, store.Ops(ops...))
	switch {
	case lost(err):
		r.j.log = nil
		return changed, nil
	case err != nil:
		r.j.log = nil
		return changed, translate("write a turn", err)
	}
	if len(log) > 0 {
		r.j.log.record = wrote(&r.j.log.record, log[0].New, rev-1)
	}
	r.wrote(own.New, rev)
	return done, nil
}

// wrote returns a record as it is after a write over old.
func wrote(old, next *store.Record, rev store.Revision) store.Record {
	r := *next
	if r.Created, r.Revision = old.Created, rev; old.Revision == 0 {
		r.Created = rev
	}
	return r
}

// rebase puts what came of the round on the turn as it is now, after a write that was refused,
// or may have been done.
func (r *round) rebase(ctx context.Context) (writeState, error) {
	theirs, err := r.w.readTurn(ctx, r.w.name, r.hook.ID)
	switch {
	case err != nil:
		return changed, err
	case theirs.record.Revision == 0: // it was deleted
		return taken, nil
	case theirs.record.Revision == r.turn.record.Revision: // it is another record that has changed
		return r.rebaseWebhook(ctx)
	}
	own, err := r.turn.op()
	if err != nil {
		return changed, err
	}
	if bytes.Equal(own.New.Data, theirs.record.Data) && own.New.Due.Equal(theirs.due) {
		r.turn.record, r.base = theirs.record, theirs
		return done, nil
	}
	if theirs.owner != r.e.owner && (theirs.owner != "" || !theirs.sameWork(&r.base)) {
		return taken, nil
	}
	t := &r.turn
	t.record, t.queue = theirs.record, r.without(theirs.queue)
	if d := theirs.redelivery; d == nil || r.base.redelivery == nil || !d.RequestedAt.Equal(r.base.redelivery.RequestedAt) {
		t.redelivery = d
	}
	if !theirs.forgivenAt.Equal(r.base.forgivenAt) {
		r.forgive(theirs.forgivenAt)
	}
	switch {
	case theirs.owner == "": // it was disabled or enabled: that holds
		t.owner, t.due = "", theirs.due
	case t.owner == "" && !t.due.IsZero() && (len(t.queue) > 0 || t.redelivery != nil):
		t.due = r.now()
	}
	r.base = theirs
	return r.rebaseWebhook(ctx)
}

// forgive takes back what the round has found out about an endpoint that has become another
// one meanwhile, or was enabled again.
func (r *round) forgive(at time.Time) {
	t, now := &r.turn, r.now()
	r.gone, r.hook.Disabled, r.hook.DisabledReason, r.hook.DisabledAt = false, false, "", time.Time{}
	if t.forgive(at); t.owner == "" {
		t.due = now
	}
}

// rebaseWebhook reads the webhook again if it is to be disabled.
func (r *round) rebaseWebhook(ctx context.Context) (writeState, error) {
	if !r.hook.Disabled {
		return changed, nil
	}
	record, err := r.w.m.store.Get(ctx, r.w.name, store.ID(r.hook.ID))
	if errors.Is(err, store.ErrNotFound) {
		return taken, nil
	}
	if err != nil {
		return changed, translate("get", err)
	}
	hook, err := r.w.decodeWebhook(&record)
	if err == nil {
		hook.Disabled, hook.DisabledReason, hook.DisabledAt = true, r.hook.DisabledReason, r.hook.DisabledAt
		r.record, r.hook = record, hook
	}
	return changed, err
}

// sameWork reports whether nobody has worked between two states of a turn.
func (w *webhookTurn) sameWork(v *webhookTurn) bool {
	return w.position == v.position && slices.EqualFunc(w.parked, v.parked, func(a, b parkedObject) bool {
		return a.id == b.id && a.at == b.at && a.attempts == b.attempts
	})
}

// logOps returns the write of the log, none if there is nothing to add. A log that is damaged
// begins again.
func (r *round) logOps(ctx context.Context) ([]store.Op, error) {
	if len(r.attempts) == 0 {
		return nil, nil
	}
	if r.j.log == nil {
		l, err := r.w.readLog(ctx, r.w.name, r.hook.ID)
		if errors.Is(err, ErrCorrupt) {
			_, err = r.w.m.store.Apply(ctx, r.w.name, store.Ops(store.Remove(webhookLogID(r.hook.ID), kindWebhookLog, nil)))
			l = webhookLog{webhook: r.hook.ID}
			err = translate("delete", err)
		}
		if errors.Is(err, ErrNewer) { // it is left to the newer program
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		r.j.log = &l
		r.logged = false
	}
	if !r.logged {
		r.j.log.add(r.attempts...)
		r.logged = true
	}
	op, err := r.j.log.op()
	if errors.Is(err, ErrNewer) {
		return nil, nil
	}
	return []store.Op{op}, err
}

// letterOps returns the writes of dead letters: of new ones, of those that were delivered, and
// of the oldest if there are too many.
func (r *round) letterOps(ctx context.Context) ([]store.Op, error) {
	var ops []store.Op
	if len(r.delivered) > 0 {
		q := deadLetters(r.hook.ID)
		q.Limit = 1
		page, err := r.w.m.store.List(ctx, r.w.name, q)
		if err != nil {
			return nil, translate("list", err)
		}
		if len(page.Records) == 0 && page.Next == 0 {
			r.delivered = nil
		}
	}
	r.delivered = slices.DeleteFunc(r.delivered, func(id string) bool {
		return slices.ContainsFunc(r.letters, func(d DeadLetter) bool { return d.EventID == id })
	})
	slices.Sort(r.delivered)
	for _, id := range slices.Compact(r.delivered) {
		switch old, err := r.w.m.store.Get(ctx, r.w.name, store.ID(webhookDeadID(r.hook.ID, id))); {
		case err == nil:
			ops = append(ops, store.Delete(old, nil))
		case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDamaged):
			return nil, translate("get", err)
		}
	}
	for i := range r.letters {
		next := r.letters[i].record()
		switch old, err := r.w.m.store.Get(ctx, r.w.name, store.ID(next.ID)); {
		case err == nil:
			ops = append(ops, store.Replace(old, next, nil))
		case errors.Is(err, store.ErrNotFound):
			ops = append(ops, store.Create(next, nil))
		case !errors.Is(err, store.ErrDamaged):
			return nil, translate("get", err)
		}
	}
	if len(r.letters) == 0 {
		return ops, nil
	}
	return r.dropOldest(ctx, ops)
}

// dropOldest adds the deletions of the oldest dead letters if there are too many.
func (r *round) dropOldest(ctx context.Context, ops []store.Op) ([]store.Op, error) {
	q := deadLetters(r.hook.ID)
	n, err := store.Count(ctx, r.w.m.store, r.w.name, store.CountQuery{Kind: q.Kind, Match: q.Match, Cap: 2 * maxDeadLetters})
	if err != nil {
		return nil, translate("count", err)
	}
	if q.Limit = n.N + len(r.letters) - maxDeadLetters; q.Limit <= 0 {
		return ops, nil
	}
	q.Limit = min(q.Limit, store.MaxOps/4)
	page, err := r.w.m.store.List(ctx, r.w.name, q)
	if err != nil {
		return nil, translate("list", err)
	}
	for _, old := range page.Records {
		if !slices.ContainsFunc(ops, func(op store.Op) bool { return op.Old != nil && op.Old.ID == old.ID }) {
			ops = append(ops, store.Delete(old, nil))
		}
	}
	return ops, nil
}
