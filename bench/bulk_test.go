package bench_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// BenchmarkBulk compares an import of new users by UpsertAll with one that is written by hand
// for the same database: one goroutine, the same tables and rows, in transactions of 5,000 users,
// or, on Redis, in pipelines of 128. By hand the rows are given as the database gets them; only
// UpsertAll makes them, out of specs that it checks.
func BenchmarkBulk(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkBulk(b, openSQLite(b), newSQLiteByHand(b)) })
	b.Run("postgres", func(b *testing.B) { benchmarkBulk(b, openPostgres(b), newPostgresByHand(b)) })
	b.Run("redis", func(b *testing.B) { benchmarkBulk(b, openRedis(b), newRedisByHand(b)) })
}

// byHand is an import without Rollbook. The rows are as a store gets them, for one tenant.
type byHand interface {
	write(ctx context.Context, first store.Revision, rows []store.Op) error
}

const bulkRows = 20_000

func benchmarkBulk(b *testing.B, st store.Store, hand byHand) {
	b.Helper()
	acme := enduser.New(st, nil).Tenant("acme")
	last := int64(0)
	next := func() []enduser.Spec {
		specs := make([]enduser.Spec, bulkRows)
		for i := range specs {
			last++
			specs[i] = person(last, 0)
		}
		return specs
	}
	written := store.Revision(0)
	var r ratios.Set
	for b.Loop() {
		for pass := range ratios.Passes(b) {
			specs := next()
			rows := opsOf(b, specs)
			ours := func() time.Duration {
				begin := time.Now()
				upsertAll(b, acme, specs)
				return time.Since(begin)
			}
			theirs := func() time.Duration {
				begin := time.Now()
				if err := hand.write(b.Context(), written, rows); err != nil {
					b.Fatal(err)
				}
				return time.Since(begin)
			}
			var mine, his time.Duration
			if pass%2 == 0 {
				mine, his = ours(), theirs()
			} else {
				his, mine = theirs(), ours()
			}
			written += bulkRows
			b.Logf("UpsertAll %.0f/s, by hand %.0f/s", bulkRows/mine.Seconds(), bulkRows/his.Seconds())
			r.Add("rows/s", bulkRows/mine.Seconds())
			r.Add("x-by-hand", his.Seconds()/mine.Seconds())
		}
	}
	r.Report(b)
}

func upsertAll(b *testing.B, acme enduser.Tenant, specs []enduser.Spec) {
	b.Helper()
	for r, err := range acme.UpsertAll(b.Context(), slices.Values(specs), nil) {
		if err == nil && r.Outcome != enduser.Created {
			err = fmt.Errorf("row %d: %v", r.Row, r.Outcome)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// opsOf returns what a store gets for specs.
func opsOf(b *testing.B, specs []enduser.Spec) []store.Op {
	b.Helper()
	seen := &recorder{Store: memory.New(nil)}
	upsertAll(b, enduser.New(seen, nil).Tenant("acme"), specs)
	return seen.ops
}

// recorder keeps what is written.
type recorder struct {
	store.Store
	mu  sync.Mutex
	ops []store.Op
}

// Apply implements store.Store.
func (r *recorder) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	rev, err := r.Store.Apply(ctx, tenant, batch)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ops = append(r.ops, batch.Ops...)
	}
	return rev, err
}
