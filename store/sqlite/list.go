package sqlite

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// List implements [store.Store].
func (s *Store) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return s.pool().List(ctx, tenant, q)
}

func (s source) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	c := s.observer.BeginCall("List")
	page, looked, err := s.list(ctx, tenant, q)
	c.End(store.CallInfo{Items: len(page.Records), Looked: looked, Damaged: len(page.Damaged)}, err)
	return page, err
}

func (s source) list(ctx context.Context, tenant string, q store.Query) (page store.Page, looked int, err error) {
	q, err = store.CheckQuery(tenant, q)
	if err != nil {
		return page, 0, err
	}
	w := newWalk("List", tenant, q)
	w.data = true
	for left, size := q.Budget, 0; ; {
		entries := w.entries(left)
		p, err := w.step(ctx, s, entries, room{
			records: q.Limit - len(page.Records),
			data:    store.MaxPageData - size,
			first:   len(page.Records) == 0,
			damaged: store.MaxLimit - len(page.Damaged),
		})
		if err != nil {
			return store.Page{}, looked, err
		}
		if page.Records == nil {
			page.Records = p.records
		} else {
			page.Records = append(page.Records, p.records...)
		}
		page.Damaged = append(page.Damaged, p.damaged...)
		size, left, looked = size+p.data, left-entries, looked+p.looked
		switch {
		case p.ended:
			return page, looked, nil
		case p.full, left == 0, len(page.Records) == q.Limit, len(page.Damaged) == store.MaxLimit:
			page.Next = w.next()
			return page, looked, nil
		}
	}
}

// Count implements [store.Counter].
func (s *Store) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return s.pool().Count(ctx, tenant, q)
}

func (s source) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	c := s.observer.BeginCall("Count")
	counted, info, err := s.count(ctx, tenant, q)
	c.End(info, err)
	return counted, err
}

func (s source) count(ctx context.Context, tenant string, q store.CountQuery) (n store.Counted, info store.CallInfo, err error) {
	q, err = store.CheckCount(tenant, q)
	if err != nil {
		return n, info, err
	}
	w := newWalk("Count", tenant, store.Query{
		Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore, Budget: q.Cap,
	})
	for left := q.Cap; left > 0 && !n.Exact; {
		entries := w.entries(left)
		p, err := w.step(ctx, s, entries, room{records: entries + 1, data: 1, damaged: entries + 1})
		if err != nil {
			return store.Counted{}, info, err
		}
		n.N, n.Exact = n.N+len(p.records), p.ended
		left -= entries
		info.Looked, info.Damaged = info.Looked+p.looked, info.Damaged+len(p.damaged)
	}
	return n, info, nil
}
