package storetest

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// asking returns a harm that changes every query of List before it is answered.
func asking(change func(q *store.Query)) func(b *broken) {
	return func(b *broken) {
		b.list.asks(func(c *listCall) {
			if _, c.err = store.CheckQuery(c.tenant, c.q); c.err == nil {
				change(&c.q)
			}
		})
	}
}

// records returns all that a query selects, whatever its limit.
func (b *broken) records(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
	q.Limit, q.Budget = store.MaxLimit, store.MaxBudget
	var all []store.Record
	for {
		page, err := b.mapStore.List(ctx, tenant, q)
		all = append(all, page.Records...)
		if err != nil || page.Next == 0 {
			return all, err
		}
		if q.Desc {
			q.Before = page.Next
		} else {
			q.After = page.Next
		}
	}
}

// pageOf returns the first page of what a query selects.
func pageOf(q store.Query, all []store.Record) store.Page {
	page := store.Page{Records: all}
	if len(all) > q.Limit {
		page.Records = all[:q.Limit]
		page.Next = all[q.Limit-1].Created
	}
	return page
}

// listing returns a harm by which List returns pages of what f does.
func listing(f func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error)) func(b *broken) {
	return func(b *broken) {
		b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
			q, err := store.CheckQuery(tenant, q)
			if err := cmp.Or(ctx.Err(), err); err != nil {
				return store.Page{}, err
			}
			all, err := f(ctx, b, tenant, q)
			return pageOf(q, all), err
		}
	}
}

// answering returns a harm that changes what List selects.
func answering(change func(t *mapTenant, q store.Query, all []store.Record) []store.Record) func(b *broken) {
	return listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
		all, err := b.records(ctx, tenant, q)
		defer b.locked()()
		return change(b.tenant(tenant), q, all), err
	})
}

