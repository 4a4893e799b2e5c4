package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func dueWalkChecks() []check {
	return []check{
		{"due/one-tenant", 6, "for one tenant, Due walks all that this tenant has due, by Due", dueOneTenant},
		{"due/ties", 6, "a walk goes on between records of one Due", dueTies},
		{"due/moving", 6, "a walk of one tenant misses and repeats nothing that stays, whatever is written between its pages", dueMoving},
		{"due/apart", 6, "for one tenant, Due returns nothing of another", dueApart},
	}
}

func dueOneTenant(s *subject) {
	c := s.tenant("t")
	all := c.createN(25, func(i int) store.Record {
		r := withDue(plain(fmt.Sprint("r", i)), day(1).Add(time.Duration((i*17)%25)*time.Hour))
		r.Kind = []string{"user", "group"}[i%2]
		return r
	})
	s.tenant("other").create(withDue(plain("other"), day(0)))
	slices.SortFunc(all, byDue)
	for _, limit := range []int{0, 1, 2, 7, 24, 25, 26} {
		c.sameDue(store.DueQuery{Before: day(50), Limit: limit}, all)
		c.other().sameDue(store.DueQuery{Before: all[9].Due, Limit: limit}, all[:9])
		for _, kind := range []string{"user", "group", "none"} {
			want := slices.DeleteFunc(slices.Clone(all), func(r store.Record) bool { return r.Kind != kind })
			c.sameDue(store.DueQuery{Before: day(50), Kinds: []string{kind}, Limit: limit}, want)
		}
	}
}

// sameDue checks a walk of the client's tenant.
func (c *client) sameDue(q store.DueQuery, want []store.Record) {
	c.same(diffRecords(c.dueIn(q), want), "Due %+v", q)
}

func dueTies(s *subject) {
	c := s.tenant("t")
	want := map[string]store.Record{}
	for i := range 30 {
		r := c.create1(withDue(plain(fmt.Sprint("r", i*7%30)), day(1+i/20)))
		want[r.ID] = r
	}
	for limit := 1; limit <= 31; limit += 3 {
		got := c.dueIn(store.DueQuery{Before: day(50), Limit: limit})
		if len(got) != len(want) {
			s.fail("Due in pages of %d: %d records, want %d", limit, len(got), len(want))
		}
		for _, r := range got {
			s.same(diffRecord(r, want[r.ID]), "Due in pages of %d", limit)
		}
	}
}

// dueMoving deletes and postpones the records of each page, as a worker does, and others
// behind it, and creates new ones. Every third record stays as it is.
func dueMoving(s *subject) {
	for _, limit := range []int{1, 2, 5} {
		c := s.tenant(fmt.Sprint("limit ", limit))
		left := map[string]store.Record{}
		stays := map[string]bool{}
		for i := range 45 {
			r := c.create1(withDue(plain(fmt.Sprint("r", i)), day(1+i/4))) // some share a Due
			left[r.ID] = r
			stays[r.ID] = i%3 == 0
		}
		seen := map[string]bool{}
		fresh := 0
		c.walkDue(store.DueQuery{Tenant: c.name, Before: day(40), Limit: limit}, func(t store.DueTenant) {
			for _, r := range t.Records {
				if seen[r.ID] && stays[r.ID] {
					s.fail("Due: record %q, which nobody wrote, twice", r.ID)
				}
				seen[r.ID] = true
				if want, ok := left[r.ID]; ok && diffRecord(r, want) == "" && !stays[r.ID] {
					c.disturbDue(r, len(seen)%2 == 0)
					delete(left, r.ID)
				}
			}
			if fresh++; fresh <= 20 {
				c.create1(withDue(plain(fmt.Sprint("fresh", fresh)), day(fresh)))
				for _, r := range left { // one that may still come
					if !stays[r.ID] && !seen[r.ID] {
						c.disturbDue(r, fresh%2 == 0)
						delete(left, r.ID)
						break
					}
				}
			}
		})
		for id, stay := range stays {
			if stay && !seen[id] {
				s.fail("Due in pages of %d: the walk missed record %q, which was due throughout", limit, id)
			}
		}
	}
}

// disturbDue deletes a record, or gives it a later Due.
func (c *client) disturbDue(r store.Record, postpone bool) {
	if postpone {
		c.replace(r, withDue(plain(r.ID), day(60)))
	} else {
		c.delete(r)
	}
}

func dueApart(s *subject) {
	want := map[string][]store.Record{}
	for i, name := range []string{"a", "b", "ab", "a\x00", "t"} {
		c := s.tenant(name)
		for j := range i + 1 {
			want[name] = append(want[name], c.create1(withDue(plain(fmt.Sprint("r", j)), day(1+j))))
		}
	}
	s.tenant("nothing due").create(withDue(plain("later"), day(100)), plain("never"))
	for _, name := range []string{"a", "b", "ab", "a\x00", "t", "nothing due", "nobody"} {
		for _, limit := range []int{0, 1, 3} {
			s.tenant(name).sameDue(store.DueQuery{Before: day(50), Limit: limit}, want[name])
		}
	}
}
