package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

func counterChecks() []check {
	return []check{
		{"counter/equals", 4, "an exact count is the number of records in the walk of the list", counterEquals},
		{"counter/cap", 13, "a count that its cap ended is not exact, and at least so many records exist", counterCap},
		{"counter/invalid", 9, "a count outside the limits is refused with ErrInvalid", counterInvalid},
		{"counter/context", 11, "Count honors a context that has ended", counterContext},
	}
}

// counts checks the count of a query, with a cap that is never reached: by the store's
// Counter, if it has one, and by listing.
func (c *client) counts(q store.CountQuery, want int) {
	q.Cap = store.MaxCount
	for _, s := range []store.Store{c.store, listed{c.store}} {
		if c.failed() {
			return
		}
		got, err := store.Count(c.ctx, s, c.name, q)
		if err != nil {
			c.fail("Count %+v: %w", q, err)
			return
		}
		if got != (store.Counted{N: want, Exact: true}) {
			c.fail("Count %+v: %+v, want exactly %d", q, got, want)
		}
	}
}

// listed hides the Counter of a store.
type listed struct{ store.Store }

func counterEquals(s *subject) {
	c := s.tenant("t")
	c.counts(store.CountQuery{Kind: "user"}, 0)
	all := sizes(c)
	for i := range 40 { // some change, some go
		switch r := all[i*13]; i % 3 {
		case 0:
			all[i*13] = c.replace(r, withDue(withTerms(plain(r.ID), "all", "3"), day(i)))
		case 1:
			c.delete(r)
			all[i*13] = store.Record{}
		}
	}
	c.create(store.Record{ID: "another kind", Kind: "group", Index: keys("all")})
	count := func(q store.CountQuery) {
		list := store.Query{Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore, Limit: store.MaxLimit}
		c.counts(q, len(c.list(list)))
	}
	for _, match := range [][]string{nil, {"all"}, {"2"}, {"7", "all", "3"}, {"599"}, {"none"}, {"all", "none"}} {
		count(store.CountQuery{Kind: "user", Match: keys(match...)})
		count(store.CountQuery{Kind: "user", Match: keys(match...), After: 100, Before: 500})
		count(store.CountQuery{Kind: "user", Match: keys(match...), NotDueBefore: day(20)})
	}
	count(store.CountQuery{Kind: "group"})
	count(store.CountQuery{Kind: "none"})
	if n := len(selectRecords(all, "user")); !s.failed() {
		c.counts(store.CountQuery{Kind: "user"}, n)
	}
	s.tenant("nobody").counts(store.CountQuery{Kind: "user"}, 0)
}

func counterCap(s *subject) {
	c := s.tenant("t")
	c.createN(50, func(i int) store.Record { return withTerms(plain(fmt.Sprint("r", i)), "x", fmt.Sprint(i%2)) })
	for _, match := range [][]string{nil, {"x"}, {"x", "0"}, {"x", "none"}} {
		all := len(c.list(store.Query{Kind: "user", Match: keys(match...)}))
		for most := 1; most <= 60; most++ {
			got, err := store.Count(s.ctx, c.handle(most).store, c.name, store.CountQuery{Kind: "user", Match: keys(match...), Cap: most})
			switch {
			case s.failed():
				return
			case err != nil:
				s.fail("Count: %w", err)
			case got.Exact && got.N != all:
				s.fail("Count with cap %d: exactly %d, want %d", most, got.N, all)
			case !got.Exact && (got.N > all || got.N > most):
				s.fail("Count with cap %d: at least %d of %d", most, got.N, all)
			case !got.Exact && most > 50:
				s.fail("Count with cap %d: not exact, though there are only 50 entries", most)
			}
		}
	}
}

func counterInvalid(s *subject) {
	c := s.tenant("t")
	w, ok := store.As[store.Counter](c.store)
	if !ok {
		return
	}
	c.create1(plain("a"))
	for name, q := range map[string]store.CountQuery{
		"no kind":          {},
		"a kind too long":  {Kind: string(make([]byte, store.MaxKind+1))},
		"a kind not UTF-8": {Kind: "\xff"},
		"too many terms":   {Kind: "user", Match: numbered(store.MaxMatch + 1)},
		"a term twice":     {Kind: "user", Match: keys("x", "x")},
		"after -1":         {Kind: "user", After: -1},
		"before -1":        {Kind: "user", Before: -1},
		"cap -1":           {Kind: "user", Cap: -1},
		"cap MaxCount+1":   {Kind: "user", Cap: store.MaxCount + 1},
	} {
		_, err := w.Count(s.ctx, "t", q)
		c.rejected("Count with "+name, err)
	}
	_, err := w.Count(s.ctx, "", store.CountQuery{Kind: "user"})
	c.rejected("Count without a tenant", err)
	for _, most := range []int{0, 1, store.MaxCount} {
		_, err := w.Count(s.ctx, "t", store.CountQuery{Kind: "user", Cap: most})
		c.accepted(fmt.Sprint("Count with cap ", most), err)
	}
}

func counterContext(s *subject) {
	w, ok := store.As[store.Counter](s.handles[0])
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := w.Count(ctx, "t", store.CountQuery{Kind: "user"}); !errors.Is(err, context.Canceled) {
		s.fail("Count with an ended context: error %v, want %v", err, context.Canceled)
	}
}
