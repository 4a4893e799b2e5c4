package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// damager spoils what the store inside it keeps, beside it or in the transaction of both.
type damager struct {
	store.Store
	home home
	tx   pgx.Tx // nil: beside it

	corrupted *atomic.Bool // may be nil
}

var (
	_ storetest.Damager   = damager{}
	_ storetest.Corrupter = damager{}
)

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

// Corrupt implements storetest.Corrupter.
func (d damager) Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error {
	r, err := d.Get(ctx, tenant, store.ID(id))
	if err != nil {
		return err
	}
	if d.corrupted != nil {
		d.corrupted.Store(true)
	}
	const of = ` tenant = (SELECT n FROM rollbook.tenant WHERE name = $1)`
	name, created := []byte(tenant), int64(r.Created)
	term := func(key store.Key) []byte { return []byte(postgres.TermName(r.Kind, key)) }
	stray := store.Key{Kind: "stray", Value: "stray"}
	switch damage {
	case store.DamagedRecord:
		return d.Damage(ctx, tenant, id)
	case store.DamagedChange:
		return d.DamageChange(ctx, tenant, r.Created)
	case store.MissingKey:
		return d.edit(ctx, `DELETE FROM rollbook.key WHERE key = $2 AND`+of, name, []byte(postgres.KeyName(r.Unique[0])))
	case store.StrayKey:
		return d.edit(ctx, `INSERT INTO rollbook.key (tenant, key, id) SELECT n, $2, $3 FROM rollbook.tenant WHERE name = $1`,
			name, []byte(postgres.KeyName(stray)), []byte(id))
	case store.MissingTerm:
		return d.edit(ctx, `DELETE FROM rollbook.term WHERE term = $2 AND created = $3 AND`+of, name, term(r.Index[0]), created)
	case store.StrayTerm:
		return d.edit(ctx, `INSERT INTO rollbook.term (tenant, term, created) SELECT n, $2, $3 FROM rollbook.tenant WHERE name = $1`,
			name, term(stray), created)
	case store.WrongDue:
		return d.edit(ctx, `DELETE FROM rollbook.schedule WHERE tenant = $1 AND kind = $2`, name, []byte(r.Kind))
	case store.LowRevision:
		return d.edit(ctx, `UPDATE rollbook.tenant SET revision = $2 WHERE name = $1`, name, created-1)
	default:
		return fmt.Errorf("no way to do %v", damage)
	}
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
