package postgres_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// damager spoils what the store inside it keeps, beside it or in the transaction of both.
type damager struct {
	store.Store
	home home
	tx   pgx.Tx // nil: beside it
}

var _ storetest.Damager = damager{}

func (d damager) Unwrap() store.Store { return d.Store }

// Damage flips a bit in the middle of the record's keys.
func (d damager) Damage(ctx context.Context, tenant, id string) error {
	return d.edit(ctx, `UPDATE rollbook.record SET keys = set_bit(keys, octet_length(keys) / 2 * 8 + 4, 1 - get_bit(keys, octet_length(keys) / 2 * 8 + 4))
		WHERE tenant = (SELECT n FROM rollbook.tenant WHERE name = $1) AND id = $2`, []byte(tenant), []byte(id))
}

// DamageChange gives the entry a type that there is not.
func (d damager) DamageChange(ctx context.Context, tenant string, seq store.Revision) error {
	return d.edit(ctx, `UPDATE rollbook.change SET type = 77
		WHERE tenant = (SELECT n FROM rollbook.tenant WHERE name = $1) AND revision = $2`, []byte(tenant), int64(seq))
}

// edit runs a statement that changes one row.
func (d damager) edit(ctx context.Context, statement string, args ...any) error {
	exec := d.home.admin.Exec
	if d.tx != nil {
		exec = d.tx.Exec
	}
	tag, err := exec(ctx, d.home.in(statement), args...)
	if err == nil && tag.RowsAffected() != 1 {
		err = fmt.Errorf("%d rows were changed", tag.RowsAffected())
	}
	return err
}

// in puts the home's schema into a statement that calls it rollbook.
func (h home) in(statement string) string {
	return strings.ReplaceAll(statement, "rollbook.", pgx.Identifier{h.schema}.Sanitize()+".")
}
