package postgres

import (
	"math/rand/v2"
	"time"
)

// setAside leaves a tenant alone that is held, or lets a transaction wait for its lock. It is
// called with the lock.
func (q *queue) setAside(l *line) {
	if l.since.IsZero() {
		l.since = now()
	}
	most := maxPause
	if now().Sub(l.since) >= waitAfter {
		if !q.waits && !q.closed && len(l.calls) > 0 && q.store.size >= waitingConns {
			q.waits, l.busy = true, true
			q.running.Go(func() { q.wait(l) })
			return
		}
		most = longPause
	}
	q.pause(l, most)
}

func (q *queue) pause(l *line, most time.Duration) {
	l.pause = min(max(2*l.pause, firstPause), most)
	l.paused = true
	time.AfterFunc(l.pause/2+rand.N(l.pause), func() { //nolint:gosec // no secret
		q.mu.Lock()
		defer q.mu.Unlock()
		l.paused = false
		q.list(l)
	})
}

// wait writes calls of a tenant in a transaction that waits for its lock. It takes them when
// it has the lock: until then their callers can still leave. If it does not get it, the
// tenant is tried as before.
func (q *queue) wait(l *line) {
	w := &writer{store: q.store}
	var group []*part
	conn, err := w.lock(l.tenant)
	if err == nil {
		if group = q.takeOf(l); group == nil {
			rollback(conn)
		} else {
			w.write(group, conn, nil)
		}
	}
	q.mu.Lock()
	q.waits = false
	switch {
	case err != nil:
		l.busy = false
		q.pause(l, longPause) // others have their turn
	case group == nil: // its callers have left
		l.busy, l.pause, l.since = false, 0, time.Time{}
		q.list(l)
	}
	q.mu.Unlock()
	q.finish(group)
}
