package sqlite_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// hostPool returns a host's pool on a file, with the settings that In needs, and more.
func hostPool(t testing.TB, path, more string) *sql.DB {
	t.Helper()
	db, err := openHostPool(path, more)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openHostPool(path, more string) (*sql.DB, error) {
	uri, err := sqlite.DatabaseURI(path)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{ // the driver sorts them: the last one need not win
		"busy_timeout": "10000", "synchronous": "FULL", "foreign_keys": "1", "secure_delete": "1", "trusted_schema": "0",
	} {
		if !strings.Contains(more, name) {
			more += "&_pragma=" + name + "(" + value + ")"
		}
	}
	if !strings.Contains(more, "_txlock") {
		more += "&_txlock=immediate"
	}
	return sql.Open("sqlite", uri+"?"+strings.TrimPrefix(more, "&"))
}

// TestDSN: a pool by DSN can be used for In, and its transactions begin as writes.
func TestDSN(t *testing.T) {
	for _, sync := range []sqlite.Sync{sqlite.Full, sqlite.Normal} {
		path := filepath.Join(t.TempDir(), "a ?b%20#.db")
		opts := &sqlite.Options{Sync: sync, LockTimeout: 500 * time.Millisecond} // enough for In
		st := open(t, path, opts)
		dsn, err := sqlite.DSN(path, opts)
		must(t, err)
		db, err := sql.Open("sqlite", dsn)
		must(t, err)
		t.Cleanup(func() { _ = db.Close() })
		tx := begin(t, db)
		_, err = st.Apply(t.Context(), "t", store.Ops(store.Create(user("a"), nil)))
		if !isUnavailable(err, store.ErrUnavailable) {
			t.Errorf("a write beside a transaction that has begun: %v", err)
		}
		apply(t, st.In(tx), "t", store.Create(user("a"), nil))
		must(t, tx.Commit())
		_, err = st.Get(t.Context(), "t", store.ID("a"))
		must(t, err)
	}
	for _, path := range []string{"", ":memory:", "file:x.db"} {
		if dsn, err := sqlite.DSN(path, nil); err == nil {
			t.Errorf("%q: %q", path, dsn)
		}
	}
	if dsn, err := sqlite.DSN("x.db", &sqlite.Options{Sync: 9}); err == nil {
		t.Errorf("invalid options: %q", dsn)
	}
}

// hostTable makes a table of the host.
func hostTable(t testing.TB, db *sql.DB) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `CREATE TABLE host (name TEXT PRIMARY KEY, value TEXT)`)
	must(t, err)
}

// hostRow writes a row of the host.
func hostRow(t testing.TB, tx *sql.Tx, name string) error {
	t.Helper()
	_, err := tx.ExecContext(t.Context(), `INSERT INTO host (name) VALUES (?)`, name)
	return err
}

// hostRows returns the names of the host's rows.
func hostRows(t testing.TB, path string) (names []string) {
	t.Helper()
	conn, done := raw(t, path)
	defer done()
	for _, row := range query(t, conn, `SELECT name FROM host ORDER BY name`) {
		names = append(names, row[0].(string))
	}
	return names
}

