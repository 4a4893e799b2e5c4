package memory_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// BenchmarkNeighbor measures a Get of one tenant beside 60 callers who list pages of
// 1 MiB of another.
func BenchmarkNeighbor(b *testing.B) {
	s := memory.New(nil)
	for i := range 200 {
		r := user(i)
		r.Data = make([]byte, 100_000)
		if _, err := s.Apply(b.Context(), "large", store.Ops(store.Create(r, nil))); err != nil {
			b.Fatal(err)
		}
	}
	fill(b, s, "acme", 100)
	for _, listing := range []int{0, 60} {
		b.Run("listing="+strconv.Itoa(listing), func(b *testing.B) {
			ctx, stop := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			pages := make([]int, listing)
			for i := range listing {
				wg.Go(func() {
					for ctx.Err() == nil {
						if _, err := s.List(ctx, "large", store.Query{Kind: "user"}); err == nil {
							pages[i]++
						}
					}
				})
			}
			var took []float64
			begin := time.Now()
			for b.Loop() {
				at := time.Now()
				if _, err := s.Get(ctx, "acme", store.ID("user-7")); err != nil {
					b.Fatal(err)
				}
				took = append(took, float64(time.Since(at)))
				time.Sleep(200 * time.Microsecond)
			}
			total := time.Since(begin)
			stop()
			wg.Wait()
			slices.Sort(took)
			n := 0
			for _, p := range pages {
				n += p
			}
			b.ReportMetric(took[len(took)/2], "p50-ns")
			b.ReportMetric(took[len(took)*99/100], "p99-ns")
			b.ReportMetric(took[len(took)-1], "max-ns")
			b.ReportMetric(float64(n)/total.Seconds(), "pages/s")
		})
	}
}
