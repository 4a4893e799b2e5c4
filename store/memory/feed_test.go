package memory

import (
	"context"
	"errors"
	"strconv"
	"testing"

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
