package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// TestLastReader: lists, counts and searches for what is due leave one reader to the
// calls that are quick.
func TestLastReader(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "turns.db"), &Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	create := store.Create(store.Record{ID: "a", Kind: "user", Due: store.FromMillis(1)}, []byte("note"))
	if _, err := s.Apply(t.Context(), "t", store.Ops(create)); err != nil {
		t.Fatal(err)
	}
	done, err := s.reads.turns.Long(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	call := func(what string, want error, f func(ctx context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if want != nil {
			ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
		}
		if err := f(ctx); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	quick := func() {
		t.Helper()
		call("Get", nil, func(ctx context.Context) error { _, err := s.Get(ctx, "t", store.ID("a")); return err })
		call("Changes", nil, func(ctx context.Context) error {
			_, err := s.Changes(ctx, "t", store.ChangeQuery{})
			return err
		})
		call("Tenants", nil, func(ctx context.Context) error { _, err := s.Tenants(ctx, store.TenantQuery{}); return err })
		call("Wait", nil, func(ctx context.Context) error { return s.Wait(ctx, "t", 0) })
	}
	long := func(want error) {
		t.Helper()
		call("List", want, func(ctx context.Context) error { _, err := s.List(ctx, "t", store.Query{Kind: "user"}); return err })
		call("Count", want, func(ctx context.Context) error {
			_, err := s.Count(ctx, "t", store.CountQuery{Kind: "user"})
			return err
		})
		call("Due", want, func(ctx context.Context) error {
			_, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(2)})
			return err
		})
	}
	quick()
	long(context.DeadlineExceeded)
	done()
	quick()
	long(nil)
}
