package postgres

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

const (
	recordColumns = `r.created, r.revision, r.due, r.id, r.kind, r.keys, r.data`

	// numberOf is the number of the tenant whose name is the first parameter.
	numberOf = `(SELECT n FROM rollbook.tenant WHERE name = $1::bytea)`

	sqlGetByID = `SELECT ` + recordColumns + ` FROM rollbook.record r WHERE r.tenant = ` + numberOf + ` AND r.id = $2::bytea`

	sqlGetByKey = `SELECT ` + recordColumns + `
		FROM rollbook.key k CROSS JOIN LATERAL
			(SELECT * FROM rollbook.record r WHERE r.tenant = k.tenant AND r.id = k.id OFFSET 0) r
		WHERE k.tenant = ` + numberOf + ` AND k.key = $2::bytea`
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return s.observeGet(ctx, s, tenant, key)
}

func (s *Store) observeGet(ctx context.Context, src source, tenant string, key store.Key) (store.Record, error) {
	c := s.observer.BeginCall("Get")
	r, err := get(ctx, src, tenant, key)
	found := 0
	if err == nil {
		found = 1
	}
	c.End(store.CallInfo{Items: found}, err)
	return r, err
}

func get(ctx context.Context, src source, tenant string, key store.Key) (r store.Record, err error) {
	if err := store.CheckKey(tenant, key); err != nil {
		return r, err
	}
	err = src.step(ctx, readTurn{method: "Get", tenant: tenant}, func(ctx context.Context, c session) error {
		var a args
		a.bytea(tenant)
		query := sqlGetByID
		if key.Kind == "" {
			a.bytea(key.Value)
		} else {
			query = sqlGetByKey
			a.bytea(keyName(key))
		}
		var broken error
		found, err := c.row(ctx, query, &a, func(row *reply) { r, broken = row.record() })
		switch {
		case err != nil:
			return err
		case !found:
			return store.ErrNotFound
		case broken == nil && key.Kind != "" && !slices.Contains(r.Unique, key):
			return store.ErrNotFound // the key's row names a record that does not hold it
		}
		return broken
	})
	if err != nil {
		return store.Record{}, err
	}
	return r, nil
}

// record returns the record in recordColumns, or a DamagedError beside its ID, Created
// and Due.
func (r *reply) record() (store.Record, error) {
	rec := store.Record{
		Created:  store.Revision(r.int8()),
		Revision: store.Revision(r.int8()),
		Due:      store.FromMillis(r.int8()),
		ID:       r.string(),
		Kind:     r.string(),
	}
	var err error
	if rec.Unique, rec.Index, err = parseKeys(r.next()); err != nil {
		return store.Record{ID: rec.ID, Created: rec.Created, Due: rec.Due}, &store.DamagedError{ID: rec.ID}
	}
	rec.Data = r.bytes()
	return rec, nil
}
