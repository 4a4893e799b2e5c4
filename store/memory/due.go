package memory

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// noDue is later than every Due.
const noDue = math.MaxInt64

// Tenants implements [store.Store]. The order is that of their first writes.
func (s *Store) Tenants(ctx context.Context, after string, limit int) ([]string, error) {
	limit, err := store.CheckTenants(after, limit)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tenants, err := s.tenantsAfter(after)
	if err != nil {
		return nil, err
	}
	names := make([]string, min(limit, len(tenants)))
	for i := range names {
		names[i] = tenants[i].name
	}
	return names, nil
}

// tenantsAfter returns the tenants behind one, all of them for "".
func (s *Store) tenantsAfter(after string) ([]*tenant, error) {
	from := 0
	if after != "" {
		sh := s.shard(after)
		sh.mu.RLock()
		t := sh.tenants[after]
		sh.mu.RUnlock()
		if t == nil {
			return nil, &store.InvalidError{Op: -1, What: "after", Why: "not a tenant that was returned"}
		}
		from = t.place + 1
	}
	s.namesMu.RLock()
	defer s.namesMu.RUnlock()
	return s.names[from:], nil
}

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, q store.DueQuery) ([]store.DueRecord, error) {
	q, err := store.CheckDueQuery(q)
	if err != nil {
		return nil, err
	}
	tenants, err := s.tenantsAfter(q.After)
	if err != nil {
		return nil, err
	}
	before := store.Millis(q.Before)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sharing := s.sharing(tenants, q, before)
		if len(sharing) == 0 {
			return nil, nil
		}
		var page []store.DueRecord
		for _, t := range sharing {
			for _, r := range s.dueOf(t, q.Kinds, before, q.Limit/len(sharing)) {
				page = append(page, store.DueRecord{Tenant: t.name, Record: copyOut(r)})
			}
		}
		if len(page) > 0 {
			return page, nil
		}
		// All of it was dealt with between the two looks. There may be more.
	}
}

// sharing returns the first tenants that have something due, at most as many as
// a page has records.
func (s *Store) sharing(tenants []*tenant, q store.DueQuery, before int64) []*tenant {
	var sharing []*tenant
	for _, t := range tenants {
		if t.earliest.Load() >= before {
			continue
		}
		if len(q.Kinds) > 0 && len(s.dueOf(t, q.Kinds, before, 1)) == 0 {
			continue
		}
		if sharing = append(sharing, t); len(sharing) == q.Limit {
			break
		}
	}
	return sharing
}

// dueOf returns a tenant's first due records.
func (s *Store) dueOf(t *tenant, kinds []string, before int64, limit int) []*store.Record {
	sh := s.shard(t.name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	var due []*entry
	for k := range t.kindsAmong(kinds) {
		taken := 0
		for e := range k.due.ascend(&entry{}) {
			if e.due >= before || taken == limit {
				break
			}
			taken++
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.created, b.created))
	})
	due = due[:min(limit, len(due))]
	records := make([]*store.Record, len(due))
	for i, e := range due {
		records[i] = e.record
	}
	return records
}

// kindsAmong walks the kinds that are named, all of them if none is.
func (t *tenant) kindsAmong(names []string) func(yield func(*kind) bool) {
	return func(yield func(*kind) bool) {
		if len(names) == 0 {
			for _, k := range t.kinds {
				if !yield(k) {
					return
				}
			}
			return
		}
		for _, name := range names {
			if k := t.kinds[name]; k != nil && !yield(k) {
				return
			}
		}
	}
}

// earliestDue returns the earliest Due of the tenant, noDue if there is none.
func (t *tenant) earliestDue() int64 {
	earliest := int64(noDue)
	for _, k := range t.kinds {
		if e := k.due.first(); e != nil {
			earliest = min(earliest, e.due)
		}
	}
	return earliest
}
