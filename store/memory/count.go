package memory

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Count implements [store.Counter]. Without Match and NotDueBefore it counts exactly,
// whatever the cap, and reads no record.
func (s *Store) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	begun := s.begin()
	counted, looked, err := s.count(ctx, tenant, q)
	s.end(begun, store.CallInfo{Method: "Count", Err: err, Looked: looked})
	return counted, err
}

func (s *Store) count(ctx context.Context, tenant string, q store.CountQuery) (counted store.Counted, looked int, err error) {
	if q, err = store.CheckCount(tenant, q); err != nil {
		return store.Counted{}, 0, err
	}
	if err := ctx.Err(); err != nil {
		return store.Counted{}, 0, err
	}
	if len(q.Match) == 0 && q.NotDueBefore.IsZero() {
		if n, ok := s.countKind(tenant, q); ok {
			return store.Counted{N: n, Exact: true}, 0, nil
		}
	}
	done, err := s.turns.Long(ctx, tenant)
	if err != nil {
		return store.Counted{}, 0, err
	}
	defer done()
	w := newWalk(store.Query{
		Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before,
		NotDueBefore: q.NotDueBefore, Budget: q.Cap,
	}, func(e *entry) bool {
		if !e.damaged {
			counted.N++
		}
		return true
	})
	if err := s.run(ctx, tenant, w); err != nil {
		return store.Counted{}, w.looked, err
	}
	counted.Exact = w.next == 0
	return counted, w.looked, nil
}

// countKind returns how many records of a kind were created between two revisions. It
// does not know if some of the tenant's records are damaged.
func (s *Store) countKind(tenant string, q store.CountQuery) (n int, ok bool) {
	sh := s.shard(tenant)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	t := sh.tenants[tenant]
	if t == nil || t.kinds[q.Kind] == nil {
		return 0, true
	}
	records := &t.kinds[q.Kind].records
	n = records.len()
	if q.Before > 0 {
		n = records.rank(&entry{created: q.Before})
	}
	if q.After > 0 {
		n -= records.rank(&entry{created: min(q.After, t.last) + 1})
	}
	return max(n, 0), t.damaged == 0
}
