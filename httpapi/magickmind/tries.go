package magickmind

import (
	"context"
	"slices"
	"sync"
	"time"
)

// limit is how many tries with one outcome there may be in any span under one key.
type limit struct {
	key   key
	most  int
	right bool   // of those that succeed, else of those that fail
	count *count // of the try that has the limit, once it began
}

// outcome is what came of a try.
type outcome int

const (
	neither outcome = iota // nobody said whether the credentials are right
	wrong
	right
)

// tries counts what comes of tries to log in. Only the host's answer says what comes of
// one. So no more of them ask the host at once than may be wrong, and one that goes
// beyond; the others wait for those. That way many tries at once are no way around a
// limit, and those that are right need not be few.
type tries struct {
	per time.Duration
	now func() time.Time

	mu     sync.Mutex
	counts recent[count]
}

// count is what is known of one key.
type count struct {
	at      []time.Time   // of those that count, oldest first: one more than the limit at most
	asking  int           // tries whose outcome is not known yet
	waiting int           // tries that wait for one of those
	ended   chan struct{} // closed when one of those ends; nil if nobody waits
}

const (
	maxCounts  = 50_000
	maxWaiting = 1000
)

func newTries(per time.Duration, now func() time.Time) *tries {
	return &tries{per: per, now: now, counts: recent[count]{span: per, most: maxCounts}}
}

// begin begins a try that is within the limits, if need be when others have ended. It
// returns how long to stay away if there may be none now: then there is no try to end.
func (t *tries) begin(ctx context.Context, limits []limit) (wait time.Duration, err error) {
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

// take begins a try, or returns how long to stay away, or what to wait for.
func (t *tries) take(limits []limit) (full *count, ended <-chan struct{}, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for i := range limits {
		l := &limits[i]
		l.count = t.counts.of(l.key, now)
		if wait := t.over(l, now); wait > 0 {
			return nil, nil, wait
		}
		if len(l.count.at)+l.count.asking > l.most {
			full = l.count
		}
	}
	switch {
	case full == nil:
		for _, l := range limits {
			l.count.asking++
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

// end ends a try. If that makes it one too many, it returns how long to stay away.
func (t *tries) end(limits []limit, o outcome) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for i := range limits {
		l := &limits[i]
		c := l.count
		c.asking--
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

// stopped returns how long to stay away, 0 if there may be a try now. It begins none.
func (t *tries) stopped(l limit) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	l.count = t.counts.of(l.key, now)
	return t.over(&l, now)
}

// over returns how long it takes until a count is within its limit.
func (t *tries) over(l *limit, now time.Time) time.Duration {
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
