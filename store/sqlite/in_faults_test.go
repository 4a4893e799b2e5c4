package sqlite_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// hostFaults has a host with a driver whose statements can fail.
type hostFaults struct {
	path string
	st   *sqlite.Store
}

func newHostFaults(t *testing.T) hostFaults {
	t.Helper()
	path := file(t)
	st := open(t, path, nil)
	hostTable(t, hostPool(t, path, ""))
	apply(t, st, "t", store.Create(user("old", "x"), nil), store.Create(user("older", "y"), nil))
	return hostFaults{path, st}
}

// begin begins a transaction on a connection of its own: some faults spoil it.
func (h hostFaults) begin(t *testing.T) (*sql.Tx, *faultyDriver) {
	t.Helper()
	dsn, err := sqlite.DSN(h.path, nil)
	must(t, err)
	db, d := newFaultyPool(t, dsn, h.path)
	return begin(t, db), d
}

// armed arms the next statement but at.
func armed(d *faultyDriver, at int, kind fault) { d.arm(at, kind, nil, nil) }

// disarmed returns how many statements there were.
func disarmed(t *testing.T, d *faultyDriver) int {
	t.Helper()
	statements, sins := d.disarm()
	for _, sin := range sins {
		if strings.Contains(sin, "did not happen") {
			t.Error(sin)
		}
	}
	return statements
}

// left checks what is left of all transactions.
func (h hostFaults) left(t *testing.T, what string, wantUsers, wantRows int) {
	t.Helper()
	if u, r := users(t, h.st), hostRows(t, h.path); len(u) != wantUsers || len(r) != wantRows {
		t.Fatalf("%s: users %q, rows %q; want %d and %d", what, u, r, wantUsers, wantRows)
	}
}

// write reads, and writes a batch that creates, replaces and deletes.
func (h hostFaults) write(t *testing.T, in *sqlite.Tx) error {
	t.Helper()
	old, err := in.Get(t.Context(), "t", store.ID("old"))
	if err != nil {
		return err
	}
	older, err := in.Get(t.Context(), "t", store.Key{Kind: "k", Value: "y"})
	if err != nil {
		return err
	}
	_, err = in.Apply(t.Context(), "t", store.Ops(
		store.Create(user("new", "z"), []byte("note")), store.Replace(old, user("old", "y"), []byte("note")), store.Delete(older, []byte("note"))))
	return err
}

// TestInStatementFaults has one statement of the store fail in a host's transaction, every
// one in every way. The host ignores that, writes another row and commits: nothing of the
// transaction may be left.
func TestInStatementFaults(t *testing.T) {
	t.Parallel()
	h := newHostFaults(t)
	tx, d := h.begin(t)
	armed(d, -1, none)
	must(t, h.write(t, h.st.In(tx)))
	statements := disarmed(t, d)
	must(t, tx.Rollback())
	if statements < 15 {
		t.Fatalf("only %d statements", statements)
	}
	missed := 0
	for at := range statements {
		for kind := none + 1; kind < leaves; kind++ {
			if size.Race && size.At(t) == size.Quick && (at+int(kind))%4 > 0 {
				continue // the race detector needs no other statements
			}
			what := kind.String()
			tx, d := h.begin(t)
			must(t, hostRow(t, tx, "before"))
			in := h.st.In(tx)
			armed(d, at, kind)
			err := h.write(t, in)
			disarmed(t, d)
			if err == nil && (kind == ioAfter || kind == busyAfter) { // that BEGIN fails anyway
				must(t, tx.Rollback())
				missed++
				continue
			}
			if !errors.Is(err, store.ErrAborted) || errors.Is(err, store.ErrUnknown) {
				t.Fatalf("%s at statement %d: %v, want ErrAborted", what, at, err)
			}
			aborted(t, what, tx, in, err)
			h.left(t, what, 2, 0)
		}
	}
	if missed > 2 {
		t.Errorf("%d faults had no effect", missed)
	}
	checkIndexes(t, h.path)
	apply(t, h.st, "t", store.Create(user("new"), nil)) // the file is not locked
	t.Logf("%d statements, each in %d ways", statements, leaves-1)
}

