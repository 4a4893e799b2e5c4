package storetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func dueChecks() []check {
	return []check{
		{"due/order", 6, "Due returns the records of a tenant by Due, whole", dueOrder},
		{"due/equal", 6, "records of one Due are returned like others, and may be deleted during the walk", dueEqual},
		{"due/before", 6, "Due returns records whose Due is earlier than Before, strictly", dueBefore},
		{"due/kinds", 6, "Due returns records of the kinds in the query; of every kind if it has none", dueKinds},
		{"due/many-kinds", 6, "Due returns records of every kind, however many kinds there are", dueManyKinds},
		{"due/stays", 6, "a due record stays due, fetchable, listed and holding its keys", dueStays},
		{"due/moves", 6, "a replacement moves, removes or sets a record's Due, a deletion removes it", dueMoves},
	}
}

func dueOrder(s *subject) {
	c := s.tenant("t")
	var records []store.Record
	for i, n := range []int{5, 3, 9, 1, 7, 2, 8, 4, 6} {
		r := full(fmt.Sprint("r", i))
		r.Due = day(n).Add(time.Duration(i) * time.Millisecond)
		records = append(records, r)
	}
	early := withDue(plain("early"), time.UnixMilli(1))
	late := withDue(plain("late"), farFuture().Add(-time.Millisecond))
	made := c.create(append(records, early, late, plain("never"))...)
	due := made[:len(made)-1]
	slices.SortFunc(due, byDue)
	for _, c := range []*client{c, c.other()} {
		c.dueIs(store.DueQuery{Before: farFuture()}, due...)
		c.dueIs(store.DueQuery{Before: farFuture(), Limit: 4}, due...)
		c.dueIs(store.DueQuery{Before: due[4].Due}, due[:4]...)
	}
}

func dueEqual(s *subject) {
	c := s.tenant("t")
	left := map[string]store.Record{}
	for i := range 12 {
		r := c.create1(withDue(plain(fmt.Sprint("r", i)), day(1)))
		left[r.ID] = r
	}
	c.dueAre(slices.Collect(maps.Values(left))...)
	for rounds := 0; len(left) > 0 && !s.failed(); rounds++ {
		if rounds > 100 {
			s.fail("Due: %d records left after %d walks", len(left), rounds)
		}
		c.walkDue(store.DueQuery{Before: day(2), Limit: 5, Tenant: c.name}, func(t store.DueTenant) {
			for _, r := range t.Records {
				s.same(diffRecord(r, left[r.ID]), "Due")
				c.delete(r)
				delete(left, r.ID)
			}
		})
	}
	c.dueAre()
}

func dueBefore(s *subject) {
	c := s.tenant("t")
	at := day(5)
	r := c.create1(withDue(plain("a"), at))
	for _, bound := range []time.Time{at, at.Add(-1), at.Add(-time.Millisecond), time.Unix(0, 1), time.Time{}.Add(1), time.Date(-400, 1, 1, 0, 0, 0, 0, time.UTC)} {
		c.dueIs(store.DueQuery{Before: bound})
	}
	for _, bound := range []time.Time{at.Add(1), at.Add(time.Millisecond), day(6), farFuture(), farFuture().AddDate(5000, 0, 0)} {
		c.dueIs(store.DueQuery{Before: bound}, r)
	}
	// The zone of a bound does not matter.
	c.dueIs(store.DueQuery{Before: at.In(time.FixedZone("west", -11*3600))})
	c.dueIs(store.DueQuery{Before: at.Add(1).In(time.FixedZone("east", 14*3600))}, r)
}

func dueKinds(s *subject) {
	c := s.tenant("t")
	all := c.createN(9, func(i int) store.Record {
		r := withDue(plain(fmt.Sprint("r", i)), day(9-i))
		r.Kind = []string{"user", "group", "secret"}[i%3]
		return r
	})
	slices.Reverse(all)
	for _, kinds := range [][]string{
		nil, {}, {"user"}, {"group"}, {"secret", "user"}, {"user", "secret"}, {"none"}, {"none", "group"}, {"User"}, {"user", "group", "secret"},
	} {
		var want []store.Record
		for _, r := range all {
			if len(kinds) == 0 || slices.Contains(kinds, r.Kind) {
				want = append(want, r)
			}
		}
		c.dueIs(store.DueQuery{Kinds: kinds, Before: farFuture()}, want...)
		c.dueIs(store.DueQuery{Kinds: kinds, Before: farFuture(), Limit: 2}, want...)
		if len(want) > 0 {
			c.dueIs(store.DueQuery{Kinds: kinds, Before: want[0].Due})
		}
	}
}

func dueManyKinds(s *subject) {
	c := s.tenant("t")
	made := c.createN(300, func(i int) store.Record {
		r := withDue(plain(fmt.Sprint("r", i)), day(i))
		r.Kind = fmt.Sprint("kind", i)
		return r
	})
	c.dueIs(store.DueQuery{Before: farFuture()}, made...)
	c.dueIs(store.DueQuery{Before: farFuture(), Limit: store.MaxLimit}, made...)
}

func dueStays(s *subject) {
	c := s.tenant("t")
	past := full("a")
	past.Due = time.UnixMilli(1)
	made := c.create1(past)
	for range 3 {
		c.exactly(made)
		c.dueIs(store.DueQuery{Before: day(1)}, made)
	}
	claim := plain("b")
	claim.Unique = made.Unique
	c.taken(0, made.Unique[0], made, store.Create(claim, nil))
}

func dueMoves(s *subject) {
	c := s.tenant("t")
	r := c.create1(withDue(plain("a"), day(1)))
	other := c.create1(withDue(plain("b"), day(2)))
	soon := store.DueQuery{Before: day(3)}
	c.dueIs(soon, r, other)
	r = c.replace(r, withDue(plain("a"), day(4)))
	c.dueIs(soon, other)
	c.dueIs(store.DueQuery{Before: day(5)}, other, r)
	r = c.replace(r, plain("a"))
	c.dueIs(store.DueQuery{Before: day(5)}, other)
	r = c.replace(r, withDue(plain("a"), day(2).Add(-time.Millisecond)))
	c.dueIs(soon, r, other)
	r = c.replace(r, withDue(withData(plain("a"), "same Due"), r.Due))
	c.dueIs(soon, r, other)
	c.delete(r)
	c.dueIs(soon, other)
	again := c.create1(plain("a"))
	c.dueIs(soon, other)
	// Two records exchange their Dues in one batch.
	x, y := withDue(plain("a"), other.Due), plain("b")
	rev := c.apply(store.Replace(again, x, nil), store.Replace(other, y, nil))
	x.Created, x.Revision = again.Created, rev-1
	c.dueIs(soon, x)
}
