package enduser

import (
	"cmp"
	"context"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// maxWatched is how many tenants are waited for. The feeds of others are looked at once
	// every discoverEach; those that are busy then take the places of the quiet.
	maxWatched = 1000

	// wakeEach is the pause after a tenant's webhooks were woken: what is written meanwhile is
	// sent together.
	wakeEach = 100 * time.Millisecond
)

// watch waits for the feed of a tenant.
type watch struct {
	end   context.CancelFunc
	quiet bool // nothing has come since the last discovery

	// written are the revisions of turns as this engine wrote them last. A turn that is still
	// as it was then is claimed at once; for others there are engines that are nearer.
	written map[string]store.Revision
}

// discover finds which tenants have webhooks, and watches their feeds.
func (e *engine) discover(ctx context.Context) error {
	e.mu.Lock()
	clear(e.skipped)
	e.mu.Unlock()
	found := make(map[string]bool)
	err := e.eachTurn(ctx, store.DueQuery{Before: never(), Limit: store.MaxLimit}, func(name string, _ *store.Record) {
		found[name] = true
	})
	if err != nil {
		return err
	}
	e.forget(found)
	for name := range found {
		if ctx.Err() != nil {
			break
		}
		if e.watch(ctx, name) {
			continue
		}
		latest, failed := e.latest(ctx, name)
		if failed == nil {
			failed = e.wakeTenant(ctx, name, latest)
		}
		err = cmp.Or(err, failed) // the others do not wait for it
	}
	return err
}

// never is later than every due time.
func never() time.Time { return time.Unix(lastSecond, 0) }

// forget ends the watches of tenants without webhooks. If there are too many tenants it ends
// those of quiet ones too.
func (e *engine) forget(found map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, w := range e.watched {
		if !found[name] || w.quiet && len(found) > maxWatched {
			w.end()
			delete(e.watched, name)
		}
		w.quiet = true
	}
}

// watch starts to wait for a tenant's feed. It reports false if too many are waited for.
func (e *engine) watch(ctx context.Context, name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watched[name] != nil {
		return true
	}
	if len(e.watched) >= maxWatched {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{end: cancel, written: make(map[string]store.Revision)}
	e.watched[name] = w
	e.work.Go(func() {
		defer cancel()
		e.follow(ctx, name, w)
	})
	return true
}

// follow wakes a tenant's webhooks whenever its feed has grown.
func (e *engine) follow(ctx context.Context, name string, w *watch) {
	f := e.m.storeTenant(name).feedOf(name)
	var seen Position
	for failures := 0; ctx.Err() == nil; {
		latest, err := e.latest(ctx, name)
		if err == nil && latest != seen {
			if err = e.wakeTenant(ctx, name, latest); err == nil {
				e.mu.Lock()
				w.quiet = false
				e.mu.Unlock()
				seen = latest
				pause(ctx, jitter(wakeEach))
			}
		}
		if err == nil {
			err = f.wait(ctx, seen)
		}
		if err == nil {
			failures = 0
			continue
		}
		e.report(ctx, "wait for changes", err)
		pause(ctx, pauseAfter(failures))
		failures++
	}
}

func (e *engine) latest(ctx context.Context, name string) (Position, error) {
	page, err := e.m.storeTenant(name).feedOf(name).newest(ctx, ChangeQuery{Desc: true, Limit: 1})
	return page.Position, err
}

// wakeTenant starts jobs for the webhooks of a tenant that are behind its latest change, and
// are not another's or backing off.
func (e *engine) wakeTenant(ctx context.Context, name string, latest Position) error {
	q := store.DueQuery{Tenant: name, Before: never(), Limit: store.MaxLimit}
	return e.eachTurn(ctx, q, func(name string, r *store.Record) {
		at, now := endpoint{name, turnOf(r)}, e.m.millis()
		turn, err := decodeTurn(r)
		switch {
		case err != nil:
			e.skip(ctx, at, err)
		case turn.position != latest && !turn.takenFrom(e.owner, now) && !turn.resting(now):
			e.start(ctx, at)
		}
	})
}

// takenFrom reports whether another than owner works at the turn.
func (w *webhookTurn) takenFrom(owner string, now time.Time) bool {
	return w.owner != "" && w.owner != owner && w.due.After(now)
}

// resting reports whether nothing new is attempted now.
func (w *webhookTurn) resting(now time.Time) bool { return w.retryAt.After(now) }

// wrote remembers the revision of a turn that this engine has written.
func (e *engine) wrote(at endpoint, rev store.Revision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.watched[at.tenant]; w != nil {
		if len(w.written) > 2*maxWebhooks { // some were deleted
			clear(w.written)
		}
		w.written[at.id] = rev
	}
}

// isOurs reports whether a turn is as this engine wrote it.
func (e *engine) isOurs(at endpoint, rev store.Revision) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.watched[at.tenant]
	return w != nil && w.written[at.id] == rev
}
