package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

const (
	recordColumns = `r.id, r.kind, r.created, r.revision, r.due, r.keys, r.data`

	sqlGetByID = `SELECT ` + recordColumns + ` FROM rollbook_record r WHERE r.tenant = ? AND r.id = ?`

	sqlGetByKey = `SELECT ` + recordColumns + `
		FROM rollbook_key k CROSS JOIN rollbook_record r ON r.rid = k.rid
		WHERE k.tenant = ? AND k.kind = ? AND k.value = ?`

	sqlNumber  = `SELECT n FROM rollbook_tenant WHERE name = ?`
	sqlTenants = `SELECT name FROM rollbook_tenant WHERE n > ? ORDER BY n LIMIT (?+0)`
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := store.CheckKey(tenant, key); err != nil {
		return store.Record{}, err
	}
	return read(ctx, s, func(ctx context.Context) (store.Record, error) {
		ctx = s.reads.point(ctx)
		n, err := s.number(ctx, tenant)
		if err != nil {
			return store.Record{}, err
		}
		if n == 0 {
			return store.Record{}, store.ErrNotFound
		}
		var row recordRow
		if key.Kind == "" {
			err = s.reads.row(ctx, sqlGetByID, row.dest(), n, key.Value)
		} else {
			err = s.reads.row(ctx, sqlGetByKey, row.dest(), n, key.Kind, key.Value)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return store.Record{}, store.ErrNotFound
		}
		if err != nil {
			return store.Record{}, err
		}
		return row.record()
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

func (row *recordRow) record() (store.Record, error) {
	r := row.rec
	r.Created, r.Revision, r.Due = store.Revision(row.created), store.Revision(row.revision), store.FromMillis(row.due)
	var err error
	r.Unique, r.Index, err = parseKeys(row.keys)
	return r, err
}

// records reads a page.
func records(rows *sql.Rows) ([]store.Record, error) {
	defer func() { _ = rows.Close() }() // Err below has what matters
	var page []store.Record
	for rows.Next() {
		var row recordRow
		if err := rows.Scan(row.dest()...); err != nil {
			return nil, err
		}
		r, err := row.record()
		if err != nil {
			return nil, err
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

// Tenants implements [store.Store]. The order is that of creation.
func (s *Store) Tenants(ctx context.Context, after string, limit int) ([]string, error) {
	limit, err := store.CheckTenants(after, limit)
	if err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]string, error) {
		n, err := s.cursor(ctx, after)
		if err != nil {
			return nil, err
		}
		rows, err := s.reads.query(ctx, sqlTenants, n, limit)
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }() // Err below has what matters
		var names []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return nil, err
			}
			names = append(names, name)
		}
		return names, rows.Err()
	})
}

// cursor returns the number of the tenant that a page begins after.
func (s *Store) cursor(ctx context.Context, after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := s.number(ctx, after)
	if err == nil && n == 0 {
		err = &store.InvalidError{Op: -1, What: "after", Why: "not a tenant of the store"}
	}
	return n, err
}

// number returns the number of a tenant, 0 if it does not exist.
func (s *Store) number(ctx context.Context, tenant string) (int64, error) {
	if n, ok := s.tenants.get(tenant); ok {
		return n, nil
	}
	var n int64
	err := s.reads.row(ctx, sqlNumber, []any{&n}, tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err == nil {
		s.tenants.put(tenant, n)
	}
	return n, err
}

// tenantCache remembers the numbers of tenants, which never change. That a tenant
// does not exist is not remembered.
type tenantCache struct {
	mu      sync.RWMutex
	numbers map[string]int64
}

const maxCachedTenants = 1 << 16

func (c *tenantCache) get(name string) (int64, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n, ok := c.numbers[name]
	return n, ok
}

func (c *tenantCache) put(name string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.numbers == nil || len(c.numbers) >= maxCachedTenants {
		c.numbers = make(map[string]int64) // starting anew is rare and cheap
	}
	c.numbers[name] = n
}
