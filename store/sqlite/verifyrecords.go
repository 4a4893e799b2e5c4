package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

const (
	sqlVerifyRecords = `SELECT ` + verifiedColumns + ` FROM rollbook_tenant t CROSS JOIN rollbook_record r ON r.tenant = t.n
		WHERE t.name = ?1 AND r.id > ?2 ORDER BY r.id LIMIT (?3+0)`
	sqlVerifyRecord = `SELECT ` + verifiedColumns + ` FROM rollbook_tenant t CROSS JOIN rollbook_record r ON r.tenant = t.n
		WHERE t.name = ?1 AND r.id = ?2`
	verifiedColumns = `r.rid, r.id, r.kind, r.created, r.revision, r.keys, t.revision,
		ifnull(r.space = (SELECT n FROM rollbook_space WHERE tenant = t.n AND record = r.kind AND key = ''), 0)`

	sqlVerifyKey = `SELECT k.rid FROM rollbook_space s CROSS JOIN rollbook_key k ON k.space = s.n
		WHERE s.tenant = ` + numberOf + ` AND s.record = '' AND s.key = ?2 AND k.value = ?3`
	sqlVerifyTerm = `SELECT p.rid FROM rollbook_space s CROSS JOIN rollbook_term p ON p.space = s.n
		WHERE s.tenant = ` + numberOf + ` AND s.record = ?2 AND s.key = ?3 AND p.value = ?4 AND p.created = ?5`
)

// verifyRecords is how many records a step verifies.
const verifyRecords = 100

// verified is a record that is looked up in the indexes.
type verified struct {
	rid, created, revision int64
	id, kind               string
	keys                   []byte
	last                   int64 // the tenant's last revision
	listed                 bool  // by its kind
}

func (r *verified) dest() []any {
	return []any{&r.rid, &r.id, &r.kind, &r.created, &r.revision, &r.keys, &r.last, &r.listed}
}

// records looks up every record by all that it should be found by.
func (v *verifier) records(tenant string, low *suspect) error {
	for after := ""; ; {
		var found []*suspect
		n, err := verifyStep(v, tenant, func(ctx context.Context) (int, error) {
			found = nil
			page, err := v.recordPage(ctx, tenant, after)
			if err != nil {
				return 0, err
			}
			for i := range page {
				missing, err := v.record(ctx, tenant, &page[i], low)
				if err != nil {
					return 0, err
				}
				found = append(found, missing...)
			}
			if len(page) > 0 {
				after = page[len(page)-1].id
			}
			return len(page), ctx.Err()
		})
		if err != nil {
			return err
		}
		if v.read += n; v.progress != nil {
			v.progress(v.read)
		}
		if err := v.report(tenant, found); err != nil || n < verifyRecords {
			return err
		}
	}
}

func (v *verifier) recordPage(ctx context.Context, tenant, after string) (page []verified, err error) {
	rows, err := v.s.reads.query(ctx, sqlVerifyRecords, tenant, after, verifyRecords)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for rows.Next() {
		var r verified
		if err := rows.Scan(r.dest()...); err != nil {
			return nil, err
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

// record returns what is missing of a record. Each look-up sees what was committed before it, so
// that something may be missing because the record was written meanwhile: then it has another
// revision, and is looked up anew.
func (v *verifier) record(ctx context.Context, tenant string, r *verified, low *suspect) (missing []*suspect, err error) {
	for {
		if missing, err = v.missing(ctx, tenant, r); len(missing) == 0 || err != nil {
			break
		}
		var now verified
		err = v.s.reads.row(ctx, sqlVerifyRecord, now.dest(), tenant, r.id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if now.rid == r.rid && now.created == r.created && now.revision == r.revision {
			break
		}
		*r = now
	}
	if r.revision > r.last && low.over {
		low.ID, low.over = r.id, false
	}
	return missing, err
}

func (v *verifier) missing(ctx context.Context, tenant string, r *verified) (missing []*suspect, err error) {
	suspected := func(d store.Damage, key store.Key) {
		missing = append(missing, &suspect{Finding: store.Finding{Damage: d, Tenant: tenant, ID: r.id}, kind: r.kind, key: key})
	}
	unique, index, err := parseKeys(r.keys)
	if err != nil {
		suspected(store.DamagedRecord, store.Key{})
		return missing, nil //nolint:nilerr // that is the finding
	}
	if !r.listed {
		suspected(store.MissingTerm, store.Key{})
	}
	ctx = v.s.reads.point(ctx)
	for _, key := range unique {
		if leads, err := v.leads(ctx, r.rid, sqlVerifyKey, tenant, key.Kind, key.Value); err != nil {
			return nil, err
		} else if !leads {
			suspected(store.MissingKey, key)
		}
	}
	for _, term := range index {
		if leads, err := v.leads(ctx, r.rid, sqlVerifyTerm, tenant, r.kind, term.Kind, term.Value, r.created); err != nil {
			return nil, err
		} else if !leads {
			suspected(store.MissingTerm, term)
		}
	}
	return missing, nil
}

// leads reports whether a look-up returns the number of a record.
func (v *verifier) leads(ctx context.Context, rid int64, query string, args ...any) (bool, error) {
	var got int64
	err := v.s.reads.row(ctx, query, []any{&got}, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return got == rid, err
}
