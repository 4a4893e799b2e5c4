// Package faultstore is a store for tests in which things go wrong on request.
package faultstore

import (
	"context"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// Store is a store that fails on request. Several goroutines may use it at once; the hooks
// are set before.
type Store struct {
	store.Store

	// OnApply is called before the nth Apply, from 1. If it returns an error, that is the
	// answer, and nothing is written.
	OnApply func(n int64, ops []store.Op) error

	// OnApplied is called after the nth Apply if it was successful. If it returns an error,
	// that is the answer, although the batch was written.
	OnApplied func(n int64, ops []store.Op) error

	// If these return an error, that is the answer.
	OnGet, OnList, OnDue func() error

	Lost   atomic.Bool // writes are done, and end with ErrUnknown
	Panics atomic.Bool // reads and writes panic

	applies atomic.Int64
	err     atomic.Pointer[error]
}

// Unwrap returns the store below.
func (s *Store) Unwrap() store.Store { return s.Store }

// Applies returns how often Apply was called.
func (s *Store) Applies() int64 { return s.applies.Load() }

// Fail makes every read and write fail with err from then on; nil ends that.
func (s *Store) Fail(err error) { s.err.Store(&err) }

func (s *Store) fault(hook func() error) error {
	if s.Panics.Load() {
		panic("a store that panics") //nolint:forbidigo // what tests ask for
	}
	if err := s.err.Load(); err != nil && *err != nil {
		return *err
	}
	if hook != nil {
		return hook()
	}
	return nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	if err := s.fault(s.OnGet); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, tenant, key)
}

// Apply implements store.Store.
func (s *Store) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	n := s.applies.Add(1)
	if err := s.fault(nil); err != nil {
		return 0, err
	}
	if s.OnApply != nil {
		if err := s.OnApply(n, b.Ops); err != nil {
			return 0, err
		}
	}
	rev, err := s.Store.Apply(ctx, tenant, b)
	if err == nil && s.Lost.Load() {
		return 0, store.ErrUnknown
	}
	if err == nil && s.OnApplied != nil {
		if err := s.OnApplied(n, b.Ops); err != nil {
			return 0, err
		}
	}
	return rev, err
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if err := s.fault(s.OnList); err != nil {
		return store.Page{}, err
	}
	return s.Store.List(ctx, tenant, q)
}

// Changes implements store.Store.
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	if err := s.fault(nil); err != nil {
		return store.ChangePage{}, err
	}
	return s.Store.Changes(ctx, tenant, q)
}

// Due implements store.Store.
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	if err := s.fault(s.OnDue); err != nil {
		return store.DuePage{}, err
	}
	return s.Store.Due(ctx, q)
}
