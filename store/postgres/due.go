package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// sqlDue reads a tenant's due records of some kinds, from a place on, as far as they fit into
// a number of records and of bytes. A row that does not fit has no body. Each kind has a
// search of its own, so that none reads what is due of others.
const sqlDue = `SELECT r.created, r.revision, r.due, r.id, r.kind, r.keys,
		CASE WHEN r.size <= $7::int8 OR $8::bool AND r.size = octet_length(r.data) THEN r.data END
	FROM (SELECT r.*, sum(octet_length(r.data)) OVER (ORDER BY r.due, r.created) AS size
		FROM (SELECT e.* FROM pg_catalog.unnest((SELECT $5::bytea[])) k (kind) CROSS JOIN LATERAL (
				SELECT r.kind, r.due, r.created FROM rollbook.record r
				WHERE r.tenant = ` + numberOf + ` AND r.kind = k.kind AND r.due > 0
					AND r.due < $2::int8 AND (r.due, r.created) > ($3::int8, $4::int8)
				ORDER BY r.due, r.created LIMIT (SELECT $6::int4)) e
			ORDER BY e.due, e.created LIMIT (SELECT $6::int4)) w
		CROSS JOIN LATERAL (SELECT * FROM rollbook.record r
			WHERE r.tenant = ` + numberOf + ` AND r.kind = w.kind AND r.created = w.created OFFSET 0) r
		ORDER BY r.due, r.created LIMIT (SELECT $6::int4)) r`

// Due implements [store.Store]. The tenants come in the order of Tenants.
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return s.observeDue(ctx, s, q)
}

func (s *Store) observeDue(ctx context.Context, src source, q store.DueQuery) (store.DuePage, error) {
	c := s.observe("Due")
	page, err := due(ctx, src, q)
	var info store.CallInfo
	for i := range page.Tenants {
		info.Items += len(page.Tenants[i].Records)
		info.Damaged += len(page.Tenants[i].Damaged)
	}
	c.end(info, err)
	return page, err
}

func due(ctx context.Context, src source, q store.DueQuery) (page store.DuePage, err error) {
	q, err = store.CheckDueQuery(q)
	if err != nil {
		return page, err
	}
	from, ok := parsePlace(q.From)
	if !ok {
		return page, &store.InvalidError{Op: -1, What: "from", Why: "not of an earlier call"}
	}
	d := &dueReader{src: src, before: store.Millis(q.Before), kinds: q.Kinds}
	if q.Tenant == "" {
		return d.all(ctx, q)
	}
	err = d.step(ctx, q.Tenant, d.findKinds)
	if len(d.kinds) == 0 || err != nil {
		return page, err
	}
	part, err := d.read(ctx, q.Tenant, from, q.Limit)
	if err == nil && part.found() {
		page.Tenants = []store.DueTenant{part.DueTenant}
	}
	return page, err
}

// dueReader reads one page. Each tenant's part is a step in a turn of its own, at which
// the tenant may have less, or more, due than when it was found.
type dueReader struct {
	src    source
	before int64
	kinds  []string

	records, data, damaged int // of the page so far; data is bytes of bodies
}

func (d *dueReader) step(ctx context.Context, tenant string, f func(context.Context, session) error) error {
	return d.src.step(ctx, readTurn{method: "Due", tenant: tenant, long: true}, f)
}

// all reads the due records of the first tenants that have any.
func (d *dueReader) all(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	var found dueTenants
	err = d.step(ctx, "", func(ctx context.Context, c session) error {
		if err := d.findKinds(ctx, c); err != nil {
			return err
		}
		after, err := cursor(ctx, c, q.After)
		if err != nil {
			return err
		}
		found, err = d.tenants(ctx, c, after, q.Limit)
		return err
	})
	if err != nil {
		return page, err
	}
	last := q.After
	for _, t := range found.tenants {
		part, err := d.read(ctx, t.name, place{}, q.Limit/len(found.tenants))
		if err != nil {
			return store.DuePage{}, err
		}
		if part.found() {
			page.Tenants = append(page.Tenants, part.DueTenant)
			last = t.name
		}
		if part.full {
			if last != found.last {
				page.Next = last
			}
			return page, nil
		}
	}
	page.Next = found.next
	return page, nil
}

// duePart is a tenant's part of a page.
type duePart struct {
	store.DueTenant
	data int  // bytes of bodies
	full bool // the page has no room for the next record
}

func (p *duePart) found() bool { return len(p.Records)+len(p.Damaged) > 0 }

// read reads a tenant's due records from a place on. Damaged ones do not count towards the
// share, so that it may take several queries.
func (d *dueReader) read(ctx context.Context, tenant string, from place, share int) (p duePart, err error) {
	err = d.step(ctx, tenant, func(ctx context.Context, c session) error {
		p = duePart{DueTenant: store.DueTenant{Tenant: tenant}}
		for last, more := from, true; more; {
			rows, limit := 0, share-len(p.Records)+1
			a := d.args(tenant, last, limit, &p)
			err := c.rows(ctx, sqlDue, a, func(row *reply) {
				rows++
				d.add(&p, row, &last, share)
			})
			if err != nil {
				return err
			}
			more = rows == limit && p.Next == ""
		}
		return nil
	})
	if err != nil {
		return duePart{}, err
	}
	d.records, d.data, d.damaged = d.records+len(p.Records), d.data+p.data, d.damaged+len(p.Damaged)
	return p, nil
}

func (d *dueReader) args(tenant string, from place, limit int, p *duePart) *args {
	var a args
	a.bytea(tenant)
	a.int8(d.before)
	a.int8(from.due)
	a.int8(from.created)
	a.array(oidBytea)
	for _, kind := range d.kinds {
		a.elemString(kind)
	}
	a.endArray()
	a.int4(limit)
	a.int8(int64(store.MaxPageData - d.data - p.data))
	a.bool(d.records+len(p.Records) == 0)
	return &a
}

// add adds a row to a tenant's part, unless its share or the page is full.
func (d *dueReader) add(p *duePart, row *reply, last *place, share int) {
	if p.Next != "" {
		return
	}
	fits := row.row[len(row.row)-1] != nil
	r, err := row.record()
	switch {
	case len(p.Records) == share:
		p.Next = last.String()
		return
	case d.damaged+len(p.Damaged) == store.MaxLimit, !fits:
		p.Next, p.full = last.String(), true
		return
	case err != nil:
		p.Damaged = append(p.Damaged, r.ID)
	default:
		p.Records = append(p.Records, r)
		p.data += len(r.Data)
	}
	*last = place{due: store.Millis(r.Due), created: int64(r.Created)}
}

// place is a position in the order of a tenant's due records.
type place struct{ due, created int64 }

func (p place) String() string { return fmt.Sprintf("%d-%d", p.due, p.created) }

func parsePlace(text string) (p place, ok bool) {
	if text == "" {
		return p, true
	}
	due, created, found := strings.Cut(text, "-")
	var errs [2]error
	p.due, errs[0] = strconv.ParseInt(due, 10, 64)
	p.created, errs[1] = strconv.ParseInt(created, 10, 64)
	return p, found && errs == [2]error{}
}
