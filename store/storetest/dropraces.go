package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

func dropRaceChecks() []check {
	return []check{
		{"drop/handles", 7, "whichever handle drops a tenant, the other has nothing of it any more", dropHandles},
		{"drop/walk", 12, "a walk of Tenants goes on behind a tenant that was dropped meanwhile, and misses no other", dropWalk},
		{"drop/walk-due", 6, "a walk of Due goes on behind a tenant that was dropped meanwhile, and misses no other", dropWalkDue},
		{"drop/walk-race", 12, "a walk misses no tenant that was there throughout, whatever is made and dropped meanwhile", dropWalkRace},
		{"drop/wait", 7, "a caller that waits for the feed while the tenant is dropped wakes when that has something again", dropWait},
		{"drop/race", 1, "Drop beside writes forgets no record: it is done before the tenant's first write, or refused", dropRace},
		{"drop/outcome", 10, "a Drop that was given up is done or not, and can be repeated", dropOutcome},
	}
}

func dropHandles(s *subject) {
	s.dropping(func(c *client) {
		for i := range 12 {
			a, b := c.handle(i/2), c.handle(i)
			rev := a.apply(store.Create(full("a"), []byte("first")), store.Create(full("b"), nil))
			if rev != 2 {
				s.fail("revision %d of a new tenant's second op, want 2", rev)
			}
			made := []store.Record{written(full("a"), 1, 1), written(full("b"), 2, 2)}
			b.exactly(made...)
			b.dropStale()
			b.stale(0, store.Create(plain("a"), nil))
			b.delete(made[0])
			a.feed(0, entry(1, store.Created, "user", "a", "first"))
			a.delete(made[1])
			b.drop()
			a.gone(made...)
			a.stale(0, store.Delete(made[1], nil))
			a.tenantsAre()
		}
	})
}

// crowd makes n tenants with a record each, of which it returns the names, and of those
// that have lost it the names as well.
func crowd(s *subject, n int, r store.Record) (all []string, empty map[string]bool) {
	empty = map[string]bool{}
	for i := range n {
		c := s.tenant(fmt.Sprint("tenant ", i*37%n)).handle(i)
		all = append(all, c.name)
		made := c.create1(r)
		if i%4 != 0 {
			c.delete(made)
			empty[c.name] = true
		}
	}
	return all, empty
}

func dropWalk(s *subject) {
	s.dropping(func(*client) {
		for _, size := range []int{1, 2, 5, 40} {
			all, empty := crowd(s, 24, plain("a"))
			visited := map[string]int{}
			q := store.TenantQuery{Limit: size}
			for pages := 0; !s.failed(); pages++ {
				page, err := s.handles[pages%2].Tenants(s.ctx, q)
				if err != nil {
					s.fail("Tenants after %q, which was dropped: %w", q.After, err)
				}
				for _, name := range page.Names {
					if visited[name]++; empty[name] {
						s.tenant(name).handle(pages / 2).drop()
					}
				}
				if q.After = page.Next; q.After == "" || pages > pagesMost {
					break
				}
			}
			var left []string
			for _, name := range all {
				if visited[name] != 1 {
					s.fail("a walk in pages of %d visited %q %d times", size, name, visited[name])
				}
				if c := s.tenant(name); !empty[name] {
					left = append(left, name)
					c.delete(c.get(store.ID("a")))
				}
			}
			// From the name of each that was dropped the walk goes on to those that are left.
			order := s.tenant("").tenants(100)
			if slices.Sort(left); !s.failed() && !slices.Equal(slices.Sorted(slices.Values(order)), left) {
				s.fail("Tenants: %q, want %q", order, left)
			}
			for _, name := range all {
				page, err := s.handles[0].Tenants(s.ctx, store.TenantQuery{After: name, Limit: 100})
				if !s.failed() && (err != nil || len(page.Names) > 0 && !slices.Equal(page.Names, order[len(order)-len(page.Names):])) {
					s.fail("Tenants after %q, which was dropped: %q of %q, error %v", name, page.Names, order, err)
				}
			}
			for _, name := range left {
				s.tenant(name).drop()
			}
		}
	})
}

