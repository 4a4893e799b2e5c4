package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// sqlNextKind walks the few kinds that have anything scheduled.
	sqlNextKind = `SELECT kind FROM rollbook_schedule WHERE kind > ? ORDER BY kind LIMIT 1`

	// sqlCountDue counts the tenants that have something of a kind due, up to a limit.
	sqlCountDue = `SELECT count(*) FROM
		(SELECT 1 FROM rollbook_schedule WHERE kind = ? AND due < ? LIMIT (?+0))`

	// sqlFewTenants finds the tenants that have something due by its time, so that it reads
	// no others, however many there are. The unary plus keeps the planner from walking all
	// in the order of their numbers, which costs more than sorting the few.
	sqlFewTenants = `SELECT s.tenant, t.name, -1 FROM
		(SELECT tenant FROM rollbook_schedule WHERE kind = ?1 AND due < ?2 AND +tenant > ?3
			ORDER BY +tenant LIMIT (?4+0)) s CROSS JOIN rollbook_tenant t ON t.n = s.tenant`

	// sqlManyTenants walks the tenants of a kind in their order, up to a limit. Its last row
	// has how many there were, and which was the last; see walkSQL.
	sqlManyTenants = `SELECT s.tenant, t.name, -1 FROM ` + scheduled + ` s
			CROSS JOIN rollbook_tenant t ON t.n = s.tenant WHERE s.due < ?2
		UNION ALL SELECT ifnull(e.last, 0), ifnull(t.name, ''), e.n FROM
			(SELECT max(tenant) AS last, count(*) AS n FROM ` + scheduled + `) e
			LEFT JOIN rollbook_tenant t ON t.n = e.last`
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

// Due implements [store.Store]. The tenants come in the order of their creation.
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return s.pool().Due(ctx, q)
}

func (s source) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	c := s.observe("Due")
	page, err := s.duePage(ctx, q)
	var info store.CallInfo
	for i := range page.Tenants {
		info.Items += len(page.Tenants[i].Records)
		info.Damaged += len(page.Tenants[i].Damaged)
	}
	c.end(info, err)
	return page, err
}

