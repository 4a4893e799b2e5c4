package httpapi

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/clock"
)

func newLimiterAt(c *clock.Clock) *MemoryLimiter {
	l := NewLimiter()
	l.now, l.start = c.Now, c.Now()
	return l
}

// TestLimiterNeverLetsMore sends requests in bursts and pauses. No span of a rate's length may
// have more requests than the rate.
func TestLimiterNeverLetsMore(t *testing.T) {
	t.Parallel()
	rates := []Rate{{5, time.Second}, {40, time.Minute}, {200, time.Hour}}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := clock.At(time.Unix(1_700_000_000, random.Int64N(1e9)))
		l := newLimiterAt(c)
		var allowed []time.Time
		waits := 0
		for range 6_000 {
			switch random.IntN(20) {
			case 0:
				c.Advance(time.Duration(random.Int64N(int64(time.Minute))))
			case 1, 2, 3:
				c.Advance(time.Duration(random.Int64N(int64(time.Second))))
			}
			d, err := l.Allow(t.Context(), "key", 1, rates)
			if err != nil {
				t.Fatal(err)
			}
			if d.Allowed {
				allowed = append(allowed, c.Now())
				continue
			}
			if d.Wait <= 0 || d.Remaining != 0 {
				t.Fatalf("refused with %+v", d)
			}
			if random.IntN(50) == 0 {
				// A request after the wait is allowed.
				c.Advance(d.Wait)
				if d, _ := l.Allow(t.Context(), "key", 1, rates); !d.Allowed {
					t.Fatalf("refused after the wait: %+v", d)
				}
				allowed = append(allowed, c.Now())
				waits++
			}
		}
		for _, rate := range rates {
			for i := rate.Requests; i < len(allowed); i++ {
				if span := allowed[i].Sub(allowed[i-rate.Requests]); span < rate.Per {
					t.Fatalf("seed %d: %d requests within %v, the rate is %d per %v", seed, rate.Requests+1, span, rate.Requests, rate.Per)
				}
			}
		}
		if len(allowed) < 200 || waits == 0 {
			t.Errorf("seed %d: only %d were allowed, %d after a wait", seed, len(allowed), waits)
		}
	}
}

// TestLimiterBorder: a burst at the end of a window and one at the beginning of
// the next are not twice the rate.
func TestLimiterBorder(t *testing.T) {
	t.Parallel()
	day := []Rate{{1000, 24 * time.Hour}}
	c := clock.At(time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC))
	l := newLimiterAt(c)
	count := 0
	for range 2 {
		for range 2000 {
			if d, _ := l.Allow(t.Context(), "key", 1, day); d.Allowed {
				count++
			}
		}
		c.Advance(2 * time.Second)
	}
	if count != 1000 {
		t.Errorf("%d requests around midnight", count)
	}
}

func TestLimiterCountsDown(t *testing.T) {
	t.Parallel()
	c := clock.At(time.Unix(1_700_000_000, 0))
	l := newLimiterAt(c)
	rates := []Rate{{3, time.Second}, {100, time.Minute}}
	for want := 2; want >= 0; want-- {
		if d, _ := l.Allow(t.Context(), "a", 1, rates); !d.Allowed || d.Remaining != want || d.Limit != rates[0] {
			t.Errorf("got %+v, want %d remaining", d, want)
		}
	}
	refused, _ := l.Allow(t.Context(), "a", 1, rates)
	if refused.Allowed || refused.Wait <= 0 || refused.Wait > time.Second+time.Second/steps {
		t.Errorf("got %+v", refused)
	}
	if d, _ := l.Allow(t.Context(), "b", 1, rates); !d.Allowed {
		t.Error("keys share their limits")
	}
	// Refused requests are not counted.
	for range 1000 {
		_, _ = l.Allow(t.Context(), "a", 1, rates)
	}
	c.Advance(refused.Wait)
	if d, _ := l.Allow(t.Context(), "a", 1, rates); !d.Allowed {
		t.Errorf("refusals were counted: %+v", d)
	}
	// Rates that never allow anything, and none at all.
	if d, _ := l.Allow(t.Context(), "c", 1, []Rate{{0, time.Second}}); d.Allowed {
		t.Error("a rate of 0 allows a request")
	}
	if d, _ := l.Allow(t.Context(), "d", 1, nil); !d.Allowed {
		t.Error("no rates refuse a request")
	}
	// A clock that is set back has no effect.
	c.Advance(-time.Hour)
	if d, _ := l.Allow(t.Context(), "b", 1, rates); !d.Allowed {
		t.Errorf("got %+v", d)
	}
}

