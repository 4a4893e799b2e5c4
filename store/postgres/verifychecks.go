package postgres

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlCheckRecords = `SELECT r.id, r.kind, r.created, r.revision, t.revision, r.keys
		FROM rollbook.tenant t CROSS JOIN LATERAL (SELECT * FROM rollbook.record r
			WHERE r.tenant = t.n AND r.id > $2::bytea ORDER BY r.id LIMIT (SELECT $3::int4)) r
		WHERE t.name = $1::bytea ORDER BY r.id`

	// sqlMissingKeys returns which keys of records do not lead to them, and the keys of the
	// record to which they lead. Records that were written since they were read are left out:
	// their keys begin with another checksum.
	sqlMissingKeys = `SELECT u.i, h.keys
		FROM unnest((SELECT $2::bytea[]), (SELECT $3::bytea[]), (SELECT $4::bytea[])) WITH ORDINALITY u (id, sum, name, i)
		CROSS JOIN LATERAL (SELECT r.id FROM rollbook.record r WHERE r.tenant = ` + numberOf + ` AND r.id = u.id
			AND pg_catalog.substr(r.keys, 1, 8) = u.sum OFFSET 0) r
		LEFT JOIN LATERAL (SELECT k.id FROM rollbook.key k
			WHERE k.tenant = ` + numberOf + ` AND k.key = u.name OFFSET 0) k ON true
		LEFT JOIN LATERAL (SELECT h.keys FROM rollbook.record h
			WHERE h.tenant = ` + numberOf + ` AND h.id = k.id OFFSET 0) h ON true
		WHERE k.id IS DISTINCT FROM r.id`

	// sqlMissingTerms is the same for terms. A term begins with the kind of its record.
	sqlMissingTerms = `SELECT u.i, r.created
		FROM unnest((SELECT $2::bytea[]), (SELECT $3::bytea[]), (SELECT $4::bytea[])) WITH ORDINALITY u (id, sum, name, i)
		CROSS JOIN LATERAL (SELECT r.created FROM rollbook.record r WHERE r.tenant = ` + numberOf + ` AND r.id = u.id
			AND pg_catalog.substr(r.keys, 1, 8) = u.sum
			AND r.kind = pg_catalog.substr(u.name, 2, pg_catalog.get_byte(u.name, 0)) OFFSET 0) r
		LEFT JOIN LATERAL (SELECT true AS there FROM rollbook.term x
			WHERE x.tenant = ` + numberOf + ` AND x.term = u.name AND x.created = r.created OFFSET 0) x ON true
		WHERE x.there IS NULL`

	sqlMendKey = `INSERT INTO rollbook.key (tenant, key, id) VALUES (` + numberOf + `, $2::bytea, $3::bytea)
		ON CONFLICT (tenant, key) DO UPDATE SET id = excluded.id`
	sqlMendTerm = `INSERT INTO rollbook.term (tenant, term, created) VALUES (` + numberOf + `, $2::bytea, $3::int8)
		ON CONFLICT DO NOTHING`
	sqlMendRevision = `UPDATE rollbook.tenant SET revision = greatest(revision, $2::int8) WHERE name = $1::bytea`
)

// named are keys or terms of records, each with the ID and checksum of its record.
type named struct{ ids, sums, names []string }

func (n *named) add(id string, keys []byte, name string) {
	n.ids, n.sums, n.names = append(n.ids, id), append(n.sums, string(keys[:sumSize])), append(n.names, name)
}

func (n *named) args(tenant string) *args {
	var a args
	a.bytea(tenant)
	for _, texts := range [][]string{n.ids, n.sums, n.names} {
		a.array(oidBytea)
		for _, text := range texts {
			a.elemString(text)
		}
		a.endArray()
	}
	return &a
}

// checkRecords checks that records can be read, and are found by their keys and terms.
func checkRecords(ctx context.Context, c session, tenant string, from place, mend bool) (p stage, err error) {
	var a args
	a.bytea(tenant)
	a.bytea(from.text)
	a.int4(verifyStep)
	var keys, terms named
	var last, known int64
	err = c.rows(ctx, sqlCheckRecords, &a, func(row *reply) {
		id, kind := row.string(), row.string()
		p.rows, p.next.text = p.rows+1, id
		_, revision := row.int8(), row.int8()
		known = row.int8()
		last = max(last, revision)
		stored := row.next()
		unique, index, err := parseKeys(stored)
		if err != nil {
			p.found = append(p.found, store.Finding{Damage: store.DamagedRecord, ID: id})
			return
		}
		for _, key := range unique {
			keys.add(id, stored, keyName(key))
		}
		for _, term := range index {
			terms.add(id, stored, termName(kind, term))
		}
	})
	if err == nil {
		err = p.missingKeys(ctx, c, tenant, &keys, mend)
	}
	if err == nil {
		err = p.missingTerms(ctx, c, tenant, &terms, mend)
	}
	if err == nil && last > known {
		err = p.lowRevision(ctx, c, tenant, last, mend)
	}
	return p, err
}

