package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// rowCount counts the rows of all tables that tenants have rows in.
func (h home) rowCount(t *testing.T) (n int) {
	t.Helper()
	for _, table := range tables {
		var some int
		must(t, h.admin.QueryRow(t.Context(), h.in(`SELECT count(*) FROM rollbook.`+table)).Scan(&some))
		n += some
	}
	return n
}

// fillFeed gives a tenant that has no records a feed of so many entries, or some more.
func fillFeed(t *testing.T, s store.Store, tenant string, entries int) {
	t.Helper()
	for n := 0; n < entries; n += 2 * store.MaxOps {
		var create, remove []store.Op
		for i := range store.MaxOps {
			r := keyed(fmt.Sprint("r", i), fmt.Sprint(i))
			r.Index, r.Due = r.Unique, store.FromMillis(1)
			create = append(create, store.Create(r, []byte("note")))
			remove = append(remove, store.Remove(r.ID, "user", []byte("note")))
		}
		put(t, s, tenant, create...)
		put(t, s, tenant, remove...)
	}
}

// Nothing is left of a tenant with a long feed, which takes several steps, and VACUUM leaves no
// entry of an index.
func TestDropSteps(t *testing.T) {
	h := goldenHome(t) // no snapshot of another test holds up VACUUM
	s := h.open(t, nil)
	fillFeed(t, s, "t", 2500)
	put(t, s, "other", store.Create(user("a"), nil))
	must(t, s.Drop(t.Context(), "t"))
	if n := h.rowCount(t); n != 2 { // tenant and record of the other
		t.Errorf("%d rows are left, want those of the other tenant", n)
	}
	must(t, s.Close())
	entries := 0
	for _, table := range tables {
		_, err := h.admin.Exec(t.Context(), h.in(`VACUUM (INDEX_CLEANUP ON) rollbook.`+table))
		must(t, err)
		var some int
		must(t, h.admin.QueryRow(t.Context(), `SELECT coalesce(sum(c.reltuples), 0)::int FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
			WHERE i.indrelid = $1::regclass`, h.schema+"."+table).Scan(&some))
		entries += some
	}
	if entries != 4 { // two indexes of tenant and two of record
		t.Errorf("%d entries of indexes are left", entries)
	}
}

// What a process has left that ended while it dropped a tenant is nobody's, and the next Drop or
// Verify deletes it. Its number is not another's.
func TestDropInterrupted(t *testing.T) {
	for name, finish := range map[string]func(s *postgres.Store) error{
		"Drop": func(s *postgres.Store) error { return s.Drop(t.Context(), "nobody") },
		"Verify": func(s *postgres.Store) (err error) {
			for f, err := range s.Verify(t.Context(), store.VerifyOptions{Mend: true}) {
				return fmt.Errorf("%+v, %w", f, err)
			}
			return nil
		},
	} {
		h := newHome(t)
		s := h.open(t, nil)
		fillFeed(t, s, "t", 1500)
		_, err := h.admin.Exec(t.Context(), h.in(`WITH t AS (DELETE FROM rollbook.tenant RETURNING n) INSERT INTO rollbook.dropped (n) SELECT n FROM t`))
		must(t, err)
		for _, tenant := range []string{"t", "other"} {
			if rev := put(t, s, tenant, store.Create(user("new"), []byte("new"))); rev != 1 {
				t.Errorf("%s: the first revision is %d", tenant, rev)
			}
			if all := feed(t, s, tenant); len(all) != 1 || string(all[0].Note) != "new" {
				t.Errorf("%s: the feed is %v", tenant, all)
			}
		}
		for f, err := range s.Verify(t.Context(), store.VerifyOptions{}) {
			t.Errorf("Verify without Mend: %+v, %v", f, err)
		}
		must(t, finish(s))
		if n := h.rowCount(t); n != 2*3 { // tenant, record, entry
			t.Errorf("after %s %d rows are left", name, n)
		}
		must(t, h.inconsistencies())
	}
}

