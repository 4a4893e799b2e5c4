package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// What every store does with damage is checked by storetest. These tests are about
// rows of indexes without their record, and about groups of writes.

func damagedStore(t *testing.T) damager {
	t.Helper()
	path := file(t)
	return damager{open(t, path, nil), path}
}

// finds compares what a key, and a term of the same name, find.
func (d damager) finds(t *testing.T, tenant, key string, want ...string) {
	t.Helper()
	r, err := d.Get(t.Context(), tenant, store.Key{Kind: "k", Value: key})
	if len(want) == 0 {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get %s: %s, %v; want not found", key, r.ID, err)
		}
	} else if err != nil || r.ID != want[0] {
		t.Errorf("Get %s: %s, %v; want %s", key, r.ID, err, want[0])
	}
	page, err := d.List(t.Context(), tenant, store.Query{Kind: "user", Match: []store.Key{{Kind: "i", Value: key}}})
	var got []string
	for _, r := range page.Records {
		got = append(got, r.ID)
	}
	if err != nil || len(page.Damaged) > 0 || !slices.Equal(got, want) {
		t.Errorf("List %s: %q, damaged %q, %v; want %q", key, got, page.Damaged, err, want)
	}
}

// lose deletes a record's row alone.
func (d damager) lose(t *testing.T, id string) {
	t.Helper()
	must(t, d.edit(func(db *sql.DB) error {
		return changeRow(t.Context(), db, `DELETE FROM rollbook_record
			WHERE tenant = (SELECT n FROM rollbook_tenant WHERE name = 't') AND id = ?`, id)
	}))
}

// TestRowsLeftBehind: a lost record's keys are free and find nothing, also when its
// row number has become another's, of its own tenant or of another one.
func TestRowsLeftBehind(t *testing.T) {
	for _, next := range []string{"t", "other"} {
		d := damagedStore(t)
		apply(t, d, "other", store.Create(user("first"), nil)) // so that both tenants exist
		apply(t, d, "t", store.Create(user("a", "x", "y"), nil))
		d.lose(t, "a")
		d.finds(t, "t", "x")

		b := user("b", "z")
		b.Revision = apply(t, d, next, store.Create(b, nil)) // has a's row number
		d.finds(t, next, "z", "b")
		d.finds(t, "t", "x")
		d.finds(t, next, "x")

		rev, err := d.Apply(t.Context(), "t", store.Batch{
			Require: []store.Require{store.RequireFree(store.Key{Kind: "k", Value: "x"})},
			Ops:     []store.Op{store.Create(user("c", "x"), nil)},
		})
		must(t, err)
		d.finds(t, "t", "x", "c")

		c := user("c", "x", "y")
		c.Revision = rev
		apply(t, d, "t", store.Replace(c, c, nil))
		d.finds(t, "t", "x", "c")
		d.finds(t, "t", "y", "c")
		conn, _ := raw(t, d.path)
		checkSQLite(t, conn)
	}
}

// TestClaimOfOwnRow: the row number of a key without its record may be that of the
// record that claims it.
func TestClaimOfOwnRow(t *testing.T) {
	d := damagedStore(t)
	apply(t, d, "t", store.Create(user("lost", "own"), nil))
	d.lose(t, "lost")
	next := user("next")
	next.Revision = apply(t, d, "t", store.Create(next, nil))
	apply(t, d, "t", store.Replace(next, user("next", "own"), nil))
	d.finds(t, "t", "own", "next")
	conn, _ := raw(t, d.path)
	checkSQLite(t, conn)
}

// TestRemoveDamaged: a removal leaves nothing of a damaged record in any index, whatever
// kind it gives.
func TestRemoveDamaged(t *testing.T) {
	d := damagedStore(t)
	a := user("a", "x", "y")
	a.Due = store.FromMillis(5)
	apply(t, d, "t", store.Create(a, nil))
	must(t, d.Damage(t.Context(), "t", "a"))
	apply(t, d, "t", store.Remove("a", "another kind", []byte("note")))
	checkFile(t, d.path)
}

