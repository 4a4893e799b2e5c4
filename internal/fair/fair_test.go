package fair_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/rollbook-go/rollbook/internal/fair"
)

// steps begins a step in the background and, when it has its turn, records it and gives
// the turn back.
type steps struct {
	turns *fair.Turns
	order []string
}

func (s *steps) begin(t *testing.T, tenant string, take func(context.Context, string) (func(), error)) {
	go func() {
		done, err := take(t.Context(), tenant)
		if err != nil {
			t.Errorf("%s: %v", tenant, err)
			return
		}
		s.order = append(s.order, tenant) // one turn at a time: no other step runs
		done()
	}()
	synctest.Wait()
}

func TestTenantsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steps{turns: fair.New(1)}
		done, err := s.turns.Long(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			s.begin(t, "busy", s.turns.Long)
		}
		s.begin(t, "other", s.turns.Long)
		s.begin(t, "third", s.turns.Long)
		s.begin(t, "quick", s.turns.Quick)
		done()
		synctest.Wait()
		if want := []string{"quick", "busy", "other", "third", "busy", "busy"}; !slices.Equal(s.order, want) {
			t.Errorf("got %v, want %v", s.order, want)
		}
	})
}

// An endless stream of quick steps does not keep a long one waiting for ever.
func TestQuickStepsDoNotStarveLongOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steps{turns: fair.New(1)}
		done, err := s.turns.Quick(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		s.begin(t, "long", s.turns.Long)
		for range 100 {
			s.begin(t, "busy", s.turns.Quick)
		}
		done()
		synctest.Wait()
		if at := slices.Index(s.order, "long"); at != 32 {
			t.Errorf("%d quick steps went before the long one, want 32", at)
		}
	})
}

func TestLongStepsLeaveOneTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steps{turns: fair.New(2)}
		long, err := s.turns.Long(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		s.begin(t, "b", s.turns.Long)
		if len(s.order) != 0 {
			t.Fatal("a long step took the last turn")
		}
		s.begin(t, "c", s.turns.Quick)
		long()
		synctest.Wait()
		if want := []string{"c", "b"}; !slices.Equal(s.order, want) {
			t.Errorf("got %v, want %v", s.order, want)
		}
	})
}

func TestWhoLeavesKeepsNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &steps{turns: fair.New(1)}
		done, err := s.turns.Quick(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := s.turns.Quick(ctx, "b")
			gone <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		s.begin(t, "c", s.turns.Quick)
		done()
		synctest.Wait()
		if !slices.Equal(s.order, []string{"c"}) {
			t.Errorf("got %v", s.order)
		}
	})
}
