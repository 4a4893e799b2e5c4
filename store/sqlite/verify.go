package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"net/url"

	"github.com/rollbook-go/rollbook/store"
)

// Verify implements [store.Verifier]. It looks up every key and term of each record, which takes
// about a minute for a million users, in steps of a few milliseconds. Without a tenant it also
// has SQLite check the file (PRAGMA integrity_check), on a connection of its own, and the log
// gets what that says. What it finds damaged there, and lost names of tenants, cannot be mended:
// restore a backup.
func (s *Store) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		c := s.observer.BeginCall("Verify")
		v := &verifier{s: s, ctx: ctx, mend: opts.Mend, yield: yield, progress: opts.Progress}
		err := store.CheckVerify(opts)
		switch {
		case err != nil:
		case opts.Tenant != "":
			err = v.tenant(opts.Tenant)
		default:
			err = v.all()
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
	s     *Store
	ctx   context.Context
	mend  bool
	yield func(store.Finding, error) bool
	found int

	progress func(records int)
	read     int // records
}

// suspect is a finding, and what is needed to mend it.
type suspect struct {
	store.Finding
	kind    string    // of the record
	key     store.Key // the unique key or term
	created int64     // of a stray term
	space   int64     // of rows without a space
	over    bool      // it is right now
}

// report yields findings. Those that can be mended are mended first, in one transaction.
func (v *verifier) report(tenant string, found []*suspect) error {
	if v.mend && len(found) > 0 {
		m := &mending{tenant: tenant, found: found}
		if _, _, err := v.s.writer.submit(v.ctx, tenant, m, len(found)*opSize); err != nil {
			return err
		}
	}
	for _, f := range found {
		if f.over {
			continue
		}
		v.found++
		if !v.yield(f.Finding, nil) {
			return errEnough
		}
	}
	return nil
}

// step reads in a turn of its own.
func verifyStep[T any](v *verifier, tenant string, f func(context.Context) (T, error)) (T, error) {
	return read(v.ctx, v.s.pool(), readTurn{method: "Verify", tenant: tenant, long: true}, f)
}

func (v *verifier) all() error {
	if err := v.structure(); err != nil {
		return err
	}
	for after := ""; ; {
		page, err := v.s.pool().tenantPage(v.ctx, store.TenantQuery{After: after, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, name := range page.Names {
			if err := v.tenant(name); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return v.orphans()
		}
	}
}

// tenant verifies one tenant: first all that its records should be found by, then all that leads
// to records, then the feed.
func (v *verifier) tenant(name string) error {
	low := &suspect{Finding: store.Finding{Damage: store.LowRevision, Tenant: name}, over: true}
	for _, walk := range [...]func(string, *suspect) error{v.records, v.indexes, v.feed} {
		if err := walk(name, low); err != nil {
			return err
		}
	}
	if low.over {
		return nil
	}
	return v.report(name, []*suspect{low})
}

// structure has SQLite check the file.
func (v *verifier) structure() error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if err := v.s.usable(); err != nil {
		return err
	}
	db, err := v.s.aside()
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	messages, err := integrity(v.ctx, db)
	switch {
	case v.ctx.Err() != nil:
		return v.ctx.Err()
	case err != nil && !isCorrupt(err):
		return unavailable(err)
	case err == nil && len(messages) == 0:
		return nil
	}
	v.s.opts.Logger.Error("sqlite: the database is damaged", "path", v.s.files.path, "integrity_check", messages, "error", err)
	return v.report("", []*suspect{{Finding: store.Finding{Damage: store.DamagedStructure}}})
}

// integrity returns what SQLite finds damaged in a file.
func integrity(ctx context.Context, db queryer) (messages []string, err error) {
	rows, err := db.QueryContext(ctx, `PRAGMA integrity_check`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err reports failures
	for rows.Next() {
		var message string
		if err := rows.Scan(&message); err != nil {
			return nil, err
		}
		if message != "ok" {
			messages = append(messages, message)
		}
	}
	return messages, rows.Err()
}

// queryer is a *sql.DB or *sql.Conn.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// aside opens a connection of its own to the file, for what takes long.
func (s *Store) aside() (*sql.DB, error) {
	uri, err := databaseURI(s.files.name)
	if err != nil {
		return nil, err
	}
	q := settings{make(url.Values)}
	q.pragma("busy_timeout", longestBusy)
	q.pragma("query_only", 1)
	q.pragma("trusted_schema", 0)
	db, err := openPool(uri+"?mode=rw&"+q.Encode(), 1)
	if err != nil {
		return nil, err
	}
	if err := s.checkFiles(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
