package enduser_test

import (
	"context"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// faulty is a store in which things go wrong on request. A hook that is nil does
// nothing.
type faulty struct {
	store.Store

	before func(n int64, ops []store.Op) error // instead of the nth Apply, if it returns an error
	after  func(n int64, ops []store.Op) error // in place of a successful answer of the nth
	get    func() error
	list   func() error
	due    func() error

	applies atomic.Int64
}

func (f *faulty) Unwrap() store.Store { return f.Store }

func (f *faulty) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	n := f.applies.Add(1)
	if f.before != nil {
		if err := f.before(n, b.Ops); err != nil {
			return 0, err
		}
	}
	rev, err := f.Store.Apply(ctx, tenant, b)
	if err == nil && f.after != nil {
		if err := f.after(n, b.Ops); err != nil {
			return 0, err
		}
	}
	return rev, err
}

func (f *faulty) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if f.get != nil {
		if err := f.get(); err != nil {
			return store.Record{}, err
		}
	}
	return f.Store.Get(ctx, tenant, key)
}

func (f *faulty) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if f.list != nil {
		if err := f.list(); err != nil {
			return store.Page{}, err
		}
	}
	return f.Store.List(ctx, tenant, q)
}

func (f *faulty) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	if f.due != nil {
		if err := f.due(); err != nil {
			return store.DuePage{}, err
		}
	}
	return f.Store.Due(ctx, q)
}
