package memory

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/rollbook-go/rollbook/store"
)

// However long a walk is, List gives the lock back every stride.
func TestWalkPauses(t *testing.T) {
	s := New(nil)
	const steps = 3
	for i := range steps * stride {
		writeNoted(t, s, strconv.Itoa(i))
	}
	for _, desc := range []bool{false, true} {
		got := 0
		w := newWalk(store.Query{Kind: "user", Desc: desc, Budget: store.MaxBudget}, func(*entry) bool {
			got++
			return true
		})
		for i := range steps {
			more := w.step(s.shard("acme").tenants["acme"])
			if want := (i + 1) * stride; got != want || more != (i < steps-1) {
				t.Fatalf("desc %v, step %d: %d records so far, more: %v; want %d", desc, i, got, more, want)
			}
		}
	}
}

// Reads of pages wait for one another; Get and Apply do not wait.
func TestReadsOfPagesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil)
		writeNoted(t, s, "1")
		var turns []func()
		for range max(runtime.GOMAXPROCS(0)-1, 1) {
			done, err := s.turns.Long(t.Context(), "busy")
			if err != nil {
				t.Fatal(err)
			}
			turns = append(turns, done)
		}
		reads := map[string]func(context.Context) error{
			"List": func(ctx context.Context) error {
				_, err := s.List(ctx, "acme", store.Query{Kind: "user"})
				return err
			},
			"Changes": func(ctx context.Context) error {
				_, err := s.Changes(ctx, "acme", store.ChangeQuery{})
				return err
			},
			"Due": func(ctx context.Context) error {
				_, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(1)})
				return err
			},
			"Count": func(ctx context.Context) error {
				_, err := s.Count(ctx, "acme", store.CountQuery{Kind: "user", NotDueBefore: store.FromMillis(1)})
				return err
			},
		}
		waiting := make(chan error)
		for name, read := range reads {
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- read(ctx) }()
			go func() { waiting <- read(t.Context()) }()
			synctest.Wait()
			cancel()
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("%s without a turn: %v, want context.Canceled", name, err)
			}
		}
		writeNoted(t, s, "2")
		if _, err := s.Get(t.Context(), "acme", store.ID("2")); err != nil {
			t.Error(err)
		}
		for _, done := range turns {
			done()
		}
		for range reads {
			if err := <-waiting; err != nil {
				t.Error(err)
			}
		}
	})
}
