package moving

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestMoving takes all tenants from store to store. The first copy is canceled, the others are
// killed twice, and then they go on. After each of them the new store has what the first one had.
func TestMoving(t *testing.T) {
	redistest.Require(t)
	first := memory.New(nil)
	w := found(t, first, size.Pick(t, 1000, 10_000, 100_000))
	want, exported := digests(t, first), export(t, first)
	var at place
	steps := 0
	for i, k := range way() {
		to := place{k.name, k.setup(t)}
		var src store.Store = first
		end := func() {}
		if i == 0 {
			steps = canceled(t, to, first)
		} else {
			for range 2 {
				job{From: at, To: to}.killed(t, 1+rand.IntN(steps/4))
			}
			src, end = at.opened(t)
		}
		dst, endDst := to.opened(t)
		was := len(digests(t, dst))
		got, err := store.Copy(t.Context(), dst, src, nil)
		must(t, err)
		if diff := cmp.Diff(want, digests(t, dst)); diff != "" {
			t.Fatalf("in %s: %s", k.name, diff)
		}
		if export(t, dst) != exported {
			t.Errorf("in %s: the archive is another", k.name)
		}
		t.Logf("%s: went on with %d of %d tenants; %+v", k.name, was, len(want), got)
		end()
		endDst()
		at = to
	}
	last, end := at.opened(t)
	defer end()
	w.check(t, last)
}

// canceled cancels a copy half way, and returns of how many steps it would have had.
func canceled(t *testing.T, to place, src store.Store) (steps int) {
	t.Helper()
	count := func(ctx context.Context, dst store.Store, most int) (int, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		n := 0
		_, err := store.Copy(ctx, dst, src, &store.CopyOptions{AtOnce: atOnce, Progress: func(p store.CopyProgress) {
			if p.Comparing {
				return
			}
			if n++; n == most {
				cancel()
			}
		}})
		return n, err
	}
	steps, err := count(t.Context(), memory.New(nil), 0)
	must(t, err)
	dst, end := to.opened(t)
	defer end()
	if _, err := count(t.Context(), dst, steps/2); !errors.Is(err, context.Canceled) {
		t.Fatalf("canceled: %v", err)
	}
	return steps
}
