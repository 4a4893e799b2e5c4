package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// In a test file of the backend, this is the whole conformance test.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T) {
		storetest.Run(t, func() (storetest.Place, error) {
			s := memory.New(nil)
			return storetest.Place{Open: func() (store.Store, error) { return s, nil }}, nil
		})
	}
}

// deaf is a store that does not listen to its contexts.
type deaf struct{ store.Store }

func (d deaf) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return d.Store.Get(context.WithoutCancel(ctx), tenant, key)
}

func ExampleCheck() {
	err := storetest.Check(context.Background(), func() (storetest.Place, error) {
		s := deaf{memory.New(nil)}
		return storetest.Place{Open: func() (store.Store, error) { return s, nil }}, nil
	})
	var failure *storetest.Failure
	if errors.As(err, &failure) {
		fmt.Printf("%s, rule %d: %s\n", failure.Check, failure.Rule, failure.Why)
	}
	// Output:
	// contexts/ended, rule 11: a call whose context has ended returns the context's error and does nothing
}
