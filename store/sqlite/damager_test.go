package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// damager spoils what the store inside it keeps, through a connection of its own.
type damager struct {
	store.Store
	path string
}

var _ storetest.Damager = damager{}

func (d damager) Unwrap() store.Store { return d.Store }

// Damage flips a bit in the middle of the record's keys.
func (d damager) Damage(ctx context.Context, tenant, id string) error {
	return d.edit(func(db *sql.DB) (sql.Result, error) {
		var rid int64
		var keys []byte
		err := db.QueryRowContext(ctx, `SELECT rid, keys FROM rollbook_record
			WHERE tenant = (SELECT n FROM rollbook_tenant WHERE name = ?) AND id = ?`, tenant, id).Scan(&rid, &keys)
		if err != nil {
			return nil, err
		}
		keys[len(keys)/2] ^= 0x10
		return db.ExecContext(ctx, `UPDATE rollbook_record SET keys = ? WHERE rid = ?`, keys, rid)
	})
}

// DamageChange gives the entry a type that there is not.
func (d damager) DamageChange(ctx context.Context, tenant string, seq store.Revision) error {
	return d.edit(func(db *sql.DB) (sql.Result, error) {
		return db.ExecContext(ctx, `UPDATE rollbook_change SET type = 77
			WHERE tenant = (SELECT n FROM rollbook_tenant WHERE name = ?) AND revision = ?`, tenant, int64(seq))
	})
}

// edit runs a statement that changes one row.
func (d damager) edit(f func(*sql.DB) (sql.Result, error)) (err error) {
	db, err := rawDB(d.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	result, err := f(db)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows were changed", n)
	}
	return err
}
