package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
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
	c := s.observer.BeginCall("Due")
	page, err := due(ctx, src, q)
	c.End(backend.DueInfo(page), err)
	return page, err
}

func due(ctx context.Context, src source, q store.DueQuery) (page store.DuePage, err error) {
	q, err = store.CheckDueQuery(q)
	if err != nil {
		return page, err
	}
	from, err := backend.ParseDuePlace(q.From)
	if err != nil {
		return page, err
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
	if err == nil && part.Found() {
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
	page   backend.DuePage
}

func (d *dueReader) step(ctx context.Context, tenant string, f func(context.Context, session) error) error {
	return d.src.step(ctx, readTurn{method: "Due", tenant: tenant, long: true}, f)
}

// all reads the due records of the first tenants that have any.
func (d *dueReader) all(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	var found backend.DueTenants
	err = d.step(ctx, "", func(ctx context.Context, c session) (err error) {
		if err := d.findKinds(ctx, c); err != nil {
			return err
		}
		found, err = d.tenants(ctx, c, q.After, q.Limit)
		return err
	})
	if err != nil {
		return page, err
	}
	return found.Fill(q, func(tenant string, share int) (backend.DuePart, error) {
		return d.read(ctx, tenant, backend.DuePlace{}, share)
	})
}

// read reads a tenant's due records from a place on. Damaged ones do not count towards the
// share, so that it may take several queries.
func (d *dueReader) read(ctx context.Context, tenant string, from backend.DuePlace, share int) (p backend.DuePart, err error) {
	err = d.step(ctx, tenant, func(ctx context.Context, c session) error {
		p = backend.DuePart{DueTenant: store.DueTenant{Tenant: tenant}}
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
		return backend.DuePart{}, err
	}
	d.page.Close(&p)
	return p, nil
}

func (d *dueReader) args(tenant string, from backend.DuePlace, limit int, p *backend.DuePart) *args {
	room, empty := d.page.Room(p)
	var a args
	a.bytea(tenant)
	a.int8(d.before)
	a.int8(from.Due)
	a.int8(from.Number)
	a.array(oidBytea)
	for _, kind := range d.kinds {
		a.elemString(kind)
	}
	a.endArray()
	a.int4(limit)
	a.int8(int64(room))
	a.bool(empty)
	return &a
}

// add adds a row to a tenant's part, unless its share or the page is full.
func (d *dueReader) add(p *backend.DuePart, row *reply, last *backend.DuePlace, share int) {
	if p.Next != "" {
		return
	}
	fits := row.row[len(row.row)-1] != nil
	r, err := row.record()
	if d.page.Add(p, &r, err != nil, fits, share, *last) {
		*last = backend.DuePlace{Due: store.Millis(r.Due), Number: int64(r.Created)}
	}
}
