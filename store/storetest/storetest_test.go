package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// onMap returns a place that is a fresh map store.
func onMap() (Place, error) {
	s := newMapStore()
	return Place{Open: func() (store.Store, error) { return s, nil }}, nil
}

func TestRunOnMapStore(t *testing.T) {
	t.Parallel()
	Run(t, onMap)
}

// TestPlaceFaults shows that a place that cannot be made, opened or closed fails its
// check, and how.
func TestPlaceFaults(t *testing.T) {
	t.Parallel()
	fault := errors.New("the disk is on fire")
	for name, newPlace := range map[string]func() (Place, error){
		"make": func() (Place, error) { return Place{}, fault },
		"open": func() (Place, error) {
			return Place{Open: func() (store.Store, error) { return nil, fault }}, nil
		},
		"close": func() (Place, error) {
			place, err := onMap()
			place.Close = func() error { return fault }
			return place, err
		},
	} {
		err := checks()[0].in(t.Context(), newPlace)
		var failure *Failure
		if !errors.Is(err, fault) || !errors.As(err, &failure) {
			t.Errorf("%s: %v, want a *Failure with the fault", name, err)
		}
	}
}

func TestCheckHonorsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Check(ctx, onMap); !errors.Is(err, context.Canceled) {
		t.Errorf("Check with an ended context: %v", err)
	}
}

func TestChecksAreNamedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.name] || c.why == "" || c.rule < 1 || c.rule > 14 {
			t.Errorf("check %q, rule %d, %q: named twice or not explained", c.name, c.rule, c.why)
		}
		seen[c.name] = true
	}
}

// TestRunOnStingy shows that a store may be as mean as Stingy, and that no check asks
// for more than the contract does.
func TestRunOnStingy(t *testing.T) {
	t.Parallel()
	Run(t, func() (Place, error) {
		s := newMapStore()
		return Place{Open: func() (store.Store, error) { return Stingy(s), nil }}, nil
	})
}
