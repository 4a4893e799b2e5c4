package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func listChecks() []check {
	return []check{
		{"list/order", 4, "List is ordered by Created, whatever the IDs and later writes are", listOrder},
		{"list/bounds", 4, "After and Before leave out the record they name and all beyond it, in both directions and together", listBounds},
		{"list/kinds", 4, "List returns records of one kind", listKinds},
		{"list/match", 4, "List returns the records that have all terms", listMatch},
		{"list/match-sizes", 4, "terms of few and of many records together select the right ones, at any limit", listMatchSizes},
		{"list/reindex", 4, "a term added or removed by a replacement counts at once, at the record's place by Created", listReindex},
		{"list/not-due-before", 6, "NotDueBefore leaves out records whose Due is earlier, and no others", listNotDueBefore},
		{"list/limit", 4, "a page has at most as many records as its limit; zero means DefaultLimit", listLimit},
		{"list/empty", 4, "nothing to return is an empty page and no error", listEmpty},
	}
}

func listOrder(s *subject) {
	c := s.tenant("t")
	made := c.create(plain("m"), plain("z"), plain("a"), plain("10"), plain("9"))
	made[0] = c.replace(made[0], withData(plain("m"), "rewritten"))
	made[2] = c.replace(made[2], withData(plain("a"), "rewritten"))
	for _, c := range []*client{c, c.other()} {
		c.lists(store.Query{Kind: "user"}, made...)
		c.lists(store.Query{Kind: "user", Desc: true}, reversed(made)...)
	}
	// Numbers, not strings: revisions of one, two and three digits.
	for i := range 100 {
		made = append(made, plain(fmt.Sprint("more", i)))
	}
	made = append(made[:5], c.create(made[5:]...)...)
	c.lists(store.Query{Kind: "user", Limit: 200}, made...)
	c.lists(store.Query{Kind: "user", Limit: 200, Desc: true}, reversed(made)...)
}

func listBounds(s *subject) {
	c := s.tenant("t")
	all := c.create(withTerms(plain("1"), "x"), withTerms(plain("2"), "x"), withTerms(plain("3"), "x"), withTerms(plain("4"), "x"), withTerms(plain("5"), "x"))
	c.delete(all[2]) // a bound need not be a record's
	left := slices.Delete(slices.Clone(all), 2, 3)
	for after := store.Revision(0); after <= 8; after++ {
		for before := store.Revision(0); before <= 8; before++ {
			var want []store.Record
			for _, r := range left {
				if r.Created > after && (before == 0 || r.Created < before) {
					want = append(want, r)
				}
			}
			q := store.Query{Kind: "user", After: after, Before: before}
			for _, match := range [][]store.Key{nil, keys("x")} {
				q.Match = match
				q.Desc, q.Limit = false, 0
				c.lists(q, want...)
				q.Limit = 2
				c.lists(q, want...)
				q.Desc, q.Limit = true, 0
				c.lists(q, reversed(want)...)
				q.Limit = 2
				c.lists(q, reversed(want)...)
			}
		}
	}
	c.lists(store.Query{Kind: "user", After: 1<<63 - 1})
	c.lists(store.Query{Kind: "user", Before: 1<<63 - 1}, left...)
	c.lists(store.Query{Kind: "user", After: 1 << 53, Before: 1<<63 - 1, Desc: true})
}

func listKinds(s *subject) {
	c := s.tenant("t")
	all := c.createN(6, func(i int) store.Record {
		r := withTerms(plain(fmt.Sprint("r", i)), "x")
		r.Kind = []string{"user", "users", "User"}[i%3]
		return r
	})
	for _, kind := range []string{"user", "users", "User", "use", "*", "user ", "%"} {
		c.lists(store.Query{Kind: kind}, selectRecords(all, kind)...)
		c.lists(store.Query{Kind: kind, Match: keys("x"), Desc: true}, reversed(selectRecords(all, kind))...)
	}
}

func listMatch(s *subject) {
	c := s.tenant("t")
	all := c.createN(16, func(i int) store.Record { // every combination of four terms
		r := plain(fmt.Sprintf("r%02d", i))
		for bit, term := range keys("w", "x", "y", "z") {
			if i&(1<<bit) != 0 {
				r.Index = append(r.Index, term)
			}
		}
		return r
	})
	for i := range 16 {
		match := all[i].Index
		c.lists(store.Query{Kind: "user", Match: match}, selectRecords(all, "user", match...)...)
		c.lists(store.Query{Kind: "user", Match: reversed(match), Desc: true}, reversed(selectRecords(all, "user", match...))...)
	}
	c.lists(store.Query{Kind: "user", Match: keys("x", "none")})
	c.lists(store.Query{Kind: "user", Match: []store.Key{{Kind: "yek", Value: "x"}}})
	c.lists(store.Query{Kind: "user", Match: []store.Key{{Kind: "x", Value: "key"}}})
	// As many terms as a query may have.
	var many []string
	for i := range store.MaxMatch {
		many = append(many, fmt.Sprint("many", i))
	}
	full := c.create1(withTerms(plain("full"), many...))
	c.create(withTerms(plain("last term missing"), many[:store.MaxMatch-1]...), withTerms(plain("first term missing"), many[1:]...))
	c.lists(store.Query{Kind: "user", Match: keys(many...)}, full)
}

// sizes creates 600 records; every one has the term "all", the multiples of n
// the term n.
func sizes(c *client) []store.Record {
	return c.createN(600, func(i int) store.Record {
		terms := []string{"all"}
		for _, n := range []int{2, 3, 7, 50, 599} {
			if i%n == 0 {
				terms = append(terms, fmt.Sprint(n))
			}
		}
		return withTerms(plain(fmt.Sprint("r", i)), terms...)
	})
}

