package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlNumber  = `SELECT n FROM rollbook.tenant WHERE name = $1::bytea`
	sqlTenants = `SELECT name FROM rollbook.tenant WHERE n > $1::int4 ORDER BY n LIMIT (SELECT $2::int4)`
)

// Tenants implements [store.Store]. Tenants come in the order in which their first writes began.
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
		n, err := cursor(ctx, c, q.After)
		if err != nil {
			return err
		}
		var a args
		a.int4(n)
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

// cursor returns the number of the tenant that a page begins after.
func cursor(ctx context.Context, c session, after string) (n int, err error) {
	if after == "" {
		return 0, nil
	}
	var a args
	a.bytea(after)
	found, err := c.row(ctx, sqlNumber, &a, func(row *reply) { n = row.int4() })
	if err == nil && !found {
		err = &store.InvalidError{Op: -1, What: "after", Why: "not a tenant of the store"}
	}
	return n, err
}
