package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// BenchmarkHeldTenant: a host holds one tenant's transaction for 2 s while 32 callers write a
// hundred other tenants and others read that one. It reports the 99th percentiles, in
// milliseconds, beside those of the same calls while nothing is held.
func BenchmarkHeldTenant(b *testing.B) {
	h := newHome(b)
	s := h.open(b, nil)
	host := h.pool(b)
	put(b, s, "held", store.Create(user("old"), nil))
	var number atomic.Int64
	write := func() error {
		n := number.Add(1)
		_, err := s.Apply(b.Context(), fmt.Sprint("tenant", n%100), store.Ops(store.Create(user(fmt.Sprint(n)), []byte("note"))))
		return err
	}
	read := func() error {
		_, err := s.Get(b.Context(), "held", store.ID("old"))
		return err
	}
	var held, free, heldGets, freeGets []time.Duration
	for b.Loop() {
		writes, gets := during(b, 2*time.Second, write, read)
		free, freeGets = append(free, writes...), append(freeGets, gets...)
		tx := begin(b, host)
		put(b, s.In(tx), "held", store.Create(user(fmt.Sprint("host's ", number.Add(1))), nil))
		var wg sync.WaitGroup
		for range 8 { // that want the tenant, too
			wg.Go(func() { put(b, s, "held", store.Create(user(fmt.Sprint("waits ", number.Add(1))), nil)) })
		}
		writes, gets = during(b, 2*time.Second, write, read)
		held, heldGets = append(held, writes...), append(heldGets, gets...)
		must(b, tx.Commit(b.Context()))
		wg.Wait()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p99(held), "p99-ms")
	b.ReportMetric(p99(free), "p99-ms-free")
	b.ReportMetric(p99(heldGets), "get-p99-ms")
	b.ReportMetric(p99(freeGets), "get-p99-ms-free")
}

// during makes calls for a while, and returns how long each took.
func during(b *testing.B, d time.Duration, write, read func() error) (writes, reads []time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	loop := func(callers int, call func() error, all *[]time.Duration) {
		for range callers {
			wg.Go(func() {
				for ctx.Err() == nil {
					began := time.Now()
					if err := call(); err != nil {
						b.Error(err)
						return
					}
					took := time.Since(began)
					mu.Lock()
					*all = append(*all, took)
					mu.Unlock()
				}
			})
		}
	}
	loop(32, write, &writes)
	loop(2, read, &reads)
	wg.Wait()
	return writes, reads
}

func p99(all []time.Duration) float64 {
	slices.Sort(all)
	return all[len(all)*99/100].Seconds() * 1000
}

// BenchmarkWake reports the time from a write by one store to the return of Wait in another,
// in milliseconds: the median and the longest.
func BenchmarkWake(b *testing.B) {
	for name, opts := range map[string]*postgres.Options{"notify": {Notify: true}, "poll": nil} {
		b.Run(name, func(b *testing.B) {
			h := newHome(b)
			s, other := h.open(b, opts), h.open(b, opts)
			rev := put(b, other, "tenant", store.Create(user("first"), []byte("note")))
			last := waits(b, s, "last", 0) // keeps the connection that listens
			if opts != nil {
				h.awaitListener(b, 1)
			}
			var all []time.Duration
			for b.Loop() {
				woken := make(chan time.Time, 1)
				before := s.Waiting()
				go func() {
					must(b, s.Wait(b.Context(), "tenant", rev))
					woken <- time.Now()
				}()
				pgtest.Until(b, "Wait waits", func() bool { return s.Waiting() > before })
				rev = put(b, other, "tenant", store.Create(user(fmt.Sprint(rev)), []byte("note")))
				written := time.Now()
				all = append(all, (<-woken).Sub(written))
			}
			put(b, other, "last", store.Create(user("last"), []byte("note")))
			awake(b, "last", last)
			slices.Sort(all)
			b.ReportMetric(all[len(all)/2].Seconds()*1000, "ms-median")
			b.ReportMetric(all[len(all)-1].Seconds()*1000, "ms-longest")
		})
	}
}
