package httpapi

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Rate is a limit: at most Requests in any span of time of length Per.
type Rate struct {
	Requests int
	Per      time.Duration
}

// Decision is a Limiter's answer about a request.
type Decision struct {
	Allowed bool
	Wait    time.Duration // if not allowed: until the next request may be

	Limit     Rate          // the limit that is closest to being reached
	Remaining int           // requests that are left of it
	Reset     time.Duration // until its oldest requests no longer count

	// Most is set if so many at once are never allowed: it is how many are. No wait helps.
	Most int
}

// Limiter counts requests by key, and rows of bulk requests by another. It allows n of them, at
// least one, if all rates allow all n; otherwise it counts none. It must be safe for concurrent
// use. A Limiter that several nodes share may allow a burst beyond a rate if it documents how
// large.
type Limiter interface {
	Allow(ctx context.Context, key string, n int, rates []Rate) (Decision, error)
}

// MemoryLimiter is a Limiter in this process. Its windows roll in steps of a sixtieth of
// their length: in no span of a rate's length does it allow more requests than the rate.
//
// Handlers may share it. Each key has one count for each rate, so that handlers with equal
// rates share what those allow. It remembers at most 100,000 keys. Beyond that it forgets
// the keys that were unused for longest, a sixteenth of all at a time.
type MemoryLimiter struct {
	now   func() time.Time
	start time.Time // of all time here, so that setting the clock back has no effect

	mu   sync.Mutex
	keys map[string]*counters
}

// NewLimiter returns a Limiter in this process.
func NewLimiter() *MemoryLimiter {
	now := time.Now //nolint:forbidigo // rates are about real time
	return &MemoryLimiter{now: now, start: now(), keys: make(map[string]*counters)}
}

const (
	steps   = 60
	maxKeys = 100_000
)

// counters has the windows of one key, one for each rate.
type counters struct {
	windows []*window
	used    time.Duration
}

// maxRates is how many rates are counted for a key, more than the handlers of one program
// have.
const maxRates = 32

// window returns the window of a rate.
func (c *counters) window(rate Rate) *window {
	for _, w := range c.windows {
		if w.rate == rate {
			return w
		}
	}
	if len(c.windows) == maxRates {
		c.windows = c.windows[1:]
	}
	w := &window{rate: rate}
	c.windows = append(c.windows, w)
	return w
}

// window counts the requests of the last steps, the current one included. It has one step
// more than the rate's length, so that it always covers a whole length.
type window struct {
	rate   Rate
	counts [steps + 1]int
	sum    int
	step   int64
}

// Allow implements [Limiter].
func (l *MemoryLimiter) Allow(_ context.Context, key string, n int, rates []Rate) (Decision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := max(l.now().Sub(l.start), 0)
	c := l.keys[key]
	if c == nil {
		l.forget(now)
		c = new(counters)
		l.keys[key] = c
	}
	c.used = now
	d := Decision{Allowed: true, Remaining: -1}
	for _, rate := range rates {
		w := c.window(rate)
		w.roll(now, rate)
		left := rate.Requests - w.sum
		switch {
		case n > rate.Requests:
			d.Allowed = false
			d.Most = min(cmp.Or(d.Most, rate.Requests), rate.Requests)
		case n > left:
			d.Allowed = false
			d.Wait = max(d.Wait, w.wait(now, rate, n-left))
		}
		if d.Remaining < 0 || left < d.Remaining {
			d.Limit, d.Remaining = rate, max(left, 0)
		}
	}
	if d.Allowed {
		for _, rate := range rates {
			w := c.window(rate)
			w.counts[w.step%int64(len(w.counts))] += n
			w.sum += n
		}
		d.Remaining = max(d.Remaining-n, 0)
	}
	if len(rates) > 0 {
		d.Reset = min(c.window(d.Limit).wait(now, d.Limit, 1), d.Limit.Per)
	}
	return d, nil
}

// forget makes room for many keys at once, since it takes a while to go through all.
func (l *MemoryLimiter) forget(now time.Duration) {
	if len(l.keys) < maxKeys {
		return
	}
	used := make([]time.Duration, 0, len(l.keys))
	for key, c := range l.keys {
		longest := time.Duration(0)
		for _, w := range c.windows {
			longest = max(longest, w.rate.Per)
		}
		if now-c.used > longest {
			delete(l.keys, key)
		} else {
			used = append(used, c.used)
		}
	}
	const room = maxKeys / 16
	if len(used) <= maxKeys-room {
		return
	}
	slices.Sort(used)
	last := used[room-1]
	ties := room - slices.Index(used, last) // of those used as late as the last that goes
	for key, c := range l.keys {
		switch {
		case c.used < last:
			delete(l.keys, key)
		case c.used == last && ties > 0:
			delete(l.keys, key)
			ties--
		}
	}
}

func stepOf(rate Rate) int64 { return max(int64(rate.Per)/steps, 1) }

// roll forgets the steps that have passed.
func (w *window) roll(now time.Duration, rate Rate) {
	step := int64(now) / stepOf(rate)
	n := int64(len(w.counts))
	if step-w.step >= n {
		*w = window{rate: rate, step: step}
		return
	}
	for w.step < step {
		w.step++
		w.sum -= w.counts[w.step%n]
		w.counts[w.step%n] = 0
	}
}

// wait returns how long it takes until so many of the oldest requests no longer count.
func (w *window) wait(now time.Duration, rate Rate, count int) time.Duration {
	n := int64(len(w.counts))
	for oldest := max(w.step-n+1, 0); oldest <= w.step; oldest++ {
		if count -= w.counts[oldest%n]; count <= 0 {
			return time.Duration((oldest+n)*stepOf(rate)) - now
		}
	}
	return 0
}