func listMutants() []mutant {
	return []mutant{
		{name: "List goes by ID", rejected: "list/order walk/up-7 walk/down-7", harm: answering(func(_ *mapTenant, _ store.Query, page []store.Record) []store.Record {
			slices.SortFunc(page, func(a, b store.Record) int { return cmp.Compare(a.ID, b.ID) })
			return page
		})},
		{name: "List goes by Revision", rejected: "list/order walk/up-1 walk/down-1 walk/up-200 walk/down-200 walk/concurrent", harm: answering(func(_ *mapTenant, q store.Query, page []store.Record) []store.Record {
			slices.SortFunc(page, func(a, b store.Record) int { return cmp.Compare(a.Revision, b.Revision) })
			if q.Desc {
				slices.Reverse(page)
			}
			return page
		})},
		{name: "After includes its record", rejected: "list/bounds walk/up-1 walk/up-200", harm: asking(func(q *store.Query) { q.After = max(0, q.After-1) })},
		{name: "After leaves out one more", rejected: "list/bounds walk/up-1 walk/up-7", harm: asking(func(q *store.Query) { q.After += min(q.After, 1) })},
		{name: "Before includes its record", rejected: "list/bounds walk/down-1", harm: asking(func(q *store.Query) { q.Before += min(q.Before, 1) })},
		{name: "Before leaves out one more", rejected: "list/bounds walk/down-1 walk/down-7", harm: asking(func(q *store.Query) {
			if q.Before > 1 {
				q.Before--
			}
		})},
		{name: "Before is ignored", rejected: "list/bounds walk/down-7", harm: asking(func(q *store.Query) { q.Before = 0 })},
		{name: "After is ignored going down", rejected: "list/bounds", harm: asking(func(q *store.Query) {
			if q.Desc {
				q.After = 0
			}
		})},
		{name: "Before is ignored going up", rejected: "list/bounds", harm: asking(func(q *store.Query) {
			if !q.Desc {
				q.Before = 0
			}
		})},
		{name: "Desc is ignored", rejected: "list/order list/bounds walk/down-7 random/seed-7", harm: asking(func(q *store.Query) { q.Desc = false })},
		{name: "Desc reverses the first page", rejected: "list/bounds list/limit walk/down-7", harm: listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			desc := q.Desc
			q.Desc = false
			all, err := b.records(ctx, tenant, q)
			if all = all[:min(q.Limit, len(all))]; desc {
				slices.Reverse(all)
			}
			return all, err
		})},
		{name: "only the first term counts", rejected: "list/match list/match-sizes", harm: asking(func(q *store.Query) { q.Match = q.Match[:min(1, len(q.Match))] })},
		{name: "the last of 16 terms does not count", rejected: "list/match", harm: asking(func(q *store.Query) { q.Match = q.Match[:min(store.MaxMatch-1, len(q.Match))] })},
		{name: "terms are joined by or", rejected: "list/match list/match-sizes random/seed-8", harm: listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			match := q.Match
			q.Match = nil
			all, err := b.records(ctx, tenant, q)
			return slices.DeleteFunc(all, func(r store.Record) bool {
				return len(match) > 0 && !slices.ContainsFunc(match, func(term store.Key) bool { return slices.Contains(r.Index, term) })
			}), err
		})},
		{name: "a page that the terms made short is the last", rejected: "list/match-sizes walk/up-7", harm: short(func(q *store.Query) func(store.Record) bool {
			match := q.Match
			q.Match = nil
			return func(r store.Record) bool { return hasTerms(r, match) }
		})},
		{name: "at most 100 records of a term are looked at", rejected: "list/match-sizes list/limit", harm: answering(func(_ *mapTenant, q store.Query, page []store.Record) []store.Record {
			if len(q.Match) > 0 {
				page = page[:min(100, len(page))]
			}
			return page
		})},
		{name: "List returns all kinds", rejected: "list/kinds names/kinds", harm: answering(func(t *mapTenant, q store.Query, _ []store.Record) []store.Record {
			var all []store.Record
			for _, r := range t.records.all() {
				if r.Created > q.After && (q.Before == 0 || r.Created < q.Before) && matches(r, q) {
					all = append(all, copyOf(r))
				}
			}
			slices.SortFunc(all, byCreated)
			return all
		})},
		{name: "kinds are prefixes", rejected: "list/kinds", harm: listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			all, err := b.records(ctx, tenant, q)
			if q.Kind == "user" {
				q.Kind = "users"
				more, _ := b.records(ctx, tenant, q)
				all = append(all, more...)
			}
			return all, err
		})},
		{name: "dropped terms still count", rejected: "list/reindex tamper/replace names/terms", harm: func(b *broken) {
			var ghosts []store.Record
			steps{write: func(t *mapTenant, op store.Op) {
				if op.Old != nil && op.New != nil {
					ghosts = append(ghosts, copyOf(t.records.at(op.Old.ID)))
				}
				t.write(op)
			}}.harm(b)
			listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
				all, err := b.records(ctx, tenant, q)
				for _, ghost := range ghosts {
					if len(q.Match) > 0 && ghost.Kind == q.Kind && matches(ghost, q) && !slices.ContainsFunc(all, func(r store.Record) bool { return r.ID == ghost.ID }) {
						all = append(all, ghost)
					}
				}
				return all, err
			})(b)
		}},
		{name: "terms of a replacement do not count", rejected: "list/reindex", harm: answering(func(_ *mapTenant, q store.Query, page []store.Record) []store.Record {
			return slices.DeleteFunc(page, func(r store.Record) bool { return len(q.Match) > 0 && r.Created != r.Revision })
		})},
		{name: "NotDueBefore is ignored", rejected: "list/not-due-before random/seed-9", harm: asking(func(q *store.Query) { q.NotDueBefore = time.Time{} })},
		{name: "NotDueBefore leaves out what is due then", rejected: "list/not-due-before", harm: asking(func(q *store.Query) {
			if !q.NotDueBefore.IsZero() {
				q.NotDueBefore = q.NotDueBefore.Add(1)
			}
		})},
		{name: "NotDueBefore is cut to milliseconds", rejected: "list/not-due-before", harm: asking(func(q *store.Query) { q.NotDueBefore = q.NotDueBefore.Truncate(time.Millisecond) })},
		{name: "NotDueBefore leaves out records without Due", rejected: "list/not-due-before", harm: answering(func(_ *mapTenant, q store.Query, page []store.Record) []store.Record {
			return slices.DeleteFunc(page, func(r store.Record) bool { return !q.NotDueBefore.IsZero() && r.Due.IsZero() })
		})},
		{name: "a page that NotDueBefore made short is the last", rejected: "list/not-due-before", harm: short(func(q *store.Query) func(store.Record) bool {
			bound := q.NotDueBefore
			q.NotDueBefore = time.Time{}
			return func(r store.Record) bool { return r.Due.IsZero() || !r.Due.Before(bound) }
		})},
		{name: "one record more than the limit", rejected: "list/limit list/bounds walk/up-7", harm: asking(func(q *store.Query) {
			if q.Limit > 0 && q.Limit < store.MaxLimit {
				q.Limit++
			}
		})},
		{name: "a page at its limit is the last", rejected: "list/limit walk/up-7 walk/down-7", harm: answers(ofList, func(_ *broken, c *listCall) { c.got.Next = 0 })},
		{name: "another default limit", rejected: "list/limit", harm: asking(func(q *store.Query) { q.Limit = cmp.Or(q.Limit, 150) })},
		{name: "nothing to return is ErrNotFound", rejected: "list/empty", harm: listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			all, err := b.records(ctx, tenant, q)
			if err == nil && len(all) == 0 {
				err = store.ErrNotFound
			}
			return all, err
		})},
	}
}