func listMatchSizes(s *subject) {
	c := s.tenant("t")
	all := sizes(c)
	for _, match := range [][]string{
		{"all", "599"}, {"599", "all"}, {"2", "3"}, {"7", "all", "3"}, {"50", "3", "2"}, {"2", "3", "7", "50", "599"}, {"all", "7"}, {"2", "all"}, {"all"},
	} {
		want := selectRecords(all, "user", keys(match...)...)
		for _, limit := range []int{1, 3, 100, store.MaxLimit} {
			if len(want) > 100*limit {
				continue // the same in more pages
			}
			c.lists(store.Query{Kind: "user", Match: keys(match...), Limit: limit}, want...)
			c.lists(store.Query{Kind: "user", Match: keys(match...), Limit: limit, Desc: true}, reversed(want)...)
		}
	}
}

func listReindex(s *subject) {
	c := s.tenant("t")
	all := c.create(withTerms(plain("1"), "x"), withTerms(plain("2"), "y"), withTerms(plain("3"), "x", "y"), withTerms(plain("4"), "x"))
	set := func(i int, terms ...string) {
		all[i] = c.replace(all[i], withTerms(plain(all[i].ID), terms...))
		for _, match := range [][]string{{"x"}, {"y"}, {"x", "y"}, {"y", "z"}, nil} {
			want := selectRecords(all, "user", keys(match...)...)
			for _, c := range []*client{c, c.other()} {
				c.lists(store.Query{Kind: "user", Match: keys(match...)}, want...)
				c.lists(store.Query{Kind: "user", Match: keys(match...), Desc: true}, reversed(want)...)
			}
		}
	}
	set(1, "x", "y")
	set(0)
	set(2, "y", "z")
	set(3, "x", "y", "z")
	set(0, "x")
	set(2)
	c.delete(all[1])
	all = slices.Delete(all, 1, 2)
	set(1, "x")
}

func listNotDueBefore(s *subject) {
	c := s.tenant("t")
	all := c.createN(9, func(i int) store.Record {
		r := withTerms(plain(fmt.Sprint("r", i)), "x")
		if i%3 != 0 {
			r.Due = day(8 - i) // not in the order of Created
		}
		return r
	})
	var bounds []time.Time
	for _, r := range all {
		if !r.Due.IsZero() {
			bounds = append(bounds, r.Due, r.Due.Add(-1), r.Due.Add(1), r.Due.Add(-time.Millisecond), r.Due.Add(time.Millisecond))
		}
	}
	bounds = append(bounds, extremes()...)
	for _, bound := range bounds {
		var want, due []store.Record
		for _, r := range all {
			if r.Due.IsZero() || bound.IsZero() || !r.Due.Before(bound) {
				want = append(want, r)
			} else {
				due = append(due, r)
			}
		}
		for _, match := range [][]store.Key{nil, keys("x")} {
			q := store.Query{Kind: "user", Match: match, NotDueBefore: bound}
			c.lists(q, want...)
			q.Limit = 2
			c.lists(q, want...)
			q.Desc = true
			c.lists(q, reversed(want)...)
			q.After = want[0].Created
			q.Limit = 0
			c.lists(q, reversed(want[1:])...)
		}
		if bound.IsZero() {
			continue
		}
		slices.SortFunc(due, byDue) // Due finds the records that List skips
		got := c.dueIn(store.DueQuery{Before: bound})
		s.same(diffRecords(got, due), "Due before %v", bound)
	}
}

// extremes are bounds outside the range of a Due, and the zero one.
func extremes() []time.Time {
	return []time.Time{
		{},
		time.Time{}.Add(1),
		time.Date(-400, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(0, 0), time.Unix(0, 1), time.Unix(-1, 999),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		farFuture(), farFuture().AddDate(5000, 0, 0),
		time.Date(2500, 1, 1, 0, 0, 0, 0, time.FixedZone("east", 14*3600)),
	}
}

func listLimit(s *subject) {
	c := s.tenant("t")
	all := c.createN(store.MaxLimit+1, func(i int) store.Record { return withTerms(store.Record{ID: fmt.Sprint(i), Kind: "user"}, "x") })
	for _, match := range [][]store.Key{nil, keys("x")} {
		for _, limit := range []int{0, 7, store.DefaultLimit, store.MaxLimit - 1, store.MaxLimit} {
			q := store.Query{Kind: "user", Match: match, Limit: limit}
			c.lists(q, all...)
			if q.Desc = true; limit == 0 || limit == store.MaxLimit {
				c.lists(q, reversed(all)...)
			}
		}
		c.lists(store.Query{Kind: "user", Match: match, Limit: 7, After: all[len(all)-8].Created}, all[len(all)-7:]...)
		c.lists(store.Query{Kind: "user", Match: match, Limit: 7, After: all[len(all)-7].Created}, all[len(all)-6:]...)
	}
}

func listEmpty(s *subject) {
	c := s.tenant("t")
	c.lists(store.Query{Kind: "user"})
	r := c.create1(withTerms(plain("a"), "x"))
	c.lists(store.Query{Kind: "group"})
	c.lists(store.Query{Kind: "user", Match: keys("y")})
	c.lists(store.Query{Kind: "user", Match: keys("y", "x")})
	s.tenant("u").lists(store.Query{Kind: "user"})
	c.delete(r)
	c.lists(store.Query{Kind: "user"})
	c.lists(store.Query{Kind: "user", Match: keys("x")})
}

func reversed[T any](s []T) []T {
	r := slices.Clone(s)
	slices.Reverse(r)
	return r
}
