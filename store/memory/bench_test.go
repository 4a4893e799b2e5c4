package memory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// plain is the simplest store: maps behind one RWMutex. It makes
// the same copies as Store, and makes them under its lock. It has no index
// terms, lists, feed or checks, so the comparison is in its favor.
type plain struct {
	mu      sync.RWMutex
	records map[plainKey]store.Record
	holders map[plainKey]string
	last    store.Revision
}

type plainKey struct {
	tenant string
	key    store.Key
}

func newPlain() *plain {
	return &plain{records: map[plainKey]store.Record{}, holders: map[plainKey]string{}}
}

func (p *plain) Get(_ context.Context, tenant string, key store.Key) (store.Record, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if key.Kind != "" {
		key = store.ID(p.holders[plainKey{tenant, key}])
	}
	r, ok := p.records[plainKey{tenant, key}]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return plainCopy(r), nil
}

// Apply knows creates and replacements that keep the unique keys.
func (p *plain) Apply(_ context.Context, tenant string, b store.Batch) (store.Revision, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, op := range b.Ops {
		at := plainKey{tenant, store.ID(op.New.ID)}
		old, ok := p.records[at]
		if ok != (op.Old != nil) || ok && op.Old.Revision != old.Revision {
			return 0, &store.StaleError{Op: i, Require: -1}
		}
		p.last++
		r := plainCopy(*op.New)
		r.Created, r.Revision = old.Created, p.last
		p.records[at] = r
		if !ok {
			for _, key := range r.Unique {
				p.holders[plainKey{tenant, key}] = r.ID
			}
		}
	}
	return p.last, nil
}

func plainCopy(r store.Record) store.Record {
	keys := slices.Concat(r.Unique, r.Index)
	u := len(r.Unique)
	r.Unique, r.Index, r.Data = keys[:u:u], keys[u:], slices.Clone(r.Data)
	return r
}

// getApplier has the methods that both stores have.
type getApplier interface {
	Get(ctx context.Context, tenant string, key store.Key) (store.Record, error)
	Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error)
}

// BenchmarkMix compares Store with plain: 64 callers, 95 % Get by unique key and
// 5 % Get and Replace. The passes alternate; x-rwmutex is the median of their
// ratios, above 1 where Store is faster, and ns/call is the time of Store.
func BenchmarkMix(b *testing.B) {
	for _, tenants := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("tenants=%d", tenants), func(b *testing.B) {
			stores := [2]getApplier{memory.New(nil), newPlain()}
			perTenant := 32_000 / tenants
			for _, s := range stores {
				for t := range tenants {
					fill(b, s, "tenant-"+strconv.Itoa(t), perTenant)
				}
			}
			names, keys := make([]string, tenants), make([]store.Key, perTenant)
			for i := range names {
				names[i] = "tenant-" + strconv.Itoa(i)
			}
			for i := range keys {
				keys[i] = user(i).Unique[0]
			}
			var r ratios.Set
			for b.Loop() {
				for range 2 * ratios.Passes(b) {
					var took [2]float64
					for i, s := range stores {
						begin := time.Now()
						mix(b, s, names, keys)
						took[i] = float64(time.Since(begin))
					}
					r.Add("x-rwmutex", took[1]/took[0])
					r.Add("ns/call", took[0]/(mixCallers*mixCalls))
				}
			}
			r.Report(b)
		})
	}
}

func fill(b *testing.B, s getApplier, tenant string, n int) {
	b.Helper()
	for i := range n {
		if _, err := s.Apply(b.Context(), tenant, store.Ops(store.Create(user(i), nil))); err != nil {
			b.Fatal(err)
		}
	}
}

const (
	mixCallers = 64
	mixCalls   = 4000 // of each caller in a pass
)

