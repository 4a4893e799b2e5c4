package apitest

import (
	"context"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// Faulty is a Store that fails on request. Several goroutines may use it at once.
type Faulty struct {
	store.Store

	Lost   atomic.Bool // writes happen, and end with ErrUnknown
	Panics atomic.Bool

	err atomic.Pointer[error]
}

// Fail makes every read and write fail with err from then on; nil ends that.
func (f *Faulty) Fail(err error) { f.err.Store(&err) }

func (f *Faulty) fault() error {
	if f.Panics.Load() {
		panic("a store that panics") //nolint:forbidigo // what tests ask for
	}
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Get implements store.Store.
func (f *Faulty) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := f.fault(); err != nil {
		return store.Record{}, err
	}
	return f.Store.Get(ctx, tenant, key)
}

// Apply implements store.Store.
func (f *Faulty) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	rev, err := f.Store.Apply(ctx, tenant, b)
	if err == nil && f.Lost.Load() {
		return 0, store.ErrUnknown
	}
	return rev, err
}

// List implements store.Store.
func (f *Faulty) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if err := f.fault(); err != nil {
		return store.Page{}, err
	}
	return f.Store.List(ctx, tenant, q)
}

// Changes implements store.Store.
func (f *Faulty) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	if err := f.fault(); err != nil {
		return store.ChangePage{}, err
	}
	return f.Store.Changes(ctx, tenant, q)
}
