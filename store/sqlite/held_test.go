package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestHeldKeyWaitsForNoWrite: a create whose key is held is refused while another
// connection writes.
func TestHeldKeyWaitsForNoWrite(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a", "x"), nil))
	conn, _ := raw(t, path)
	_, err := conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	must(t, err)
	_, err = s.Apply(t.Context(), "t", store.Ops(store.Create(user("b", "x"), nil)))
	taken, ok := errors.AsType[*store.TakenError](err)
	if !ok || taken.Holder.ID != "a" || taken.Op != 0 || taken.Require != -1 {
		t.Errorf("a held key: %v", err)
	}
}

// TestHeldRefusesAsTheWriter compares what a create returns if it is read first with what
// the writer says.
func TestHeldRefusesAsTheWriter(t *testing.T) {
	d := damagedStore(t)
	s := d.Store.(*sqlite.Store)
	apply(t, d, "t", store.Create(user("a", "x", "y"), nil), store.Create(user("hurt", "z"), nil))
	apply(t, d, "t", store.Create(user("lost", "left"), nil))
	must(t, d.Damage(t.Context(), "t", "hurt"))
	d.lose(t, "lost")
	for what, r := range map[string]store.Record{
		"taken":                       user("new", "x"),
		"taken later":                 user("new", "free", "y"),
		"stale":                       user("a", "free"),
		"stale and taken":             user("a", "x"),
		"holder damaged":              user("new", "z"),
		"ID damaged":                  user("hurt", "free"),
		"ID damaged and key taken":    user("hurt", "x"),
		"row of a lost record before": user("new", "left", "x"),
	} {
		batch := store.Ops(store.Create(r, nil))
		s.LookFirst(true)
		_, read := d.Apply(t.Context(), "t", batch)
		s.LookFirst(false)
		_, written := d.Apply(t.Context(), "t", batch)
		if read == nil || !cmp.Equal(read, written, cmpopts.EquateComparable(), cmpopts.EquateEmpty()) {
			t.Errorf("%s: %#v, the writer says %#v", what, read, written)
		}
	}
}

