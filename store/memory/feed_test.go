package memory

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/rollbook-go/rollbook/store"
)

func writeNoted(t *testing.T, s *Store, id string) {
	t.Helper()
	op := store.Create(store.Record{ID: id, Kind: "user"}, []byte("a note"))
	if _, err := s.Apply(t.Context(), "acme", store.Ops(op)); err != nil {
		t.Fatal(err)
	}
}

// Trim frees the memory of the entries that it forgets.
func TestTrimForgets(t *testing.T) {
	s := New(nil)
	for i := range 700 {
		writeNoted(t, s, strconv.Itoa(i))
	}
	for _, through := range []store.Revision{300, 600, 700} {
		if err := s.Trim(t.Context(), "acme", through); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, chunk := range s.shard("acme").tenants["acme"].feed.chunks {
			kept += len(chunk)
		}
		if want := 701 - int(through); kept != want {
			t.Errorf("%d entries kept after a trim to %d, want %d", kept, through, want)
		}
	}
}

// One of two waiters gives up: the other is still woken.
func TestWaitOutlivesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil)
		ctx, cancel := context.WithCancel(t.Context())
		impatient, patient := make(chan error), make(chan error)
		go func() { impatient <- s.Wait(ctx, "acme", 0) }()
		go func() { patient <- s.Wait(t.Context(), "acme", 0) }()
		synctest.Wait()
		cancel()
		if err := <-impatient; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want context.Canceled", err)
		}
		writeNoted(t, s, "1")
		if err := <-patient; err != nil {
			t.Error(err)
		}
	})
}

// A caller that gives up waiting leaves nothing behind.
func TestWaitLeavesNothing(t *testing.T) {
	s := New(nil)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		b := s.shard("acme").await("acme", 0)
		result := make(chan error)
		go func() { result <- s.Wait(ctx, "acme", 0) }()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want context.Canceled", err)
		}
		s.shard("acme").leave("acme", b)
		if n := len(s.shard("acme").waiting); n != 0 {
			t.Errorf("%d bells left", n)
		}
	}
}
