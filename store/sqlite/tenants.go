package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlNumber  = `SELECT n FROM rollbook_tenant WHERE name = ?`
	sqlTenants = `SELECT name FROM rollbook_tenant WHERE n > ? ORDER BY n LIMIT (?+0)`
)

// Tenants implements [store.Store]. Tenants come in the order of their creation.
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
		n, err := s.cursor(ctx, q.After)
		if err != nil {
			return page, err
		}
		rows, err := s.query(ctx, sqlTenants, n, q.Limit+1)
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

// cursor returns the number of the tenant that a page begins after. It is valid within
// the caller's step.
func (s source) cursor(ctx context.Context, after string) (n int64, err error) {
	if after == "" {
		return 0, nil
	}
	err = s.row(ctx, sqlNumber, []any{&n}, after)
	if errors.Is(err, sql.ErrNoRows) {
		err = &store.InvalidError{Op: -1, What: "after", Why: "not a tenant of the store"}
	}
	return n, err
}