// TestHeldInLostFile: a file that was replaced, or has a newer schema, refuses no key.
func TestHeldInLostFile(t *testing.T) {
	for cause, lose := range map[error]func(path string){
		sqlite.ErrReplaced: func(path string) { must(t, os.Rename(backup(t, path), path)) },
		sqlite.ErrNewerSchema: func(path string) {
			db, err := rawDB(path)
			must(t, err)
			defer db.Close()
			conn, err := db.Conn(t.Context())
			must(t, err)
			must(t, errors.Join(sqlite.MigrateTo(t.Context(), conn, later), conn.Close()))
		},
	} {
		path := file(t)
		s := open(t, path, nil)
		apply(t, s, "t", store.Create(user("a", "x"), nil))
		_, err := s.Get(t.Context(), "t", store.ID("a")) // files and schema have just been looked at
		must(t, err)
		lose(path)
		_, err = s.Apply(t.Context(), "t", store.Ops(store.Create(user("b", "x"), nil)))
		if !isUnavailable(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

// TestLookWaitsForNoHost: a create needs no connection of the host's pool that reads.
func TestLookWaitsForNoHost(t *testing.T) {
	path := file(t)
	var pools [2]*sql.DB // writer, reader
	for i := range pools {
		dsn, err := sqlite.PoolDSN(path, nil, i == 1)
		must(t, err)
		pools[i], err = sql.Open("sqlite", dsn)
		must(t, err)
		defer pools[i].Close()
	}
	s, err := sqlite.New(t.Context(), pools[0], pools[1], nil)
	must(t, err)
	defer s.Close()
	pools[1].SetMaxOpenConns(1)
	conn, err := pools[1].Conn(t.Context())
	must(t, err)
	apply(t, s, "t", store.Create(user("a", "x"), nil))
	must(t, conn.Close())
	if _, err := s.Get(t.Context(), "t", store.ID("a")); err != nil {
		t.Error(err)
	}
}

// TestLookFirst: after many creates of what is new none is read first, until one finds a
// holder.
func TestLookFirst(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a", "x"), nil))
	conn, _ := raw(t, path)
	known := store.Ops(store.Create(user("b", "x"), nil))
	locked := func(f func()) {
		_, err := conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
		must(t, err)
		f()
		_, err = conn.ExecContext(t.Context(), `ROLLBACK`)
		must(t, err)
	}
	s.LookFirst(false)
	locked(func() {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := s.Apply(ctx, "t", known)
			done <- err
		}()
		eventually(t, "the create waits for the writer", func() bool { return s.Queued() == 1 })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	})
	_, err := s.Apply(t.Context(), "t", known)
	if !errors.Is(err, store.ErrTaken) {
		t.Error(err)
	}
	locked(func() {
		if _, err := s.Apply(t.Context(), "t", known); !errors.Is(err, store.ErrTaken) {
			t.Errorf("after a held key: %v", err)
		}
	})
}

// TestHeldWhateverBecomesOfTheGroup: a create whose key was held before the transaction is
// refused even if its COMMIT fails. If the key was taken in it, or records were deleted, the
// refusal falls with it.
func TestHeldWhateverBecomesOfTheGroup(t *testing.T) {
	g := newGroups(t, file(t), nil)
	apply(t, g.store, "t", store.Create(user("a", "held"), nil), store.Create(user("b"), nil))
	late := func(key string) store.Op { return store.Create(user("late", key), nil) }
	for _, c := range []struct {
		what          string
		first, second store.Op
		settled       bool
	}{
		{"held before", store.Create(user("new"), nil), late("held"), true},
		{"taken in it", store.Create(user("new", "free"), nil), late("free"), false},
		{"a record was deleted", store.Remove("b", "user", nil), late("held"), false},
	} {
		g.store.LookFirst(false)
		if errs := g.inOrder(t, -1, none, store.Ops(c.first), store.Ops(c.second)); errs[0] != nil || !errors.Is(errs[1], store.ErrTaken) {
			t.Errorf("%s: %v", c.what, errs)
		}
		g.restore(t)
		g.store.LookFirst(false)
		errs := g.inOrder(t, atCommit, ioError, store.Ops(c.first), store.Ops(c.second))
		if !errors.Is(errs[0], store.ErrUnknown) || errors.Is(errs[1], store.ErrTaken) != c.settled {
			t.Errorf("%s, COMMIT fails: %v", c.what, errs)
		}
		g.restore(t)
	}
}

// restore removes what the first calls of a group have made, and makes what they have removed.
func (g *groups) restore(t *testing.T) {
	t.Helper()
	if _, err := g.store.Get(t.Context(), "t", store.ID("new")); err == nil {
		apply(t, g.store, "t", store.Remove("new", "user", nil))
	}
	if _, err := g.store.Get(t.Context(), "t", store.ID("b")); err != nil {
		apply(t, g.store, "t", store.Create(user("b"), nil))
	}
}

// inOrder makes calls that share a transaction, as together does, one behind the other.
func (g *groups) inOrder(t *testing.T, at int, kind fault, batches ...store.Batch) (errs []error) {
	t.Helper()
	var calls []func() error
	for _, b := range batches {
		calls = append(calls, func() error {
			_, err := g.store.Apply(t.Context(), "t", b)
			return err
		})
	}
	errs, _ = g.callInOrder(t, at, kind, calls...)
	return errs
}

// callInOrder also returns how many statements there were.
func (g *groups) callInOrder(t *testing.T, at int, kind fault, calls ...func() error) (errs []error, statements int) {
	t.Helper()
	begun := make(chan struct{})
	g.driver.arm(at, kind, func() {}, begun)
	errs = make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { errs[i] = call() })
		eventually(t, "the call is in the queue", func() bool { return g.store.Queued() == i+1 })
	}
	close(begun)
	wg.Wait()
	statements, sins := g.driver.disarm()
	if len(sins) > 0 {
		t.Error(sins)
	}
	return errs, statements
}

// TestSeenKeys: a key that was seen in use is read first although creates of others find
// none; while many records are replaced none is.
func TestSeenKeys(t *testing.T) {
	s := open(t, file(t), nil)
	apply(t, s, "t", store.Create(user("a", "x"), nil))
	x, y := user("", "x").Unique[0], user("", "y").Unique[0]
	s.LookFirst(false)
	apply(t, s, "t", store.Create(user("b", "seen"), nil))
	seen := user("", "seen").Unique[0]
	if s.Looks("t", x) || s.Looks("t", y) || s.Looks("other", seen) || !s.Looks("t", seen) {
		t.Error("what is read first is not what was seen")
	}
	apply(t, s, "t", store.Remove("b", "user", nil))
	apply(t, s, "t", store.Create(user("c", "seen"), nil)) // the read finds no holder, the create makes one
	if !s.Looks("t", seen) {
		t.Error("a key that is in use again")
	}
	if s.LooksBesideUpdates("t", seen) {
		t.Error("read first although the writer has many replacements")
	}
}
