package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// BenchmarkTurn: hosts write one tenant in transactions of 5 ms, one after the other, for 4 s,
// while a caller of the store writes it, too. It reports the caller's writes and those of
// the hosts each second, and how long the caller waited at most, in milliseconds.
func BenchmarkTurn(b *testing.B) {
	for _, hosts := range []int{1, 4, 8} {
		b.Run(fmt.Sprint("hosts=", hosts), func(b *testing.B) {
			const length = 4 * time.Second
			h := newHome(b)
			s := h.open(b, nil)
			host := h
			host.dsn += "&pool_max_conns=16"
			pool := host.pool(b)
			put(b, s, "held", store.Create(user("old"), nil))
			var number, theirs atomic.Int64
			var took []time.Duration
			for b.Loop() {
				ctx, cancel := context.WithTimeout(b.Context(), length)
				var wg sync.WaitGroup
				for range hosts {
					wg.Go(func() {
						for ctx.Err() == nil {
							tx, err := pool.Begin(b.Context())
							if err != nil {
								b.Error(err)
								return
							}
							_, err = s.In(tx).Apply(b.Context(), "held", store.Ops(store.Create(user(fmt.Sprint(number.Add(1))), nil)))
							<-time.After(5 * time.Millisecond)
							if err = errors.Join(err, tx.Commit(b.Context())); err != nil {
								b.Error(err)
								return
							}
							theirs.Add(1)
						}
					})
				}
				for ctx.Err() == nil {
					began := time.Now()
					put(b, s, "held", store.Create(user(fmt.Sprint(number.Add(1))), nil))
					took = append(took, time.Since(began))
				}
				wg.Wait()
				cancel()
			}
			seconds := float64(b.N) * length.Seconds()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(took))/seconds, "writes/s")
			b.ReportMetric(float64(theirs.Load())/seconds, "hosts/s")
			b.ReportMetric(slices.Max(took).Seconds()*1000, "max-ms")
		})
	}
}
