package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
)

// The benchmarks compare this package with what a host would otherwise write
// against database/sql. Both sides run the same statements on the same disk, in
// turns, and every figure is the median of the ratios of single passes: absolute
// figures say more about the machine and the hour than about the code.

const (
	benchCallers = 64
	benchTenants = 4
	benchUsers   = 20_000 // before the first pass
	benchPass    = time.Second
)

// person is what a side writes: a user of about 600 bytes.
type person struct {
	tenant, id, external string
	revision             int64 // 0: new
}

// side is one way to write. It returns the person's new revision.
type side interface {
	upsert(ctx context.Context, p person, body []byte) (int64, error)
}

// pass is what one side did in one pass.
type pass struct {
	perSecond float64
	p99       time.Duration
}

// crowd is the callers of a side: each rewrites the users that it made before.
type crowd struct {
	ids   atomic.Int64
	known [benchCallers][]person
}

// measure lets every caller make calls for one pass. next returns a caller's next call,
// which alone is timed.
func measure(b *testing.B, seed int64, next func(ctx context.Context, caller int, rng *rand.Rand) (call func() error)) pass {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute) // callers have contexts that can end
	defer cancel()
	var wg sync.WaitGroup
	took := make([][]time.Duration, benchCallers)
	start := time.Now()
	for i := range benchCallers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(seed)))
			for time.Since(start) < benchPass {
				call := next(ctx, i, rng)
				began := time.Now()
				if err := call(); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	all := slices.Concat(took...)
	slices.Sort(all)
	if len(all) == 0 {
		b.Fatal("nothing was done")
	}
	return pass{perSecond: float64(len(all)) / elapsed.Seconds(), p99: all[len(all)*99/100]}
}

// run lets every caller write for one pass, half new users and half rewrites.
func (c *crowd) run(b *testing.B, s side) pass {
	b.Helper()
	return measure(b, c.ids.Load(), func(ctx context.Context, caller int, rng *rand.Rand) func() error {
		p, body := c.next(rng, caller), benchBody(rng)
		return func() (err error) {
			p.revision, err = s.upsert(ctx, p.person, body)
			if err == nil {
				c.keep(caller, p)
			}
			return err
		}
	})
}

// keep remembers a user that was written.
func (c *crowd) keep(caller int, p turn) {
	if p.at < 0 {
		c.known[caller] = append(c.known[caller], p.person)
	} else {
		c.known[caller][p.at] = p.person
	}
}

type turn struct {
	person
	at int // in known; -1: new
}

func (c *crowd) next(rng *rand.Rand, caller int) turn {
	known := c.known[caller]
	if len(known) > 0 && rng.IntN(2) == 0 {
		at := rng.IntN(len(known))
		return turn{known[at], at}
	}
	return turn{newPerson(rng, c.ids.Add(1)), -1}
}

func newPerson(rng *rand.Rand, n int64) person {
	return person{
		tenant:   fmt.Sprintf("tenant-%d", n%benchTenants),
		id:       fmt.Sprintf("%012x%012x", n, rng.Uint64()&(1<<48-1)), // ordered by time
		external: fmt.Sprintf("crm-%016x", rng.Uint64()),               // not ordered
	}
}

func benchBody(rng *rand.Rand) []byte {
	return fmt.Appendf(make([]byte, 0, 640), `{"name":"Person %d","email":"p%d@example.com","metadata":"%0550d"}`,
		rng.IntN(1e6), rng.IntN(1e6), rng.Uint64())
}

func (p person) record(body []byte) store.Record {
	return store.Record{ID: p.id, Kind: "user", Unique: []store.Key{{Kind: "external", Value: p.external}}, Data: body}
}

// ours is this package.
type ours struct{ store *Store }

func (o ours) upsert(ctx context.Context, p person, body []byte) (int64, error) {
	op := store.Create(p.record(body), nil)
	if p.revision > 0 {
		op.Old = &store.Record{ID: p.id, Kind: "user", Revision: store.Revision(p.revision)}
	}
	revision, err := o.store.Apply(ctx, p.tenant, store.Ops(op))
	return int64(revision), err
}

// prepareDatabase makes a database with some users in it, and spreads them over
// the callers.
func prepareDatabase(b *testing.B, users int) (path string, c *crowd) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "bench.db")
	s, err := Open(b.Context(), path, &Options{Sync: Normal})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c = new(crowd)
	rng := rand.New(rand.NewPCG(1, 2))
	batches := make(map[string][]person)
	flush := func(tenant string) {
		people := batches[tenant]
		ops := make([]store.Op, len(people))
		for i, p := range people {
			ops[i] = store.Create(p.record(benchBody(rng)), nil)
		}
		last, err := s.Apply(b.Context(), tenant, store.Ops(ops...))
		if err != nil {
			b.Fatal(err)
		}
		for i, p := range people {
			p.revision = int64(last) - int64(len(people)-1-i)
			caller := rng.IntN(benchCallers)
			c.known[caller] = append(c.known[caller], p)
		}
		delete(batches, tenant)
	}
	for range users {
		p := newPerson(rng, c.ids.Add(1))
		if batches[p.tenant] = append(batches[p.tenant], p); len(batches[p.tenant]) == store.MaxOps {
			flush(p.tenant)
		}
	}
	for tenant := range batches {
		flush(tenant)
	}
	return path, c
}

// BenchmarkUpsert writes with 64 callers: through this package, through a naive
// pool without a limit, through one with a single connection, and by hand, one
// goroutine that writes 64 a transaction.
func BenchmarkUpsert(b *testing.B) {
	for _, sync := range []Sync{Full, Normal} {
		b.Run(sync.String(), func(b *testing.B) {
			options, _ := (&Options{Sync: sync}).withDefaults()
			path, ourCrowd := prepareDatabase(b, benchUsers)
			s, err := Open(b.Context(), path, &options)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			unlimited := newNaive(b, options, 0)
			single := newNaive(b, options, 1)
			hand := newByHand(b, options)

			var r ratios.Set
			for b.Loop() {
				for range ratios.Passes(b) {
					mine := ourCrowd.run(b, ours{s})
					u := unlimited.crowd.run(b, unlimited)
					one := single.crowd.run(b, single)
					h := hand.run(b)
					b.Logf("ours %.0f/s p99 %v, unlimited %.0f/s p99 %v, single %.0f/s p99 %v, by hand %.0f/s",
						mine.perSecond, mine.p99, u.perSecond, u.p99, one.perSecond, one.p99, h.perSecond)
					r.Add("upserts/s", mine.perSecond)
					r.Add("x-unlimited-pool", mine.perSecond/u.perSecond)
					r.Add("x-single-connection", mine.perSecond/one.perSecond)
					r.Add("x-batches-by-hand", mine.perSecond/h.perSecond)
					r.Add("p99-of-unlimited", float64(mine.p99)/float64(u.p99))
				}
			}
			r.Report(b)
		})
	}
}
