package sqlite_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// tenantRows counts the rows of the tables that a tenant has rows in.
func tenantRows(t *testing.T, path string) (n int64) {
	t.Helper()
	conn, done := raw(t, path)
	defer done()
	for _, table := range []string{"tenant", "space", "record", "key", "term", "change", "schedule"} {
		n += query(t, conn, `SELECT count(*) FROM rollbook_`+table)[0][0].(int64)
	}
	return n
}

// fillFeed gives a tenant that has no records a feed of so many entries.
func fillFeed(t *testing.T, s *sqlite.Store, tenant string, entries int) {
	t.Helper()
	r := user("a", "x")
	r.Index, r.Due = []store.Key{{Kind: "i", Value: "x"}}, store.FromMillis(1)
	for n := 0; n < entries; n += store.MaxOps {
		var ops []store.Op
		for i := range store.MaxOps {
			r.ID, r.Unique = fmt.Sprint("r", i), []store.Key{{Kind: "k", Value: fmt.Sprint(i)}}
			ops = append(ops, store.Create(r, []byte("note")))
		}
		apply(t, s, tenant, ops...)
		for i := range ops {
			ops[i] = store.Remove(ops[i].New.ID, "user", nil)
		}
		apply(t, s, tenant, ops...)
	}
}

// TestDropSteps: nothing is left of a tenant with a long feed, and others write meanwhile.
func TestDropSteps(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	fillFeed(t, s, "t", 2500)
	must(t, s.Drop(t.Context(), "t"))
	if n := tenantRows(t, path); n > 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestDropInterrupted: what a process left that ended while it dropped a tenant is nobody's, and
// the next Drop deletes it. Its number is not another's before.
func TestDropInterrupted(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	fillFeed(t, s, "t", 1500)
	execRaw(t, path, `UPDATE rollbook_tenant SET name = NULL, revision = 0, trimmed = 0`, `DELETE FROM rollbook_schedule`)
	for _, name := range []string{"t", "other"} {
		if rev := apply(t, s, name, store.Create(user("new", "x"), []byte("new"))); rev != 1 {
			t.Errorf("%s: the first revision is %d", name, rev)
		}
		if feed := readFeed(t, s, name, nil); len(feed) != 1 || string(feed[0].Note) != "new" {
			t.Errorf("%s: the feed is %v", name, feed)
		}
	}
	page, err := s.Tenants(t.Context(), store.TenantQuery{})
	if err != nil || !slices.Equal(page.Names, []string{"other", "t"}) {
		t.Errorf("tenants %q, %v", page.Names, err)
	}
	must(t, s.Drop(t.Context(), "nobody"))
	checkFile(t, path)
	if n := tenantRows(t, path); n != 2*8 { // tenant, three spaces, record, key, term, entry
		t.Errorf("%d rows are left", n)
	}
}

// TestDropInAGroup drops a tenant in the transaction in which it was written to before, and is
// again afterwards, with each statement failing in turn.
func TestDropInAGroup(t *testing.T) {
	path := file(t)
	g := newGroups(t, path, nil)
	apply(t, g.store, "before", store.Create(user("a"), nil))
	due := func(id string) store.Record {
		r := user(id, "x")
		r.Due = store.FromMillis(5)
		return r
	}
	calls := []func() error{}
	for _, op := range []store.Op{
		store.Create(due("old"), []byte("old")), store.Remove("old", "user", []byte("gone")),
		{}, // Drop
		store.Create(due("new"), []byte("new")),
	} {
		calls = append(calls, func() error {
			if op.Old == nil && op.New == nil {
				return g.store.Drop(t.Context(), "t")
			}
			_, err := g.store.Apply(t.Context(), "t", store.Ops(op))
			return err
		})
	}
	failures := 0
	for at, statements := -1, 0; at < statements; at++ {
		errs, n := g.callInOrder(t, at, ioError, calls...)
		failed := errors.Join(errs...) != nil
		if at < 0 {
			statements = n
		}
		if failed {
			failures++
		}
		if failed && at < 0 {
			t.Errorf("without a fault: %v", errs)
		}
		feed := readFeed(t, g.store, "t", nil)
		r, err := g.store.Get(t.Context(), "t", store.ID("new"))
		switch {
		case err == nil && (r.Revision != 1 || len(feed) != 1):
			t.Errorf("at %d: revision %d and a feed of %d entries", at, r.Revision, len(feed))
		case err != nil && (!failed || !errors.Is(err, store.ErrNotFound)):
			t.Errorf("at %d: %v", at, err)
		}
		checkFile(t, path)
		for _, id := range []string{"old", "new"} {
			if _, err := g.store.Get(t.Context(), "t", store.ID(id)); err == nil {
				apply(t, g.store, "t", store.Remove(id, "user", nil))
			}
		}
		must(t, g.store.Drop(t.Context(), "t"))
	}
	if failures < 20 {
		t.Errorf("only %d of the statements failed", failures)
	}
}

// TestImportInAGroup: a create whose key is held by a record that was imported in the same
// transaction is refused with it, although the record has a revision of the past.
func TestImportInAGroup(t *testing.T) {
	g := newGroups(t, file(t), nil)
	apply(t, g.store, "t", store.Create(user("a"), nil), store.Create(user("b"), nil))
	r := user("old", "x")
	r.Created, r.Revision = 1, 1
	r.Kind = "other"
	g.store.LookFirst(false)
	errs, _ := g.callInOrder(t, atCommit, ioError,
		func() error { return g.store.Import(t.Context(), "t", store.Part{Records: []store.Record{r}}) },
		func() error {
			_, err := g.store.Apply(t.Context(), "t", store.Ops(store.Create(user("c", "x"), nil)))
			return err
		})
	if !errors.Is(errs[0], store.ErrUnknown) || errors.Is(errs[1], store.ErrTaken) {
		t.Errorf("COMMIT fails: %v", errs)
	}
}

// TestImportTooLate: there is no room for the revision.
func TestImportTooLate(t *testing.T) {
	s := open(t, file(t), nil)
	r := user("a")
	r.Created, r.Revision = 1, 1<<38
	err := s.Import(t.Context(), "t", store.Part{Records: []store.Record{r}})
	if !isUnavailable(err, store.ErrUnavailable) {
		t.Error(err)
	}
}
