package enduser

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/internal/fair"
	"github.com/rollbook-go/rollbook/store"
)

// How deliveries work, and why they keep their promises.
//
// A webhook's turn (see webhookTurn) is the only state. It is in one of these states:
//
//	asleep    no owner, due in some minutes: everything up to position is done
//	waiting   no owner, due at the next attempt of a parked object
//	backing   no owner, step > 0, due at retryAt: the webhook as a whole fails
//	working   an owner, due at the end of its lease
//	disabled  not due at all
//
// Whoever wants to work reads the turn, and writes itself into it as the owner: the store's
// compare-and-set is the claim. Then it works in rounds. A round sends, and then writes in one
// batch the turn, the log of attempts and the dead letters.
//
//  1. At least once: position only moves over an entry of the feed whose attempt is over, and
//     only in the batch that also has what came of it: it was delivered, its object is parked, or
//     it is a dead letter. A crash before that write repeats attempts. The event has the same ID
//     in all of them.
//  2. Nothing else: events are made of entries of the feed alone, and entries are committed
//     writes. Before it sends, the engine confirms what it has read (see store.Confirmer).
//  3. Once in calm weather: a turn has one owner. A round begins attempts for sendFor, each has
//     attemptFor, and the lease is longer than both. Two owners at a time, after a crash or by
//     clocks that differ, repeat attempts; the batch of one of them is refused.
//  4. Order: the next event of an object is attempted only after the answer to the one before
//     was success, or that one is a dead letter. This holds for each owner by itself, and every
//     owner begins with what the one before has written. So of two events of an object the
//     earlier one arrives first, however many owners there are.
//  5. A failing object stops no other: it is parked, and its later entries are passed, since the
//     feed keeps them. With maxParked parked objects an entry that fails is not passed: position
//     stays before it, and the webhook backs off. So a dead endpoint costs three records, and
//     whatever was written meanwhile is still in the feed.
//  6. No lost wake-ups: after it has written that the webhook sleeps, the engine reads the feed
//     once more. If the process dies between the two, the due time of the turn is the alarm.
//
// Those who write users know nothing of all this.

// engine is one call of Deliver.
type engine struct {
	m      *Manager
	sender Sender
	opts   DeliverOptions
	owner  string // its name in turns; drawn for this call
	turns  *fair.Turns

	work sync.WaitGroup // all goroutines
	room chan struct{}  // a place is taken for every job
	pace chan struct{}  // a place is taken by every attempt for paceFor, see Rate

	mu      sync.Mutex
	jobs    map[endpoint]*job
	skipped map[endpoint]bool // unreadable; until the next discovery
	watched map[string]*watch // by the tenant's name in the store
}

// endpoint names a webhook.
type endpoint struct {
	tenant string // its name in the store
	id     string
}

const (
	maxJobs      = 1024        // that work, or wait for their turn
	pollEvery    = time.Second // how often the engine looks for turns that are due
	discoverEach = time.Minute // how often it looks which tenants have webhooks

	paceFor = 20 * time.Millisecond
)

// Deliver delivers the events of all tenants to their webhooks until the context ends, and
// returns the context's error. It may run in many processes at once, which share the webhooks
// between them; one that stops or dies leaves its webhooks to the others within a minute.
//
// Every change that a webhook selects is sent at least once, and usually once: again if there
// was no answer or a process died. Changes of one user are sent in their order. A change that
// fails is attempted again after 5 s, 5 min, 30 min, 2 h, 5 h and twice 10 h, each up to a
// tenth more or less, or later if the answer asks for it (up to a day). It then is a dead
// letter. Other users do not wait for it, unless 20 of the webhook fail at the same time, or
// 10 one after the other with no success between them: then the webhook as a whole backs off,
// by the same schedule, with one attempt each time. It goes on where it stopped after the
// first success. An answer 429 or 503 that asks to wait stops the whole webhook that long,
// unless the attempt was a ping or asked for by [Webhooks.Redeliver].
//
// An answer 410 disables a webhook. So does a week without a success, with at least ten
// failures over at least a day. The change feed then has a change of type [ChangeDisabled].
//
// Deliver logs what fails and goes on. It returns ErrInTransaction at once inside a transaction
// of the host, and otherwise only the context's error, when all attempts have ended. It panics
// if the sender is nil.
func (m *Manager) Deliver(ctx context.Context, s Sender, opts *DeliverOptions) error {
	if s == nil {
		panic("enduser.Manager.Deliver: the sender is nil") //nolint:forbidigo // a mistake of the program, seen at its start
	}
	if store.InTransaction(m.store) {
		return translate("deliver", store.ErrInTransaction)
	}
	e := &engine{
		m: m, sender: s, owner: rand.Text(), room: make(chan struct{}, maxJobs),
		jobs: make(map[endpoint]*job), skipped: make(map[endpoint]bool), watched: make(map[string]*watch),
	}
	if opts != nil {
		e.opts = *opts
	}
	if e.opts.Endpoints <= 0 {
		e.opts.Endpoints = 16
	}
	if e.opts.Poll <= 0 {
		e.opts.Poll = pollEvery
	}
	if e.opts.Rate <= 0 {
		e.opts.Rate = 1000
	}
	e.opts.Rate = max(e.opts.Rate, e.opts.Endpoints) // else an attempt could outlast its lease
	e.turns = fair.New(e.opts.Endpoints)
	e.pace = make(chan struct{}, max(1, int(time.Duration(e.opts.Rate)*paceFor/time.Second)))
	ctx, cancel := context.WithCancel(ctx)
	defer e.work.Wait()
	defer cancel()
	e.work.Go(func() { e.every(ctx, discoverEach, "discover", e.discover) })
	e.every(ctx, e.opts.Poll, "poll", e.poll)
	return ctx.Err()
}

