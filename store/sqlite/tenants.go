package sqlite

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const sqlTenants = `SELECT name FROM rollbook_tenant WHERE name > ? ORDER BY name LIMIT (?+0)`

// Tenants implements [store.Store]. Tenants come in the order of their names:
// a walk goes on after a tenant that was dropped.
func (s *Store) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return s.pool().Tenants(ctx, q)
}

func (s source) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	c := s.observer.BeginCall("Tenants")
	page, err := s.tenantPage(ctx, q)
	c.End(store.CallInfo{Items: len(page.Names)}, err)
	return page, err
}

func (s source) tenantPage(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	q, err := store.CheckTenants(q)
	if err != nil {
		return store.TenantPage{}, err
	}
	return read(ctx, s, readTurn{method: "Tenants"}, func(ctx context.Context) (page store.TenantPage, err error) {
		rows, err := s.query(ctx, sqlTenants, q.After, q.Limit+1)
		if err != nil {
			return page, err
		}
		defer func() { _ = rows.Close() }() // rows.Err reports failures
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return page, err
			}
			if len(page.Names) == q.Limit {
				page.Next = page.Names[q.Limit-1]
				break
			}
			page.Names = append(page.Names, name)
		}
		return page, rows.Err()
	})
}