func dropWalkDue(s *subject) {
	s.dropping(func(c *client) {
		for _, limit := range []int{1, 3, 100} {
			all, _ := crowd(s, 16, withDue(plain("a"), day(1)))
			want := map[string]bool{}
			for _, name := range all {
				if len(s.tenant(name).dueIn(store.DueQuery{Before: day(2)})) > 0 {
					want[name] = true
				}
			}
			q := store.DueQuery{Before: day(2), Limit: limit}
			for pages := 0; !s.failed() && pages < pagesMost; pages++ {
				page := c.handle(pages).duePage(q)
				for _, due := range page.Tenants {
					for _, r := range due.Records {
						s.tenant(due.Tenant).delete(r)
						s.tenant(due.Tenant).handle(pages).drop()
						delete(want, due.Tenant)
					}
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if len(want) > 0 {
				s.fail("a walk of Due in pages of %d that drops what it has visited missed %d tenants", limit, len(want))
			}
			for _, name := range all {
				s.tenant(name).drop()
			}
		}
	})
}

func dropWalkRace(s *subject) {
	s.dropping(func(*client) {
		var want []string
		for i := range 25 {
			c := s.tenant(fmt.Sprint("tenant ", i*7))
			c.create1(plain("a"))
			want = append(want, c.name)
		}
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				for j := range 40 {
					c := s.tenant(fmt.Sprintf("tenant %d.%d", j*5, i)).handle(j)
					r := c.create1(plain("a"))
					if c.delete(r); j%4 > 0 {
						c.drop()
					}
				}
			})
			wg.Go(func() {
				for _, size := range []int{1, 3, 10} {
					got := s.tenant("").handle(i).tenants(size)
					for _, name := range want {
						if !slices.Contains(got, name) {
							s.fail("a walk of the tenants missed %q, which was there throughout", name)
						}
					}
				}
			})
		}
		wg.Wait()
		for _, name := range want {
			s.tenant(name).has(written(plain("a"), 1, 1))
		}
	})
}

func dropWait(s *subject) {
	s.dropping(func(c *client) {
		if _, ok := c.waiter(); !ok {
			return
		}
		for i := range 6 {
			r := c.create1(plain("a")) // without a Note: no entry
			c.delete(r)
			var wg sync.WaitGroup
			for j := range 4 {
				wg.Go(func() { c.handle(j).wait(store.Revision(j / 2)) })
			}
			wg.Go(func() {
				c.handle(i).drop()
				noted(c.handle(i/2), 2)
			})
			wg.Wait()
			c.wait(1)
			for _, id := range []string{"n0", "n1"} {
				c.delete(c.get(store.ID(id)))
			}
			c.drop()
		}
	})
}

// dropRace has callers write, import and drop. While a record is there the tenant is.
func dropRace(s *subject) {
	s.dropping(func(c *client) {
		_, imports := c.importer()
		s.together(racers, func(i int) {
			c := c.handle(i)
			for j := range 15 {
				if i%4 == 3 {
					if err := c.tryDrop(); err != nil && !s.failed() && !errors.Is(err, store.ErrStale) {
						s.fail("Drop beside writes: error %w, want none or ErrStale", err)
					}
					continue
				}
				id := fmt.Sprintf("%d-%d", i, j)
				var r store.Record
				if i%4 == 2 && imports {
					rev := store.Revision(100*i+j+1) * 10_000 // far from all others
					r = written(full(id), rev, rev)
					c.imports(store.Part{Records: []store.Record{r}})
				} else {
					rev := c.apply(store.Create(full(id), []byte(id)))
					r = written(full(id), rev, rev)
					c.feedIs(store.ChangeQuery{After: rev - 1, Before: rev + 1, Desc: true}, entry(rev, store.Created, "user", id, id))
				}
				c.has(r)
				if list := c.list(store.Query{Kind: "user", Match: r.Index[1:2]}); len(list) != 1 {
					s.fail("List: %d records, want the one just written", len(list))
				}
				c.delete(r)
			}
		})
		c.drop()
		c.gone(full("0-0"))
		c.tenantsAre()
		c.next(1)
	})
}

func dropOutcome(s *subject) {
	s.dropping(func(c *client) {
		w, _ := store.As[store.Dropper](c.store)
		rng := rand.New(rand.NewPCG(10, 15))
		pause := usual(s.tenant("pause"))
		for i := range 20 {
			if s.failed() {
				return
			}
			rev := c.apply(store.Create(full("a"), []byte("note")))
			c.delete(c.get(store.ID("a")))
			err := giveUp(s, pause, rng, func(ctx context.Context) error { return w.Drop(ctx, "t") })
			checkGivenUp(s, err)
			if known := err != nil && !errors.Is(err, store.ErrUnknown); known {
				c.feed(rev-1, entry(rev, store.Created, "user", "a", "note"))
			}
			c.handle(i).drop()
			c.gone(full("a"))
		}
	})
}
