package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// sqlNextKind walks the kinds that have anything scheduled. They are few.
	sqlNextKind = `SELECT kind FROM rollbook_schedule WHERE kind > ? ORDER BY kind LIMIT 1`

	// sqlDueTenants finds the tenants with work by its time: those that have none
	// yet are not visited, however many they are. The unary plus keeps the planner
	// from walking them all in the order of their numbers; sorting the others is
	// the smaller price.
	sqlDueTenants = `SELECT s.tenant, (SELECT t.name FROM rollbook_tenant t WHERE t.n = s.tenant)
		FROM rollbook_schedule s WHERE s.kind = ? AND s.due < ? AND +s.tenant > ? ORDER BY +s.tenant LIMIT (?+0)`

	sqlDueRecords = `SELECT ` + recordColumns + ` FROM rollbook_record r
		WHERE r.tenant = ? AND r.kind = ? AND r.due > 0 AND r.due < ? ORDER BY r.due LIMIT (?+0)`
)

// dueTenant is a tenant that has something due, of these kinds.
type dueTenant struct {
	n     int64
	name  string
	kinds []string
}

// Due implements [store.Store]. The tenants come in the order of their creation.
func (s *Store) Due(ctx context.Context, q store.DueQuery) ([]store.DueRecord, error) {
	q, err := store.CheckDueQuery(q)
	if err != nil {
		return nil, err
	}
	return read(ctx, s, func(ctx context.Context) ([]store.DueRecord, error) {
		after, err := s.cursor(ctx, q.After)
		if err != nil {
			return nil, err
		}
		d := dueReader{before: store.Millis(q.Before)}
		// Before the transaction, which may hold the pool's last connection.
		for at, query := range map[**sql.Stmt]string{
			&d.nextKind: sqlNextKind, &d.dueTenants: sqlDueTenants, &d.dueRecords: sqlDueRecords,
		} {
			if *at, err = s.reads.statement(ctx, query); err != nil {
				return nil, err
			}
		}
		// One snapshot: what the schedule says is due must be found due.
		if d.tx, err = s.reads.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
			return nil, err
		}
		defer func() { _ = d.tx.Rollback() }() // nothing was written
		return d.page(ctx, q, after)
	})
}

// dueReader reads one page inside a transaction.
type dueReader struct {
	tx                               *sql.Tx
	nextKind, dueTenants, dueRecords *sql.Stmt
	before                           int64
}

func (d *dueReader) query(ctx context.Context, st *sql.Stmt, args ...any) (*sql.Rows, error) {
	return d.tx.StmtContext(ctx, st).QueryContext(ctx, args...)
}

func (d *dueReader) page(ctx context.Context, q store.DueQuery, after int64) ([]store.DueRecord, error) {
	kinds := q.Kinds
	if len(kinds) == 0 {
		var err error
		if kinds, err = d.kinds(ctx); err != nil {
			return nil, err
		}
	}
	tenants, err := d.tenants(ctx, kinds, after, q.Limit)
	if err != nil || len(tenants) == 0 {
		return nil, err
	}
	share := q.Limit / len(tenants)
	var page []store.DueRecord
	for _, t := range tenants {
		records, err := d.records(ctx, t, share)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			page = append(page, store.DueRecord{Tenant: t.name, Record: r})
		}
	}
	return page, nil
}

func (d *dueReader) kinds(ctx context.Context) ([]string, error) {
	var kinds []string
	for last := ""; ; {
		rows, err := d.query(ctx, d.nextKind, last)
		if err != nil {
			return nil, err
		}
		found := rows.Next()
		if found {
			err = rows.Scan(&last)
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil || !found {
			return kinds, err
		}
		kinds = append(kinds, last)
	}
}

// tenants returns the first tenants that have work of any of the kinds.
func (d *dueReader) tenants(ctx context.Context, kinds []string, after int64, limit int) ([]dueTenant, error) {
	var all []dueTenant
	for _, kind := range kinds {
		rows, err := d.query(ctx, d.dueTenants, kind, d.before, after, limit)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			t := dueTenant{kinds: []string{kind}}
			if err = rows.Scan(&t.n, &t.name); err != nil {
				break
			}
			all = append(all, t)
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b dueTenant) int { return cmp.Compare(a.n, b.n) })
	merged := all[:0]
	for _, t := range all {
		if n := len(merged); n > 0 && merged[n-1].n == t.n {
			merged[n-1].kinds = append(merged[n-1].kinds, t.kinds...)
		} else {
			merged = append(merged, t)
		}
	}
	return merged[:min(len(merged), limit)], nil
}

func (d *dueReader) records(ctx context.Context, t dueTenant, limit int) ([]store.Record, error) {
	var all []store.Record
	for _, kind := range t.kinds {
		rows, err := d.query(ctx, d.dueRecords, t.n, kind, d.before, limit)
		if err != nil {
			return nil, err
		}
		page, err := records(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	if len(t.kinds) > 1 {
		slices.SortStableFunc(all, func(a, b store.Record) int { return a.Due.Compare(b.Due) })
	}
	return all[:min(len(all), limit)], nil
}
