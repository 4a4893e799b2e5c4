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
		b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
			if _, err := store.CheckQuery(tenant, q); err != nil {
				return nil, err
			}
			change(&q)
			return b.mapStore.List(ctx, tenant, q)
		}
	}
}

// answering returns a harm that changes every page of List, which it gets
// without a limit.
func answering(change func(t *mapTenant, q store.Query, page []store.Record) []store.Record) func(b *broken) {
	return func(b *broken) {
		b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
			q, err := store.CheckQuery(tenant, q)
			if err != nil {
				return nil, err
			}
			whole := q
			whole.Limit = store.MaxLimit
			page, err := b.mapStore.List(ctx, tenant, whole)
			b.mu.Lock()
			defer b.mu.Unlock()
			page = change(b.tenant(tenant), q, page)
			return page[:min(q.Limit, len(page))], err
		}
	}
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
		{name: "Desc reverses the first page", rejected: "list/bounds list/limit walk/down-7", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				desc := q.Desc
				q.Desc = false
				page, err := b.mapStore.List(ctx, tenant, q)
				if desc {
					slices.Reverse(page)
				}
				return page, err
			}
		}},
		{name: "only the first term counts", rejected: "list/match list/match-sizes", harm: asking(func(q *store.Query) { q.Match = q.Match[:min(1, len(q.Match))] })},
		{name: "the last of 16 terms does not count", rejected: "list/match", harm: asking(func(q *store.Query) { q.Match = q.Match[:min(store.MaxMatch-1, len(q.Match))] })},
		{name: "terms are joined by or", rejected: "list/match list/match-sizes random/seed-8", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				if len(q.Match) < 2 {
					return b.mapStore.List(ctx, tenant, q)
				}
				match := q.Match
				q.Match = nil
				return answered(ctx, b, tenant, q, func(r store.Record) bool {
					return slices.ContainsFunc(match, func(term store.Key) bool { return slices.Contains(r.Index, term) })
				})
			}
		}},
		{name: "the limit comes before the terms", rejected: "list/match-sizes walk/up-7", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				match := q.Match
				q.Match = nil
				page, err := b.mapStore.List(ctx, tenant, q)
				return slices.DeleteFunc(page, func(r store.Record) bool { return !hasTerms(r, match) }), err
			}
		}},
		{name: "at most 100 records of a term are looked at", rejected: "list/match-sizes list/limit", harm: answering(func(_ *mapTenant, q store.Query, page []store.Record) []store.Record {
			if len(q.Match) > 0 {
				page = page[:min(100, len(page))]
			}
			return page
		})},
		{name: "List returns all kinds", rejected: "list/kinds names/kinds", harm: func(b *broken) {
			b.list = func(_ context.Context, tenant string, q store.Query) ([]store.Record, error) {
				q, err := store.CheckQuery(tenant, q)
				if err != nil {
					return nil, err
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				var page []store.Record
				for _, r := range b.tenant(tenant).records {
					q.Kind = r.Kind
					if matches(r, q) {
						page = append(page, copyOf(r))
					}
				}
				slices.SortFunc(page, byCreated)
				return page[:min(q.Limit, len(page))], nil
			}
		}},
		{name: "kinds are prefixes", rejected: "list/kinds", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				if q.Kind == "user" {
					q.Kind = "users"
					more, _ := b.mapStore.List(ctx, tenant, q)
					page = append(page, more...)
				}
				return page, err
			}
		}},
		{name: "dropped terms still count", rejected: "list/reindex tamper/replace names/terms", harm: func(b *broken) {
			var ghosts []store.Record
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				if op.Old != nil && op.New != nil {
					ghosts = append(ghosts, copyOf(t.records[op.Old.ID]))
				}
				t.write(op)
			}})
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				for _, ghost := range ghosts {
					if len(q.Match) > 0 && err == nil && matches(ghost, q) && !slices.ContainsFunc(page, func(r store.Record) bool { return r.ID == ghost.ID }) {
						page = append(page, ghost)
					}
				}
				return page, err
			}
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
		{name: "the limit comes before NotDueBefore", rejected: "list/not-due-before", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				bound := q.NotDueBefore
				q.NotDueBefore = time.Time{}
				page, err := b.mapStore.List(ctx, tenant, q)
				return slices.DeleteFunc(page, func(r store.Record) bool { return !r.Due.IsZero() && r.Due.Before(bound) }), err
			}
		}},
		{name: "one record more than the limit", rejected: "list/limit list/bounds walk/up-7", harm: asking(func(q *store.Query) {
			if q.Limit > 0 && q.Limit < store.MaxLimit {
				q.Limit++
			}
		})},
		{name: "one record less than the limit", rejected: "list/limit walk/up-7", harm: asking(func(q *store.Query) {
			if q.Limit > 1 {
				q.Limit--
			}
		})},
		{name: "another default limit", rejected: "list/limit", harm: asking(func(q *store.Query) { q.Limit = cmp.Or(q.Limit, 50) })},
		{name: "nothing to return is ErrNotFound", rejected: "list/empty", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				if err == nil && len(page) == 0 {
					err = store.ErrNotFound
				}
				return page, err
			}
		}},
	}
}

// answered answers a query with the records that keep accepts.
func answered(ctx context.Context, b *broken, tenant string, q store.Query, keep func(store.Record) bool) ([]store.Record, error) {
	limit := cmp.Or(q.Limit, store.DefaultLimit)
	q.Limit = store.MaxLimit
	page, err := b.mapStore.List(ctx, tenant, q)
	page = slices.DeleteFunc(page, func(r store.Record) bool { return !keep(r) })
	return page[:min(limit, len(page))], err
}

func walkMutants() []mutant {
	return []mutant{
		{name: "pages are cut by offset", rejected: "walk/up-1 walk/up-7 walk/up-200 walk/down-1 walk/down-7 walk/down-200 walk/concurrent", harm: func(b *broken) {
			offsets := map[[2]store.Revision]int{} // where the page after a cursor begins
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				q, err := store.CheckQuery(tenant, q)
				if err != nil {
					return nil, err
				}
				whole := q
				whole.After, whole.Before, whole.Limit = 0, 0, store.MaxLimit
				page, err := b.mapStore.List(ctx, tenant, whole)
				b.mu.Lock()
				defer b.mu.Unlock()
				from := min(len(page), offsets[[2]store.Revision{q.After, q.Before}])
				page = page[from:min(len(page), from+q.Limit)]
				if len(page) > 0 {
					next := [2]store.Revision{page[len(page)-1].Created, 0}
					if q.Desc {
						next[0], next[1] = 0, next[0]
					}
					offsets[next] = from + len(page)
				}
				return page, err
			}
		}},
		{name: "a record that is written leaves its page for a moment", rejected: "races/reads walk/concurrent", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
				for _, op := range ops {
					if op.Old != nil && op.New != nil {
						b.mu.Lock()
						r, ok := b.tenant(tenant).records[op.Old.ID]
						delete(b.tenant(tenant).records, op.Old.ID)
						b.mu.Unlock()
						runtime.Gosched()
						if ok {
							b.mu.Lock()
							b.tenant(tenant).records[r.ID] = r
							b.mu.Unlock()
						}
					}
				}
				return b.mapStore.Apply(ctx, tenant, ops...)
			}
		}},
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
