package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

const (
	// sqlNextKind walks the few kinds that have anything scheduled.
	sqlNextKind = `SELECT kind FROM rollbook_schedule WHERE kind > ? ORDER BY kind LIMIT 1`

	// sqlCountDue counts the tenants that have something of a kind due, up to a limit.
	sqlCountDue = `SELECT count(*) FROM
		(SELECT 1 FROM rollbook_schedule WHERE kind = ? AND due < ? LIMIT (?+0))`

	// sqlFewTenants finds the tenants that have something due by its time, so that it reads
	// no others, however many there are. The unary plus keeps the planner from walking all
	// in the order of their names, which costs more than sorting the few.
	sqlFewTenants = `SELECT tenant, -1 FROM rollbook_schedule WHERE kind = ?1 AND due < ?2 AND +tenant > ?3
		ORDER BY +tenant LIMIT (?4+0)`

	// sqlManyTenants walks the tenants of a kind in their order, up to a limit. Its last row
	// has how many there were, and which was the last; see walkSQL.
	sqlManyTenants = `SELECT tenant, -1 FROM ` + scheduled + ` s WHERE due < ?2
		UNION ALL SELECT ifnull(max(tenant), ''), count(*) FROM ` + scheduled
	scheduled = `(SELECT tenant, due FROM rollbook_schedule WHERE kind = ?1 AND tenant > ?3
		ORDER BY tenant LIMIT (?4+0))`
)

// dueSQL returns the statement for a tenant's due records of a number of kinds. Its
// parameters are the tenant, the bound of Due, the place to go on after, the limit,
// and the kinds.
//
// Each kind has two searches of the index: records due at the time of the place, and
// those due later. SQLite merges all searches as it reads them, and LIMIT keeps its
// planner from reading the records first. The condition that Due is above 0 is there
// because the index is partial: of two lower bounds the planner uses the first. The sum
// keeps it from comparing the parameter with 0 in every call. SQLite unites at most 500
// searches, so that for more kinds than a query may name one search sorts all that is due.
func dueSQL(kinds int) string {
	var b strings.Builder
	b.WriteString(`SELECT r.rid, ` + recordColumn + ` FROM (`)
	if kinds > store.MaxKinds {
		b.WriteString(`SELECT due, rid FROM rollbook_record WHERE space IN (SELECT n FROM rollbook_space WHERE tenant = ` +
			numberOf + ` AND key = '' AND record IN (?6` + strings.Repeat(`, ?`, kinds-1) + `)) AND (due, rid) > (?3, ?4) AND due < ?2 AND due > 0`)
		kinds = 0
	}
	for i := range kinds {
		if i > 0 {
			b.WriteString(` UNION ALL `)
		}
		fmt.Fprintf(&b, `SELECT due, rid FROM rollbook_record WHERE space = %[1]s`+
			` AND due = ?3 AND rid > ?4 AND due < ?2 AND due > 0`+
			` UNION ALL SELECT due, rid FROM rollbook_record WHERE space = %[1]s`+
			` AND due > (?3+0) AND due < ?2 AND due > 0`, spaceOf("?"+strconv.Itoa(6+i), "''"))
	}
	b.WriteString(` ORDER BY due, rid LIMIT (?5+0)) w CROSS JOIN rollbook_record r ON r.rid = w.rid`)
	return b.String()
}

// Due implements [store.Store]. The tenants come in the order of their names.
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return s.pool().Due(ctx, q)
}

func (s source) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	c := s.observer.BeginCall("Due")
	page, err := s.duePage(ctx, q)
	c.End(backend.DueInfo(page), err)
	return page, err
}

func (s source) duePage(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	q, err = store.CheckDueQuery(q)
	if err != nil {
		return page, err
	}
	from, err := backend.ParseDuePlace(q.From)
	if err != nil {
		return page, err
	}
	d := &dueReader{s: s, before: store.Millis(q.Before), kinds: q.Kinds}
	if q.Tenant == "" {
		return d.all(ctx, q)
	}
	_, err = dueStep(ctx, d, q.Tenant, func(ctx context.Context) (none struct{}, err error) {
		return none, d.findKinds(ctx)
	})
	if len(d.kinds) == 0 || err != nil {
		return page, err
	}
	due, err := d.read(ctx, q.Tenant, from, q.Limit)
	if err == nil && due.Found() {
		page.Tenants = []store.DueTenant{due.DueTenant}
	}
	return page, err
}

