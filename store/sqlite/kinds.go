package sqlite

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

const sqlKinds = `SELECT record FROM rollbook_space s WHERE tenant = ` + numberOf + ` AND record > ?2 AND key = ''
	AND EXISTS (SELECT 1 FROM rollbook_record WHERE space = s.n) ORDER BY record LIMIT (?3+0)`

// Kinds implements [store.KindLister]. It returns the kinds of which the tenant has records now.
func (s *Store) Kinds(ctx context.Context, tenant, after string) ([]string, error) {
	c := s.observer.BeginCall("Kinds")
	kinds, err := s.kinds(ctx, tenant, after)
	c.End(store.CallInfo{Items: len(kinds)}, err)
	return kinds, err
}

func (s *Store) kinds(ctx context.Context, tenant, after string) ([]string, error) {
	if err := store.CheckKinds(tenant, after); err != nil {
		return nil, err
	}
	t := readTurn{method: "Kinds", tenant: tenant, long: true}
	return read(ctx, s.pool(), t, func(ctx context.Context) (kinds []string, err error) {
		rows, err := s.reads.query(ctx, sqlKinds, tenant, after, store.MaxLimit)
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }() // rows.Err reports failures
		for rows.Next() {
			var kind string
			if err := rows.Scan(&kind); err != nil {
				return nil, err
			}
			kinds = append(kinds, kind)
		}
		return kinds, rows.Err()
	})
}
