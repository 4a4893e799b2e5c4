package redislimit_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/redislimit"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func dial(t *testing.T, addrs ...string) goredis.UniversalClient {
	t.Helper()
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: addrs})
	t.Cleanup(func() { client.Close() })
	return client
}

func newLimiter(t *testing.T, client goredis.UniversalClient, prefix string) *redislimit.Limiter {
	t.Helper()
	l, err := redislimit.New(client, &redislimit.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// clock is a limiter whose Redis has a clock that the test moves.
type clock struct {
	*redislimit.Limiter
	mini   *miniredis.Miniredis
	client goredis.UniversalClient
	now    time.Time
}

func newClock(t *testing.T) *clock {
	t.Helper()
	m := miniredis.RunT(t)
	client := dial(t, m.Addr())
	c := &clock{newLimiter(t, client, ""), m, client, time.Date(2026, time.May, 4, 9, 30, 0, 0, time.UTC)}
	m.SetTime(c.now)
	return c
}

func (c *clock) advance(d time.Duration) {
	c.now = c.now.Add(d)
	c.mini.SetTime(c.now)
	c.mini.FastForward(d)
}

func (c *clock) allow(t *testing.T, key string, rates ...httpapi.Rate) httpapi.Decision {
	t.Helper()
	// No two requests come at one moment, or rounding could make the last of a
	// burst too early by a part of a microsecond.
	c.advance(time.Microsecond)
	d, err := c.Allow(t.Context(), key, 1, rates)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBound: the most that can be had in less than a period is what the package
// says, and a key that is used steadily has all of its requests.
func TestBound(t *testing.T) {
	const period = time.Second
	for _, n := range []int{1, 2, 3, 10, 25} {
		c := newClock(t)
		rate := httpapi.Rate{Requests: n, Per: period}
		step := period / time.Duration(20*n)
		allowed := 0
		for end := c.now.Add(period - step); c.now.Before(end); {
			for c.allow(t, "k", rate).Allowed {
				allowed++
			}
			c.advance(step)
		}
		if want := n + (n+1)/2 - 1; allowed != want {
			t.Errorf("%d a period: %d were allowed in one, want %d", n, allowed, want)
		}
		allowed = 0
		const periods = 5
		for end := c.now.Add(periods * period); c.now.Before(end); {
			if c.allow(t, "k", rate).Allowed {
				allowed++
			}
			c.advance(step)
		}
		if allowed < periods*n-1 || allowed > periods*n+1 {
			t.Errorf("%d a period: %d were allowed in %d more", n, allowed, periods)
		}
	}
}

func TestDecision(t *testing.T) {
	c := newClock(t)
	rate := httpapi.Rate{Requests: 10, Per: time.Second}
	for left := 4; left >= 0; left-- {
		d := c.allow(t, "k", rate)
		if !d.Allowed || d.Remaining != left || d.Limit != rate || !near(d.Reset, time.Duration(5-left)*100*time.Millisecond) {
			t.Errorf("%+v, want %d left", d, left)
		}
	}
	d := c.allow(t, "k", rate)
	if d.Allowed || d.Remaining != 0 || d.Limit != rate || !near(d.Wait, 100*time.Millisecond) || !near(d.Reset, 500*time.Millisecond) {
		t.Errorf("%+v", d)
	}
	if d := c.allow(t, "other", rate); !d.Allowed {
		t.Errorf("another key: %+v", d)
	}
	c.advance(d.Wait + time.Millisecond)
	if d := c.allow(t, "k", rate); !d.Allowed {
		t.Errorf("after the wait: %+v", d)
	}
	if d := c.allow(t, "k"); !d.Allowed {
		t.Errorf("without rates: %+v", d)
	}
}

// TestAllRatesHold: whichever rate refuses, the others have counted nothing, and
// the wait is that of the one that refuses longest.
func TestAllRatesHold(t *testing.T) {
	second := httpapi.Rate{Requests: 4, Per: time.Second}
	minute := httpapi.Rate{Requests: 6, Per: time.Minute}
	for _, rates := range [][]httpapi.Rate{{second, minute}, {minute, second}} {
		c := newClock(t)
		for range 2 {
			if d := c.allow(t, "k", rates...); !d.Allowed {
				t.Fatalf("%+v", d)
			}
		}
		for range 10 { // refused by the second alone
			if d := c.allow(t, "k", rates...); d.Allowed || d.Limit != second || !near(d.Wait, 250*time.Millisecond) {
				t.Fatalf("%+v", d)
			}
		}
		c.advance(time.Second)
		// The minute has one left, and the second both.
		if d := c.allow(t, "k", rates...); !d.Allowed || d.Limit != minute || d.Remaining != 0 {
			t.Fatalf("%+v", d)
		}
		for range 10 { // refused by the minute alone
			if d := c.allow(t, "k", rates...); d.Allowed || d.Limit != minute || !near(d.Wait, 9*time.Second) {
				t.Fatalf("%+v", d)
			}
		}
		if d := c.allow(t, "k", second); !d.Allowed || d.Remaining != 0 {
			t.Errorf("the second counted what the minute refused: %+v", d)
		}
		// Now both refuse.
		if d := c.allow(t, "k", rates...); d.Allowed || d.Limit != minute || !near(d.Wait, 9*time.Second) {
			t.Errorf("%+v", d)
		}
	}
}

// TestKeys: keys show no names, expire, and are apart for other prefixes.
func TestKeys(t *testing.T) {
	c := newClock(t)
	rate := httpapi.Rate{Requests: 1, Per: time.Minute}
	c.allow(t, "acme {1}\x00Customer", rate)
	names := c.mini.Keys()
	if len(names) != 1 || !strings.HasPrefix(names[0], "rate:rollbook:") || strings.Contains(names[0], "acme") {
		t.Errorf("keys %q", names)
	}
	if ttl := c.mini.TTL(names[0]); ttl <= 0 || ttl > time.Minute {
		t.Errorf("the key expires in %v", ttl)
	}
	other := newLimiter(t, c.client, "other:")
	if d, err := other.Allow(t.Context(), "acme {1}\x00Customer", 1, []httpapi.Rate{rate}); err != nil || !d.Allowed {
		t.Errorf("another prefix: %+v, %v", d, err)
	}
}

func TestErrors(t *testing.T) {
	if _, err := redislimit.New(nil, nil); err == nil {
		t.Error("made without a client")
	}
	c := newClock(t)
	good := httpapi.Rate{Requests: 1, Per: time.Minute}
	for _, rate := range []httpapi.Rate{{}, {Requests: 1}, {Per: time.Second}, {Requests: -1, Per: time.Second}, {Requests: 1000, Per: time.Microsecond}, {Requests: 1, Per: -1}} {
		if d, err := c.Allow(t.Context(), "k", 1, []httpapi.Rate{good, rate}); err == nil || d.Allowed {
			t.Errorf("%+v: %+v, %v", rate, d, err)
		}
	}
	if d := c.allow(t, "k", good); !d.Allowed {
		t.Errorf("a rate that is none has counted: %+v", d)
	}
	c.mini.SetError("LOADING a private name")
	if d, err := c.Allow(t.Context(), "private key", 1, []httpapi.Rate{good}); err == nil || d.Allowed || strings.Contains(err.Error(), "private key") {
		t.Errorf("%+v, %v", d, err)
	}
	c.mini.SetError("")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d, err := c.Allow(ctx, "k", 1, []httpapi.Rate{good}); err == nil || d.Allowed {
		t.Errorf("an ended context: %+v, %v", d, err)
	}
}

// TestShared: nodes that share a server, or a Cluster, allow together what one may.
func TestShared(t *testing.T) {
	t.Run("server", func(t *testing.T) { testShared(t, redistest.Server(t).Addr) })
	t.Run("cluster", func(t *testing.T) {
		size.Need(t, size.Long)
		testShared(t, redistest.Cluster(t).Addrs()...)
	})
}

func testShared(t *testing.T, addrs ...string) {
	// Periods so long that nothing refills while the test runs.
	rates := []httpapi.Rate{{Requests: 60, Per: 24 * time.Hour}, {Requests: 100, Per: 48 * time.Hour}}
	key, prefix := rand.Text(), rand.Text()+":"
	var allowed atomic.Int32
	var all sync.WaitGroup
	for range 2 {
		node := newLimiter(t, dial(t, addrs...), prefix)
		for range 8 {
			all.Go(func() {
				for range 10 {
					d, err := node.Allow(t.Context(), key, 1, rates)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						allowed.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if got := allowed.Load(); got != 30 {
		t.Errorf("160 requests from two nodes: %d were allowed, want 30", got)
	}
	// The wider rate counted those and none of the refused.
	node := newLimiter(t, dial(t, addrs...), prefix)
	if d, err := node.Allow(t.Context(), key, 1, rates[1:]); err != nil || !d.Allowed || d.Remaining != 19 {
		t.Errorf("%+v, %v, want 19 left", d, err)
	}
}

// near forgives the microseconds between requests.
func near(got, want time.Duration) bool { return (got - want).Abs() < 100*time.Microsecond }

// TestMany: many are allowed at once or not at all, by all rates, and what is never allowed at
// once is said.
func TestMany(t *testing.T) {
	second, minute := httpapi.Rate{Requests: 100, Per: time.Second}, httpapi.Rate{Requests: 140, Per: time.Minute}
	for _, rates := range [][]httpapi.Rate{{second, minute}, {minute, second}} {
		c := newClock(t)
		many := func(n int) httpapi.Decision {
			t.Helper()
			c.advance(time.Microsecond)
			d, err := c.Allow(t.Context(), "k", n, rates)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		for n, most := range map[int]int{51: 50, 71: 50} {
			if d := many(n); d.Allowed || d.Most != most || d.Wait != 0 {
				t.Errorf("%d at once: %+v", n, d)
			}
		}
		if d := many(50); !d.Allowed || d.Remaining != 0 || d.Most != 0 {
			t.Errorf("%+v", d)
		}
		if d := many(10); d.Allowed || d.Limit != second || !near(d.Wait, 100*time.Millisecond) {
			t.Errorf("%+v", d)
		}
		c.advance(time.Second)
		d := many(30) // the minute has 22 left: 20 and what has come since
		if d.Allowed || d.Limit != minute || d.Remaining < 20 || d.Remaining > 22 || d.Wait <= 0 {
			t.Errorf("%+v", d)
		}
		if got, err := c.Allow(t.Context(), "k", 50, []httpapi.Rate{second}); err != nil || !got.Allowed {
			t.Errorf("the second counted what the minute refused: %+v, %v", got, err)
		}
		c.advance(d.Wait)
		if d := many(30); !d.Allowed {
			t.Errorf("after the wait: %+v", d)
		}
	}
}