func (s source) duePage(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	q, err = store.CheckDueQuery(q)
	if err != nil {
		return page, err
	}
	from, ok := parsePlace(q.From)
	if !ok {
		return page, &store.InvalidError{Op: -1, What: "from", Why: "not of an earlier call"}
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
	if err == nil && due.found() {
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

	records, data, damaged int // of the page so far; data is bytes of bodies
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
	found, err := dueStep(ctx, d, "", func(ctx context.Context) (dueTenants, error) {
		if err := d.findKinds(ctx); err != nil {
			return dueTenants{}, err
		}
		after, err := d.s.cursor(ctx, q.After)
		if err != nil {
			return dueTenants{}, err
		}
		return d.tenants(ctx, after, q.Limit)
	})
	if err != nil {
		return page, err
	}
	last := q.After
	for _, t := range found.tenants {
		due, err := d.read(ctx, t.name, place{}, q.Limit/len(found.tenants))
		if err != nil {
			return store.DuePage{}, err
		}
		if due.found() {
			page.Tenants = append(page.Tenants, due.DueTenant)
			last = t.name
		}
		if due.full {
			if last != found.last {
				page.Next = last
			}
			return page, nil
		}
	}
	page.Next = found.next
	return page, nil
}

// dueTenants are the first tenants that have something due.
type dueTenants struct {
	tenants []dueTenant
	next    string // the tenant to go on after; "": there are no more
	last    string // the last of them, if there are no more
}

type dueTenant struct {
	n    int64
	name string
}

// tenants returns the first tenants that have something due of any of the kinds. Of each
// kind it reads at most store.DefaultBudget tenants that have nothing due.
func (d *dueReader) tenants(ctx context.Context, after int64, limit int) (found dueTenants, err error) {
	var all []dueTenant
	end := dueTenant{n: math.MaxInt64} // the search of some kind stopped here
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
		if last.n < end.n {
			end = last
		}
	}
	slices.SortFunc(all, func(a, b dueTenant) int { return cmp.Compare(a.n, b.n) })
	all = slices.Compact(all)
	all = slices.DeleteFunc(all, func(t dueTenant) bool { return t.n > end.n })
	found.tenants, found.next = all[:min(len(all), limit)], end.name
	if len(all) > limit {
		found.next = all[limit-1].name
	}
	if found.next == "" && len(all) > 0 {
		found.last = all[len(all)-1].name
	}
	return found, nil
}

// tenantsOf returns tenants that have something due of a kind, and the tenant at which
// the search stopped.
func (d *dueReader) tenantsOf(ctx context.Context, query string, most, limit int, kind string, after int64) (some []dueTenant, end dueTenant, err error) {
	end.n = math.MaxInt64
	rows, err := d.s.query(ctx, query, kind, d.before, after, most)
	if err != nil {
		return nil, end, err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for len(some) <= limit && rows.Next() {
		var t dueTenant
		var looked int
		if err := rows.Scan(&t.n, &t.name, &looked); err != nil {
			return nil, end, err
		}
		switch {
		case looked < 0:
			some = append(some, t)
		case looked == most:
			end = t
		}
	}
	return some, end, rows.Err()
}

// duePart is a tenant's part of a page.
type duePart struct {
	store.DueTenant
	data int  // bytes of bodies
	full bool // the page has no room for the next record
}

func (p *duePart) found() bool { return len(p.Records)+len(p.Damaged) > 0 }

// read reads a tenant's due records from a place on.
func (d *dueReader) read(ctx context.Context, tenant string, from place, share int) (duePart, error) {
	p, err := dueStep(ctx, d, tenant, func(ctx context.Context) (duePart, error) {
		args := make([]any, 0, 5+len(d.kinds))
		args = append(args, tenant, d.before, from.due, from.rid, share+store.MaxLimit-d.damaged+1)
		for _, kind := range d.kinds {
			args = append(args, kind)
		}
		rows, err := d.s.query(d.s.point(ctx), dueSQL(len(d.kinds)), args...)
		if err != nil {
			return duePart{}, err
		}
		defer func() { _ = rows.Close() }() // rows.Err reports failures
		return d.part(rows, tenant, from, share)
	})
	d.records, d.data, d.damaged = d.records+len(p.Records), d.data+p.data, d.damaged+len(p.Damaged)
	return p, err
}

// part reads rows until the share of the tenant or the page is full.
func (d *dueReader) part(rows *sql.Rows, tenant string, last place, share int) (p duePart, err error) {
	p.Tenant = tenant
	var rid int64
	row := new(recordRow)
	for rows.Next() {
		if err := rows.Scan(&rid, row); err != nil {
			return p, err
		}
		if len(p.Records) == share {
			p.Next = last.String()
			break
		}
		r := &row.rec
		first := d.records+len(p.Records) == 0
		if d.damaged+len(p.Damaged) == store.MaxLimit || !first && d.data+p.data+len(r.Data) > store.MaxPageData {
			p.Next, p.full = last.String(), true
			break
		}
		if row.damaged != nil {
			p.Damaged = append(p.Damaged, r.ID)
		} else {
			p.Records = append(p.Records, *r)
			p.data += len(r.Data)
		}
		last = place{due: row.due, rid: rid}
	}
	return p, rows.Err()
}

// place is a position in the order of a tenant's due records.
type place struct{ due, rid int64 }

func (p place) String() string { return fmt.Sprintf("%d-%d", p.due, p.rid) }

func parsePlace(text string) (p place, ok bool) {
	if text == "" {
		return p, true
	}
	due, rid, found := strings.Cut(text, "-")
	var errs [2]error
	p.due, errs[0] = strconv.ParseInt(due, 10, 64)
	p.rid, errs[1] = strconv.ParseInt(rid, 10, 64)
	return p, found && errs == [2]error{}
}
