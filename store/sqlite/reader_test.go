package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// TestLastReader: lists, counts and searches for what is due leave one reader to the
// calls that are quick.
func TestLastReader(t *testing.T) {
	s := openFresh(t, &Options{Readers: 2})
	create := store.Create(store.Record{ID: "a", Kind: "user", Due: store.FromMillis(1)}, []byte("note"))
	if _, err := s.Apply(t.Context(), "t", store.Ops(create)); err != nil {
		t.Fatal(err)
	}
	done, err := s.reads.turns.Long(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	for _, busy := range []bool{true, false} {
		for name, c := range map[string]struct {
			long bool
			call func(ctx context.Context) error
		}{
			"Get":     {false, func(ctx context.Context) error { _, err := s.Get(ctx, "t", store.ID("a")); return err }},
			"Changes": {false, func(ctx context.Context) error { _, err := s.Changes(ctx, "t", store.ChangeQuery{}); return err }},
			"Tenants": {false, func(ctx context.Context) error { _, err := s.Tenants(ctx, store.TenantQuery{}); return err }},
			"Wait":    {false, func(ctx context.Context) error { return s.Wait(ctx, "t", 0) }},
			"List":    {true, func(ctx context.Context) error { _, err := s.List(ctx, "t", store.Query{Kind: "user"}); return err }},
			"Count": {true, func(ctx context.Context) error {
				_, err := s.Count(ctx, "t", store.CountQuery{Kind: "user"})
				return err
			}},
			"Due": {true, func(ctx context.Context) error {
				_, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(2)})
				return err
			}},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			var want error
			if busy && c.long {
				ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
				want = context.DeadlineExceeded
			}
			if err := c.call(ctx); !errors.Is(err, want) {
				t.Errorf("%s, another list runs: %v: %v, want %v", name, busy, err, want)
			}
			cancel()
		}
		if busy {
			done()
		}
	}
}
