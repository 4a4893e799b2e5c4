package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func pageChecks() []check {
	return []check{
		{"page/budget", 13, "whatever its budget, a page comes further, and the walk returns all matches, in both directions", pageBudget},
		{"page/budget-writes", 13, "a walk in pages of a small budget repeats nothing and misses nothing, whatever is written between them", pageBudgetWrites},
		{"page/bytes", 13, "the Data of a page adds up to at most MaxPageData, and the first record is never left out", pageBytes},
		{"page/feed-bytes", 13, "the Notes of a page add up to at most MaxPageData, and the first entry is never left out", pageFeedBytes},
		{"page/due-bytes", 13, "the Data of a page of Due adds up to at most MaxPageData, in all tenants, and nothing is left out for good", pageDueBytes},
	}
}

func pageBudget(s *subject) {
	c := s.tenant("t")
	all := c.createN(60, func(i int) store.Record {
		r := withTerms(plain(fmt.Sprint("r", i)), "all")
		switch {
		case i%10 == 3:
			r.Index = keys("all", "some", "few")
		case i%2 == 0:
			r.Index = keys("all", "some")
		case i%7 == 0:
			r.Kind = "group"
		}
		if i%3 == 0 {
			r.Due = day(i)
		}
		return r
	})
	late := func(r store.Record) bool { return !r.Due.IsZero() && r.Due.Before(day(40)) }
	for _, match := range [][]string{nil, {"all"}, {"none"}, {"all", "none"}, {"few", "some", "all"}, {"some", "all"}} {
		want := selectRecords(all, "user", keys(match...)...)
		later := slices.DeleteFunc(slices.Clone(want), late)
		for _, bounds := range []struct{ budget, limit int }{
			{1, 1}, {1, 100}, {2, 5}, {7, 1}, {7, 5}, {7, 100}, {store.MaxBudget, 1}, {store.MaxBudget, 5}, {store.MaxBudget, 100},
		} {
			q := store.Query{Kind: "user", Match: keys(match...), Limit: bounds.limit, Budget: bounds.budget}
			c.lists(q, want...)
			q.Desc = true
			c.lists(q, reversed(want)...)
			q.NotDueBefore = day(40)
			c.lists(q, reversed(later)...)
		}
	}
	// A filter that matches nothing, in between bounds.
	q := store.Query{Kind: "user", Match: keys("none", "all"), Budget: 1, After: 10, Before: 50}
	c.lists(q)
	q.Desc = true
	c.lists(q)
}

func pageBudgetWrites(s *subject) {
	c := s.tenant("t")
	p := populate(c, 60)
	rng := rand.New(rand.NewPCG(13, 1))
	for _, match := range [][]string{nil, {"x"}, {"y", "x"}} {
		for _, budget := range []int{1, 3} {
			for _, desc := range []bool{false, true} {
				p.walked(c, store.Query{Kind: "user", Match: keys(match...), Limit: 5, Budget: budget, Desc: desc}, rng)
			}
		}
	}
}

// sizedRecords returns records of up to the largest size, such that some pages end at
// exactly MaxPageData.
func sizedRecords() []store.Record {
	const most = store.MaxData
	var records []store.Record
	for i, size := range []int{most, most, 1, most - 1, 1, most / 2, most / 2, 0, 1, most, 0, most - 10, 9, 1, 1, most} {
		r := withTerms(plain(fmt.Sprint("r", i)), "x")
		r.Data = make([]byte, size)
		records = append(records, r)
	}
	return records
}

// createLarge creates records that are too large for one batch.
func createLarge(c *client, records []store.Record) []store.Record {
	var made []store.Record
	for batch := range slices.Chunk(records, store.MaxBatch/store.MaxData) {
		made = append(made, c.create(batch...)...)
	}
	return made
}

func pageBytes(s *subject) {
	c := s.tenant("t")
	all := createLarge(c, sizedRecords())
	for _, match := range [][]store.Key{nil, keys("x")} {
		for _, limit := range []int{0, 3} {
			c.lists(store.Query{Kind: "user", Match: match, Limit: limit}, all...)
			c.lists(store.Query{Kind: "user", Match: match, Limit: limit, Desc: true}, reversed(all)...)
		}
	}
}

func pageFeedBytes(s *subject) {
	c := s.tenant("t")
	var want []store.Change
	for i := range 40 {
		note := make([]byte, store.MaxNote)
		if i%7 == 3 {
			note = note[:i]
		}
		id := fmt.Sprint("r", i)
		rev := c.apply(store.Create(store.Record{ID: id, Kind: "user"}, note))
		want = append(want, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: id, Note: note})
	}
	for _, limit := range []int{0, 1, 17} {
		c.feedIs(store.ChangeQuery{Limit: limit}, want...)
		c.feedIs(store.ChangeQuery{Limit: limit, Desc: true}, reversed(want)...)
		c.feedIs(store.ChangeQuery{Limit: limit, After: 5, Before: 35}, want[5:34]...)
	}
}

func pageDueBytes(s *subject) {
	want := map[string][]store.Record{}
	for t := range 3 {
		c := s.tenant(fmt.Sprint("t", t))
		records := sizedRecords()[:6]
		for i := range records {
			records[i].Due = day(1 + (i*5)%7)
		}
		made := createLarge(c, records)
		slices.SortFunc(made, byDue)
		want[c.name] = made
	}
	c := s.tenant("t1")
	for _, limit := range []int{0, 1, 2, 3, 9} {
		got := c.dueIn(store.DueQuery{Before: day(50), Limit: limit})
		s.same(diffRecords(got, want[c.name]), "Due of one tenant, limit %d", limit)
		tenants := c.dueTenants(store.DueQuery{Before: day(50), Limit: limit})
		if len(tenants) != 3 {
			s.fail("Due, limit %d: %d tenants, want 3", limit, len(tenants))
		}
		for _, t := range tenants {
			s.same(diffRecords(t.Records, want[t.Tenant]), "Due, limit %d: tenant %q", limit, t.Tenant)
		}
	}
}
