package magickmind

import (
	"context"
	"slices"
	"sync"
	"time"
)

// limit is how many attempts with one outcome are allowed in any span under one key.
type limit struct {
	key   key
	most  int
	right bool   // counts the attempts that succeed, else those that fail
	count *count // of the attempt that has the limit, once it began
}

// outcome is the result of an attempt to log in.
type outcome int

const (
	neither outcome = iota // the host did not say whether the credentials are right
	wrong
	right
)

// attempts counts the outcomes of logins. Only the host knows an outcome, so no more
// attempts reach the host at once than may still fail, and one beyond; the others wait for
// those to end. So concurrent attempts cannot exceed a limit, and many right logins can run
// at once.
type attempts struct {
	per time.Duration
	now func() time.Time

	mu     sync.Mutex
	counts recent[count]
}

// count is the state of one key.
type count struct {
	at      []time.Time   // when the counted attempts ended, oldest first: at most one more than the limit
	pending int           // attempts whose outcome is not known yet
	waiting int           // attempts that wait for a pending one to end
	ended   chan struct{} // closed when a pending one ends; nil if none waits
}

const (
	maxCounts  = 50_000
	maxWaiting = 1000
)

func newAttempts(per time.Duration, now func() time.Time) *attempts {
	return &attempts{per: per, now: now, counts: recent[count]{span: per, most: maxCounts}}
}

// begin begins an attempt within the limits. If need be it waits until others have ended.
// If a limit is reached, it begins none and returns how long to stay away.
func (t *attempts) begin(ctx context.Context, limits []limit) (wait time.Duration, err error) {
	for {
		full, ended, wait := t.take(limits)
		if full == nil {
			return wait, nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			err = ctx.Err()
		}
		t.mu.Lock()
		full.waiting--
		t.mu.Unlock()
		if err != nil {
			return 0, err
		}
	}
}

// take begins an attempt, or returns how long to stay away, or the count that is full and
// the channel to wait for.
func (t *attempts) take(limits []limit) (full *count, ended <-chan struct{}, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for i := range limits {
		l := &limits[i]
		l.count = t.counts.of(l.key, now)
		if wait := t.over(l, now); wait > 0 {
			return nil, nil, wait
		}
		if len(l.count.at)+l.count.pending > l.most {
			full = l.count
		}
	}
	switch {
	case full == nil:
		for _, l := range limits {
			l.count.pending++
		}
		return nil, nil, 0
	case full.waiting == maxWaiting:
		return nil, nil, time.Second
	}
	full.waiting++
	if full.ended == nil {
		full.ended = make(chan struct{})
	}
	return full, full.ended, 0
}

// end ends an attempt. If that exceeds a limit, it returns how long to stay away.
func (t *attempts) end(limits []limit, o outcome) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for i := range limits {
		l := &limits[i]
		c := l.count
		c.pending--
		if o == right && l.right || o == wrong && !l.right {
			c.at = append(c.at, now)
			wait = max(wait, t.over(l, now))
		}
		if c.ended != nil {
			close(c.ended)
			c.ended = nil
		}
	}
	return wait
}

// stopped returns how long to stay away, 0 if an attempt is allowed now. It begins none.
func (t *attempts) stopped(l limit) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	l.count = t.counts.of(l.key, now)
	return t.over(&l, now)
}

// over returns how long it takes until a count is within its limit.
func (t *attempts) over(l *limit, now time.Time) time.Duration {
	past := 0
	for past < len(l.count.at) && now.Sub(l.count.at[past]) >= t.per {
		past++
	}
	l.count.at = slices.Delete(l.count.at, 0, past)
	if len(l.count.at) <= l.most {
		return 0
	}
	return l.count.at[len(l.count.at)-1-l.most].Add(t.per).Sub(now)
}
