package storetest

import (
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

// The checks of rule 14 for lists.

func damagedList(s *subject) {
	s.damages(func(c *client) {
		all := c.createN(20, func(i int) store.Record {
			r := withTerms(plain(fmt.Sprintf("r%02d", i)), "all", fmt.Sprint(i%2))
			if i%5 == 4 {
				r.Kind = "group"
			}
			return r
		})
		bad := map[string]bool{}
		for _, i := range []int{0, 3, 4, 7, 8, 19} { // first, last, neighbors, both kinds
			c.damage(all[i])
			bad[all[i].ID] = true
		}
		for _, kind := range []string{"user", "group", "none"} {
			for _, match := range [][]string{nil, {"all"}, {"0"}, {"all", "1"}, {"none"}} {
				for _, bounds := range [][2]store.Revision{{0, 0}, {3, 9}, {4, 8}, {1, 20}} {
					var want []store.Record
					var named []string
					for _, r := range selectRecords(all, kind, keys(match...)...) {
						switch in := r.Created > bounds[0] && (bounds[1] == 0 || r.Created < bounds[1]); {
						case in && bad[r.ID]:
							named = append(named, r.ID)
						case in:
							want = append(want, r)
						}
					}
					for _, limit := range []int{1, 3, 100} {
						q := store.Query{Kind: kind, Match: keys(match...), After: bounds[0], Before: bounds[1], Limit: limit}
						c.listsDamaged(q, want, named...)
						q.Desc = true
						c.handle(limit).listsDamaged(q, reversed(want), named...)
						q.Budget = 1
						c.listsDamaged(q, reversed(want), named...)
					}
				}
			}
		}
	})
}

func damagedAll(s *subject) {
	s.damages(func(c *client) {
		var ids []string
		c.damage(c.createN(30, func(i int) store.Record {
			ids = append(ids, fmt.Sprint("r", i))
			return withDue(withTerms(plain(ids[i]), "x"), day(1+i))
		})...)
		for _, limit := range []int{1, 10, 100} {
			for _, match := range [][]store.Key{nil, keys("x")} {
				c.listsDamaged(store.Query{Kind: "user", Match: match, Limit: limit}, nil, ids...)
				c.listsDamaged(store.Query{Kind: "user", Match: match, Limit: limit, Desc: true}, nil, ids...)
			}
			c.dueDamaged(store.DueQuery{Before: day(50), Limit: limit}, nil, ids...)
		}
		r := c.create1(withDue(withTerms(plain("sound"), "x"), day(40)))
		c.listsDamaged(store.Query{Kind: "user", Limit: 1}, []store.Record{r}, ids...)
		c.dueDamaged(store.DueQuery{Before: day(50), Limit: 1}, []store.Record{r}, ids...)
	})
}

func damagedDue(s *subject) {
	s.damages(func(c *client) {
		other := s.tenant("other")
		apart := other.create(withDue(plain("r1"), day(3)), withDue(plain("r2"), day(9)))
		all := c.createN(12, func(i int) store.Record {
			r := withDue(plain(fmt.Sprint("r", i)), day(1+i))
			if i%4 == 3 {
				r.Kind = "group"
			}
			return r
		})
		c.create1(withDue(plain("later"), day(100)))
		c.damage(all[0], all[4], all[5], all[7], all[11])
		sound := []store.Record{all[1], all[2], all[3], all[6], all[8], all[9], all[10]}
		for _, limit := range []int{1, 2, 3, 5, 100} {
			c.dueDamaged(store.DueQuery{Before: day(50), Limit: limit}, sound, "r0", "r4", "r5", "r7", "r11")
			other.dueDamaged(store.DueQuery{Before: day(50), Limit: limit}, apart)
			c.dueDamaged(store.DueQuery{Before: all[5].Due, Limit: limit}, sound[:3], "r0", "r4")
		}
		// Records that were deleted are gone, and the others are still due.
		c.delete(all[1])
		c.apply(store.Remove("r4", "user", nil), store.Remove("r0", "group", nil))
		c.dueDamaged(store.DueQuery{Before: day(50)}, sound[1:], "r5", "r7", "r11")
	})
}

func damagedCount(s *subject) {
	s.damages(func(c *client) {
		all := c.createN(20, func(i int) store.Record { return withTerms(plain(fmt.Sprint("r", i)), "all", fmt.Sprint(i%2)) })
		c.damage(all[0], all[3], all[19])
		c.counts(store.CountQuery{Kind: "user"}, 17)
		c.counts(store.CountQuery{Kind: "user", Match: keys("all")}, 17)
		c.counts(store.CountQuery{Kind: "user", Match: keys("1", "all")}, 8)
		c.counts(store.CountQuery{Kind: "user", After: 1, Before: 6}, 3)
		c.apply(store.Remove("r0", "user", nil))
		c.counts(store.CountQuery{Kind: "user"}, 17)
	})
}