// Drop and Import wait for a host that holds the tenant, and see what it has committed. Their
// callers may leave until then.
func TestMovesBesideHost(t *testing.T) {
	h := newHome(t)
	s, hosts := h.open(t, nil), h.pool(t)
	part := store.Part{Records: []store.Record{{ID: "imported", Kind: "user", Created: 7, Revision: 9}}}
	for i, test := range []struct {
		what          string
		call          func(ctx context.Context, tenant string) error
		commit        error // what the call returns after a commit of a record
		made, records int   // after a commit
	}{
		{"Drop", s.Drop, store.ErrStale, 1, 1},
		{"Import", func(ctx context.Context, tenant string) error { return s.Import(ctx, tenant, part) }, nil, 1, 2},
	} {
		for _, made := range []bool{false, true} {
			for _, commits := range []bool{false, true} {
				tenant := fmt.Sprint(test.what, i, made, commits)
				if made {
					put(t, s, tenant, store.Create(user("old"), []byte("old")), store.Create(user("older"), nil))
					put(t, s, tenant, store.Remove("old", "user", nil), store.Remove("older", "user", nil))
				}
				tx := begin(t, hosts)
				put(t, s.In(tx), tenant, store.Create(user("host's"), nil))
				if !made && test.what == "Drop" {
					must(t, test.call(t.Context(), tenant)) // there is no such tenant yet
					must(t, tx.Rollback(t.Context()))
					continue
				}
				ctx, leave := context.WithCancel(t.Context())
				left, stays := make(chan error, 1), make(chan error, 1)
				go func() { left <- test.call(ctx, tenant) }()
				go func() { stays <- test.call(t.Context(), tenant) }()
				pgtest.Until(t, "both wait", func() bool { return s.Queued() == 2 })
				leave()
				if err := <-left; !errors.Is(err, context.Canceled) { // ErrUnknown, too, if it was tried just then
					t.Errorf("%s: the caller that left: %v", tenant, err)
				}
				want := error(nil)
				if commits {
					want = test.commit
					must(t, tx.Commit(t.Context()))
				} else {
					must(t, tx.Rollback(t.Context()))
				}
				if err := <-stays; !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", tenant, err, want)
				}
				records := len(mustList(t, s, tenant))
				if commits && records != test.records || !commits && records != test.records-1 {
					t.Errorf("%s: %d records", tenant, records)
				}
			}
		}
	}
	must(t, h.inconsistencies())
}

// Writes that wait for the lock of a tenant which is dropped meanwhile write a new tenant, those
// of hosts, too, unless their transaction has an older snapshot.
func TestWritesBesideDrop(t *testing.T) {
	h := newHome(t)
	hostName := t.Name()
	named := h
	named.dsn += "&application_name=" + hostName
	s, hosts := h.open(t, nil), named.pool(t)
	put(t, s, "t", store.Create(user("a"), []byte("old")))
	put(t, s, "t", store.Remove("a", "user", []byte("old")))
	old, err := hosts.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	must(t, err)
	t.Cleanup(func() { _ = old.Rollback(context.Background()) })
	if n := len(feed(t, s.In(old), "t")); n != 2 {
		t.Fatalf("%d entries", n)
	}

	drop := begin(t, hosts)
	var revisions []int64
	must(t, drop.QueryRow(t.Context(), h.in(`SELECT revisions FROM rollbook.drop_1($1, 1000)`), []byte("t")).Scan(&revisions))
	if !slices.Equal(revisions, []int64{1}) {
		t.Fatalf("drop_1 returned %v", revisions)
	}
	tx := begin(t, hosts)
	ours, hosted, late := goApply(t.Context(), s, "t", "ours"), goApply(t.Context(), s.In(tx), "t", "host's"), goApply(t.Context(), s.In(old), "t", "late")
	pgtest.Until(t, "all wait", func() bool { return s.Queued() == 1 && h.lockWaits(t, hostName) == 2 })
	if n := len(feed(t, s, "t")); n != 2 {
		t.Errorf("before the commit %d entries", n)
	}
	must(t, drop.Commit(t.Context()))
	b := <-hosted
	must(t, errors.Join(b.err, tx.Commit(t.Context())))
	a := <-ours
	if a.err != nil || min(a.rev, b.rev) != 1 || max(a.rev, b.rev) != 2 {
		t.Errorf("writes after Drop: %+v, %+v", a, b)
	}
	if a := <-late; !errors.Is(a.err, store.ErrAborted) {
		t.Errorf("a write in a transaction that began before: %+v", a)
	}
	must(t, old.Rollback(t.Context()))
	if all := feed(t, s, "t"); len(all) != 0 {
		t.Errorf("the feed of the new tenant: %+v", all)
	}
	must(t, h.inconsistencies())
}