// dueReader reads one page. Each tenant's part is a step in a turn of its own, at which
// the tenant may have less, or more, due than when it was found.
type dueReader struct {
	s      source
	before int64
	kinds  []string
	page   backend.DuePage
}

// dueStep calls f in a turn of its own.
func dueStep[T any](ctx context.Context, d *dueReader, tenant string, f func(context.Context) (T, error)) (T, error) {
	return read(ctx, d.s, readTurn{method: "Due", tenant: tenant, long: true}, f)
}

// findKinds finds all kinds that have anything scheduled, if the query names none.
func (d *dueReader) findKinds(ctx context.Context) error {
	if len(d.kinds) > 0 {
		return nil
	}
	var kinds []string
	for last := ""; ; kinds = append(kinds, last) {
		err := d.s.row(ctx, sqlNextKind, []any{&last}, last)
		if errors.Is(err, sql.ErrNoRows) {
			d.kinds = kinds
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// all reads the due records of the first tenants that have any.
func (d *dueReader) all(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	found, err := dueStep(ctx, d, "", func(ctx context.Context) (backend.DueTenants, error) {
		if err := d.findKinds(ctx); err != nil {
			return backend.DueTenants{}, err
		}
		return d.tenants(ctx, q.After, q.Limit)
	})
	if err != nil {
		return page, err
	}
	return found.Fill(q, func(tenant string, share int) (backend.DuePart, error) {
		return d.read(ctx, tenant, backend.DuePlace{}, share)
	})
}

// tenants returns the first tenants that have something due of any of the kinds. Of each
// kind it reads at most store.DefaultBudget tenants that have nothing due.
func (d *dueReader) tenants(ctx context.Context, after string, limit int) (found backend.DueTenants, err error) {
	var all []string
	end := "" // the search of some kind stopped here
	for _, kind := range d.kinds {
		var count int
		err := d.s.row(ctx, sqlCountDue, []any{&count}, kind, d.before, store.DefaultBudget+1)
		if err != nil {
			return found, err
		}
		query, most := sqlFewTenants, limit+1
		if count > store.DefaultBudget {
			query, most = sqlManyTenants, store.DefaultBudget
		}
		some, last, err := d.tenantsOf(ctx, query, most, limit, kind, after)
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
// the search stopped, if it did.
func (d *dueReader) tenantsOf(ctx context.Context, query string, most, limit int, kind, after string) (some []string, end string, err error) {
	rows, err := d.s.query(ctx, query, kind, d.before, after, most)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for len(some) <= limit && rows.Next() {
		var name string
		var looked int
		if err := rows.Scan(&name, &looked); err != nil {
			return nil, "", err
		}
		switch {
		case looked < 0:
			some = append(some, name)
		case looked == most:
			end = name
		}
	}
	return some, end, rows.Err()
}

// read reads a tenant's due records from a place on.
func (d *dueReader) read(ctx context.Context, tenant string, from backend.DuePlace, share int) (backend.DuePart, error) {
	p, err := dueStep(ctx, d, tenant, func(ctx context.Context) (backend.DuePart, error) {
		args := make([]any, 0, 5+len(d.kinds))
		args = append(args, tenant, d.before, from.Due, from.Number, share+d.page.DamagedLeft()+1)
		for _, kind := range d.kinds {
			args = append(args, kind)
		}
		rows, err := d.s.query(d.s.point(ctx), dueSQL(len(d.kinds)), args...)
		if err != nil {
			return backend.DuePart{}, err
		}
		defer func() { _ = rows.Close() }() // rows.Err reports failures
		return d.part(rows, tenant, from, share)
	})
	d.page.Close(&p)
	return p, err
}

// part reads rows until the share of the tenant or the page is full.
func (d *dueReader) part(rows *sql.Rows, tenant string, last backend.DuePlace, share int) (p backend.DuePart, err error) {
	p.Tenant = tenant
	var rid int64
	row := new(recordRow)
	for rows.Next() {
		if err := rows.Scan(&rid, row); err != nil {
			return p, err
		}
		room, empty := d.page.Room(&p)
		fits := empty || len(row.rec.Data) <= room
		if !d.page.Add(&p, &row.rec, row.damaged != nil, fits, share, last) {
			break
		}
		last = backend.DuePlace{Due: row.due, Number: rid}
	}
	return p, rows.Err()
}
