package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
)

// dueSQL returns the statement for a tenant's due records of so many kinds. Its
// parameters are the tenant, the bound of Due, the place to go on after, the limit,
// and the kinds. What is due at the time of the place and what is due later are two
// searches of the index, for each kind; all are merged as they are read, and LIMIT
// keeps the planner from pulling the records into it. Of two lower bounds the planner
// takes the first; that Due is above 0 is only said because the index is partial.
func dueSQL(kinds int) string {
	var b strings.Builder
	b.WriteString(`SELECT r.rid, ` + recordColumns + ` FROM (`)
	for i := range kinds {
		if i > 0 {
			b.WriteString(` UNION ALL `)
		}
		fmt.Fprintf(&b, `SELECT due, rid FROM rollbook_record WHERE tenant = ?1 AND kind = ?%[1]d`+
			` AND due = ?3 AND rid > ?4 AND due < ?2 AND due > 0`+
			` UNION ALL SELECT due, rid FROM rollbook_record WHERE tenant = ?1 AND kind = ?%[1]d`+
			` AND due > ?3 AND due < ?2 AND due > 0`, 6+i)
	}
	b.WriteString(` ORDER BY due, rid LIMIT (?5+0)) w CROSS JOIN rollbook_record r ON r.rid = w.rid`)
	return b.String()
}

// Due implements [store.Store]. The tenants come in the order of their creation.
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
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

func (s *Store) duePage(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	q, err = store.CheckDueQuery(q)
	if err != nil {
		return page, err
	}
	from, ok := parsePlace(q.From)
	if !ok {
		return page, &store.InvalidError{Op: -1, What: "from", Why: "not of an earlier call"}
	}
	t := readTurn{method: "Due", tenant: q.Tenant, long: true}
	return read(ctx, s, t, func(ctx context.Context) (page store.DuePage, err error) {
		d, err := s.newDueReader(ctx, q)
		if err != nil || len(d.kinds) == 0 {
			return page, err
		}
		if q.Tenant == "" {
			return d.all(ctx, s, q)
		}
		n, err := s.number(ctx, q.Tenant)
		if n == 0 || err != nil {
			return page, err
		}
		due, _, err := d.tenant(ctx, n, q.Tenant, from, q.Limit)
		if err == nil && !nothing(&due) {
			page.Tenants = []store.DueTenant{due}
		}
		return page, err
	})
}

// dueReader reads one page.
type dueReader struct {
	tx      *sql.Tx // nil: the page is one statement
	records *sql.Stmt
	before  int64
	kinds   []string

	size, damaged, found int // so far: bytes of bodies, damaged records, others
}

func (s *Store) newDueReader(ctx context.Context, q store.DueQuery) (d *dueReader, err error) {
	d = &dueReader{before: store.Millis(q.Before), kinds: q.Kinds}
	for last := ""; len(q.Kinds) == 0; d.kinds = append(d.kinds, last) {
		err := s.reads.row(ctx, sqlNextKind, []any{&last}, last)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(d.kinds) > 0 {
		d.records, err = s.reads.statement(ctx, dueSQL(len(d.kinds)))
	}
	return d, err
}

// all reads what is due of the first tenants that have anything.
func (d *dueReader) all(ctx context.Context, s *Store, q store.DueQuery) (page store.DuePage, err error) {
	after, err := s.cursor(ctx, q.After)
	if err != nil {
		return page, err
	}
	// Before the transaction, which may hold the pool's last connection.
	dueTenants, err := s.reads.statement(ctx, sqlDueTenants)
	if err != nil {
		return page, err
	}
	// One snapshot: what the schedule says is due must be found due.
	if d.tx, err = s.reads.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return page, err
	}
	defer func() { _ = d.tx.Rollback() }() // nothing was written

	tenants, err := d.tenants(ctx, dueTenants, after, q.Limit+1)
	if err != nil || len(tenants) == 0 {
		return page, err
	}
	behind := tenants[min(len(tenants), q.Limit):]
	tenants = tenants[:min(len(tenants), q.Limit)]
	for i, t := range tenants {
		due, full, err := d.tenant(ctx, t.n, t.name, place{}, q.Limit/len(tenants))
		if err != nil {
			return page, err
		}
		if nothing(&due) { // its first record has no room
			page.Next = tenants[max(i-1, 0)].name
			break
		}
		page.Tenants = append(page.Tenants, due)
		if more := i+1 < len(tenants) || len(behind) > 0; more && (full || i+1 == len(tenants)) {
			page.Next = t.name
		}
		if full {
			break
		}
	}
	return page, nil
}

type dueTenant struct {
	n    int64
	name string
}

// tenants returns the first tenants that have work of any of the kinds.
func (d *dueReader) tenants(ctx context.Context, st *sql.Stmt, after int64, limit int) ([]dueTenant, error) {
	var all []dueTenant
	for _, kind := range d.kinds {
		rows, err := d.tx.StmtContext(ctx, st).QueryContext(ctx, kind, d.before, after, limit)
		if err != nil {
			return nil, err
		}
		for rows.Next() && err == nil {
			var t dueTenant
			err = rows.Scan(&t.n, &t.name)
			all = append(all, t)
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b dueTenant) int { return int(a.n - b.n) })
	all = slices.Compact(all)
	return all[:min(len(all), limit)], nil
}

// tenant reads a tenant's due records from a place on, and reports whether the page
// has no room for the next one.
func (d *dueReader) tenant(ctx context.Context, n int64, name string, last place, share int) (t store.DueTenant, full bool, err error) {
	t.Tenant = name
	args := make([]any, 0, 5+len(d.kinds))
	args = append(args, n, d.before, last.due, last.rid, share+store.MaxLimit-d.damaged+1)
	for _, kind := range d.kinds {
		args = append(args, kind)
	}
	st := d.records
	if d.tx != nil {
		st = d.tx.StmtContext(ctx, st)
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return t, false, err
	}
	defer func() { _ = rows.Close() }() // Err below has what matters
	for rows.Next() {
		var rid int64
		var row recordRow
		if err := rows.Scan(append([]any{&rid}, row.dest()...)...); err != nil {
			return t, false, err
		}
		r, damaged := row.record()
		full = d.damaged == store.MaxLimit || d.found > 0 && d.size+len(r.Data) > store.MaxPageData
		switch {
		case full, len(t.Records) == share:
			t.Next = last.String()
			return t, full && len(t.Records) < share, nil
		case damaged != nil:
			t.Damaged = append(t.Damaged, row.rec.ID)
			d.damaged++
		default:
			t.Records = append(t.Records, r)
			d.found, d.size = d.found+1, d.size+len(r.Data)
		}
		last = place{due: row.due, rid: rid}
	}
	return t, false, rows.Err()
}

func nothing(t *store.DueTenant) bool { return len(t.Records)+len(t.Damaged) == 0 }

// place is a place in the order of a tenant's due records.
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
