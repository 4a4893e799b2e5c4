package sqlite

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlHasRecord      = `SELECT rid FROM rollbook_record WHERE tenant = ? LIMIT 1`
	sqlForgetName     = `UPDATE rollbook_tenant SET name = NULL, revision = 0, trimmed = 0 WHERE n = ?`
	sqlForgetSchedule = `DELETE FROM rollbook_schedule WHERE tenant = ?
		AND kind IN (SELECT record FROM rollbook_space WHERE tenant = ? AND key = '')`

	sqlDropped    = `SELECT n FROM rollbook_tenant WHERE name IS NULL LIMIT 1`
	sqlDropKeys   = `DELETE FROM rollbook_key WHERE space IN (SELECT n FROM rollbook_space WHERE tenant = ?)`
	sqlDropTerms  = `DELETE FROM rollbook_term WHERE space IN (SELECT n FROM rollbook_space WHERE tenant = ?)`
	sqlDropSpaces = `DELETE FROM rollbook_space WHERE tenant = ?`
	sqlDropTenant = `DELETE FROM rollbook_tenant WHERE n = ?`
)

// Drop implements [store.Dropper]. The first transaction takes the tenant's name away, and from
// then on nobody sees anything of it. It deletes a part of the feed, and others the rest. If the
// process ends before, the next call of Drop of any tenant goes on.
func (s *Store) Drop(ctx context.Context, tenant string) error {
	c := s.observer.BeginCall("Drop")
	queued, err := s.drop(ctx, tenant)
	c.End(store.CallInfo{Queued: queued}, err)
	return err
}

func (s *Store) drop(ctx context.Context, tenant string) (queued int, err error) {
	if err := store.CheckDrop(tenant); err != nil {
		return 0, err
	}
	for begun := false; ; begun = true {
		d := &drop{tenant: tenant, begun: begun}
		_, ahead, err := s.writer.submit(ctx, tenant, d, trimStep*opSize/8)
		queued = max(queued, ahead)
		switch {
		case err != nil && begun && !errors.Is(err, store.ErrUnknown):
			return queued, unknown(err)
		case err != nil || d.done:
			return queued, err
		}
	}
}

// drop is one step of Drop.
type drop struct {
	tenant string
	begun  bool // the name is gone
	done   bool // read by the caller after the answer
}

func (d *drop) run(tx *transaction) (_ store.Revision, refused, failed error) {
	if !d.begun {
		if refused, failed = d.begin(tx); refused != nil || failed != nil {
			return 0, refused, failed
		}
	}
	d.done, failed = tx.forgetDropped()
	return 0, nil, failed
}

func (d *drop) begin(tx *transaction) (refused, failed error) {
	t, failed := tx.tenant(d.tenant)
	if failed != nil || t.n == 0 {
		return nil, failed
	}
	found, failed := tx.s.row(sqlHasRecord, tx.row[:1], t.n)
	if failed != nil {
		return nil, failed
	}
	if found {
		return &store.StaleError{Op: -1, Require: -1}, nil
	}
	if failed = tx.exec(sqlForgetSchedule, t.name, t.n); failed != nil {
		return nil, failed
	}
	if failed = tx.exec(sqlForgetName, t.n); failed != nil {
		return nil, failed
	}
	tx.forget(t)
	return nil, nil
}

// forgetDropped deletes a part of what is left of a tenant that was dropped, and reports whether
// nothing is left of any. Its number must not be another's before.
func (tx *transaction) forgetDropped() (done bool, err error) {
	row := tx.row[:1]
	found, err := tx.s.row(sqlDropped, row)
	if !found || err != nil {
		return err == nil, err
	}
	var n, last, count int64
	if err := scan(row, &n); err != nil {
		return false, err
	}
	row = tx.row[:2]
	if _, err := tx.s.row(sqlTrimStep, row, changeNumber(n, 0), changeNumber(n+1, 0), int64(trimStep)); err != nil {
		return false, err
	}
	if row[0] != nil { // max of nothing
		if err := scan(row, &last, &count); err != nil {
			return false, err
		}
		if err := tx.exec(sqlTrimChanges, changeNumber(n, 0), last); err != nil || count == trimStep {
			return false, err
		}
	}
	for _, query := range [...]string{sqlDropKeys, sqlDropTerms, sqlDropSpaces, sqlDropTenant} {
		if err := tx.exec(query, n); err != nil {
			return false, err
		}
	}
	found, err = tx.s.row(sqlDropped, tx.row[:1])
	return !found, err
}
