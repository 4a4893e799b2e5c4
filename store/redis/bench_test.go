package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

const (
	benchCallers = 64
	benchWrites  = 100 // of each caller and pass
	benchPasses  = 7
)

// BenchmarkCoalesced compares Apply with what it would be without pipelines: the
// same script with the same arguments, sent by EVALSHA over a pool of as many
// connections as callers. Half of the writes are new users, half are rewrites.
// The metric x is the median ratio of interleaved passes.
func BenchmarkCoalesced(b *testing.B) {
	server := redistest.Server(b)
	client := NewClient(&goredis.UniversalOptions{Addrs: []string{server.Addr}, PoolSize: benchCallers})
	defer func() { _ = client.Close() }()
	st, err := New(client, nil)
	if err != nil {
		b.Fatal(err)
	}
	pooled := func(ctx context.Context, tenant string, op store.Op) (store.Revision, error) {
		sp := st.space(tenant)
		p, err := newPlan(sp, store.Ops(op), known{}, newNonce())
		if err != nil {
			return 0, err
		}
		w := st.newWrite(sp, p)
		cmd := goredis.NewCmd(ctx, w.args...)
		if err := client.Process(ctx, cmd); err != nil {
			return 0, err
		}
		return p.outcome(cmd.Val())
	}
	coalesced := func(ctx context.Context, tenant string, op store.Op) (store.Revision, error) {
		return st.Apply(ctx, tenant, store.Ops(op))
	}
	benchPass(b, coalesced) // the server learns the script
	for b.Loop() {
		var ratios []float64
		for range benchPasses {
			slow := benchPass(b, pooled)
			fast := benchPass(b, coalesced)
			ratios = append(ratios, fast/slow)
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "x")
		b.ReportMetric(benchPass(b, coalesced), "writes/s")
	}
}

// benchPass returns writes per second.
func benchPass(b *testing.B, apply func(context.Context, string, store.Op) (store.Revision, error)) float64 {
	b.Helper()
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	data := make([]byte, 600)
	start := time.Now()
	for c := range benchCallers {
		wg.Go(func() {
			tenant := fmt.Sprintf("tenant-%d", c%16)
			for range benchWrites / 2 {
				r := benchUser(data)
				rev, err := apply(b.Context(), tenant, store.Create(r, []byte("{}")))
				if err == nil {
					old := r
					old.Created, old.Revision = rev, rev
					_, err = apply(b.Context(), tenant, store.Replace(old, r, []byte("{}")))
				}
				if err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return benchCallers * benchWrites / time.Since(start).Seconds()
}

func benchUser(data []byte) store.Record {
	id := rand.Text()
	return store.Record{
		ID: id, Kind: "user",
		Unique: []store.Key{{Kind: "external", Value: id}},
		Index:  []store.Key{{Kind: "status", Value: "active"}},
		Data:   data,
	}
}
