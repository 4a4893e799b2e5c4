package storetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func pageMutants() []mutant {
	// paging returns a harm that changes pages that ended before their limit.
	paging := func(change func(t *mapTenant, q store.Query, page *store.Page)) func(b *broken) {
		return func(b *broken) {
			b.list.answers(func(c *listCall) {
				if c.err == nil {
					defer b.locked()()
					change(b.tenant(c.tenant), c.q, &c.got)
				}
			})
		}
	}
	return []mutant{
		{name: "a page that its budget ended is the last", rejected: "page/budget page/budget-writes", harm: paging(func(_ *mapTenant, q store.Query, page *store.Page) {
			if len(page.Records) < limitOf(q.Limit) && q.Budget > 0 {
				page.Next = 0
			}
		})},
		{name: "an empty page is the last", rejected: "page/budget", harm: paging(func(_ *mapTenant, _ store.Query, page *store.Page) {
			if len(page.Records) == 0 {
				page.Next = 0
			}
		})},
		{name: "an empty page comes no further", rejected: "page/budget", harm: paging(func(_ *mapTenant, q store.Query, page *store.Page) {
			if len(page.Records) == 0 && page.Next != 0 {
				if page.Next = q.After; q.Desc {
					page.Next = q.Before
				}
			}
		})},
		{name: "Next is the last record of the page, not the last one looked at", rejected: "page/budget", harm: paging(func(_ *mapTenant, q store.Query, page *store.Page) {
			if page.Next == 0 {
				return
			}
			if n := len(page.Records); n > 0 {
				page.Next = page.Records[n-1].Created
			} else if page.Next = 1; q.Desc {
				page.Next = 1 << 50
			}
		})},
		{name: "the entry at which the budget ends is skipped", rejected: "page/budget page/budget-writes", harm: paging(func(_ *mapTenant, q store.Query, page *store.Page) {
			if page.Next == 0 || q.Budget == 0 || len(page.Records) == limitOf(q.Limit) {
				return
			}
			if page.Next++; q.Desc {
				page.Next = max(1, page.Next-2)
			}
		})},
		{name: "a page goes on after a record that changes", rejected: "page/budget-writes walk/up-1", harm: paging(func(t *mapTenant, q store.Query, page *store.Page) {
			if n := len(page.Records); page.Next != 0 && n > 0 && !q.Desc {
				page.Next = t.records.at(page.Records[n-1].ID).Revision
			}
		})},
		{name: "pages are as large as their records", rejected: "page/bytes", harm: listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
			return b.records(ctx, tenant, q)
		})},
		{name: "a page may be one record larger than MaxPageData", rejected: "page/bytes", harm: paging(func(t *mapTenant, q store.Query, page *store.Page) {
			if page.Next == 0 || len(page.Records) == limitOf(q.Limit) {
				return
			}
			q.After = page.Next
			if q.Desc {
				q.After, q.Before = 0, page.Next
			}
			for r := range t.kind(q) {
				if matches(r, q) {
					page.Records = append(page.Records, copyOf(r))
					page.Next = r.Created
					break
				}
			}
		})},
		{name: "records as large as a page are left out", rejected: "page/bytes", harm: paging(func(_ *mapTenant, _ store.Query, page *store.Page) {
			page.Records = slices.DeleteFunc(page.Records, func(r store.Record) bool { return len(r.Data) >= store.MaxPageData })
		})},
		{name: "a page of the feed is as large as its Notes", rejected: "page/feed-bytes", harm: answers(ofChanges, func(b *broken, c *feedCall) {
			if c.got.Next != 0 && len(c.got.Changes) < limitOf(c.q.Limit) {
				if c.q.After = c.got.Next; c.q.Desc {
					c.q.After, c.q.Before = 0, c.got.Next
				}
				more, _ := b.mapStore.Changes(c.ctx, c.tenant, c.q)
				c.got.Changes = append(c.got.Changes, more.Changes...)
				c.got.Next = more.Next
			}
		})},
		{name: "a page of the feed that its Notes ended is the last", rejected: "page/feed-bytes", harm: answers(ofChanges, func(_ *broken, c *feedCall) {
			if len(c.got.Changes) < limitOf(c.q.Limit) {
				c.got.Next = 0
			}
		})},
		{name: "a page of Due is as large as its records", rejected: "page/due-bytes", harm: dueBy(nil, rightly)},
		{name: "each tenant of a page of Due is as large as a page may be", rejected: "page/due-bytes", harm: answers(ofDue, func(b *broken, c *dueCall) {
			if c.err == nil && c.got.Next != "" && c.q.Tenant == "" && len(c.got.Tenants) < limitOf(c.q.Limit) {
				more, _ := b.mapStore.Due(c.ctx, store.DueQuery{Kinds: c.q.Kinds, Before: c.q.Before, Limit: c.q.Limit, After: c.got.Next})
				c.got.Tenants, c.got.Next = append(c.got.Tenants, more.Tenants...), more.Next
			}
		})},
		{name: "tenants for which a page of Due has no room are left out", rejected: "page/due-bytes", harm: answers(ofDue, func(_ *broken, c *dueCall) {
			if len(c.got.Tenants) < limitOf(c.q.Limit) {
				c.got.Next = ""
			}
		})},
	}
}

