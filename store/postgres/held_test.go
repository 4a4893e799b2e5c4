package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// keyed returns a record with unique keys.
func keyed(id string, keys ...string) store.Record {
	r := user(id)
	for _, key := range keys {
		r.Unique = append(r.Unique, store.Key{Kind: "ext", Value: key})
	}
	return r
}

// A create whose key is held is refused while a host holds the tenant, after it was made by
// this store or found by a read.
func TestHeldKeyWaitsForNoLock(t *testing.T) {
	h := newHome(t)
	s, other := h.open(t, nil), h.open(t, nil)
	put(t, s, "t", store.Create(keyed("a", "x"), nil))
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "t", store.Create(user("host's"), nil))
	for _, s := range []*postgres.Store{s, other} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for range 2 { // by a key that is seen, too
			_, err := s.Apply(ctx, "t", store.Ops(store.Create(keyed("b", "x"), nil)))
			taken, ok := errors.AsType[*store.TakenError](err)
			if !ok || taken.Holder.ID != "a" || taken.Op != 0 || taken.Require != -1 {
				t.Fatalf("a held key: %v", err)
			}
			s.ReadInVain()
		}
	}
}

// What a create returns if it is read first is what the writer says.
func TestHeldRefusesAsTheWriter(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "t", store.Create(keyed("a", "x", "y"), nil), store.Create(keyed("hurt", "z"), nil))
	must(t, damager{Store: s, home: h}.Damage(t.Context(), "t", "hurt"))
	for what, r := range map[string]store.Record{
		"taken":                    keyed("new", "x"),
		"taken later":              keyed("new", "free", "y"),
		"stale":                    keyed("a", "free"),
		"stale and taken":          keyed("a", "x"),
		"holder damaged":           keyed("new", "z"),
		"ID damaged":               keyed("hurt", "free"),
		"ID damaged and key taken": keyed("hurt", "x"),
	} {
		batch := store.Ops(store.Create(r, nil))
		s.LookFirst(true)
		_, read := s.Apply(t.Context(), "t", batch)
		s.LookFirst(false)
		_, written := s.Apply(t.Context(), "t", batch)
		if read == nil || !cmp.Equal(read, written, cmpopts.EquateComparable(), cmpopts.EquateEmpty()) {
			t.Errorf("%s: %#v, the writer says %#v", what, read, written)
		}
	}
}

// A key that was seen in use is read first although creates of others find none.
func TestSeenKeys(t *testing.T) {
	s := newHome(t).open(t, nil)
	put(t, s, "t", store.Create(keyed("a", "x"), nil))
	x, y, seen := keyed("", "x").Unique[0], keyed("", "y").Unique[0], keyed("", "seen").Unique[0]
	s.LookFirst(false)
	put(t, s, "t", store.Create(keyed("b", "seen"), nil))
	if s.Looks("t", x) || s.Looks("t", y) || s.Looks("other", seen) || !s.Looks("t", seen) {
		t.Error("what is read first is not what was seen")
	}
	put(t, s, "t", store.Remove("b", "user", nil))
	put(t, s, "t", store.Create(keyed("c", "seen"), nil)) // the read finds no holder, the create makes one
	if !s.Looks("t", seen) {
		t.Error("a key that is in use again")
	}
	_, err := s.Apply(t.Context(), "t", store.Ops(store.Create(keyed("d", "x"), nil))) // the writer finds one
	wantError(t, "Apply", err, store.ErrTaken)
	if !s.Looks("t", x) || !s.Looks("t", y) {
		t.Error("a create that could have been refused by a read did not count")
	}
}