func (p *stage) missingKeys(ctx context.Context, c session, tenant string, n *named, mend bool) error {
	var missing []int
	err := c.rows(ctx, sqlMissingKeys, n.args(tenant), func(row *reply) {
		i := int(row.int8()) - 1
		if !row.null() && !lacks(row.next(), n.names[i]) { // another record has it, too
			p.found = append(p.found, store.Finding{Damage: store.MissingKey, ID: n.ids[i]})
			return
		}
		missing = append(missing, i)
		p.add(store.MissingKey, n.ids[i], mend)
	})
	for i := 0; err == nil && mend && i < len(missing); i++ {
		err = c.exec(ctx, sqlMendKey, tenant, n.names[missing[i]], n.ids[missing[i]])
	}
	return err
}

func (p *stage) missingTerms(ctx context.Context, c session, tenant string, n *named, mend bool) error {
	type row struct {
		name    string
		created int64
	}
	var missing []row
	err := c.rows(ctx, sqlMissingTerms, n.args(tenant), func(r *reply) {
		i := int(r.int8()) - 1
		missing = append(missing, row{n.names[i], r.int8()})
		p.add(store.MissingTerm, n.ids[i], mend)
	})
	for i := 0; err == nil && mend && i < len(missing); i++ {
		err = c.exec(ctx, sqlMendTerm, tenant, missing[i].name, missing[i].created)
	}
	return err
}

func (p *stage) lowRevision(ctx context.Context, c session, tenant string, last int64, mend bool) error {
	p.add(store.LowRevision, "", mend)
	if !mend {
		return nil
	}
	return c.exec(ctx, sqlMendRevision, tenant, last)
}

// lacks reports whether a record's keys can be read and do not have the unique key.
func lacks(keys []byte, name string) bool {
	unique, _, err := parseKeys(keys)
	return err == nil && !slices.ContainsFunc(unique, func(key store.Key) bool { return keyName(key) == name })
}

// exec runs a statement whose parameters are texts and numbers.
func (c session) exec(ctx context.Context, text string, params ...any) error {
	var a args
	for _, p := range params {
		switch p := p.(type) {
		case string:
			a.bytea(p)
		case int64:
			a.int8(p)
		}
	}
	return c.rows(ctx, text, &a, func(*reply) {})
}

const (
	sqlCheckKeys = `SELECT k.key, k.id, r.keys
		FROM (SELECT k.key, k.id FROM rollbook.key k WHERE k.tenant = ` + numberOf + ` AND k.key > $2::bytea
			ORDER BY k.key LIMIT (SELECT $3::int4)) k
		LEFT JOIN LATERAL (SELECT r.keys FROM rollbook.record r
			WHERE r.tenant = ` + numberOf + ` AND r.id = k.id OFFSET 0) r ON true ORDER BY k.key`
	sqlStrayKey = `DELETE FROM rollbook.key WHERE tenant = ` + numberOf + ` AND key = $2::bytea`

	sqlCheckTerms = `SELECT x.term, x.created, r.id, r.kind, r.keys
		FROM (SELECT x.term, x.created FROM rollbook.term x WHERE x.tenant = ` + numberOf + `
			AND (x.term, x.created) > ($2::bytea, $3::int8) ORDER BY x.term, x.created LIMIT (SELECT $4::int4)) x
		LEFT JOIN LATERAL (SELECT r.id, r.kind, r.keys FROM rollbook.record r
			WHERE r.tenant = ` + numberOf + ` AND r.created = x.created AND r.kind = CASE WHEN x.term <> ''
				THEN pg_catalog.substr(x.term, 2, pg_catalog.get_byte(x.term, 0)) END OFFSET 0) r ON true
		ORDER BY x.term, x.created`
	sqlStrayTerm = `DELETE FROM rollbook.term WHERE tenant = ` + numberOf + ` AND term = $2::bytea AND created = $3::int8`

	sqlCheckFeed = `SELECT c.revision, t.revision, c.type NOT BETWEEN 1 AND 3 OR c.kind = '' OR c.id = ''
		FROM rollbook.tenant t CROSS JOIN LATERAL (SELECT * FROM rollbook.change c
			WHERE c.tenant = t.n AND c.revision > $2::int8 ORDER BY c.revision LIMIT (SELECT $3::int4)) c
		WHERE t.name = $1::bytea ORDER BY c.revision`
)

