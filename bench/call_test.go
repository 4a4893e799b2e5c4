package bench_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// BenchmarkCall makes one call of a Manager on SQLite with synchronous=FULL from 64 callers:
// it is there to be profiled.
//
//	go test -run '^$' -bench Call/create -benchtime 5s -cpuprofile cpu.out .
func BenchmarkCall(b *testing.B) {
	const callers = 64
	acme := enduser.New(openSQLite(b), nil).Tenant("acme")
	var last atomic.Int64
	create := func(ctx context.Context, _ *rand.Rand) error {
		_, err := acme.Create(ctx, person(last.Add(1), 0))
		return err
	}
	run(b, callers, time.Second/2, create)
	known := last.Load()
	someone := func(rng *rand.Rand) enduser.Spec { return person(1+rng.Int64N(known), 0) }
	middle, err := acme.List(b.Context(), enduser.Query{Limit: 500})
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name string
		call call
	}{
		{"create", create},
		{"known", func(ctx context.Context, rng *rand.Rand) error {
			_, _, err := acme.Ensure(ctx, someone(rng))
			return err
		}},
		{"get", func(ctx context.Context, rng *rand.Rand) error {
			_, err := acme.Get(ctx, enduser.ByExternalID(someone(rng).ExternalID))
			return err
		}},
		{"list", func(ctx context.Context, _ *rand.Rand) error {
			_, err := acme.List(ctx, enduser.Query{Limit: 50, After: middle.Next})
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				rng := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
				for pb.Next() {
					if err := bench.call(b.Context(), rng); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
