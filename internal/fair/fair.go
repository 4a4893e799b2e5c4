// Package fair shares a bounded number of turns between tenants, so that a busy tenant
// does not keep another waiting.
//
// A turn is the right to do one bounded step: to use a connection, to hold a page in
// memory. A long walk gives its turn back after each step and takes another.
package fair

import (
	"context"
	"sync"
)

// Turns gives out turns. Waiting tenants are served one after the other, each with
// the oldest of its steps, however many it has. Quick steps go before long ones, but at
// most 32 of them while a long one waits. If there are two turns or more, long steps
// never hold the last one. It is safe for concurrent use; New makes it.
type Turns struct {
	mu     sync.Mutex
	free   int
	long   int // turns that long steps may still take
	passed int // quick steps that went before a long one since the last of those

	quick, slow line
}

// mayPass is how many quick steps go before a long one: together they take about as long
// as it does, and an endless stream of them does not keep it waiting for ever.
const mayPass = 32

// New returns Turns with n turns, at least one.
func New(turns int) *Turns {
	turns = max(turns, 1)
	return &Turns{free: turns, long: max(turns-1, 1)}
}

// Quick waits for a turn for a short step, such as a lookup. It returns the function that
// gives the turn back, to be called once, or the context's error.
func (t *Turns) Quick(ctx context.Context, tenant string) (done func(), err error) {
	return t.take(ctx, tenant, &t.quick)
}

// Long waits for a turn for a step that may take a while; see Quick.
func (t *Turns) Long(ctx context.Context, tenant string) (done func(), err error) {
	return t.take(ctx, tenant, &t.slow)
}

func (t *Turns) take(ctx context.Context, tenant string, l *line) (func(), error) {
	done := func() { t.giveBack(l) }
	t.mu.Lock()
	if t.open(l) && l.empty() {
		t.grant(l)
		t.mu.Unlock()
		return done, nil
	}
	w := &waiter{granted: make(chan struct{})}
	l.add(tenant, w)
	t.mu.Unlock()
	select {
	case <-w.granted:
		return done, nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	left := l.remove(tenant, w)
	t.mu.Unlock()
	if !left { // granted just now: another step may have it
		done()
	}
	return nil, ctx.Err()
}

// open reports whether a step of the line could begin.
func (t *Turns) open(l *line) bool { return t.free > 0 && (l == &t.quick || t.long > 0) }

func (t *Turns) grant(l *line) {
	t.free--
	switch {
	case l == &t.slow:
		t.long--
		t.passed = 0
	case t.long > 0 && !t.slow.empty():
		t.passed++
	}
}

func (t *Turns) giveBack(l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	if l == &t.slow {
		t.long++
	}
	for {
		next := &t.quick
		if next.empty() || t.passed >= mayPass && t.open(&t.slow) && !t.slow.empty() {
			next = &t.slow
		}
		if !t.open(next) || next.empty() {
			return
		}
		t.grant(next)
		close(next.next().granted)
	}
}

// waiter is a step that waits for its turn.
type waiter struct{ granted chan struct{} }

// line holds the steps that wait, by tenant.
type line struct {
	tenants []string // those with waiting steps, the next one first
	waiting map[string][]*waiter
}

func (l *line) empty() bool { return len(l.tenants) == 0 }

func (l *line) add(tenant string, w *waiter) {
	if l.waiting == nil {
		l.waiting = make(map[string][]*waiter)
	}
	if len(l.waiting[tenant]) == 0 {
		l.tenants = append(l.tenants, tenant)
	}
	l.waiting[tenant] = append(l.waiting[tenant], w)
}

// next takes the oldest step of the first tenant and moves that tenant to the end.
func (l *line) next() *waiter {
	tenant := l.tenants[0]
	w := l.waiting[tenant][0]
	l.tenants = l.tenants[1:]
	if l.waiting[tenant] = l.waiting[tenant][1:]; len(l.waiting[tenant]) > 0 {
		l.tenants = append(l.tenants, tenant)
	} else {
		delete(l.waiting, tenant)
	}
	return w
}

// remove removes a step whose caller has given up, and reports whether it was still
// there.
func (l *line) remove(tenant string, w *waiter) bool {
	for i, other := range l.waiting[tenant] {
		if other != w {
			continue
		}
		rest := append(l.waiting[tenant][:i:i], l.waiting[tenant][i+1:]...)
		if len(rest) > 0 {
			l.waiting[tenant] = rest
			return true
		}
		delete(l.waiting, tenant)
		for j, name := range l.tenants {
			if name == tenant {
				l.tenants = append(l.tenants[:j:j], l.tenants[j+1:]...)
				break
			}
		}
		return true
	}
	return false
}
