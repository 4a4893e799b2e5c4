package enduser_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

// The sizes that BenchmarkScale compares. The project's targets speak of 10,000 and
// 1,000,000 users.
var (
	fewUsers  = flag.Int("few", 2_000, "users in the small registry of BenchmarkScale")
	manyUsers = flag.Int("many", 20_000, "users in the large registry of BenchmarkScale")
)

// registry is a tenant with n users.
type registry struct {
	enduser.Tenant
	n      int
	cursor func(share float64) enduser.Cursor // of about the user at that share of the list
}

// person describes the ith user: about 600 bytes, one of 40 names and 20 plans, in
// a group of 100.
func person(i int) enduser.Spec {
	first := []string{"Ann", "Bob", "Cleo", "Dana", "Émile", "Fay", "Gus", "Hana"}[i%8]
	last := []string{"Lee", "Ünal", "Okafor", "Smith", "Jones"}[i/8%5]
	return enduser.Spec{
		ExternalID: fmt.Sprint("crm-", i), Name: first + " " + last, Email: fmt.Sprintf("user%d@example.com", i),
		Language: "en", Groups: []string{fmt.Sprint("group-", i/100)},
		Metadata: enduser.Metadata{
			"plan": enduser.String(fmt.Sprint("plan-", i%20)), "notes": enduser.String(strings.Repeat("n", 300)),
		},
	}
}

// load fills a registry with 64 callers.
func load(b *testing.B, acme enduser.Tenant, n int) registry {
	b.Helper()
	begin := time.Now()
	var wg sync.WaitGroup
	for g := range callers {
		wg.Go(func() {
			for i := g; i < n; i += callers {
				if _, _, err := acme.Ensure(b.Context(), person(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	b.Logf("%d users loaded in %v", n, time.Since(begin).Round(time.Second))
	return registry{Tenant: acme, n: n, cursor: cursors(b, acme)}
}

// cursors walks a tenant once, and keeps where its pages end.
func cursors(b *testing.B, acme enduser.Tenant) func(share float64) enduser.Cursor {
	b.Helper()
	ends := []enduser.Cursor{{}}
	for q := (enduser.Query{Limit: 500}); ; {
		page := must(acme.List(b.Context(), q))(b)
		if q.After = page.Next; q.After.IsZero() {
			return func(share float64) enduser.Cursor { return ends[int(share*float64(len(ends)-1))] }
		}
		ends = append(ends, q.After)
	}
}

// BenchmarkScale asks what a registry costs when it is a hundred times as large.
// For each call it runs passes on the small and the large registry in turn and
// reports the median of the ratios of their speeds: keeps-get, keeps-page and so on
// are 1 where the size makes no difference and 0.5 where the large one is half as
// fast. filter3 combines a word, a group and a metadata value, filter2 a word and a
// metadata value. deep-middle and deep-last are the times of a page in the large registry
// over that of its first page: 1 where depth makes no difference.
//
//	go test ./enduser -run '^$' -bench Scale -benchtime 1x -few 10000 -many 1000000
func BenchmarkScale(b *testing.B) {
	for _, backend := range allBackends() {
		if backend.name != "sqlite" && backend.name != "redis" {
			continue
		}
		b.Run(backend.name, func(b *testing.B) {
			users := enduser.New(backend.open(b), &enduser.Options{Schema: func(string) enduser.Schema {
				return enduser.Schema{IndexedMetadata: []string{"plan"}}
			}})
			pair := [2]registry{
				load(b, users.Tenant("few"), *fewUsers),
				load(b, users.Tenant("many"), *manyUsers),
			}
			ctx := b.Context()
			get := func(r registry) error {
				return second(r.Get(ctx, enduser.ByExternalID(fmt.Sprint("CRM-", rand.IntN(r.n)))))
			}
			page := func(share func() float64) func(registry) error {
				return func(r registry) error {
					p, err := r.List(ctx, enduser.Query{Limit: 50, After: r.cursor(share())})
					if err == nil && len(p.Users) != 50 {
						err = fmt.Errorf("%d users", len(p.Users))
					}
					return err
				}
			}
			// A word that every eighth has, a plan that every twentieth has, and a group
			// of 100: two or three users. Without the group, a full page.
			filter := func(grouped bool) func(registry) error {
				return func(r registry) error {
					s := person(rand.IntN(r.n))
					f := enduser.Filter{Name: strings.Fields(s.Name)[0], Metadata: enduser.Metadata{"plan": s.Metadata["plan"]}}
					if grouped {
						f.Group = s.Groups[0]
					}
					p, err := r.List(ctx, enduser.Query{Limit: 50, Filter: f})
					if err == nil && (len(p.Users) == 0 || !grouped && len(p.Users) < min(50, r.n/40)) {
						err = fmt.Errorf("%d users", len(p.Users))
					}
					return err
				}
			}
			upsert := func(r registry) error {
				s := person(rand.IntN(2 * r.n)) // half new, half rewrites
				s.Metadata["at"] = enduser.Int(rand.Int64())
				_, _, err := r.Upsert(ctx, s)
				return err
			}
			none := func() float64 { return 0 }
			for _, r := range pair { // what is compared is size, not a cold cache
				for _, err := range r.All(ctx, enduser.Filter{}) {
					if err != nil {
						b.Fatal(err)
					}
				}
				pace(b, r, callers, 5*time.Second, get)
			}
			var r ratios.Set
			for b.Loop() {
				keeps(b, &r, "keeps-get", pair, 1, get)
				keeps(b, &r, "keeps-page", pair, 1, page(func() float64 { return rand.Float64() * 0.9 }))
				keeps(b, &r, "keeps-filter3", pair, 1, filter(true))
				keeps(b, &r, "keeps-filter2", pair, 1, filter(false))
				many := [2]registry{pair[1], pair[1]}
				compare(b, many, 1, page(none), page(func() float64 { return 0.5 }), func(ratio float64) { r.Add("deep-middle", ratio) })
				compare(b, many, 1, page(none), page(func() float64 { return 1 - 60/float64(pair[1].n) }), func(ratio float64) { r.Add("deep-last", ratio) })
				keeps(b, &r, "keeps-upsert", pair, callers, upsert)
			}
			r.Report(b)
		})
	}
}

// keeps adds the speed of a call on the second registry over that on the first.
func keeps(b *testing.B, r *ratios.Set, unit string, pair [2]registry, callers int, call func(registry) error) {
	b.Helper()
	compare(b, pair, callers, call, call, func(ratio float64) { r.Add(unit, 1/ratio) })
}

// compare passes on, for each of some interleaved passes, the time that the second call
// takes on the second registry over that of the first on the first.
func compare(b *testing.B, pair [2]registry, callers int, first, second func(registry) error, add func(ratio float64)) {
	b.Helper()
	const length = 300 * time.Millisecond
	pace(b, pair[0], callers, length/3, first) // warm
	pace(b, pair[1], callers, length/3, second)
	for range ratios.Passes(b) {
		a := pace(b, pair[0], callers, length, first)
		z := pace(b, pair[1], callers, length, second)
		add(z / a)
	}
}

// pace returns the seconds that a call takes, of so many callers together.
func pace(b *testing.B, r registry, callers int, length time.Duration, call func(registry) error) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), length)
	defer cancel()
	begin := time.Now()
	counts := make([]int, callers)
	var wg sync.WaitGroup
	for g := range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := call(r); err != nil {
					b.Error(err)
					return
				}
				counts[g]++
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return time.Since(begin).Seconds() / float64(max(total, 1))
}
