package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// List implements [store.Store].
func (s *Store) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return s.observeList(ctx, s, tenant, q)
}

func (s *Store) observeList(ctx context.Context, src source, tenant string, q store.Query) (store.Page, error) {
	c := s.observer.BeginCall("List")
	page, looked, err := list(ctx, src, tenant, q)
	c.End(store.CallInfo{Items: len(page.Records), Looked: looked, Damaged: len(page.Damaged)}, err)
	return page, err
}

func list(ctx context.Context, src source, tenant string, q store.Query) (page store.Page, looked int, err error) {
	q, err = store.CheckQuery(tenant, q)
	if err != nil {
		return page, 0, err
	}
	w := newWalk("List", tenant, q)
	for left, size := q.Budget, 0; ; {
		free := room{
			records: q.Limit - len(page.Records),
			data:    store.MaxPageData - size,
			first:   len(page.Records) == 0,
			damaged: store.MaxLimit - len(page.Damaged),
		}
		entries := w.entries(left, free.records)
		p, err := w.step(ctx, src, entries, func(ctx context.Context, c session, a *args) (stretch, error) {
			return w.list(ctx, c, a, entries, free)
		})
		if err != nil {
			return store.Page{}, looked, err
		}
		page.Records = append(page.Records, p.records...)
		page.Damaged = append(page.Damaged, p.damaged...)
		size, left, looked = size+p.data, left-entries, looked+p.looked
		switch {
		case p.ended:
			return page, looked, nil
		case left == 0, len(page.Records) == q.Limit, len(page.Damaged) == store.MaxLimit,
			p.full && len(p.records)+len(p.damaged) < min(free.records, free.damaged): // for its size
			page.Next = w.next()
			return page, looked, nil
		}
	}
}

// Count implements [store.Counter].
func (s *Store) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return s.observeCount(ctx, s, tenant, q)
}

func (s *Store) observeCount(ctx context.Context, src source, tenant string, q store.CountQuery) (store.Counted, error) {
	c := s.observer.BeginCall("Count")
	counted, info, err := count(ctx, src, tenant, q)
	c.End(info, err)
	return counted, err
}

func count(ctx context.Context, src source, tenant string, q store.CountQuery) (n store.Counted, info store.CallInfo, err error) {
	q, err = store.CheckCount(tenant, q)
	if err != nil {
		return n, info, err
	}
	w := newWalk("Count", tenant, store.Query{
		Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore, Budget: q.Cap,
	})
	for left := q.Cap; left > 0 && !n.Exact; {
		entries := w.entries(left, left)
		p, err := w.step(ctx, src, entries, func(ctx context.Context, c session, a *args) (stretch, error) {
			return w.count(ctx, c, a, entries)
		})
		if err != nil {
			return store.Counted{}, info, err
		}
		n.N, n.Exact = n.N+p.matched, p.ended
		left -= entries
		info.Looked, info.Damaged = info.Looked+p.looked, info.Damaged+p.spoiled
	}
	return n, info, nil
}
