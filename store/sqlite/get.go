package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

const (
	recordColumns = `r.id, r.kind, r.created, r.revision, r.due, r.keys, r.data`

	// numberOf is the number of the tenant whose name is the first parameter. Every
	// statement finds it again: a number that was read earlier may now be another
	// tenant's, since a backup can be restored into the open file.
	numberOf = `(SELECT n FROM rollbook_tenant WHERE name = ?1)`

	sqlGetByID = `SELECT ` + recordColumns + ` FROM rollbook_record r WHERE r.tenant = ` + numberOf + ` AND r.id = ?2`

	sqlGetByKey = `SELECT ` + recordColumns + `
		FROM rollbook_key k CROSS JOIN rollbook_record r ON r.rid = k.rid AND r.tenant = k.tenant
		WHERE k.tenant = ` + numberOf + ` AND k.kind = ?2 AND k.value = ?3`
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return s.pool().Get(ctx, tenant, key)
}

func (s source) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	c := s.observe("Get")
	r, err := s.get(ctx, tenant, key)
	found := 0
	if err == nil {
		found = 1
	}
	c.end(store.CallInfo{Items: found}, err)
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
			err = s.row(ctx, sqlGetByID, row.dest(), tenant, key.Value)
		} else {
			err = s.row(ctx, sqlGetByKey, row.dest(), tenant, key.Kind, key.Value)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return r, store.ErrNotFound
		}
		if err != nil {
			return r, err
		}
		r, err = row.record()
		if err == nil && key.Kind != "" && !slices.Contains(r.Unique, key) {
			return r, store.ErrNotFound // the key's row names a record that does not hold it
		}
		return r, err
	})
}

// recordRow is a row of recordColumns.
type recordRow struct {
	rec               store.Record
	created, revision int64
	due               int64
	keys              []byte
}

func (row *recordRow) dest() []any {
	return []any{&row.rec.ID, &row.rec.Kind, &row.created, &row.revision, &row.due, &row.keys, &row.rec.Data}
}

// record returns the record, or a DamagedError.
func (row *recordRow) record() (store.Record, error) {
	r := row.rec
	r.Created, r.Revision, r.Due = store.Revision(row.created), store.Revision(row.revision), store.FromMillis(row.due)
	var err error
	if r.Unique, r.Index, err = parseKeys(row.keys); err != nil {
		return store.Record{}, &store.DamagedError{ID: r.ID}
	}
	return r, nil
}