// TestSharedLimiter: handlers with other rates neither share a handler's counts nor reset
// them.
func TestSharedLimiter(t *testing.T) {
	t.Parallel()
	l := newLimiterAt(clock.At(time.Unix(1_700_000_000, 0)))
	native, vendor := []Rate{{5, time.Minute}}, []Rate{{3, time.Minute}, {100, time.Hour}}
	allowed := make(map[int]int)
	for range 20 {
		for i, rates := range [][]Rate{native, vendor} {
			if d, _ := l.Allow(t.Context(), "a", 1, rates); d.Allowed {
				allowed[i]++
			}
		}
	}
	if allowed[0] != 5 || allowed[1] != 3 {
		t.Errorf("allowed %v, want 5 and 3", allowed)
	}
	// However many rates there are for a key, its memory is bounded.
	for i := range 1000 {
		_, _ = l.Allow(t.Context(), "b", 1, []Rate{{1, time.Duration(i + 1)}})
	}
	if n := len(l.keys["b"].windows); n > maxRates {
		t.Errorf("%d windows of one key", n)
	}
}

// TestLimiterForgets: the number of keys is bounded, and those in use are kept.
func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	c := clock.At(time.Unix(1_700_000_000, 0))
	l := newLimiterAt(c)
	rates := []Rate{{1, time.Minute}}
	for i := range maxKeys {
		_, _ = l.Allow(t.Context(), fmt.Sprint(i), 1, rates)
	}
	c.Advance(time.Second)
	for i := range maxKeys - 1 {
		_, _ = l.Allow(t.Context(), fmt.Sprint(i), 1, rates) // refused, and in use
	}
	for i := range 3 {
		c.Advance(time.Millisecond)
		_, _ = l.Allow(t.Context(), fmt.Sprint("new", i), 1, rates)
	}
	if want := maxKeys - maxKeys/16 + 3; len(l.keys) != want {
		t.Errorf("%d keys, want %d", len(l.keys), want)
	}
	if _, kept := l.keys[fmt.Sprint(maxKeys-1)]; kept {
		t.Error("the longest unused key was kept")
	}
	for i := range 3 {
		if _, kept := l.keys[fmt.Sprint("new", i)]; !kept {
			t.Error("the last used key was forgotten")
		}
	}
	c.Advance(2 * time.Minute)
	const more = maxKeys/16 - 2 // the last of them meets a full limiter
	for i := range more {
		_, _ = l.Allow(t.Context(), fmt.Sprint("later", i), 1, rates)
	}
	if len(l.keys) != more {
		t.Errorf("%d keys when all others are over, want %d", len(l.keys), more)
	}
}

// TestLimiterCountsMany sends many at once, as bulk requests do. No span of a rate's length may
// have more than the rate, and after the wait they are allowed.
func TestLimiterCountsMany(t *testing.T) {
	t.Parallel()
	rates := []Rate{{50, time.Second}, {400, time.Minute}}
	type batch struct {
		at time.Time
		n  int
	}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 2))
		c := clock.At(time.Unix(1_700_000_000, random.Int64N(1e9)))
		l := newLimiterAt(c)
		var allowed []batch
		waits := 0
		for range 2_000 {
			c.Advance(time.Duration(random.Int64N(int64(time.Second))))
			n := 1 + random.IntN(60)
			d, err := l.Allow(t.Context(), "key", n, rates)
			if err != nil {
				t.Fatal(err)
			}
			if n > 50 {
				if d.Allowed || d.Most != 50 || d.Wait != 0 && n <= d.Remaining {
					t.Fatalf("%d at once: %+v", n, d)
				}
				continue
			}
			if !d.Allowed {
				if d.Wait <= 0 || d.Most != 0 || d.Remaining >= n {
					t.Fatalf("%d refused with %+v", n, d)
				}
				c.Advance(d.Wait)
				if d, _ := l.Allow(t.Context(), "key", n, rates); !d.Allowed {
					t.Fatalf("%d refused after the wait: %+v", n, d)
				}
				waits++
			}
			allowed = append(allowed, batch{c.Now(), n})
		}
		for _, rate := range rates {
			sum, first := 0, 0
			for _, b := range allowed {
				sum += b.n
				for ; b.at.Sub(allowed[first].at) >= rate.Per; first++ {
					sum -= allowed[first].n
				}
				if sum > rate.Requests {
					t.Fatalf("seed %d: %d within %v, the rate is %d", seed, sum, rate.Per, rate.Requests)
				}
			}
		}
		if waits == 0 {
			t.Errorf("seed %d: no waits", seed)
		}
	}
}

// TestLimiterTellsMost: what is never allowed at once is said, whichever rate refuses it.
func TestLimiterTellsMost(t *testing.T) {
	t.Parallel()
	l := newLimiterAt(clock.At(time.Unix(1_700_000_000, 0)))
	for _, rates := range [][]Rate{{{10, time.Second}, {20, time.Minute}}, {{20, time.Minute}, {10, time.Second}}} {
		for _, n := range []int{11, 21} {
			if d, _ := l.Allow(t.Context(), "a", n, rates); d.Allowed || d.Most != 10 || d.Remaining != 10 {
				t.Errorf("%d of %v: %+v", n, rates, d)
			}
		}
	}
	if d, _ := l.Allow(t.Context(), "a", 10, []Rate{{10, time.Second}}); !d.Allowed || d.Most != 0 || d.Remaining != 0 {
		t.Errorf("%+v", d)
	}
}
