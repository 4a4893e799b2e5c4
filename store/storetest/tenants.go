package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

func tenantChecks() []check {
	return []check{
		{"tenants/walk", 12, "Tenants returns every tenant once, in pages of any size, in one order", tenantsWalk},
		{"tenants/exist", 12, "a tenant exists from its first successful Apply on, and stays", tenantsExist},
		{"tenants/limit", 12, "a page has at most as many names as its limit; zero means DefaultLimit", tenantsLimit},
		{"tenants/concurrent", 12, "a walk misses no tenant that was there throughout, whatever is written meanwhile", tenantsConcurrent},
		{"tenants/apart", 12, "nothing of a tenant is seen, counted or held under another's name", tenantsApart},
	}
}

func tenantsWalk(s *subject) {
	var want []string
	for i := range 30 {
		name := fmt.Sprint("tenant ", i)
		s.tenant(name).create1(plain("a"))
		want = append(want, name)
	}
	order := s.tenant("").tenants(100)
	for i, size := range []int{1, 2, 7, 29, 30, 31} {
		if got := s.tenant("").handle(i).tenants(size); !slices.Equal(got, order) {
			s.fail("Tenants in pages of %d: %q, in one page: %q", size, got, order)
		}
	}
	if got := slices.Sorted(slices.Values(order)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		s.fail("Tenants: %q", got)
	}
	// More tenants do not change the order of those there are.
	for i := range 10 {
		s.tenant(fmt.Sprint("another ", i)).create1(plain("a"))
	}
	later := slices.DeleteFunc(s.tenant("").tenants(4), func(name string) bool { return !slices.Contains(want, name) })
	if !slices.Equal(later, order) {
		s.fail("the order of tenants was %q and is %q", order, later)
	}
}

func tenantsExist(s *subject) {
	c := s.tenant("t")
	expect := func(want ...string) {
		for _, c := range []*client{c, c.other()} {
			if got := slices.Sorted(slices.Values(c.tenants(10))); !slices.Equal(got, want) {
				s.fail("Tenants: %q, want %q", got, want)
			}
		}
	}
	expect()
	// Reading, trimming and a refused batch do not make a tenant.
	c.absent(store.ID("a"), key("a"))
	c.lists(store.Query{Kind: "user"})
	c.feed(0)
	c.trim(0)
	ghost := plain("a")
	ghost.Revision = 1
	c.stale(0, store.Delete(ghost, nil))
	c.refused(store.ErrInvalid)
	c.taken(1, key("k"), withKeys(plain("a"), "k"), store.Create(withKeys(plain("a"), "k"), nil), store.Create(withKeys(plain("b"), "k"), nil))
	expect()
	r := c.create1(full("a"))
	s.tenant("u").create1(plain("a"))
	expect("t", "u")
	c.delete(r)
	c.trim(100)
	expect("t", "u")
}

func tenantsLimit(s *subject) {
	const n = store.DefaultLimit + 1
	for i := range n {
		s.tenant(fmt.Sprint("tenant ", i)).handle(i).create1(store.Record{ID: "a", Kind: "k"})
	}
	order := s.tenant("").tenants(store.MaxLimit)
	for _, limit := range []int{0, 1, 2, n - 1, n, n + 1, store.MaxLimit} {
		if got := s.tenant("").tenants(limit); !slices.Equal(got, order) {
			s.fail("Tenants with limit %d: %d names, want %d", limit, len(got), len(order))
		}
	}
}

func tenantsConcurrent(s *subject) {
	var want []string
	for i := range 25 {
		name := fmt.Sprint("tenant ", i)
		s.tenant(name).create1(plain("a"))
		want = append(want, name)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 60 {
			s.tenant(fmt.Sprint("new ", i)).handle(i).create1(plain("a"))
		}
	})
	for i := range 2 {
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
}

func tenantsApart(s *subject) {
	a, b := s.tenant("a"), s.tenant("b")
	inA := a.create(full("x"), full("y"))
	b.absent(store.ID("x"), inA[0].Unique[0])
	b.stale(0, store.Delete(inA[0], nil))
	b.stale(0, store.Replace(inA[0], full("x"), nil))
	other := withData(full("x"), "of b")
	inB := b.create1(other)
	a.exactly(inA...)
	b.exactly(inB)
	next := b.replace(inB, plain("x"))
	a.exactly(inA...)
	b.exactly(next)
	b.delete(next)
	a.exactly(inA...)
	b.absent(store.ID("x"))
	a.stale(0, store.Create(plain("x"), nil))
	a.taken(0, inA[0].Unique[0], inA[0], store.Create(store.Record{ID: "z", Kind: "user", Unique: inA[0].Unique}, nil))
	a.next(3)
	b.next(4)
}
