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
// steadily gets all of its N requests in each period. A key that was unused gets half of
// them, rounded up, at once, and then one in each Nth part of the period. Any
// span shorter than a period allows at most
//
//	N + N/2 (rounded up) - 1
//
// requests: always fewer than twice N, and for N = 1 and N = 2 never more
// than N. A limiter in one process, [httpapi.NewLimiter], has the sharper bound N.
// The clock is that of the Redis server.
//
// # Several rates
//
// All rates must allow a request. They are checked one after the other, in the order
// given, in one round trip each. When one refuses, the counts of the earlier ones are
// given back, so a refused request counts nowhere. Many at once, the rows of a bulk request, are
// counted only after all rates were read. There are three exceptions, none of which ever allows
// a request too many. A bucket that was full keeps what was counted, until it refills. During
// the round trip that gives a count back, another request may be refused that would have been
// allowed. If Redis is unreachable at that moment, or the process ends, the request stays
// counted. Put the rate that is
// reached most often first, which is usually the one of the shortest period.
//
// # Redis
//
// Each credential and rate has one key, which expires by itself. Its name is "rate:", then
// [Options].Prefix, then a hash, so that it shows no name of a credential. Keys may be on
// different nodes of a Cluster. If they are lost, in a failover for instance,
// limits begin anew. A client that repeats commands whose reply was lost may count
// a request twice; a client of NewClient in package store/redis does not.
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

// Options are the settings of a Limiter. The zero value is ready to use.
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

// New returns a Limiter. Nothing is sent; the caller closes the client. It returns an error
// if client is nil.
func New(client goredis.UniversalClient, opts *Options) (*Limiter, error) {
	if client == nil {
		return nil, errors.New("redislimit: a client is required")
	}
	l := &Limiter{rates: redis_rate.NewLimiter(client), prefix: "rollbook:"}
	if opts != nil && opts.Prefix != "" {
		l.prefix = opts.Prefix
	}
	return l, nil
}

// Allow implements [httpapi.Limiter]. Without rates it allows everything. It returns an
// error if Redis does, or if a rate has no requests or less than a microsecond for each.
//
// Remaining is the number of requests that are allowed at once, so at most half of a
// rate's, rounded up; likewise Most.
func (l *Limiter) Allow(ctx context.Context, key string, n int, rates []httpapi.Rate) (httpapi.Decision, error) {
	d := httpapi.Decision{Allowed: true}
	for _, rate := range rates {
		if rate.Requests < 1 || share(rate) < time.Microsecond {
			return httpapi.Decision{}, errors.New("redislimit: a rate needs requests, and a microsecond for each")
		}
		if most := burst(rate); n > most && (d.Allowed || most < d.Most) {
			d = httpapi.Decision{Limit: rate, Most: most}
		}
	}
	if d.Allowed && n > 1 && len(rates) > 1 {
		var err error
		if d, err = l.look(ctx, key, n, rates, d); err != nil {
			return httpapi.Decision{}, err
		}
	}
	if !d.Allowed {
		return d, nil
	}
	for i, rate := range rates {
		r, err := l.take(ctx, key, rate, n)
		if err != nil {
			l.giveBack(ctx, key, n, rates[:i])
			return httpapi.Decision{}, err
		}
		if r.Allowed < n {
			l.giveBack(ctx, key, n, rates[:i])
			d = httpapi.Decision{Limit: rate, Wait: r.RetryAfter, Remaining: remaining(rate, r.ResetAfter), Reset: r.ResetAfter}
			return l.look(ctx, key, n, rates[i+1:], d)
		}
		if left := remaining(rate, r.ResetAfter); i == 0 || left < d.Remaining {
			d.Limit, d.Remaining, d.Reset = rate, left, r.ResetAfter
		}
	}
	return d, nil
}

// look returns d, or the decision of the rate that refuses n requests longer than d does. The
// rates are read, and count nothing.
func (l *Limiter) look(ctx context.Context, key string, n int, rates []httpapi.Rate, d httpapi.Decision) (httpapi.Decision, error) {
	for _, rate := range rates {
		r, err := l.take(ctx, key, rate, 0)
		if err != nil {
			return httpapi.Decision{}, err
		}
		// They are allowed when n shares of the bucket are full.
		if wait := r.ResetAfter - time.Duration(burst(rate)-n)*share(rate); wait > d.Wait {
			d = httpapi.Decision{Limit: rate, Wait: wait, Remaining: remaining(rate, r.ResetAfter), Reset: r.ResetAfter}
		}
	}
	return d, nil
}

// giveBack undoes the counts of n requests that are refused. It makes one attempt: if that
// fails, they stay counted.
func (l *Limiter) giveBack(ctx context.Context, key string, n int, rates []httpapi.Rate) {
	if len(rates) == 0 {
		return
	}
	// The request's own end is no reason to leave it counted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, rate := range rates {
		if _, err := l.take(ctx, key, rate, -n); err != nil {
			return
		}
	}
}

// take counts n requests, if the rate allows them. A negative n takes them back, and 0
// only reads.
func (l *Limiter) take(ctx context.Context, key string, rate httpapi.Rate, n int) (*redis_rate.Result, error) {
	limit := redis_rate.Limit{Rate: rate.Requests, Burst: burst(rate), Period: rate.Per}
	r, err := l.rates.AllowN(ctx, l.name(key, rate), limit, n)
	if err != nil {
		return nil, fmt.Errorf("redislimit: %w", err)
	}
	return r, nil
}

// burst returns how many requests a rate allows at once.
func burst(rate httpapi.Rate) int { return rate.Requests/2 + rate.Requests%2 }

// share returns how long the bucket of a rate takes to refill by one request.
func share(rate httpapi.Rate) time.Duration {
	return rate.Per / time.Duration(max(rate.Requests, 1))
}

// remaining returns how many requests a bucket has that will be full after reset. Redis
// computes it too, but rounds a full share that lost a part of a microsecond down
// to none.
func remaining(rate httpapi.Rate, reset time.Duration) int {
	return max(0, burst(rate)-int((reset+share(rate)-time.Microsecond)/share(rate)))
}

// name returns the name under which a rate of a key is counted. Different rates share
// nothing, since their counts are in units of their own.
func (l *Limiter) name(key string, rate httpapi.Rate) string {
	b := make([]byte, 0, len(key)+48)
	b = append(strconv.AppendInt(b, int64(rate.Requests), 10), '/')
	b = append(strconv.AppendInt(b, int64(rate.Per), 10), ' ')
	sum := sha256.Sum256(append(b, key...))
	return l.prefix + hex.EncodeToString(sum[:16])
}