// every calls fn again and again, with a pause between, until the context ends.
func (e *engine) every(ctx context.Context, wait time.Duration, what string, fn func(context.Context) error) {
	for ctx.Err() == nil {
		e.report(ctx, what, fn(ctx))
		pause(ctx, jitter(wait))
	}
}

// wait waits until another attempt may begin, or the context ends.
func (e *engine) wait(ctx context.Context) {
	select {
	case e.pace <- struct{}{}:
	case <-ctx.Done():
		return
	}
	e.work.Go(func() {
		pause(ctx, max(paceFor, time.Second/time.Duration(e.opts.Rate)))
		<-e.pace
	})
}

// report logs an error that passes.
func (e *engine) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		e.m.log.LogAttrs(ctx, slog.LevelWarn, "enduser: deliver: "+what+" failed", slog.Any("error", err))
	}
}

// pause waits for a while, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// pauseAfter is how long to leave a store alone after that many failures.
func pauseAfter(failures int) time.Duration {
	return jitter(time.Second << min(failures, 5))
}

// poll starts the jobs of all turns that are due: those of a new webhook, of a failed attempt,
// of a process that died. Tenants share its pages, and it waits while there are too many jobs.
func (e *engine) poll(ctx context.Context) error {
	q := store.DueQuery{Before: tick(e.m.millis()), Limit: store.MaxLimit}
	return e.eachTurn(ctx, q, func(name string, r *store.Record) {
		e.watch(ctx, name)
		e.start(ctx, endpoint{name, turnOf(r)})
	})
}

// eachTurn calls fn with the records of turns. Of each tenant it has at least the earliest.
func (e *engine) eachTurn(ctx context.Context, q store.DueQuery, fn func(name string, r *store.Record)) error {
	q.Kinds = []string{kindWebhookTurn}
	for {
		page, err := e.m.store.Due(ctx, q)
		if err != nil {
			return translate("read turns", err)
		}
		for i := range page.Tenants {
			t := &page.Tenants[i]
			for _, id := range t.Damaged {
				e.skip(ctx, endpoint{t.Tenant, turnOf(&store.Record{ID: id})}, unreadable(kindWebhookTurn, id, ErrCorrupt))
			}
			for j := range t.Records {
				fn(t.Tenant, &t.Records[j])
			}
		}
		if q.After = page.Next; q.After == "" || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// turnOf returns the ID of the webhook of a turn.
func turnOf(r *store.Record) string { return r.ID[:max(0, len(r.ID)-len(webhookTurnID("")))] }

// skip leaves a webhook alone until the next discovery, and names it in the log.
func (e *engine) skip(ctx context.Context, at endpoint, err error) {
	e.mu.Lock()
	before := e.skipped[at]
	e.skipped[at] = true
	e.mu.Unlock()
	if !before {
		e.m.log.LogAttrs(ctx, slog.LevelError, "enduser: deliver: nothing can be delivered to a webhook",
			slog.Any("tenant", e.m.storeTenant(at.tenant)), slog.String("id", at.id), slog.Any("error", err))
	}
}

// start starts a job for a webhook, or wakes the one that it has.
func (e *engine) start(ctx context.Context, at endpoint) {
	if e.wake(at) {
		return
	}
	select {
	case e.room <- struct{}{}:
	case <-ctx.Done():
		return
	}
	j := &job{e: e, at: at, again: make(chan struct{}, 1)}
	e.mu.Lock()
	_, other := e.jobs[at]
	if !other {
		e.jobs[at] = j
	}
	e.mu.Unlock()
	if other {
		<-e.room
		return
	}
	e.work.Go(func() {
		j.run(ctx)
		<-e.room
	})
}

// wake wakes the job of a webhook. It reports whether there is one, or none may be.
func (e *engine) wake(at endpoint) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	j := e.jobs[at]
	if j == nil {
		return e.skipped[at]
	}
	select {
	case j.again <- struct{}{}:
	default:
	}
	return true
}

// end takes a job away. It reports false if the job was woken meanwhile, and must go on.
func (e *engine) end(j *job, always bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(j.again) > 0 && !always {
		<-j.again
		return false
	}
	delete(e.jobs, j.at)
	return true
}