// short returns a harm by which a filter, which it takes out of the query, shortens a
// page after its limit, and a short page is the last.
func short(filter func(q *store.Query) func(store.Record) bool) func(b *broken) {
	return func(b *broken) {
		b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
			keep := filter(&q)
			page, err := b.mapStore.List(ctx, tenant, q)
			n := len(page.Records)
			page.Records = slices.DeleteFunc(page.Records, func(r store.Record) bool { return !keep(r) })
			if len(page.Records) < n {
				page.Next = 0
			}
			return page, err
		}
	}
}

func walkMutants() []mutant {
	return []mutant{
		{name: "pages are cut by offset", rejected: "walk/up-1 walk/up-7 walk/up-200 walk/down-1 walk/down-7 walk/down-200 walk/concurrent", harm: func(b *broken) {
			offsets := map[[2]store.Revision]int{} // where the page after a cursor begins
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				q, err := store.CheckQuery(tenant, q)
				if err != nil {
					return store.Page{}, err
				}
				whole := q
				whole.After, whole.Before = 0, 0
				all, err := b.records(ctx, tenant, whole)
				defer b.locked()()
				from := min(len(all), offsets[[2]store.Revision{q.After, q.Before}])
				page := pageOf(q, all[from:])
				next := [2]store.Revision{page.Next, 0}
				if q.Desc {
					next[0], next[1] = 0, next[0]
				}
				offsets[next] = from + len(page.Records)
				return page, err
			}
		}},
		{name: "a record that is written leaves its page for a moment", rejected: "races/reads walk/concurrent", harm: asks(ofApply, func(b *broken, c *applyCall) {
			for _, op := range c.q.Ops {
				if op.Old != nil && op.New != nil {
					b.mu.Lock()
					r, ok := b.tenant(c.tenant).records.get(op.Old.ID)
					b.tenant(c.tenant).records.drop(op.Old.ID)
					b.mu.Unlock()
					runtime.Gosched()
					if ok {
						b.mu.Lock()
						b.tenant(c.tenant).records.put(r)
						b.mu.Unlock()
					}
				}
			}
		})},
		{name: "Get looks twice", rejected: "races/swap", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				b.mu.Lock()
				id, ok := b.tenant(tenant).holders[key]
				b.mu.Unlock()
				if !ok {
					return b.mapStore.Get(ctx, tenant, key)
				}
				runtime.Gosched()
				return b.mapStore.Get(ctx, tenant, store.ID(id))
			}
		}},
	}
}