// TestDamageInAGroup: a batch that is refused for a damaged record is alone with
// that; those which share its transaction are written.
func TestDamageInAGroup(t *testing.T) {
	path := file(t)
	g := newGroups(t, path, nil)
	d := damager{g.store, path}
	rev := apply(t, d, "t", store.Create(user("broken", "x"), nil), store.Create(user("b", "y"), nil))
	must(t, d.Damage(t.Context(), "t", "broken"))
	a := user("broken")
	a.Revision = rev - 1
	free := store.RequireFree(store.Key{Kind: "k", Value: "x"})
	cases := []struct {
		batch store.Batch
		want  error
	}{
		{store.Ops(store.Replace(a, a, nil)), store.ErrDamaged},
		{store.Ops(store.Delete(a, nil)), store.ErrDamaged},
		{store.Ops(store.Create(a, nil)), store.ErrDamaged},
		{store.Ops(store.Create(user("claims", "x"), nil)), store.ErrDamaged},
		{store.Batch{Require: []store.Require{free}, Ops: []store.Op{store.Create(user("requires"), nil)}}, store.ErrDamaged},
		{store.Batch{Require: []store.Require{store.RequireAt(a)}, Ops: []store.Op{store.Create(user("expects"), nil)}}, store.ErrStale},
		{store.Ops(store.Create(user("fine", "z"), nil)), nil},
		{store.Ops(store.Create(user("fine too"), nil)), nil},
	}
	var batches []store.Batch
	for _, c := range cases {
		batches = append(batches, c.batch)
	}
	errs, _ := g.together(t, -1, none, batches)
	for i, c := range cases {
		if !errors.Is(errs[i], c.want) {
			t.Errorf("batch %d: %v, want %v", i, errs[i], c.want)
		}
	}
	d.finds(t, "t", "z", "fine")
}

// TestDamagedPageEnds: so many records may be damaged that they do not fit a page.
func TestDamagedPageEnds(t *testing.T) {
	const many = store.MaxLimit + 100
	d := damagedStore(t)
	var ops []store.Op
	for i := range many {
		r := user(fmt.Sprint(i))
		r.Due = store.FromMillis(int64(1 + i/10))
		ops = append(ops, store.Create(r, nil))
	}
	create(t, d, "t", ops)
	execRaw(t, d.path, `UPDATE rollbook_record SET keys = x'00'`)
	for _, desc := range []bool{false, true} {
		found, q := 0, store.Query{Kind: "user", Desc: desc}
		for more := true; more; {
			page, err := d.List(t.Context(), "t", q)
			if err != nil || len(page.Records) > 0 || len(page.Damaged) > store.MaxLimit {
				t.Fatalf("%d records, %d damaged, %v", len(page.Records), len(page.Damaged), err)
			}
			found += len(page.Damaged)
			more = page.Next != 0
			if q.After = page.Next; desc {
				q.After, q.Before = 0, page.Next
			}
		}
		if found != many {
			t.Errorf("List, desc %v: %d damaged", desc, found)
		}
	}
	found, q := 0, store.DueQuery{Before: store.FromMillis(1e6), Tenant: "t"}
	for more := true; more; more = q.From != "" {
		page, err := d.Due(t.Context(), q)
		if err != nil || len(page.Tenants) != 1 || len(page.Tenants[0].Records) > 0 {
			t.Fatalf("%+v, %v", page, err)
		}
		found += len(page.Tenants[0].Damaged)
		q.From = page.Tenants[0].Next
	}
	if found != many {
		t.Errorf("Due: %d damaged", found)
	}
	counted, err := d.Store.(store.Counter).Count(t.Context(), "t", store.CountQuery{Kind: "user"})
	if err != nil || counted != (store.Counted{N: 0, Exact: true}) {
		t.Errorf("Count: %+v, %v", counted, err)
	}
}
