package httpapi

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Rate is a limit: so many requests in any span of that length.
type Rate struct {
	Requests int
	Per      time.Duration
}

// Decision is what a Limiter says of a request.
type Decision struct {
	Allowed bool
	Wait    time.Duration // if not allowed: how long until one may be

	// Remaining and Reset are those of the limit that is closest to being reached:
	// how many requests are left, and when the oldest that count no longer do.
	Limit     Rate
	Remaining int
	Reset     time.Duration
}

// Limiter counts requests by key. A request is allowed if all rates allow it; one
// that is not allowed is not counted. It is safe for concurrent use. One that is
// shared between nodes may let a stated burst through beside a rate.
type Limiter interface {
	Allow(ctx context.Context, key string, rates []Rate) (Decision, error)
}

// MemoryLimiter is a Limiter in this process. Its windows roll, in steps of a
// sixtieth: in no span of a rate's length are more requests allowed than it says.
// It remembers at most 100,000 keys; beyond that the longest unused are forgotten, a
// sixteenth at a time.
type MemoryLimiter struct {
	now func() time.Time

	mu   sync.Mutex
	keys map[string]*counters
}

// NewLimiter returns a Limiter in this process.
func NewLimiter() *MemoryLimiter {
	return &MemoryLimiter{now: time.Now, keys: make(map[string]*counters)} //nolint:forbidigo // rates are about real time
}

const (
	steps   = 60
	maxKeys = 100_000
)

// counters has the windows of one key, one for each rate.
type counters struct {
	rates   []Rate
	windows []window
	used    time.Time
}

// window counts the requests of the last steps, the current one included: one
// step more than the rate's length has, so that a whole length is always covered.
type window struct {
	counts [steps + 1]int32
	sum    int
	step   int64
}

// Allow implements [Limiter].
func (l *MemoryLimiter) Allow(_ context.Context, key string, rates []Rate) (Decision, error) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.keys[key]
	if c == nil || !slices.Equal(c.rates, rates) {
		l.forget(now)
		c = &counters{rates: slices.Clone(rates), windows: make([]window, len(rates))}
		l.keys[key] = c
	}
	c.used = now
	d, closest := Decision{Allowed: true, Remaining: -1}, 0
	for i, rate := range rates {
		w := &c.windows[i]
		w.roll(now, rate)
		left := rate.Requests - w.sum
		if left <= 0 {
			d.Allowed = false
			d.Wait = max(d.Wait, w.wait(now, rate))
		}
		if d.Remaining < 0 || left < d.Remaining {
			d.Limit, d.Remaining, closest = rate, max(left, 0), i
		}
	}
	if d.Allowed {
		for i := range c.windows {
			w := &c.windows[i]
			w.counts[w.step%int64(len(w.counts))]++
			w.sum++
		}
		d.Remaining = max(d.Remaining-1, 0)
	}
	if len(rates) > 0 {
		d.Reset = c.windows[closest].wait(now, rates[closest])
	}
	return d, nil
}

// forget makes room for a key, and for others at once: looking through all of them
// takes a while.
func (l *MemoryLimiter) forget(now time.Time) {
	if len(l.keys) < maxKeys {
		return
	}
	used := make([]time.Time, 0, len(l.keys))
	for key, c := range l.keys {
		longest := time.Duration(0)
		for _, rate := range c.rates {
			longest = max(longest, rate.Per)
		}
		if now.Sub(c.used) > longest {
			delete(l.keys, key)
		} else {
			used = append(used, c.used)
		}
	}
	const room = maxKeys / 16
	if len(used) <= maxKeys-room {
		return
	}
	slices.SortFunc(used, time.Time.Compare)
	last := used[room-1]
	ties := room - slices.IndexFunc(used, last.Equal) // of those used as late as the last that goes
	for key, c := range l.keys {
		switch {
		case c.used.Before(last):
			delete(l.keys, key)
		case c.used.Equal(last) && ties > 0:
			delete(l.keys, key)
			ties--
		}
	}
}

func stepOf(rate Rate) int64 { return max(int64(rate.Per)/steps, 1) }

// roll forgets the steps that have passed.
func (w *window) roll(now time.Time, rate Rate) {
	step := now.UnixNano() / stepOf(rate)
	n := int64(len(w.counts))
	if step-w.step >= n {
		*w = window{step: step}
		return
	}
	for w.step < step {
		w.step++
		w.sum -= int(w.counts[w.step%n])
		w.counts[w.step%n] = 0
	}
}

// wait returns how long it takes until the oldest requests that count no longer do.
func (w *window) wait(now time.Time, rate Rate) time.Duration {
	n := int64(len(w.counts))
	for oldest := w.step - n + 1; oldest <= w.step; oldest++ {
		if oldest >= 0 && w.counts[oldest%n] > 0 {
			return time.Duration((oldest+n)*stepOf(rate) - now.UnixNano())
		}
	}
	return 0
}

// limit asks the limiter and sets the RateLimit fields
// (draft-ietf-httpapi-ratelimit-headers).
func (o *Options) limit(h http.Header, r *http.Request, p Principal) error {
	key := p.Tenant + "\x00" + string(p.Environment) + "\x00" + p.Credential
	d, err := o.Limiter.Allow(r.Context(), key, o.Rates)
	if err != nil {
		return rest.Unavailable("unavailable", "The rate limit could not be checked.").Because(err)
	}
	rest.SetRateLimit(h, int64(d.Limit.Requests), d.Limit.Per, int64(d.Remaining), d.Reset)
	if !d.Allowed {
		return rest.TooMany(d.Wait)
	}
	return nil
}
