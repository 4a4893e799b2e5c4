package memory_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func damage(t *testing.T, s *memory.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := (memory.Damager{Store: s}).Damage(t.Context(), "acme", id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWritesBesideADamagedRecord(t *testing.T) {
	s := memory.New(nil)
	apply(t, s, store.Create(user(1), nil))
	old, err := s.Get(t.Context(), "acme", store.ID("user-1"))
	if err != nil {
		t.Fatal(err)
	}
	damage(t, s, "user-1")
	other := store.Record{ID: "other", Kind: "user"}
	claimer := other
	claimer.Unique = old.Unique[1:]
	create := []store.Op{store.Create(other, nil)}
	batches := map[string]struct {
		batch store.Batch
		want  error
	}{
		"replace":          {store.Ops(store.Replace(old, old, nil)), store.ErrDamaged},
		"delete":           {store.Ops(store.Delete(old, nil)), store.ErrDamaged},
		"claim its key":    {store.Ops(store.Create(claimer, nil)), store.ErrDamaged},
		"require its key":  {store.Batch{Ops: create, Require: []store.Require{store.RequireFree(old.Unique[0])}}, store.ErrDamaged},
		"require it":       {store.Batch{Ops: create, Require: []store.Require{store.RequireAt(old)}}, store.ErrStale},
		"require its lack": {store.Batch{Ops: create, Require: []store.Require{store.RequireNone("user-1")}}, store.ErrStale},
	}
	for name, test := range batches {
		t.Run(name, func(t *testing.T) {
			_, err := s.Apply(t.Context(), "acme", test.batch)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if e, ok := errors.AsType[*store.DamagedError](err); ok && e.ID != "user-1" {
				t.Errorf("record %q is named, want user-1", e.ID)
			}
		})
	}
	// Removing it frees all it had, in the same batch.
	apply(t, s, store.Create(claimer, nil), store.Remove("user-1", "what it was", []byte{}))
	page, err := s.Changes(t.Context(), "acme", store.ChangeQuery{})
	want := []store.Change{{Seq: 3, Revision: 3, Type: store.Deleted, Kind: "what it was", ID: "user-1"}}
	if diff := cmp.Diff(want, page.Changes, cmp.Comparer(func(a, b []byte) bool { return len(a) == len(b) })); err != nil || diff != "" {
		t.Errorf("feed, error %v (-want +got):\n%s", err, diff)
	}
	apply(t, s, store.Create(store.Record{ID: "user-1", Kind: "group", Unique: old.Unique[:1]}, nil))
}

// More damaged records than a call of Due may read: both walks go on behind them.
func TestDueGoesOnBehindDamage(t *testing.T) {
	s := memory.New(nil)
	const broken = 2*store.DefaultBudget + 500
	for i := 0; i < broken; {
		var ops []store.Op
		var ids []string
		for ; len(ops) < store.MaxOps && i < broken; i++ {
			ids = append(ids, "broken-"+strconv.Itoa(i))
			ops = append(ops, store.Create(store.Record{ID: ids[len(ids)-1], Kind: "user", Due: store.FromMillis(1)}, nil))
		}
		apply(t, s, ops...)
		damage(t, s, ids...)
	}
	sound := store.Create(store.Record{ID: "sound", Kind: "user", Due: store.FromMillis(2)}, nil)
	apply(t, s, sound)
	if _, err := s.Apply(t.Context(), "globex", store.Ops(sound)); err != nil {
		t.Fatal(err)
	}

	named := map[string]bool{}
	q := store.DueQuery{Before: store.FromMillis(9), Tenant: "acme", Limit: 1}
	var got []store.Record
	for calls := 0; ; calls++ {
		page, err := s.Due(t.Context(), q)
		if err != nil || len(page.Tenants) != 1 || calls > 3 {
			t.Fatalf("call %d: %d tenants, error %v", calls, len(page.Tenants), err)
		}
		due := page.Tenants[0]
		if len(due.Damaged) > store.DefaultBudget {
			t.Errorf("%d damaged records in a page", len(due.Damaged))
		}
		for _, id := range due.Damaged {
			named[id] = true
		}
		got = append(got, due.Records...)
		if q.From = due.Next; q.From == "" {
			break
		}
	}
	if len(named) != broken || len(got) != 1 || got[0].ID != "sound" {
		t.Errorf("%d damaged records named and %d found, want %d and 1", len(named), len(got), broken)
	}

	page, err := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(9)})
	if err != nil || len(page.Tenants) != 1 || page.Next != "acme" || page.Tenants[0].Next == "" {
		t.Fatalf("error %v, next %q, of %d tenants", err, page.Next, len(page.Tenants))
	}
	page, err = s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(9), After: page.Next})
	if err != nil || len(page.Tenants) != 1 || page.Tenants[0].Tenant != "globex" || page.Next != "" {
		t.Errorf("behind: %+v, error %v, want globex alone", page, err)
	}
}
