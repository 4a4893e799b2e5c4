package bench_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// BenchmarkKnown compares an Ensure of a user that exists, and an Upsert that changes
// nothing, with a Get of the same user, while 32 callers create users in the same tenant.
// Two callers make the three calls in turn.
func BenchmarkKnown(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkKnown(b, memory.New(nil)) })
	b.Run("sqlite", func(b *testing.B) { benchmarkKnown(b, openSQLite(b)) })
	b.Run("redis", func(b *testing.B) { benchmarkKnown(b, openRedis(b)) })
	b.Run("postgres", func(b *testing.B) { benchmarkKnown(b, openPostgres(b)) })
}

func benchmarkKnown(b *testing.B, st store.Store) {
	b.Helper()
	const known, writers, callers, length = 1000, 32, 2, 3 * time.Second
	acme := enduser.New(st, nil).Tenant("acme")
	for n := range int64(known) {
		if _, err := acme.Create(b.Context(), person(n+1, 0)); err != nil {
			b.Fatal(err)
		}
	}
	var last atomic.Int64
	last.Store(known)
	create := func(ctx context.Context, _ *rand.Rand) error {
		_, err := acme.Create(ctx, person(last.Add(1), 0))
		return err
	}
	one := func(rng *rand.Rand) enduser.Spec { return person(1+rng.Int64N(known), 0) }
	get := func(ctx context.Context, rng *rand.Rand) error {
		_, err := acme.Get(ctx, enduser.ByExternalID(one(rng).ExternalID))
		return err
	}
	ensure := func(ctx context.Context, rng *rand.Rand) error {
		_, _, err := acme.Ensure(ctx, one(rng))
		return err
	}
	upsert := func(ctx context.Context, rng *rand.Rand) error {
		_, outcome, err := acme.Upsert(ctx, one(rng))
		if err == nil && outcome != enduser.Unchanged {
			err = fmt.Errorf("outcome %v", outcome)
		}
		return err
	}
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			var writing sync.WaitGroup
			writing.Go(func() { r.Add("created/s", run(b, writers, length, create)[0].perSecond) })
			took := run(b, callers, length, get, ensure, upsert)
			writing.Wait()
			for i, name := range []string{"get", "ensure", "upsert"} {
				p50, p99 := took[i].quantile(0.50), took[i].quantile(0.99)
				r.Add("ms-p50-"+name, p50*1e3)
				r.Add("ms-p99-"+name, p99*1e3)
				if i > 0 {
					r.Add("p50-"+name+"-of-get", p50/took[0].quantile(0.50))
					r.Add("p99-"+name+"-of-get", p99/took[0].quantile(0.99))
				}
			}
		}
	}
	r.Report(b)
}