func mix(b *testing.B, s getApplier, names []string, keys []store.Key) {
	b.Helper()
	ctx := b.Context()
	var wg sync.WaitGroup
	for range mixCallers {
		wg.Go(func() {
			for range mixCalls {
				tenant, key := names[rand.IntN(len(names))], keys[rand.IntN(len(keys))]
				r, err := s.Get(ctx, tenant, key)
				if err == nil && rand.IntN(100) < 5 {
					_, err = s.Apply(ctx, tenant, store.Ops(store.Replace(r, r, nil)))
				}
				if err != nil && !errors.Is(err, store.ErrStale) {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkGet(b *testing.B) {
	s := memory.New(nil)
	fill(b, s, "acme", 10_000)
	if _, err := s.Apply(b.Context(), "acme", store.Ops(store.Create(store.Record{ID: "bare", Kind: "user"}, nil))); err != nil {
		b.Fatal(err)
	}
	for name, key := range map[string]store.Key{"full": user(1).Unique[0], "bare": store.ID("bare")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Get(b.Context(), "acme", key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMillion has a million records in one tenant: pages of 50 at several
// depths, adding a term to an old record, and what a record costs.
func BenchmarkMillion(b *testing.B) {
	const records = 1_000_000
	before := heap()
	s := memory.New(nil)
	begin := time.Now()
	for i := range records {
		r := user(i)
		if i%1000 == 0 {
			r.Index = append(r.Index, store.Key{Kind: "plan", Value: "rare"})
		}
		if _, err := s.Apply(b.Context(), "acme", store.Ops(store.Create(r, nil))); err != nil {
			b.Fatal(err)
		}
	}
	perCreate := float64(time.Since(begin)) / records
	perRecord := float64(heap()-before)/records - float64(len(user(0).Data))
	active := user(0).Index[0]

	queries := []struct {
		name  string
		query store.Query
	}{
		{"first page", store.Query{}},
		{"page in the middle", store.Query{After: records / 2}},
		{"last page", store.Query{After: records - 50}},
		{"last page, descending", store.Query{Before: 51, Desc: true}},
		{"common term in the middle", store.Query{After: records / 2, Match: []store.Key{active}}},
		{"rare and common term in the middle", store.Query{After: records / 2, Match: []store.Key{active, {Kind: "plan", Value: "rare"}}}},
	}
	for _, q := range queries {
		b.Run(q.name, func(b *testing.B) {
			q.query.Kind, q.query.Limit = "user", 50
			b.ReportAllocs()
			for b.Loop() {
				page, err := s.List(b.Context(), "acme", q.query)
				if err != nil || len(page.Records) != 50 {
					b.Fatalf("%d records, error %v", len(page.Records), err)
				}
			}
		})
	}
	b.Run("replace changes a common term", func(b *testing.B) {
		for b.Loop() {
			old, err := s.Get(b.Context(), "acme", store.ID("user-"+strconv.Itoa(rand.IntN(records))))
			if err != nil {
				b.Fatal(err)
			}
			changed := old
			changed.Index = []store.Key{{Kind: "status", Value: "blocked"}}
			if old.Index[0].Value == "blocked" {
				changed.Index = []store.Key{active}
			}
			if _, err := s.Apply(b.Context(), "acme", store.Ops(store.Replace(old, changed, nil))); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(perRecord, "B/record")
		b.ReportMetric(perCreate, "ns/create")
	})
}

// BenchmarkTenants has 10,000 tenants of 100 records, one of a hundred with
// something due.
func BenchmarkTenants(b *testing.B) {
	const tenants, records = 10_000, 100
	s := memory.New(nil)
	for t := range tenants {
		name := "tenant-" + strconv.Itoa(t)
		for i := range records {
			r := store.Record{ID: strconv.Itoa(i), Kind: "user", Due: store.FromMillis(2)}
			if t%100 == 0 {
				r.Due = store.FromMillis(1)
			}
			if _, err := s.Apply(b.Context(), name, store.Ops(store.Create(r, nil))); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, before := range map[string]int64{"nothing due": 1, "1 of 100 due": 2, "all due": 3} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, err := s.Due(b.Context(), store.DueQuery{Before: store.FromMillis(before)})
				if err != nil || (len(page.Tenants) == 0) != (before == 1) {
					b.Fatalf("%d tenants, error %v", len(page.Tenants), err)
				}
			}
		})
	}
	b.Run("last page of names", func(b *testing.B) {
		for b.Loop() {
			page, err := s.Tenants(b.Context(), store.TenantQuery{After: "tenant-" + strconv.Itoa(tenants-51), Limit: 50})
			if err != nil || len(page.Names) != 50 {
				b.Fatalf("%d names, error %v", len(page.Names), err)
			}
		}
	})
}

// BenchmarkNeighbor measures a Get of one tenant beside 60 callers that list pages of
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
			const pause = 200 * time.Microsecond
			var took []float64
			begin := time.Now()
			for b.Loop() {
				at := time.Now()
				<-time.After(pause) // to be woken is a part of it
				if _, err := s.Get(ctx, "acme", store.ID("user-7")); err != nil {
					b.Fatal(err)
				}
				took = append(took, float64(time.Since(at)-pause))
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

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