func begin(t testing.TB, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// The damager edits through the transaction: nobody else could.
func TestConformanceIn(t *testing.T) {
	t.Parallel()
	storetest.RunIn(t, func() (storetest.Place, error) {
		path := file(t)
		place := onFile(path, &sqlite.Options{Sync: size.Pick(t, sqlite.Normal, sqlite.Full, sqlite.Full)})
		db, err := openHostPool(path, "")
		if err != nil {
			return place, err
		}
		open := place.Open
		var st *sqlite.Store
		var once sync.Once
		place.Open = func() (store.Store, error) {
			h, err := open()
			if err == nil {
				once.Do(func() { st = h.(damager).Store.(*sqlite.Store) })
			}
			return h, err
		}
		place.Begin = func() (storetest.Transaction, error) {
			tx, err := db.BeginTx(context.Background(), nil)
			if err != nil {
				return storetest.Transaction{}, err
			}
			return storetest.Transaction{Store: txDamager{st.In(tx), tx}, Commit: tx.Commit, Rollback: tx.Rollback}, nil
		}
		end := place.Close
		place.Close = func() error {
			checkIndexes(t, path)
			return errors.Join(end(), db.Close())
		}
		return place, nil
	})
}

// callsIn makes each call of a store in a transaction once.
func callsIn(ctx context.Context, tx *sqlite.Tx) map[string]error {
	_, apply := tx.Apply(ctx, "t", store.Ops(store.Create(user("one more"), nil)))
	_, get := tx.Get(ctx, "t", store.ID("a"))
	_, list := tx.List(ctx, "t", store.Query{Kind: "user"})
	_, count := tx.Count(ctx, "t", store.CountQuery{Kind: "user"})
	_, due := tx.Due(ctx, store.DueQuery{Before: store.FromMillis(1)})
	_, tenants := tx.Tenants(ctx, store.TenantQuery{})
	_, changes := tx.Changes(ctx, "t", store.ChangeQuery{})
	return map[string]error{
		"Apply": apply, "Get": get, "List": list, "Count": count, "Due": due, "Tenants": tenants, "Changes": changes,
		"Trim": tx.Trim(ctx, "t", 1),
	}
}

// aborted checks that every call is ErrAborted for a cause, and that the host cannot commit
// what it has done before or after.
func aborted(t *testing.T, what string, tx *sql.Tx, in *sqlite.Tx, cause error) {
	t.Helper()
	for call, err := range callsIn(t.Context(), in) {
		if !errors.Is(err, store.ErrAborted) || !errors.Is(err, cause) {
			t.Errorf("%s: %s: %v, want ErrAborted for %v", what, call, err, cause)
		}
	}
	_ = hostRow(t, tx, "after") // the host ignores the error
	if err := tx.Commit(); err == nil {
		t.Errorf("%s: the host has committed", what)
	}
}

// TestInOtherDatabase joins transactions that are not of the store's file.
func TestInOtherDatabase(t *testing.T) {
	st := open(t, file(t), nil)
	apply(t, st, "t", store.Create(user("a"), nil))
	registry := file(t)
	open(t, registry, nil)
	memory, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	must(t, err)
	t.Cleanup(func() { _ = memory.Close() })
	for what, db := range map[string]*sql.DB{
		"another file of this package": hostPool(t, registry, ""), "a file without its tables": hostPool(t, file(t), ""), "in memory": memory,
	} {
		tx := begin(t, db)
		in := st.In(tx)
		for call, err := range callsIn(t.Context(), in) {
			if !errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrAborted) {
				t.Errorf("%s: %s: %v, want ErrInvalid", what, call, err)
			}
		}
		_, err := tx.ExecContext(t.Context(), `CREATE TABLE host (name TEXT PRIMARY KEY, value TEXT)`)
		must(t, err)
		must(t, tx.Commit()) // nothing has happened to it
	}
	if got := users(t, open(t, registry, nil)); len(got) > 0 {
		t.Errorf("users in the other file: %q", got)
	}
}

// TestInLink joins a transaction whose pool names the file by a symbolic link.
func TestInLink(t *testing.T) {
	path := file(t)
	st := open(t, path, nil)
	link := file(t)
	must(t, os.Symlink(path, link))
	tx := begin(t, hostPool(t, link, ""))
	apply(t, st.In(tx), "t", store.Create(user("a"), nil))
	must(t, tx.Commit())
	if got := users(t, st); !slices.Equal(got, []string{"a"}) {
		t.Errorf("users: %q", got)
	}
}

// TestInSettings shows that the store does not write under settings that break its
// promises, but reads, and that the host can go on.
func TestInSettings(t *testing.T) {
	for _, test := range []struct {
		setting string
		sync    sqlite.Sync
		want    string // in the error; "": it writes
	}{
		{"synchronous(FULL)", sqlite.Full, ""},
		{"synchronous(NORMAL)", sqlite.Normal, ""},
		{"synchronous(EXTRA)", sqlite.Full, ""},
		{"synchronous(NORMAL)", sqlite.Full, "synchronous of its connection is not FULL"},
		{"synchronous(OFF)", sqlite.Normal, "synchronous of its connection is not NORMAL"},
		{"secure_delete(0)", sqlite.Full, "secure_delete of its connection is not 1"},
		{"secure_delete(FAST)", sqlite.Full, "secure_delete of its connection is not 1"},
		{"trusted_schema(1)", sqlite.Full, "trusted_schema of its connection is not 0"},
	} {
		path := file(t)
		st := open(t, path, &sqlite.Options{Sync: test.sync})
		apply(t, st, "t", store.Create(user("a"), nil))
		db := hostPool(t, path, "&_pragma="+test.setting)
		hostTable(t, db)
		tx := begin(t, db)
		in := st.In(tx)
		for range 2 {
			must(t, hostRow(t, tx, rand.Text()))
			_, err := in.Apply(t.Context(), "t", store.Ops(store.Remove("a", "user", nil)))
			if test.want == "" {
				must(t, err)
				break
			}
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: Apply: %v", test.setting, err)
			}
			if err := in.Trim(t.Context(), "t", 1); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: Trim: %v", test.setting, err)
			}
			_, err = in.Get(t.Context(), "t", store.ID("a"))
			must(t, err)
		}
		must(t, tx.Commit())
	}
}

