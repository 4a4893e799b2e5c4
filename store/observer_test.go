package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

func TestObservedError(t *testing.T) {
	stale := &store.StaleError{Op: 1}
	unknown := fmt.Errorf("%w: %w", store.ErrUnknown, context.Canceled)
	for _, test := range []struct{ err, want error }{
		{nil, nil},
		{stale, stale},
		{unknown, unknown},
		{&store.DamagedError{ID: "id"}, store.ErrDamaged},
		{fmt.Errorf("wrapped: %w", &store.TakenError{Holder: store.Record{ID: "id"}}), store.ErrTaken},
	} {
		if got := store.ObservedError(test.err); got != test.want { //nolint:errorlint // the very same error
			t.Errorf("of %v: %v, want %v", test.err, got, test.want)
		}
	}
}
