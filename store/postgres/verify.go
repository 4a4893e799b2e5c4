package postgres

import (
	"context"
	"errors"
	"iter"

	"github.com/rollbook-go/rollbook/store"
)

// verifyStep is how many rows a step of Verify reads.
const verifyStep = 500

// Verify implements [store.Verifier]. Each step is a few statements that lock nothing. What they
// find is mended in a transaction that has the tenant's lock and looks again. A tenant
// whose name is lost is a store.MissingTenant without a name, and cannot be mended: restore a
// backup. What is below the tables is PostgreSQL's to check: see "Damage" in the package
// documentation.
func (s *Store) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		c := s.observer.BeginCall("Verify")
		v := &verifier{store: s, mend: opts.Mend, yield: yield, progress: opts.Progress}
		err := store.CheckVerify(opts)
		switch {
		case err != nil:
		case opts.Tenant != "":
			err = v.tenant(ctx, opts.Tenant)
		default:
			err = v.all(ctx)
		}
		if errors.Is(err, errEnough) {
			c.End(store.CallInfo{Items: v.found}, nil)
			return
		}
		c.End(store.CallInfo{Items: v.found}, err)
		if err != nil {
			yield(store.Finding{}, err)
		}
	}
}

var errEnough = errors.New("the caller has broken off")

// verifier is a call of Verify.
type verifier struct {
	store *Store
	mend  bool
	yield func(store.Finding, error) bool
	found int

	progress func(records int)
	read     int // records
}

// check reads some rows of a tenant from a place on. With mend it has the tenant's lock.
type check func(ctx context.Context, c session, tenant string, from place, mend bool) (stage, error)

// place is where a check goes on. Each check uses what it needs.
type place struct {
	text   string
	number int64
}

// stage is what some rows have shown.
type stage struct {
	found []store.Finding
	mends bool // something can be mended
	next  place
	rows  int
}

func (p *stage) add(damage store.Damage, id string, mended bool) {
	p.found = append(p.found, store.Finding{Damage: damage, ID: id, Mended: mended})
	p.mends = true
}

