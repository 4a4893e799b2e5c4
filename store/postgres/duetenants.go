package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

const (
	// sqlDueKinds looks up the few kinds that have anything scheduled, one after the other.
	sqlDueKinds = `WITH RECURSIVE k AS ((SELECT kind FROM rollbook.schedule ORDER BY kind LIMIT 1)
			UNION ALL SELECT (SELECT s.kind FROM rollbook.schedule s WHERE s.kind > k.kind
				ORDER BY s.kind LIMIT 1) FROM k WHERE k.kind IS NOT NULL)
		SELECT kind FROM k WHERE kind IS NOT NULL`

	// sqlCountDue counts the tenants that have something of a kind due, up to a limit.
	sqlCountDue = `SELECT count(*) FROM
		(SELECT FROM rollbook.schedule WHERE kind = $1::bytea AND due < $2::int8 LIMIT (SELECT $3::int4)) s`

	// sqlFewTenants finds the tenants that have something due by its time, so that it reads
	// no others, however many there are. The concatenation keeps the planner from walking all
	// in the order of their names, which costs more than sorting the few.
	sqlFewTenants = `SELECT tenant, -1::int8 FROM rollbook.schedule
		WHERE kind = $1::bytea AND due < $2::int8 AND tenant || '' > $3::bytea
		ORDER BY tenant || '' LIMIT (SELECT $4::int4)`

	// sqlManyTenants walks the tenants of a kind in the order of their names, up to a limit.
	// Its last row has how many there were, and which was the last.
	sqlManyTenants = `WITH s AS MATERIALIZED (SELECT tenant, due FROM rollbook.schedule
			WHERE kind = $1::bytea AND tenant > $3::bytea ORDER BY tenant LIMIT (SELECT $5::int4))
		(SELECT tenant, -1::int8 FROM s WHERE due < $2::int8 ORDER BY tenant LIMIT (SELECT $4::int4))
		UNION ALL SELECT coalesce((SELECT tenant FROM s ORDER BY tenant DESC LIMIT 1), ''), (SELECT count(*) FROM s)`
)

// findKinds finds all kinds that have anything scheduled, if the query names none.
func (d *dueReader) findKinds(ctx context.Context, c session) error {
	if len(d.kinds) > 0 {
		return nil
	}
	var kinds []string
	if err := c.rows(ctx, sqlDueKinds, new(args), func(row *reply) { kinds = append(kinds, row.string()) }); err != nil {
		return err
	}
	d.kinds = kinds
	return nil
}

// tenants returns the first tenants that have something due of any of the kinds. Of each
// kind it reads at most store.DefaultBudget tenants that have nothing due.
func (d *dueReader) tenants(ctx context.Context, c session, after string, limit int) (found backend.DueTenants, err error) {
	var all []string
	end := "" // the first tenant at which the search of some kind stopped
	for _, kind := range d.kinds {
		var a args
		a.bytea(kind)
		a.int8(d.before)
		a.int4(store.DefaultBudget + 1)
		count := 0
		_, err := c.row(ctx, sqlCountDue, &a, func(row *reply) { count = int(row.int8()) })
		if err != nil {
			return found, err
		}
		some, last, err := d.tenantsOf(ctx, c, count > store.DefaultBudget, limit, kind, after)
		if err != nil {
			return found, err
		}
		all = append(all, some...)
		if last != "" && (end == "" || last < end) {
			end = last
		}
	}
	return backend.FirstDueTenants(all, end, limit), nil
}

// tenantsOf returns tenants that have something due of a kind, and the tenant at which
// the search stopped; "": it came to the end.
func (d *dueReader) tenantsOf(ctx context.Context, c session, many bool, limit int, kind, after string) (
	some []string, end string, err error,
) {
	query := sqlFewTenants
	var a args
	a.bytea(kind)
	a.int8(d.before)
	a.bytea(after)
	a.int4(limit + 1)
	if many {
		query = sqlManyTenants
		a.int4(store.DefaultBudget)
	}
	err = c.rows(ctx, query, &a, func(row *reply) {
		name := row.string()
		switch looked := int(row.int8()); {
		case looked < 0:
			some = append(some, name)
		case looked == store.DefaultBudget:
			end = name
		}
	})
	return some, end, err
}
