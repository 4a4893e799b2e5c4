package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestInReplacedFile: a pool of the host that is older than the store has another file open
// than the store, whose path is the same. Nothing is written there.
func TestInReplacedFile(t *testing.T) {
	for _, lock := range []string{"immediate", "deferred"} {
		path := file(t)
		st := open(t, path, nil)
		db := hostPool(t, path, "&_txlock="+lock)
		hostTable(t, db)
		apply(t, st, "t", store.Create(user("a"), nil))
		copied := backup(t, path)
		must(t, st.Close())
		for _, suffix := range []string{"", "-wal", "-shm"} {
			must(t, os.Rename(path+suffix, path+".old"+suffix))
		}
		must(t, os.Rename(copied, path))
		st = open(t, path, nil)

		tx := begin(t, db)
		in := st.In(tx)
		must(t, hostRow(t, tx, "before"))
		_, err := in.Get(t.Context(), "t", store.ID("a")) // the state of the old file
		must(t, err)
		_, err = in.Apply(t.Context(), "t", store.Ops(store.Create(user("b"), nil)))
		if !errors.Is(err, store.ErrAborted) || !errors.Is(err, sqlite.ErrReplaced) {
			t.Errorf("%s: %v, want ErrAborted and ErrReplaced", lock, err)
		}
		aborted(t, lock, tx, in, err)
		apply(t, st, "t", store.Create(user("c"), nil)) // the store can go on
		tx = begin(t, hostPool(t, path, "&_txlock="+lock))
		apply(t, st.In(tx), "t", store.Create(user("d"), nil))
		must(t, tx.Commit())
		if got := users(t, st); !slices.Equal(got, []string{"a", "c", "d"}) {
			t.Errorf("%s: users: %q", lock, got)
		}
	}
}

// TestInManyMarks: several stores write in one transaction, and undo some of it. After a
// crash the log is still the database's own.
func TestInManyMarks(t *testing.T) {
	t.Parallel()
	path := file(t)
	a, b := open(t, path, nil), open(t, path, nil)
	apply(t, a, "t", store.Create(user("first"), nil))
	for name, write := range map[string]func(t *testing.T, do func(query string), put func(s *sqlite.Store, id string)){
		"in turns": func(_ *testing.T, _ func(string), put func(*sqlite.Store, string)) {
			put(a, "turn-1")
			put(b, "turn-2")
			put(a, "turn-3")
		},
		"after a savepoint": func(_ *testing.T, do func(string), put func(*sqlite.Store, string)) {
			do(`SAVEPOINT host`)
			put(b, "undone")
			do(`ROLLBACK TO host`)
			put(a, "save-1")
			put(b, "save-2")
		},
	} {
		execRaw(t, path, `PRAGMA wal_checkpoint(TRUNCATE)`) // the log begins with the transaction
		tx := begin(t, hostPool(t, path, ""))
		ins := map[*sqlite.Store]*sqlite.Tx{a: a.In(tx), b: b.In(tx)}
		for _, in := range ins {
			_, err := in.Get(t.Context(), "t", store.ID("first"))
			must(t, err)
		}
		write(t, func(query string) {
			_, err := tx.ExecContext(t.Context(), query)
			must(t, err)
		}, func(s *sqlite.Store, id string) { apply(t, ins[s], "t", store.Create(user(id), nil)) })
		must(t, tx.Commit())
		at := file(t)
		copyFile(t, path, at)
		copyFile(t, path+"-wal", at+"-wal")
		opensWith(t, at, name, false, users(t, a)...)
	}
}

// TestInUnforced: without foreign keys the store could not keep the host from committing
// after an error. So it does nothing in the transaction, and its errors leave it as it is.
func TestInUnforced(t *testing.T) {
	for _, closed := range []bool{false, true} {
		path := file(t)
		st := open(t, path, nil)
		db := hostPool(t, path, "&_pragma=foreign_keys(0)")
		hostTable(t, db)
		tx := begin(t, db)
		must(t, hostRow(t, tx, "before"))
		if closed {
			must(t, st.Close())
		}
		for call, err := range callsIn(t.Context(), st.In(tx)) {
			if !errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrAborted) {
				t.Errorf("closed %v: %s: %v, want ErrInvalid", closed, call, err)
			}
		}
		must(t, hostRow(t, tx, "after"))
		must(t, tx.Rollback())
		if got := hostRows(t, path); len(got) > 0 {
			t.Errorf("closed %v: rows %q after a rollback", closed, got)
		}
	}
}

// TestInWithoutReader: a write does not wait for ever if the host has all connections with
// which the store reads.
func TestInWithoutReader(t *testing.T) {
	path := file(t)
	opts := &sqlite.Options{LockTimeout: 20 * time.Millisecond}
	var pools [2]*sql.DB // writer, reader
	for i := range pools {
		dsn, err := sqlite.PoolDSN(path, opts, i == 1)
		must(t, err)
		pools[i], err = sql.Open("sqlite", dsn)
		must(t, err)
		defer pools[i].Close()
	}
	st, err := sqlite.New(t.Context(), pools[0], pools[1], opts)
	must(t, err)
	defer st.Close()
	pools[1].SetMaxOpenConns(1)
	conn, err := pools[1].Conn(t.Context())
	must(t, err)
	tx := begin(t, hostPool(t, path, ""))
	_, err = st.In(tx).Apply(t.Context(), "t", store.Ops(store.Create(user("a"), nil)))
	if !errors.Is(err, store.ErrAborted) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want ErrAborted and DeadlineExceeded", err)
	}
	must(t, conn.Close())
}
