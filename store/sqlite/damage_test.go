package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/store"
)

// What every store does with damage is checked by storetest. These tests are about
// rows of indexes without their record, and about groups of writes.

func user(id string, keys ...string) store.Record {
	r := store.Record{ID: id, Kind: "user", Data: []byte(id)}
	for _, key := range keys {
		r.Unique = append(r.Unique, store.Key{Kind: "k", Value: key})
		r.Index = append(r.Index, store.Key{Kind: "i", Value: key})
	}
	return r
}

func damagedStore(t *testing.T) damager {
	t.Helper()
	path := file(t)
	return damager{open(t, path, nil), path}
}

func (d damager) damage(t *testing.T, id string) {
	t.Helper()
	if err := d.Damage(t.Context(), "t", id); err != nil {
		t.Fatal(err)
	}
}

func (d damager) apply(t *testing.T, tenant string, ops ...store.Op) store.Revision {
	t.Helper()
	rev, err := d.Apply(t.Context(), tenant, store.Ops(ops...))
	if err != nil {
		t.Fatal(err)
	}
	return rev
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
	err := d.edit(func(db *sql.DB) (sql.Result, error) {
		return db.ExecContext(t.Context(), `DELETE FROM rollbook_record
			WHERE tenant = (SELECT n FROM rollbook_tenant WHERE name = 't') AND id = ?`, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRowsLeftBehind: a lost record's keys are free and find nothing, also when its
// row number has become another's, of its own tenant or of another one.
func TestRowsLeftBehind(t *testing.T) {
	for _, next := range []string{"t", "other"} {
		d := damagedStore(t)
		d.apply(t, "other", store.Create(user("first"), nil)) // so that both tenants exist
		d.apply(t, "t", store.Create(user("a", "x", "y"), nil))
		d.lose(t, "a")
		d.finds(t, "t", "x")

		d.apply(t, next, store.Create(user("b", "z"), nil)) // has a's row number
		d.finds(t, next, "z", "b")
		d.finds(t, "t", "x")
		d.finds(t, next, "x")

		rev, err := d.Apply(t.Context(), "t", store.Batch{
			Require: []store.Require{store.RequireFree(store.Key{Kind: "k", Value: "x"})},
			Ops:     []store.Op{store.Create(user("c", "x"), nil)},
		})
		if err != nil {
			t.Fatal(err)
		}
		d.finds(t, "t", "x", "c")

		c := user("c", "x", "y")
		c.Revision = rev
		d.apply(t, "t", store.Replace(c, c, nil))
		d.finds(t, "t", "x", "c")
		d.finds(t, "t", "y", "c")
		checkSQLite(t, d.path)
	}
}

// TestRemoveAndClaim moves the keys of a damaged record to another in one batch,
// and to the record itself.
func TestRemoveAndClaim(t *testing.T) {
	d := damagedStore(t)
	d.apply(t, "t", store.Create(user("a", "x", "y"), nil), store.Create(user("b", "z"), nil))
	d.damage(t, "a")
	var damaged *store.DamagedError
	for _, op := range []store.Op{store.Create(user("c", "y"), nil), store.Create(user("c", "new", "x"), nil)} {
		if _, err := d.Apply(t.Context(), "t", store.Ops(op)); !errors.As(err, &damaged) || damaged.ID != "a" {
			t.Errorf("a claim of a damaged record's key: %v", err)
		}
	}
	d.apply(t, "t", store.Create(user("c", "y"), nil), store.Remove("a", "user", nil))
	d.finds(t, "t", "y", "c")
	d.finds(t, "t", "x")
	d.apply(t, "t", store.Create(user("a", "x"), nil))
	d.finds(t, "t", "x", "a")

	checkFile(t, d.path) // nothing was left behind
}

// TestClaimOfOwnRow: the row number of a key without its record may be that of the
// record that claims it.
func TestClaimOfOwnRow(t *testing.T) {
	d := damagedStore(t)
	d.apply(t, "t", store.Create(user("lost", "own"), nil))
	d.lose(t, "lost")
	rev := d.apply(t, "t", store.Create(user("next"), nil))
	next := user("next", "own")
	next.Revision = rev
	d.apply(t, "t", store.Replace(next, next, nil))
	d.finds(t, "t", "own", "next")
	checkSQLite(t, d.path)
}

// TestRemoveDue: what was removed is due no longer, whatever kind was given.
func TestRemoveDue(t *testing.T) {
	d := damagedStore(t)
	a := user("a")
	a.Due = store.FromMillis(5)
	d.apply(t, "t", store.Create(a, nil))
	d.damage(t, "a")
	q := store.DueQuery{Before: store.FromMillis(10)}
	page, err := d.Due(t.Context(), q)
	want := store.DuePage{Tenants: []store.DueTenant{{Tenant: "t", Damaged: []string{"a"}}}}
	if diff := cmp.Diff(want, page, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	d.apply(t, "t", store.Remove("a", "another kind", []byte("note")))
	if page, err := d.Due(t.Context(), q); err != nil || len(page.Tenants) > 0 {
		t.Errorf("after Remove: %+v, %v", page, err)
	}
	checkFile(t, d.path)
}

// TestDamageInAGroup: a batch that is refused for a damaged record is alone with
// that; those which share its transaction are written.
func TestDamageInAGroup(t *testing.T) {
	path := file(t)
	g := newGroups(t, path)
	d := damager{g.store, path}
	rev := d.apply(t, "t", store.Create(user("broken", "x"), nil), store.Create(user("b", "y"), nil))
	d.damage(t, "broken")
	a := user("broken")
	a.Revision = rev - 1
	free := store.RequireFree(store.Key{Kind: "k", Value: "x"})
	batches := []store.Batch{
		store.Ops(store.Replace(a, a, nil)), store.Ops(store.Delete(a, nil)), store.Ops(store.Create(a, nil)),
		store.Ops(store.Create(user("claims", "x"), nil)),
		{Require: []store.Require{free}, Ops: []store.Op{store.Create(user("requires"), nil)}},
		{Require: []store.Require{store.RequireAt(a)}, Ops: []store.Op{store.Create(user("expects"), nil)}},
		store.Ops(store.Create(user("fine", "z"), nil)), store.Ops(store.Create(user("fine too"), nil)),
	}
	begun := make(chan struct{})
	g.driver.arm(-1, none, nil, begun)
	errs := make([]error, len(batches))
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Go(func() { _, errs[i] = d.Apply(t.Context(), "t", b) })
	}
	eventually(t, "all calls are in the queue", func() bool { return g.store.Queued() == len(batches) })
	close(begun)
	wg.Wait()
	g.driver.disarm()
	want := []error{
		store.ErrDamaged, store.ErrDamaged, store.ErrDamaged, store.ErrDamaged, store.ErrDamaged, store.ErrStale, nil, nil,
	}
	for i := range errs {
		if !errors.Is(errs[i], want[i]) {
			t.Errorf("batch %d: %v, want %v", i, errs[i], want[i])
		}
	}
	d.finds(t, "t", "z", "fine")
}

// TestDamagedPageEnds: so many records may be damaged that they do not fit a page.
func TestDamagedPageEnds(t *testing.T) {
	d := damagedStore(t)
	var ops []store.Op
	for i := range store.MaxLimit + 100 {
		r := user(fmt.Sprint(i))
		r.Due = store.FromMillis(int64(1 + i/10))
		if ops = append(ops, store.Create(r, nil)); len(ops) == store.MaxOps {
			d.apply(t, "t", ops...)
			ops = nil
		}
	}
	d.apply(t, "t", ops...)
	db := rawOpen(t, d.path)
	defer db.Close()
	if _, err := db.Exec(`UPDATE rollbook_record SET keys = x'00'`); err != nil {
		t.Fatal(err)
	}
	for _, desc := range []bool{false, true} {
		found, q := 0, store.Query{Kind: "user", Desc: desc}
		for pages := 1; ; pages++ {
			page, err := d.List(t.Context(), "t", q)
			if err != nil || len(page.Records) > 0 || len(page.Damaged) > store.MaxLimit {
				t.Fatalf("%d records, %d damaged, %v", len(page.Records), len(page.Damaged), err)
			}
			found += len(page.Damaged)
			if page.Next == 0 {
				break
			}
			if q.After = page.Next; desc {
				q.After, q.Before = 0, page.Next
			}
		}
		if found != store.MaxLimit+100 {
			t.Errorf("List, desc %v: %d damaged", desc, found)
		}
	}
	found, q := 0, store.DueQuery{Before: store.FromMillis(1e6), Tenant: "t"}
	for {
		page, err := d.Due(t.Context(), q)
		if err != nil || len(page.Tenants) != 1 || len(page.Tenants[0].Records) > 0 {
			t.Fatalf("%+v, %v", page, err)
		}
		found += len(page.Tenants[0].Damaged)
		if q.From = page.Tenants[0].Next; q.From == "" {
			break
		}
	}
	if found != store.MaxLimit+100 {
		t.Errorf("Due: %d damaged", found)
	}
	counted, err := d.Store.(store.Counter).Count(t.Context(), "t", store.CountQuery{Kind: "user"})
	if err != nil || counted != (store.Counted{N: 0, Exact: true}) {
		t.Errorf("Count: %+v, %v", counted, err)
	}
}
