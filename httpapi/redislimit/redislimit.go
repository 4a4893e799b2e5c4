// Package redislimit is an [httpapi.Limiter] whose counts are in Redis, so that all
// nodes of a host share them:
//
//	limiter, err := redislimit.New(client, nil)
//	h, err := httpapi.New(users, auth, &httpapi.Options{
//		Limiter: limiter,
//		Rates:   []httpapi.Rate{{Requests: 200, Per: time.Second}},
//	})
//
// # What a rate allows
//
// Each rate is a bucket (GCRA, of redis_rate) that holds half of the rate's
// requests, rounded up, and refills evenly at the rate. A key that is used
// steadily gets all of its N requests in each period. One that was unused gets N/2
// at once and from then on one each time that a request's share of the period has
// passed. In no span shorter than a period are more than
//
//	N + N/2 (rounded up) - 1
//
// requests allowed: always fewer than twice N, and for N = 1 and N = 2 never more
// than N. A limiter in one process, [httpapi.NewLimiter], has the sharper bound N.
// The clock is that of the Redis server.
//
// # Several rates
//
// All have to allow a request. They are asked one after the other, in the order
// given, one round trip each; when one refuses, what the earlier ones counted is
// given back. So a refused request counts nowhere, but two things remain: while it
// is being given back, for a round trip, another request may be refused that would
// have been allowed; and if Redis cannot be reached at that moment, or the process
// ends, it stays counted. Neither ever allows a request too many. Put the rate
// that is reached most often first, which is usually the one of the shortest
// period.
//
// # Redis
//
// One key for each credential and rate, which expires by itself: "rate:", then
// [Options].Prefix, then a hash, so that no name is seen in it. Keys may lie on
// different nodes of a Cluster. If they are lost, by a failover for instance,
// limits begin anew. A client that repeats commands whose reply was lost may count
// a request twice; that of the store's NewClient does not.
package redislimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-redis/redis_rate/v10"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Options are the settings of a Limiter. The zero value is good.
type Options struct {
	// Prefix starts the name of every key, behind "rate:"; "" means "rollbook:".
	// Limiters with the same prefix share their counts.
	Prefix string
}

// Limiter is an [httpapi.Limiter] on Redis. It is safe for concurrent use, by any
// number of processes.
type Limiter struct {
	rates  *redis_rate.Limiter
	prefix string
}

var _ httpapi.Limiter = (*Limiter)(nil)

// New returns a Limiter. Nothing is sent; the caller closes the client. It fails
// without a client.
func New(client goredis.UniversalClient, opts *Options) (*Limiter, error) {
	if client == nil {
		return nil, errors.New("redislimit: new: a client is required")
	}
	l := &Limiter{rates: redis_rate.NewLimiter(client), prefix: "rollbook:"}
	if opts != nil && opts.Prefix != "" {
		l.prefix = opts.Prefix
	}
	return l, nil
}

// Allow implements [httpapi.Limiter]. Without rates everything is allowed. It
// fails if Redis does, or a rate has no requests or less than a microsecond for
// each.
//
// Remaining is what may be used at once, so at most half of a rate's requests.
func (l *Limiter) Allow(ctx context.Context, key string, rates []httpapi.Rate) (httpapi.Decision, error) {
	for _, rate := range rates {
		if rate.Requests < 1 || share(rate) < time.Microsecond {
			return httpapi.Decision{}, errors.New("redislimit: a rate needs requests, and a microsecond for each")
		}
	}
	d := httpapi.Decision{Allowed: true}
	for i, rate := range rates {
		r, err := l.take(ctx, key, rate, 1)
		if err != nil {
			l.giveBack(ctx, key, rates[:i])
			return httpapi.Decision{}, err
		}
		if r.Allowed < 1 {
			l.giveBack(ctx, key, rates[:i])
			return l.refusal(ctx, key, rates[i:], r)
		}
		if left := remaining(rate, r.ResetAfter); i == 0 || left < d.Remaining {
			d.Limit, d.Remaining, d.Reset = rate, left, r.ResetAfter
		}
	}
	return d, nil
}

// refusal returns the decision that the first of some rates made. The others are
// asked how long they would refuse, and count nothing.
func (l *Limiter) refusal(ctx context.Context, key string, rates []httpapi.Rate, r *redis_rate.Result) (httpapi.Decision, error) {
	d := httpapi.Decision{Limit: rates[0], Wait: r.RetryAfter, Reset: r.ResetAfter}
	for _, rate := range rates[1:] {
		r, err := l.take(ctx, key, rate, 0)
		if err != nil {
			return httpapi.Decision{}, err
		}
		// A request is allowed when one share of the bucket is full.
		if wait := r.ResetAfter - time.Duration(burst(rate)-1)*share(rate); wait > d.Wait {
			d.Limit, d.Wait, d.Reset = rate, wait, r.ResetAfter
		}
	}
	return d, nil
}

// giveBack undoes what rates have counted for a request that is refused. It is
// tried once: what fails here stays counted.
func (l *Limiter) giveBack(ctx context.Context, key string, rates []httpapi.Rate) {
	if len(rates) == 0 {
		return
	}
	// The request's own end is no reason to leave it counted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, rate := range rates {
		if _, err := l.take(ctx, key, rate, -1); err != nil {
			return
		}
	}
}

// take counts n requests, if the rate allows them; a negative n takes them back,
// and 0 looks.
func (l *Limiter) take(ctx context.Context, key string, rate httpapi.Rate, n int) (*redis_rate.Result, error) {
	limit := redis_rate.Limit{Rate: rate.Requests, Burst: burst(rate), Period: rate.Per}
	r, err := l.rates.AllowN(ctx, l.name(key, rate), limit, n)
	if err != nil {
		return nil, fmt.Errorf("redislimit: %w", err)
	}
	return r, nil
}

// burst is how many requests a rate allows at once.
func burst(rate httpapi.Rate) int { return rate.Requests/2 + rate.Requests%2 }

// share is how long the bucket of a rate takes to refill by one request.
func share(rate httpapi.Rate) time.Duration {
	return rate.Per / time.Duration(max(rate.Requests, 1))
}

// remaining is how many requests a bucket has that is full after reset. Redis
// computes it too, but rounds a full share that lost a part of a microsecond down
// to none.
func remaining(rate httpapi.Rate, reset time.Duration) int {
	return max(0, burst(rate)-int((reset+share(rate)-time.Microsecond)/share(rate)))
}

// name returns what a rate of a key is counted under. Rates that differ have
// nothing in common: their counts are in units of their own.
func (l *Limiter) name(key string, rate httpapi.Rate) string {
	b := make([]byte, 0, len(key)+48)
	b = append(strconv.AppendInt(b, int64(rate.Requests), 10), '/')
	b = append(strconv.AppendInt(b, int64(rate.Per), 10), ' ')
	sum := sha256.Sum256(append(b, key...))
	return l.prefix + hex.EncodeToString(sum[:16])
}
