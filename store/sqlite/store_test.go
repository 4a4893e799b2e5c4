package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "rollbook.db")
}

// open opens a store until the test ends. Unless options say otherwise, nothing waits for
// the disk: no test cuts the power.
func open(t testing.TB, path string, opts *sqlite.Options) *sqlite.Store {
	t.Helper()
	if opts == nil {
		opts = &sqlite.Options{Sync: sqlite.Normal}
	}
	s, err := sqlite.Open(t.Context(), path, opts)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openPools opens a store with New, on pools as Open makes them and with more settings of
// the writer's connections, and returns the driver that can make its writes fail.
func openPools(t testing.TB, path string, opts *sqlite.Options, more string) (*sqlite.Store, *faultyDriver) {
	t.Helper()
	writerDSN, err := sqlite.PoolDSN(path, opts, false)
	must(t, err)
	readerDSN, err := sqlite.PoolDSN(path, opts, true)
	must(t, err)
	writer, d := newFaultyPool(t, writerDSN+more, path)
	reader, err := sql.Open("sqlite", readerDSN)
	must(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	s, err := sqlite.New(t.Context(), writer, reader, opts)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, d
}

// rawDB opens a file without this package.
func rawDB(path string) (*sql.DB, error) {
	uri, err := sqlite.DatabaseURI(path)
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", uri+"?_pragma=busy_timeout(10000)")
}

// raw returns a connection to a file that is not the store's. It is closed when the test
// ends, or earlier by the test.
func raw(t testing.TB, path string) (conn *sql.Conn, closeIt func()) {
	t.Helper()
	db, err := rawDB(path)
	must(t, err)
	conn, err = db.Conn(t.Context())
	must(t, err)
	closeIt = func() { _, _ = conn.Close(), db.Close() }
	t.Cleanup(closeIt)
	return conn, closeIt
}

// execRaw runs statements on a connection of their own.
func execRaw(t testing.TB, path string, queries ...string) {
	t.Helper()
	conn, done := raw(t, path)
	defer done()
	execute(t, conn, queries...)
}

func execute(t testing.TB, conn *sql.Conn, queries ...string) {
	t.Helper()
	for _, query := range queries {
		_, err := conn.ExecContext(t.Context(), query)
		must(t, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		runtime.Gosched()
	}
}

// user is a record with keys, and index terms of the same names. Its body is its ID.
func user(id string, keys ...string) store.Record {
	r := store.Record{ID: id, Kind: "user", Data: []byte(id)}
	for _, key := range keys {
		r.Unique = append(r.Unique, store.Key{Kind: "k", Value: key})
		r.Index = append(r.Index, store.Key{Kind: "i", Value: key})
	}
	return r
}

func apply(t testing.TB, s store.Store, tenant string, ops ...store.Op) store.Revision {
	t.Helper()
	rev, err := s.Apply(t.Context(), tenant, store.Ops(ops...))
	if err != nil {
		t.Fatalf("%s: %v", tenant, err)
	}
	return rev
}

// create creates users in batches.
func create(t testing.TB, s store.Store, tenant string, ops []store.Op) {
	t.Helper()
	for from := 0; from < len(ops); from += store.MaxOps {
		apply(t, s, tenant, ops[from:min(from+store.MaxOps, len(ops))]...)
	}
}

// users returns the IDs of all users of tenant t.
func users(t testing.TB, s store.Store) (ids []string) {
	t.Helper()
	page, err := s.List(t.Context(), "t", store.Query{Kind: "user", Limit: store.MaxLimit})
	if err != nil || page.Next != 0 || len(page.Damaged) > 0 {
		t.Errorf("list: next %d, damaged %v, %v", page.Next, page.Damaged, err)
	}
	for _, r := range page.Records {
		ids = append(ids, r.ID)
	}
	return ids
}

// everyCall makes each call of a store once.
func everyCall(ctx context.Context, s *sqlite.Store) map[string]error {
	_, apply := s.Apply(ctx, "t", store.Ops(store.Create(user("one more"), nil)))
	_, get := s.Get(ctx, "t", store.ID("a"))
	_, list := s.List(ctx, "t", store.Query{Kind: "user"})
	_, count := s.Count(ctx, "t", store.CountQuery{Kind: "user"})
	_, due := s.Due(ctx, store.DueQuery{Before: store.FromMillis(1)})
	_, tenants := s.Tenants(ctx, store.TenantQuery{})
	_, changes := s.Changes(ctx, "t", store.ChangeQuery{})
	return map[string]error{
		"Apply": apply, "Get": get, "List": list, "Count": count, "Due": due, "Tenants": tenants, "Changes": changes,
		"Trim": s.Trim(ctx, "t", 1), "Wait": s.Wait(ctx, "t", 0), "Scrub": s.Scrub(ctx),
	}
}

// isUnavailable reports whether a call failed for a cause and has done nothing.
func isUnavailable(err, cause error) bool {
	return errors.Is(err, cause) && errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown)
}

// unusable checks that every call fails for a cause.
func unusable(t testing.TB, what string, s *sqlite.Store, cause error) {
	t.Helper()
	for call, err := range everyCall(t.Context(), s) {
		if !isUnavailable(err, cause) {
			t.Errorf("%s: %s: %v, want %v", what, call, err, cause)
		}
	}
}
