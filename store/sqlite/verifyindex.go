package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Each of these statements reads an entry and what it leads to at one moment.
const (
	sqlVerifySpaces = `SELECT record, key FROM rollbook_space WHERE tenant = ` + numberOf + `
		AND (record, key) > (?2, ?3) ORDER BY record, key LIMIT (?4+0)`

	sqlVerifyDue = `SELECT (SELECT min(due) FROM rollbook_record
			WHERE space = (SELECT n FROM rollbook_space WHERE tenant = ` + numberOf + ` AND record = ?2 AND key = '') AND due > 0)
		IS NOT (SELECT due FROM rollbook_schedule WHERE kind = ?2 AND tenant = ?1)`

	sqlVerifyKeys = `SELECT e.value, 1, ` + ledTo + ` FROM (SELECT value, rid FROM rollbook_key
			WHERE space = (SELECT n FROM rollbook_space WHERE tenant = ` + numberOf + ` AND record = ?2 AND key = ?3)
			AND value >= ?4 AND (value > ?4 OR ?5 = 0) ORDER BY value LIMIT (?6+0)) e
		LEFT JOIN rollbook_record r ON r.rid = e.rid AND r.tenant = ` + numberOf + ` ORDER BY e.value`
	sqlVerifyTerms = `SELECT e.value, e.created, ` + ledTo + ` FROM (SELECT value, created, rid FROM rollbook_term
			WHERE space = (SELECT n FROM rollbook_space WHERE tenant = ` + numberOf + ` AND record = ?2 AND key = ?3)
			AND (value, created) > (?4, ?5) ORDER BY value, created LIMIT (?6+0)) e
		LEFT JOIN rollbook_record r ON r.rid = e.rid AND r.tenant = ` + numberOf + ` ORDER BY e.value, e.created`
	ledTo = `ifnull(r.id, ''), ifnull(r.kind, ''), ifnull(r.created, 0), r.keys`

	sqlVerifyFeed = `SELECT t.revision, c.n, c.entry FROM rollbook_tenant t CROSS JOIN rollbook_change c
			ON c.n > (t.n << 38) + ?2 AND c.n < (t.n + 1) << 38
		WHERE t.name = ?1 ORDER BY c.n LIMIT (?3+0)`
)

// verifyEntries is how many entries a step verifies.
const verifyEntries = 500

// indexes checks that all index rows of a tenant lead to records that have them.
func (v *verifier) indexes(tenant string, _ *suspect) error {
	for last := (space{}); ; {
		spaces, err := verifyStep(v, tenant, func(ctx context.Context) ([]space, error) {
			return v.spaces(ctx, tenant, last)
		})
		if err != nil {
			return err
		}
		for _, at := range spaces {
			if at.key == "" {
				err = v.due(tenant, at.record)
			} else {
				err = v.entries(tenant, at)
			}
			if err != nil {
				return err
			}
			last = at
		}
		if len(spaces) < store.MaxLimit {
			return nil
		}
	}
}

func (v *verifier) spaces(ctx context.Context, tenant string, after space) (spaces []space, err error) {
	rows, err := v.s.reads.query(ctx, sqlVerifySpaces, tenant, after.record, after.key, store.MaxLimit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for rows.Next() {
		var at space
		if err := rows.Scan(&at.record, &at.key); err != nil {
			return nil, err
		}
		spaces = append(spaces, at)
	}
	return spaces, rows.Err()
}

// due checks the schedule of a tenant and kind.
func (v *verifier) due(tenant, kind string) error {
	wrong, err := verifyStep(v, tenant, func(ctx context.Context) (wrong bool, err error) {
		err = v.s.reads.row(ctx, sqlVerifyDue, []any{&wrong}, tenant, kind)
		return wrong, err
	})
	if !wrong || err != nil {
		return err
	}
	return v.report(tenant, []*suspect{{Finding: store.Finding{Damage: store.WrongDue, Tenant: tenant}, kind: kind}})
}

// led is an index row, and the record that it leads to; id is empty if there is none.
type led struct {
	value    string
	created  int64 // of a term; 1 of a key
	id, kind string
	place    int64
	keys     []byte
}

// entries checks the rows of a space, which has unique keys or terms.
func (v *verifier) entries(tenant string, at space) error {
	query, damage := sqlVerifyKeys, store.StrayKey
	if at.record != "" {
		query, damage = sqlVerifyTerms, store.StrayTerm
	}
	for last := (led{}); ; {
		page, err := verifyStep(v, tenant, func(ctx context.Context) ([]led, error) {
			rows, err := v.s.reads.query(ctx, query, tenant, at.record, at.key, last.value, last.created, verifyEntries)
			if err != nil {
				return nil, err
			}
			return ledRows(rows)
		})
		if err != nil {
			return err
		}
		var found []*suspect
		for i := range page {
			if e := &page[i]; !e.isOf(at) {
				found = append(found, &suspect{
					Finding: store.Finding{Damage: damage, Tenant: tenant, ID: e.id},
					kind:    at.record, key: store.Key{Kind: at.key, Value: e.value}, created: e.created,
				})
			}
		}
		if err := v.report(tenant, found); err != nil || len(page) < verifyEntries {
			return err
		}
		last = page[len(page)-1]
	}
}

func ledRows(rows *sql.Rows) (page []led, err error) {
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for rows.Next() {
		var e led
		if err := rows.Scan(&e.value, &e.created, &e.id, &e.kind, &e.place, &e.keys); err != nil {
			return nil, err
		}
		page = append(page, e)
	}
	return page, rows.Err()
}

// isOf reports whether the record has the key or term, or cannot be read and may have it.
func (e *led) isOf(at space) bool {
	if e.id == "" || at.record != "" && (e.kind != at.record || e.place != e.created) {
		return false
	}
	unique, index, err := parseKeys(e.keys)
	if err != nil {
		return true
	}
	if at.record == "" {
		index = unique
	}
	return slices.Contains(index, store.Key{Kind: at.key, Value: e.value})
}

// feed reads all entries of a tenant's feed.
func (v *verifier) feed(tenant string, low *suspect) error {
	for last := int64(0); ; {
		var found []*suspect
		var next int64
		n, err := verifyStep(v, tenant, func(ctx context.Context) (n int, err error) {
			found = nil
			rows, err := v.s.reads.query(ctx, sqlVerifyFeed, tenant, last, verifyEntries)
			if err != nil {
				return 0, err
			}
			defer func() { _ = rows.Close() }() // rows.Err reports failures
			for ; rows.Next(); n++ {
				var revision, number int64
				var entry []byte
				if err := rows.Scan(&revision, &number, &entry); err != nil {
					return 0, err
				}
				next = number & maxRevision
				c := parseEntry(store.Revision(next), entry)
				if c.Damaged {
					found = append(found, &suspect{Finding: store.Finding{Damage: store.DamagedChange, Tenant: tenant, Seq: c.Seq}})
				}
				if next > revision && low.over {
					low.Seq, low.over = c.Seq, false
				}
			}
			return n, rows.Err()
		})
		if err != nil {
			return err
		}
		if err := v.report(tenant, found); err != nil || n < verifyEntries {
			return err
		}
		last = next
	}
}