func (v *verifier) all(ctx context.Context) error {
	if v.mend {
		if err := v.store.forget(ctx); err != nil {
			return err
		}
	}
	for q := (store.TenantQuery{Limit: store.MaxLimit}); ; {
		page, err := tenants(ctx, v.store, q)
		if err != nil {
			return err
		}
		for _, name := range page.Names {
			if err := v.tenant(ctx, name); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if err := v.strangers(ctx); err != nil {
		return err
	}
	return v.nameless(ctx)
}

// tenant checks all that a tenant has.
func (v *verifier) tenant(ctx context.Context, name string) error {
	low := false
	for i, check := range [...]check{checkRecords, checkKeys, checkTerms, checkFeed} {
		more := true
		for from := (place{}); more; {
			p, err := v.stage(ctx, check, name, from)
			if err != nil {
				return err
			}
			for _, f := range p.found {
				if f.Damage == store.LowRevision { // one for the tenant
					if low {
						continue
					}
					low = true
				}
				if err := v.report(name, f); err != nil {
					return err
				}
			}
			if i == 0 {
				v.count(p.rows)
			}
			from, more = p.next, p.rows == verifyStep
		}
	}
	return v.schedule(ctx, name)
}

// count counts records that were checked.
func (v *verifier) count(n int) {
	if v.read += n; v.progress != nil {
		v.progress(v.read)
	}
}

func (v *verifier) schedule(ctx context.Context, name string) error {
	p, err := v.stage(ctx, checkSchedule, name, place{})
	for _, f := range p.found {
		err = errors.Join(err, v.report(name, f))
	}
	return err
}

func (v *verifier) report(tenant string, f store.Finding) error {
	v.found++
	f.Tenant = tenant
	if !v.yield(f, nil) {
		return errEnough
	}
	return nil
}

// stage runs a check, and again with the lock if it has found what can be mended.
func (v *verifier) stage(ctx context.Context, check check, tenant string, from place) (p stage, err error) {
	t := readTurn{method: "Verify", tenant: tenant, long: true}
	err = v.store.step(ctx, t, func(ctx context.Context, c session) (err error) {
		p, err = check(ctx, c, tenant, from, false)
		return err
	})
	if err != nil || !v.mend || !p.mends {
		return p, err
	}
	err = v.store.unlocked(ctx, t, func(ctx context.Context, c session) (held bool, err error) {
		held, err = v.store.locked(ctx, c, tenant, func() (err error) {
			p, err = check(ctx, c, tenant, from, true)
			return err
		})
		return held, err
	})
	return p, err
}

const (
	sqlTake   = `SELECT n FROM rollbook.tenant WHERE name = $1::bytea FOR NO KEY UPDATE SKIP LOCKED`
	sqlAbsent = `SELECT rollbook.absence(false, $1::int8, $2::bytea) = 'absent'`
)

// locked calls f in a transaction that has locked a tenant, or the place of one that is not
// there, unless it is held.
func (s *Store) locked(ctx context.Context, c session, tenant string, f func() error) (held bool, err error) {
	// A stricter level would not see what was written before the lock.
	if err := run(ctx, c.conn, "BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
		return false, err
	}
	end := "ROLLBACK"
	defer func() { err = errors.Join(err, run(context.WithoutCancel(ctx), c.conn, end)) }()
	var name args
	name.bytea(tenant)
	taken, err := c.row(ctx, sqlTake, &name, func(*reply) {})
	if err != nil {
		return false, err
	}
	if !taken {
		var a args
		a.int8(lockOf(s.opts.Schema, tenant))
		a.bytea(tenant)
		absent := false
		if _, err := c.row(ctx, sqlAbsent, &a, func(row *reply) { absent = row.bool() }); err != nil || !absent {
			return !absent, err
		}
	}
	if err := f(); err != nil {
		return false, err
	}
	end = "COMMIT"
	return false, nil
}

// sqlStrangers reads the names in the schedule, and whether they are of tenants.
const sqlStrangers = `SELECT s.kind, s.tenant, EXISTS (SELECT FROM rollbook.tenant t WHERE t.name = s.tenant)
	FROM rollbook.schedule s WHERE (s.kind, s.tenant) > ($1::bytea, $2::bytea)
	ORDER BY s.kind, s.tenant LIMIT (SELECT $3::int4)`

// strangers checks what is scheduled for tenants that do not exist.
func (v *verifier) strangers(ctx context.Context) error {
	type row struct {
		kind, name string
		known      bool
	}
	names := map[string]bool{}
	last := row{}
	for more := true; more; {
		var rows []row
		err := v.store.step(ctx, readTurn{method: "Verify", long: true}, func(ctx context.Context, c session) error {
			rows = nil
			var a args
			a.bytea(last.kind)
			a.bytea(last.name)
			a.int4(verifyStep)
			return c.rows(ctx, sqlStrangers, &a, func(r *reply) { rows = append(rows, row{r.string(), r.string(), r.bool()}) })
		})
		if err != nil {
			return err
		}
		for _, last = range rows {
			if last.known || names[last.name] {
				continue
			}
			names[last.name] = true
			if err := v.schedule(ctx, last.name); err != nil {
				return err
			}
		}
		more = len(rows) == verifyStep
	}
	return nil
}

// sqlNameless looks up one number of a tenant after the other in the rows of a table, and whether
// it has a name or was dropped.
const (
	sqlNameless     = namelessBegin + `rollbook.record` + namelessMiddle + `rollbook.record` + namelessEnd
	sqlNamelessFeed = namelessBegin + `rollbook.change` + namelessMiddle + `rollbook.change` + namelessEnd

	namelessBegin  = `WITH RECURSIVE w AS ((SELECT tenant AS n FROM `
	namelessMiddle = ` WHERE tenant > $1::int4 ORDER BY tenant LIMIT 1)
		UNION ALL SELECT (SELECT x.tenant FROM `
	namelessEnd = ` x WHERE x.tenant > w.n ORDER BY x.tenant LIMIT 1) FROM w WHERE w.n IS NOT NULL)
		SELECT w.n, EXISTS (SELECT FROM rollbook.tenant t WHERE t.n = w.n) OR EXISTS (SELECT FROM rollbook.dropped d WHERE d.n = w.n)
		FROM w WHERE w.n IS NOT NULL LIMIT (SELECT $2::int4)`
)

// nameless finds the tenants that have records or a feed and no name.
func (v *verifier) nameless(ctx context.Context) error {
	type row struct {
		n     int
		known bool
	}
	found := map[int]bool{}
	for _, query := range []string{sqlNameless, sqlNamelessFeed} {
		last := row{}
		for more := true; more; {
			var rows []row
			err := v.store.step(ctx, readTurn{method: "Verify", long: true}, func(ctx context.Context, c session) error {
				rows = nil
				var a args
				a.int4(last.n)
				a.int4(verifyStep)
				return c.rows(ctx, query, &a, func(r *reply) { rows = append(rows, row{r.int4(), r.bool()}) })
			})
			if err != nil {
				return err
			}
			for _, last = range rows {
				if last.known || found[last.n] {
					continue
				}
				found[last.n] = true
				if err := v.report("", store.Finding{Damage: store.MissingTenant}); err != nil {
					return err
				}
			}
			more = len(rows) == verifyStep
		}
	}
	return nil
}