func counterMutants() []mutant {
	counting := func(change func(q *store.CountQuery), answer func(q store.CountQuery, c *store.Counted)) func(b *broken) {
		return func(b *broken) {
			b.count = func(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
				if _, err := store.CheckCount(tenant, q); err != nil {
					return store.Counted{}, err
				}
				if change != nil {
					change(&q)
				}
				c, err := b.mapStore.Count(ctx, tenant, q)
				if err == nil && answer != nil {
					answer(q, &c)
				}
				return c, err
			}
		}
	}
	return []mutant{
		{name: "terms are not counted by", rejected: "counter/equals", harm: counting(func(q *store.CountQuery) { q.Match = nil }, nil)},
		{name: "what is due is counted", rejected: "counter/equals", harm: counting(func(q *store.CountQuery) { q.NotDueBefore = q.NotDueBefore.AddDate(-30, 0, 0) }, nil)},
		{name: "a count ignores its bounds", rejected: "counter/equals", harm: counting(func(q *store.CountQuery) { q.After, q.Before = 0, 0 }, nil)},
		{name: "a count is never exact", rejected: "counter/equals counter/cap", harm: counting(nil, func(_ store.CountQuery, c *store.Counted) { c.Exact = false })},
		{name: "a count is always exact", rejected: "counter/cap", harm: counting(nil, func(_ store.CountQuery, c *store.Counted) { c.Exact = true })},
		{name: "a count that its cap ended is the cap", rejected: "counter/cap", harm: counting(nil, func(q store.CountQuery, c *store.Counted) {
			if !c.Exact {
				c.N = q.Cap
			}
		})},
		{name: "a count goes beyond its cap", rejected: "counter/cap", harm: counting(nil, func(_ store.CountQuery, c *store.Counted) {
			if !c.Exact {
				c.N++
			}
		})},
		{name: "a cap too great is the greatest", rejected: "counter/invalid", harm: asks(ofCount, func(_ *broken, c *countCall) { c.q.Cap = max(0, min(c.q.Cap, store.MaxCount)) })},
		{name: "a count without a kind is 0", rejected: "counter/invalid", harm: asks(ofCount, func(_ *broken, c *countCall) { c.q.Kind = cmp.Or(c.q.Kind, "none") })},
		{name: "Count ignores its context", rejected: "counter/context", harm: func(b *broken) {
			b.count = func(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
				return b.mapStore.Count(context.WithoutCancel(ctx), tenant, q)
			}
		}},
	}
}
