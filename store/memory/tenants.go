package memory

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Tenants implements [store.Store]. The order is that of their first writes.
func (s *Store) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	begun := s.begin()
	page, err := s.tenants(ctx, q)
	s.end(begun, store.CallInfo{Method: "Tenants", Err: err, Items: len(page.Names)})
	return page, err
}

func (s *Store) tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	q, err := store.CheckTenants(q)
	if err != nil {
		return store.TenantPage{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.TenantPage{}, err
	}
	tenants, err := s.tenantsAfter(q.After)
	if err != nil {
		return store.TenantPage{}, err
	}
	page := store.TenantPage{Names: make([]string, min(q.Limit, len(tenants)))}
	for i := range page.Names {
		page.Names[i] = tenants[i].name
	}
	if q.Limit < len(tenants) {
		page.Next = page.Names[q.Limit-1]
	}
	return page, nil
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
