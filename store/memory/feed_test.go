package memory

import (
	"context"
	"errors"
	"testing"
)

// Who gives up waiting leaves nothing behind.
func TestWaitLeavesNothing(t *testing.T) {
	s := New()
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
