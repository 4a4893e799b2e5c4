package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// damager spoils what the store inside it keeps, through a connection of its own.
type damager struct {
	store.Store
	path string
}

var (
	_ storetest.Damager   = damager{}
	_ storetest.Damager   = txDamager{}
	_ storetest.Corrupter = damager{}
)

func (d damager) Unwrap() store.Store { return d.Store }

// Damage implements storetest.Damager.
func (d damager) Damage(ctx context.Context, tenant, id string) error {
	return d.edit(func(db *sql.DB) error { return damageRecord(ctx, db, tenant, id) })
}

// DamageChange implements storetest.Damager.
func (d damager) DamageChange(ctx context.Context, tenant string, seq store.Revision) error {
	return d.edit(func(db *sql.DB) error { return damageChange(ctx, db, tenant, seq) })
}

// Corrupt implements storetest.Corrupter.
func (d damager) Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error {
	return d.edit(func(db *sql.DB) error { return corrupt(ctx, db, tenant, damage, id) })
}

func (d damager) edit(f func(*sql.DB) error) error {
	db, err := rawDB(d.path)
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}

// txDamager spoils what the store inside it keeps, through the transaction of both.
type txDamager struct {
	store.Store
	tx *sql.Tx
}

func (d txDamager) Unwrap() store.Store { return d.Store }

// Damage implements storetest.Damager.
func (d txDamager) Damage(ctx context.Context, tenant, id string) error {
	return damageRecord(ctx, d.tx, tenant, id)
}

// DamageChange implements storetest.Damager.
func (d txDamager) DamageChange(ctx context.Context, tenant string, seq store.Revision) error {
	return damageChange(ctx, d.tx, tenant, seq)
}

// querier is a *sql.DB or *sql.Tx.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// damageRecord flips a bit in the middle of the record's keys.
func damageRecord(ctx context.Context, db querier, tenant, id string) error {
	var rid int64
	var keys []byte
	err := db.QueryRowContext(ctx, `SELECT rid, keys FROM rollbook_record
		WHERE tenant = (SELECT n FROM rollbook_tenant WHERE name = ?) AND id = ?`, tenant, id).Scan(&rid, &keys)
	if err != nil {
		return err
	}
	keys[len(keys)/2] ^= 0x10
	return changeRow(ctx, db, `UPDATE rollbook_record SET keys = ? WHERE rid = ?`, keys, rid)
}

// damageChange gives the entry a type that there is not.
func damageChange(ctx context.Context, db querier, tenant string, seq store.Revision) error {
	return changeRow(ctx, db, `UPDATE rollbook_change SET entry = CAST('M' || substr(entry, 2) AS BLOB)
		WHERE n = (SELECT n << 38 FROM rollbook_tenant WHERE name = ?) + ?`, tenant, int64(seq))
}

// changeRow runs a statement that changes one row.
func changeRow(ctx context.Context, db querier, query string, args ...any) error {
	result, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows were changed", n)
	}
	return err
}

// corrupt does damage to the record with an ID.
func corrupt(ctx context.Context, db *sql.DB, tenant string, damage store.Damage, id string) error {
	var n, rid, created int64
	var kind string
	var keys []byte
	err := db.QueryRowContext(ctx, `SELECT tenant, rid, created, kind, keys FROM rollbook_record
		WHERE tenant = (SELECT n FROM rollbook_tenant WHERE name = ?) AND id = ?`, tenant, id).
		Scan(&n, &rid, &created, &kind, &keys)
	if err != nil {
		return err
	}
	unique, index, err := sqlite.ParseKeys(keys)
	if err != nil {
		return err
	}
	const space = `(SELECT n FROM rollbook_space WHERE tenant = ? AND record = ? AND key = ?)`
	makeSpace := func(record string) error {
		_, err := db.ExecContext(ctx, `INSERT INTO rollbook_space (tenant, record, key) VALUES (?, ?, 'stray')
			ON CONFLICT DO NOTHING`, n, record)
		return err
	}
	switch damage {
	case store.DamagedRecord:
		return damageRecord(ctx, db, tenant, id)
	case store.DamagedChange:
		return damageChange(ctx, db, tenant, store.Revision(created))
	case store.MissingKey:
		return changeRow(ctx, db, `DELETE FROM rollbook_key WHERE space = `+space+` AND value = ?`,
			n, "", unique[0].Kind, unique[0].Value)
	case store.StrayKey:
		if err := makeSpace(""); err != nil {
			return err
		}
		return changeRow(ctx, db, `INSERT INTO rollbook_key (space, value, rid) VALUES (`+space+`, 'stray', ?)`,
			n, "", "stray", rid)
	case store.MissingTerm:
		return changeRow(ctx, db, `DELETE FROM rollbook_term WHERE space = `+space+` AND value = ? AND created = ?`,
			n, kind, index[0].Kind, index[0].Value, created)
	case store.StrayTerm:
		if err := makeSpace(kind); err != nil {
			return err
		}
		return changeRow(ctx, db, `INSERT INTO rollbook_term (space, value, created, rid) VALUES (`+space+`, 'stray', ?, ?)`,
			n, kind, "stray", created, rid)
	case store.WrongDue:
		return changeRow(ctx, db, `DELETE FROM rollbook_schedule WHERE kind = ? AND tenant = ?`, kind, tenant)
	case store.LowRevision:
		return changeRow(ctx, db, `UPDATE rollbook_tenant SET revision = ? WHERE n = ?`, created-1, n)
	default:
		return fmt.Errorf("no such damage: %v", damage)
	}
}
