package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const sqlTenants = `SELECT name FROM rollbook.tenant WHERE name > $1::bytea ORDER BY name LIMIT (SELECT $2::int4)`

// Tenants implements [store.Store]. Tenants come in the order of the bytes of their names.
func (s *Store) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return s.observeTenants(ctx, s, q)
}

func (s *Store) observeTenants(ctx context.Context, src source, q store.TenantQuery) (store.TenantPage, error) {
	c := s.observer.BeginCall("Tenants")
	page, err := tenants(ctx, src, q)
	c.End(store.CallInfo{Items: len(page.Names)}, err)
	return page, err
}

func tenants(ctx context.Context, src source, q store.TenantQuery) (page store.TenantPage, err error) {
	q, err = store.CheckTenants(q)
	if err != nil {
		return page, err
	}
	err = src.step(ctx, readTurn{method: "Tenants"}, func(ctx context.Context, c session) error {
		page = store.TenantPage{}
		var a args
		a.bytea(q.After)
		a.int4(q.Limit + 1)
		return c.rows(ctx, sqlTenants, &a, func(row *reply) {
			if len(page.Names) == q.Limit {
				page.Next = page.Names[q.Limit-1]
				return
			}
			page.Names = append(page.Names, row.string())
		})
	})
	if err != nil {
		return store.TenantPage{}, err
	}
	return page, nil
}
