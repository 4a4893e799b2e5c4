package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// Each of these statements jumps to the next number that a table has, and tells whether something
// has it.
const (
	sqlOrphanRecords = `SELECT n, EXISTS (SELECT 1 FROM rollbook_tenant t WHERE t.n = m.n AND name IS NOT NULL)
		FROM (SELECT min(tenant) AS n FROM rollbook_record WHERE tenant > ?) m`
	sqlOrphanChanges = `SELECT n, EXISTS (SELECT 1 FROM rollbook_tenant t WHERE t.n = m.n)
		FROM (SELECT min(n) >> 38 AS n FROM rollbook_change WHERE n >= (? + 1) << 38) m`
	sqlOrphanKeys = `SELECT n, EXISTS (SELECT 1 FROM rollbook_space s WHERE s.n = m.n AND record = '')
		FROM (SELECT min(space) AS n FROM rollbook_key WHERE space > ?) m`
	sqlOrphanTerms = `SELECT n, EXISTS (SELECT 1 FROM rollbook_space s WHERE s.n = m.n AND record > '')
		FROM (SELECT min(space) AS n FROM rollbook_term WHERE space > ?) m`

	// What is due of a kind that a tenant has is verified with the tenant.
	sqlOrphanDue = `SELECT kind, tenant, EXISTS (SELECT 1 FROM rollbook_space s JOIN rollbook_tenant t ON t.n = s.tenant
			WHERE t.name = d.tenant AND s.record = d.kind AND s.key = '')
		FROM rollbook_schedule d WHERE (kind, tenant) > (?, ?) ORDER BY kind, tenant LIMIT 1`
)

// orphans finds rows that belong to nothing. With Mend it also deletes what is left of tenants that
// were dropped.
func (v *verifier) orphans() error {
	tenants := make(map[int64]bool) // once, however much is left
	for _, c := range []struct {
		query  string
		damage store.Damage
	}{
		{sqlOrphanRecords, store.MissingTenant},
		{sqlOrphanChanges, store.MissingTenant},
		{sqlOrphanKeys, store.StrayKey},
		{sqlOrphanTerms, store.StrayTerm},
	} {
		for last, more := int64(-1), true; more; {
			var found []*suspect
			next, err := verifyStep(v, "", func(ctx context.Context) (at int64, err error) {
				found = nil
				at, more, err = v.jump(ctx, c.query, last, func(n int64) {
					f := &suspect{Finding: store.Finding{Damage: c.damage}}
					if c.damage != store.MissingTenant {
						f.space = n
					} else if tenants[n] {
						return
					}
					tenants[n] = c.damage == store.MissingTenant
					found = append(found, f)
				})
				return at, err
			})
			if err != nil {
				return err
			}
			if err := v.report("", found); err != nil {
				return err
			}
			last = next
		}
	}
	if err := v.orphansDue(); err != nil || !v.mend {
		return err
	}
	return v.dropped()
}

// jump goes from number to number for a step.
func (v *verifier) jump(ctx context.Context, query string, last int64, orphan func(n int64)) (at int64, more bool, err error) {
	ctx = v.s.reads.point(ctx)
	for range verifyEntries {
		var n sql.NullInt64
		var known bool
		if err := v.s.reads.row(ctx, query, []any{&n, &known}, last); err != nil || !n.Valid {
			return last, false, err
		}
		if last = n.Int64; !known {
			orphan(last)
		}
	}
	return last, true, nil
}

func (v *verifier) orphansDue() error {
	for last, more := (slotName{}), true; more; {
		var found []*suspect
		next, err := verifyStep(v, "", func(ctx context.Context) (at slotName, err error) {
			found, at, more = nil, last, true
			for range verifyEntries {
				var known bool
				err := v.s.reads.row(ctx, sqlOrphanDue, []any{&at.kind, &at.tenant, &known}, at.kind, at.tenant)
				if errors.Is(err, sql.ErrNoRows) {
					more = false
					break
				}
				if err != nil {
					return at, err
				}
				if !known {
					found = append(found, &suspect{Finding: store.Finding{Damage: store.WrongDue, Tenant: at.tenant}, kind: at.kind})
				}
			}
			return at, nil
		})
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := v.report(f.Tenant, []*suspect{f}); err != nil {
				return err
			}
		}
		last = next
	}
	return nil
}

type slotName struct{ kind, tenant string }

// dropped deletes what is left of tenants that were dropped.
func (v *verifier) dropped() error {
	for {
		d := &drop{begun: true}
		if _, _, err := v.s.writer.submit(v.ctx, "", d, trimStep*opSize/8); err != nil || d.done {
			return err
		}
	}
}
