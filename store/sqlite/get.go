package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// numberOf is the number of the tenant whose name is the first parameter. Every
	// statement finds it again: a number that was read earlier may now be another
	// tenant's, since a backup can be restored into the open file.
	numberOf = `(SELECT n FROM rollbook_tenant WHERE name = ?1)`

	sqlGetByID = `SELECT ` + recordColumn + ` FROM rollbook_record r WHERE r.tenant = ` + numberOf + ` AND r.id = ?2`

	sqlGetByKey = `SELECT ` + recordColumn + ` FROM rollbook_space s
		CROSS JOIN rollbook_key k ON k.space = s.n
		CROSS JOIN rollbook_record r ON r.rid = k.rid AND r.tenant = s.tenant
		WHERE s.tenant = ` + numberOf + ` AND s.record = '' AND s.key = ?2 AND k.value = ?3`
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return s.pool().Get(ctx, tenant, key)
}

func (s source) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	c := s.observer.BeginCall("Get")
	r, err := s.get(ctx, tenant, key)
	found := 0
	if err == nil {
		found = 1
	}
	c.End(store.CallInfo{Items: found}, err)
	return r, err
}

func (s source) get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := store.CheckKey(tenant, key); err != nil {
		return store.Record{}, err
	}
	return read(ctx, s, readTurn{method: "Get", tenant: tenant}, func(ctx context.Context) (r store.Record, err error) {
		ctx = s.point(ctx)
		var row recordRow
		if key.Kind == "" {
			err = s.row(ctx, sqlGetByID, []any{&row}, tenant, key.Value)
		} else {
			err = s.row(ctx, sqlGetByKey, []any{&row}, tenant, key.Kind, key.Value)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return r, store.ErrNotFound
		}
		if err != nil {
			return r, err
		}
		if row.damaged != nil {
			return r, row.damaged
		}
		r = row.rec
		if key.Kind != "" && !slices.Contains(r.Unique, key) {
			return r, store.ErrNotFound // the key's row names a record that does not hold it
		}
		return r, err
	})
}