// checkKeys checks that each unique key leads to a record that lists it, or is damaged.
func checkKeys(ctx context.Context, c session, tenant string, from place, mend bool) (p stage, err error) {
	var a args
	a.bytea(tenant)
	a.bytea(from.text)
	a.int4(verifyStep)
	var stray []string
	err = c.rows(ctx, sqlCheckKeys, &a, func(row *reply) {
		name, id := row.string(), row.string()
		p.rows, p.next.text = p.rows+1, name
		if row.null() || lacks(row.next(), name) {
			stray = append(stray, name)
			p.add(store.StrayKey, id, mend)
		}
	})
	for i := 0; err == nil && mend && i < len(stray); i++ {
		err = c.exec(ctx, sqlStrayKey, tenant, stray[i])
	}
	return p, err
}

// checkTerms checks that each term leads to a record that has it, or is damaged.
func checkTerms(ctx context.Context, c session, tenant string, from place, mend bool) (p stage, err error) {
	var a args
	a.bytea(tenant)
	a.bytea(from.text)
	a.int8(from.number)
	a.int4(verifyStep)
	var stray []place
	err = c.rows(ctx, sqlCheckTerms, &a, func(row *reply) {
		p.rows, p.next = p.rows+1, place{row.string(), row.int8()}
		there := !row.null()
		id, kind, keys := row.string(), row.string(), row.next()
		_, index, err := parseKeys(keys)
		has := func(term store.Key) bool { return termName(kind, term) == p.next.text }
		if there && (err != nil || slices.ContainsFunc(index, has)) {
			return
		}
		stray = append(stray, p.next)
		p.add(store.StrayTerm, id, mend)
	})
	for i := 0; err == nil && mend && i < len(stray); i++ {
		err = c.exec(ctx, sqlStrayTerm, tenant, stray[i].text, stray[i].number)
	}
	return p, err
}

// checkFeed checks that the entries of the feed can be read.
func checkFeed(ctx context.Context, c session, tenant string, from place, mend bool) (p stage, err error) {
	var a args
	a.bytea(tenant)
	a.int8(from.number)
	a.int4(verifyStep)
	known := int64(0)
	err = c.rows(ctx, sqlCheckFeed, &a, func(row *reply) {
		p.rows, p.next.number = p.rows+1, row.int8()
		known = row.int8()
		if row.bool() {
			p.found = append(p.found, store.Finding{Damage: store.DamagedChange, Seq: store.Revision(p.next.number)})
		}
	})
	if err == nil && p.next.number > known {
		err = p.lowRevision(ctx, c, tenant, p.next.number, mend)
	}
	return p, err
}

const (
	// sqlCheckSchedule compares the earliest due of each kind with what is scheduled: of the
	// kinds that the tenant has, and those of which anything is scheduled.
	sqlCheckSchedule = `WITH RECURSIVE k AS (
			(SELECT kind FROM rollbook.record WHERE tenant = ` + numberOf + ` ORDER BY kind LIMIT 1)
			UNION ALL SELECT (SELECT r.kind FROM rollbook.record r WHERE r.tenant = ` + numberOf + ` AND r.kind > k.kind
				ORDER BY r.kind LIMIT 1) FROM k WHERE k.kind IS NOT NULL),
		s AS ((SELECT kind FROM rollbook.schedule ORDER BY kind LIMIT 1)
			UNION ALL SELECT (SELECT x.kind FROM rollbook.schedule x WHERE x.kind > s.kind
				ORDER BY x.kind LIMIT 1) FROM s WHERE s.kind IS NOT NULL)
		SELECT w.kind, coalesce(e.id, '') FROM (SELECT kind FROM k UNION SELECT kind FROM s) w
		LEFT JOIN LATERAL (SELECT r.id, r.due FROM rollbook.record r
			WHERE r.tenant = ` + numberOf + ` AND r.kind = w.kind AND r.due > 0 ORDER BY r.due, r.created LIMIT 1) e ON true
		LEFT JOIN LATERAL (SELECT x.due FROM rollbook.schedule x
			WHERE x.kind = w.kind AND x.tenant = $1::bytea OFFSET 0) x ON true
		WHERE w.kind IS NOT NULL AND e.due IS DISTINCT FROM x.due`

	sqlReschedule = `SELECT rollbook.reschedule(` + numberOf + `, $1::bytea, $2::bytea)::text`
)

// checkSchedule checks what is scheduled for a tenant, all at once.
func checkSchedule(ctx context.Context, c session, tenant string, _ place, mend bool) (p stage, err error) {
	var a args
	a.bytea(tenant)
	var kinds []string
	err = c.rows(ctx, sqlCheckSchedule, &a, func(row *reply) {
		kinds = append(kinds, row.string())
		p.add(store.WrongDue, row.string(), mend)
	})
	for i := 0; err == nil && mend && i < len(kinds); i++ {
		err = c.exec(ctx, sqlReschedule, tenant, kinds[i])
	}
	return p, err
}
