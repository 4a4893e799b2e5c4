package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// sqlKinds looks up one kind after the other, so that it does not read the records between.
const sqlKinds = `WITH RECURSIVE k AS (
		(SELECT kind FROM rollbook.record WHERE tenant = ` + numberOf + ` AND kind > $2::bytea ORDER BY kind LIMIT 1)
		UNION ALL SELECT (SELECT r.kind FROM rollbook.record r WHERE r.tenant = ` + numberOf + ` AND r.kind > k.kind
			ORDER BY r.kind LIMIT 1) FROM k WHERE k.kind IS NOT NULL)
	SELECT kind FROM k WHERE kind IS NOT NULL LIMIT (SELECT $3::int4)`

// Kinds implements [store.KindLister]. It returns the kinds of which the tenant has records now.
func (s *Store) Kinds(ctx context.Context, tenant, after string) ([]string, error) {
	c := s.observer.BeginCall("Kinds")
	kinds, err := s.kinds(ctx, tenant, after)
	c.End(store.CallInfo{Items: len(kinds)}, err)
	return kinds, err
}

func (s *Store) kinds(ctx context.Context, tenant, after string) (kinds []string, err error) {
	if err := store.CheckKinds(tenant, after); err != nil {
		return nil, err
	}
	err = s.step(ctx, readTurn{method: "Kinds", tenant: tenant, long: true}, func(ctx context.Context, c session) error {
		kinds = nil
		var a args
		a.bytea(tenant)
		a.bytea(after)
		a.int4(store.MaxLimit)
		return c.rows(ctx, sqlKinds, &a, func(row *reply) { kinds = append(kinds, row.string()) })
	})
	if err != nil {
		return nil, err
	}
	return kinds, nil
}