// TestInHostFaults has a statement of the host fail. If SQLite has ended the transaction
// for it, the store notices, and nothing is left; else the transaction goes on.
func TestInHostFaults(t *testing.T) {
	t.Parallel()
	for kind := none + 1; kind < leaves; kind++ {
		for _, used := range []bool{false, true} {
			h := newHostFaults(t)
			tx, d := h.begin(t)
			must(t, hostRow(t, tx, "before"))
			in := h.st.In(tx)
			if used {
				apply(t, in, "t", store.Create(user("first"), nil))
			}
			armed(d, 0, kind)
			if hostRow(t, tx, "failed") == nil {
				t.Errorf("%v: no error", kind)
			}
			disarmed(t, d)
			_, err := in.Apply(t.Context(), "t", store.Ops(store.Create(user("second"), nil)))
			if kind == interrupted || kind == ioRolledBack {
				if !errors.Is(err, store.ErrAborted) {
					t.Errorf("%v: %v, want ErrAborted", kind, err)
				}
				aborted(t, kind.String(), tx, in, err)
				h.left(t, kind.String(), 2, 0)
				continue
			}
			must(t, err)
			must(t, tx.Commit())
			wantUsers, wantRows := 3, 1
			if used {
				wantUsers++
			}
			if kind == ioAfter || kind == busyAfter {
				wantRows++ // it was executed
			}
			h.left(t, kind.String(), wantUsers, wantRows)
		}
	}
}

// TestInSavepoint: what was written after a savepoint goes with it.
func TestInSavepoint(t *testing.T) {
	path := file(t)
	st := open(t, path, nil)
	db := hostPool(t, path, "")
	tx := begin(t, db)
	in := st.In(tx)
	sql := func(query string) {
		_, err := tx.ExecContext(t.Context(), query)
		must(t, err)
	}
	for i, undo := range []bool{false, true, true, false} {
		sql(`SAVEPOINT host`)
		rev := apply(t, in, "t", store.Create(user(string(rune('a'+i))), []byte("note")))
		if want := store.Revision(1 + min(i, 1)); rev != want {
			t.Errorf("step %d: revision %d, want %d", i, rev, want)
		}
		if undo {
			sql(`ROLLBACK TO host`)
		}
		sql(`RELEASE host`)
	}
	must(t, tx.Commit())
	if got := users(t, st); len(got) != 2 || got[0] != "a" || got[1] != "d" {
		t.Errorf("users: %q", got)
	}
	checkIndexes(t, path)
}

// TestInFaultAfterSavepoint: after ErrAborted the host can neither roll back to a savepoint
// and commit the rest, nor go on with another Tx.
func TestInFaultAfterSavepoint(t *testing.T) {
	t.Parallel()
	h := newHostFaults(t)
	for kind := none + 1; kind < leaves; kind++ {
		tx, d := h.begin(t)
		in := h.st.In(tx)
		must(t, hostRow(t, tx, "before"))
		apply(t, in, "t", store.Create(user("first"), nil))
		_, err := tx.ExecContext(t.Context(), `SAVEPOINT host`)
		must(t, err)
		armed(d, 5, kind)
		err = h.write(t, in)
		disarmed(t, d)
		if !errors.Is(err, store.ErrAborted) {
			t.Fatalf("%v: %v, want ErrAborted", kind, err)
		}
		_, _ = tx.ExecContext(t.Context(), `ROLLBACK TO host`)
		for call, err := range callsIn(t.Context(), h.st.In(tx)) {
			if !errors.Is(err, store.ErrAborted) {
				t.Errorf("%v: %s through another Tx: %v, want ErrAborted", kind, call, err)
			}
		}
		aborted(t, kind.String(), tx, in, err)
		h.left(t, kind.String(), 2, 0)
	}
}