// TestInDeferred joins transactions that were begun without the lock to write.
func TestInDeferred(t *testing.T) {
	path := file(t)
	st := open(t, path, nil)
	apply(t, st, "t", store.Create(user("a"), nil))
	db := hostPool(t, path, "&_txlock=deferred")
	hostTable(t, db)

	tx := begin(t, db)
	in := st.In(tx)
	apply(t, in, "t", store.Create(user("b"), nil)) // nobody else has written
	must(t, tx.Commit())

	tx = begin(t, db)
	in = st.In(tx)
	_, err := in.Get(t.Context(), "t", store.ID("a"))
	must(t, err)
	apply(t, st, "t", store.Create(user("c"), nil))
	_, err = in.Apply(t.Context(), "t", store.Ops(store.Create(user("d"), nil)))
	if !errors.Is(err, store.ErrAborted) || !strings.Contains(err.Error(), "BEGIN IMMEDIATE (_txlock=immediate)") {
		t.Errorf("a write after another's: %v", err)
	}
	aborted(t, "a stale snapshot", tx, in, err)
	if got := users(t, st); !slices.Equal(got, []string{"a", "b", "c"}) || len(hostRows(t, path)) > 0 {
		t.Errorf("users: %q, rows: %q", got, hostRows(t, path))
	}
}

// TestInLost shows that a store that must be opened again does not let the host commit.
func TestInLost(t *testing.T) {
	for what, test := range map[string]struct {
		lose  func(t *testing.T, st *sqlite.Store, path string, tx *sql.Tx)
		cause error
	}{
		"replaced": {func(t *testing.T, _ *sqlite.Store, path string, _ *sql.Tx) {
			t.Helper()
			must(t, os.Rename(path, path+".old"))
			copyFile(t, path+".old", path)
		}, sqlite.ErrReplaced},
		"a newer schema": {func(t *testing.T, _ *sqlite.Store, _ string, tx *sql.Tx) {
			t.Helper()
			_, err := tx.ExecContext(t.Context(), `INSERT INTO rollbook_migration VALUES (99, 'newer', 99)`)
			must(t, err)
		}, sqlite.ErrNewerSchema},
		"closed": {func(t *testing.T, st *sqlite.Store, _ string, _ *sql.Tx) {
			t.Helper()
			must(t, st.Close())
		}, store.ErrUnavailable},
	} {
		for _, used := range []bool{false, true} {
			if used && what == "a newer schema" {
				continue // the lock of the transaction keeps others from migrating
			}
			path := file(t)
			st := open(t, path, nil)
			db := hostPool(t, path, "")
			hostTable(t, db)
			tx := begin(t, db)
			in := st.In(tx)
			must(t, hostRow(t, tx, "before"))
			if used {
				apply(t, in, "t", store.Create(user("a"), nil))
			}
			test.lose(t, st, path, tx)
			aborted(t, what, tx, in, test.cause)
			if what == "closed" && len(hostRows(t, path)) > 0 {
				t.Errorf("%s: rows %q", what, hostRows(t, path))
			}
		}
	}
}

// TestInContext: a host's transaction that ends with its context takes all with it.
func TestInContext(t *testing.T) {
	path := file(t)
	st := open(t, path, nil)
	db := hostPool(t, path, "")
	hostTable(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	must(t, err)
	in := st.In(tx)
	must(t, hostRow(t, tx, "before"))
	apply(t, in, "t", store.Create(user("a"), nil))
	cancel()
	eventually(t, "the transaction ends", func() bool {
		_, err := in.Get(t.Context(), "t", store.ID("a"))
		return errors.Is(err, store.ErrAborted)
	})
	apply(t, st, "t", store.Create(user("b"), nil)) // the lock is free
	if got := users(t, st); !slices.Equal(got, []string{"b"}) || len(hostRows(t, path)) > 0 {
		t.Errorf("users: %q, rows: %q", got, hostRows(t, path))
	}
}

// TestInTwice: several stores may be made on one transaction, and used at once.
func TestInTwice(t *testing.T) {
	path := file(t)
	st := open(t, path, nil)
	tx := begin(t, hostPool(t, path, ""))
	in := st.In(tx)
	atonce.Do(8, func(i int) {
		for j := range 10 {
			apply(t, in, "t", store.Create(user(fmt.Sprintf("%d-%d", i, j), fmt.Sprint(i, j)), []byte("note")))
			_, _ = in.List(t.Context(), "t", store.Query{Kind: "user"})
		}
	})
	apply(t, st.In(tx), "t", store.Create(user("another"), []byte("note")))
	must(t, tx.Commit())
	if rev := apply(t, st, "t", store.Create(user("last"), nil)); rev != 82 {
		t.Errorf("revision %d after 81 writes", rev)
	}
	checkIndexes(t, path)
}
