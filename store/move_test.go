package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// lister is a store that lists these kinds, or fails after so many of them.
type lister struct {
	store.Store
	kinds []string
	fails int
}

func (l lister) Kinds(_ context.Context, _, after string) ([]string, error) {
	from := 0
	if after != "" {
		from = slices.Index(l.kinds, after) + 1
	}
	if l.fails > 0 && from >= l.fails {
		return nil, store.ErrUnavailable
	}
	return l.kinds[from:min(len(l.kinds), from+store.MaxLimit)], nil
}

func TestKinds(t *testing.T) {
	for _, n := range []int{0, 1, store.MaxLimit - 1, store.MaxLimit, store.MaxLimit + 1, 3 * store.MaxLimit} {
		l := lister{Store: memory.New(nil)}
		for i := range n {
			l.kinds = append(l.kinds, fmt.Sprintf("kind %04d", i))
		}
		got, ok, err := store.Kinds(t.Context(), l, "acme")
		if err != nil || !ok || !slices.Equal(got, l.kinds) {
			t.Errorf("%d kinds of %d, listed %v, error %v", len(got), n, ok, err)
		}
		if l.fails = store.MaxLimit; n >= store.MaxLimit {
			if got, ok, err := store.Kinds(t.Context(), l, "acme"); got != nil || !ok || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%d kinds, listed %v, error %v of a store that fails", len(got), ok, err)
			}
		}
	}
	bare := struct{ store.Store }{memory.New(nil)}
	if got, ok, err := store.Kinds(t.Context(), bare, "acme"); got != nil || ok || err != nil {
		t.Errorf("of a store that lists none: %q, %v, error %v", got, ok, err)
	}
}
