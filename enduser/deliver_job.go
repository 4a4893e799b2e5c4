package enduser

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// job works at one webhook, as long as there is something to do.
type job struct {
	e     *engine
	at    endpoint
	again chan struct{} // something may have changed since the job began
	log   *webhookLog   // nil: not read yet
}

// sliceFor is how long a job works before others have their turn.
const sliceFor = 30 * time.Second

func (j *job) run(ctx context.Context) {
	for failures := 0; ; {
		more, err := j.slice(ctx)
		switch {
		case ctx.Err() != nil, j.e.skips(ctx, j.at, err):
			j.e.end(j, true)
			return
		case err != nil:
			j.e.report(ctx, "a round", err)
			pause(ctx, pauseAfter(failures))
			failures++
		case !more && j.e.end(j, false):
			return
		default:
			failures = 0
		}
	}
}

// skips leaves a webhook alone if an error is about it alone and does not pass.
func (e *engine) skips(ctx context.Context, at endpoint, err error) bool {
	lasting := ofOneRecord(err) || errors.Is(err, ErrNoKeyring)
	if lasting {
		e.skip(ctx, at, err)
	}
	return lasting
}

// slice claims the turn and works until there is nothing to do, or others have to be let in. It
// reports whether there is more to do.
func (j *job) slice(ctx context.Context) (more bool, err error) {
	done, err := j.e.turns.Quick(ctx, j.at.tenant)
	if err != nil {
		return false, err
	}
	defer done()
	r, err := j.begin(ctx)
	if r == nil || err != nil {
		return false, err
	}
	if !r.wanted(ctx) {
		return r.more(), r.sleep(ctx)
	}
	own, release := outlasting(ctx) // what was claimed is given back, also at the end
	defer release()
	if ok, err := r.claim(own); !ok || err != nil {
		return false, err
	}
	over, cancel := context.WithTimeout(ctx, sliceFor)
	defer cancel()
	for {
		r.run(ctx)
		more := r.more()
		keep := more && r.err == nil && over.Err() == nil
		ok, err := r.write(own, keep)
		if !ok || err != nil {
			return false, err
		}
		if !keep {
			return more || r.grown(ctx), r.err
		}
		if r, err = j.read(own); r == nil || err != nil {
			return false, err
		}
	}
}

// outlasting returns a context that ends partingFor after ctx does: what was sent should not be
// sent again after every restart, and who comes next should not have to wait for a lease to end.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		pause(own, partingFor)
		cancel()
	})
	return own, func() { stop(); cancel() }
}

// begin reads what a round needs, nil if there is nothing to do here. If another engine wrote
// the turn last, it is nearer: begin gives it a moment, so that engines which were woken
// together do not all claim.
func (j *job) begin(ctx context.Context) (*round, error) {
	r, err := j.read(ctx)
	if r == nil || err != nil || j.e.isOurs(j.at, r.turn.record.Revision) {
		return r, err
	}
	pause(ctx, 20*time.Millisecond+rand.N(40*time.Millisecond)) //nolint:gosec // spreads load
	return j.read(ctx)
}

// read reads the turn and the webhook. It returns nil if the webhook is disabled or was deleted,
// or if another works at it.
func (j *job) read(ctx context.Context) (*round, error) {
	w := j.e.m.writerOf(j.at.tenant, j.e.m.millis())
	turn, err := w.readTurn(ctx, w.name, j.at.id)
	if err != nil || turn.record.Revision == 0 || turn.due.IsZero() || turn.takenFrom(j.e.owner, w.now) {
		return nil, err
	}
	record, err := w.m.store.Get(ctx, w.name, store.ID(j.at.id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, j.orphan(ctx, &w, &turn)
	}
	if err != nil {
		return nil, translate("get", err)
	}
	hook, err := w.decodeWebhook(&record)
	if err != nil {
		return nil, err
	}
	if hook.Disabled {
		return nil, j.orphan(ctx, &w, &turn)
	}
	return newRound(j, w, record, hook, turn), nil
}

// orphan writes that nothing is due for a webhook that does not exist, or is disabled.
func (j *job) orphan(ctx context.Context, w *writer, turn *webhookTurn) error {
	turn.due, turn.owner = time.Time{}, ""
	op, err := turn.op()
	if err != nil {
		return err
	}
	if _, err = w.m.store.Apply(ctx, w.name, store.Ops(op)); lost(err) {
		return nil
	}
	j.e.m.log.LogAttrs(ctx, slog.LevelWarn, "enduser: deliver: a turn without an enabled webhook is not due any more",
		slog.Any("tenant", w.Tenant), slog.String("id", j.at.id))
	return translate("write a turn", err)
}

// claim writes the turn with this engine as its owner, until the end of a lease. It reports false
// if another has written it.
func (r *round) claim(ctx context.Context) (bool, error) {
	r.turn.owner, r.turn.due = r.e.owner, r.now().Add(leaseFor)
	return r.put(ctx)
}

// sleep writes how far the round has looked, and the next time at which to look at the webhook.
func (r *round) sleep(ctx context.Context) error {
	if r.err != nil {
		return r.err
	}
	now := r.now()
	r.turn.position = r.main.at
	if r.turn.position == r.base.position && r.turn.gappedAt.Equal(r.base.gappedAt) && r.turn.due.After(now) && r.turn.owner == "" {
		return nil
	}
	r.turn.owner, r.turn.due = "", r.alarm(now)
	if r.more() { // it has read as much as a round may
		r.turn.due = now
	}
	_, err := r.put(ctx)
	return err
}

// put writes the turn alone. It reports false if another has written it.
func (r *round) put(ctx context.Context) (bool, error) {
	op, err := r.turn.op()
	if err != nil {
		return false, err
	}
	rev, err := r.w.m.store.Apply(ctx, r.w.name, store.Ops(op))
	if err != nil {
		if lost(err) {
			return false, nil
		}
		return false, translate("write a turn", err)
	}
	r.wrote(op.New, rev)
	return true, nil
}

// wrote remembers the turn as it is in the store now.
func (r *round) wrote(next *store.Record, rev store.Revision) {
	r.turn.record = wrote(&r.turn.record, next, rev)
	r.base = r.turn.clone()
	r.e.wrote(r.j.at, rev)
}

// grown reports whether the feed has grown since the round has read it: a wake-up may have come
// while the turn was still taken. The turn was written before.
func (r *round) grown(ctx context.Context) bool {
	if r.err != nil || ctx.Err() != nil || r.turn.resting(r.now()) {
		return false
	}
	page, err := r.feed.after(ctx, ChangeQuery{After: r.turn.position, Limit: 1})
	return len(page.Changes) > 0 || errors.Is(err, ErrTrimmed)
}
