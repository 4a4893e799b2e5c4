package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// Transaction is a transaction that the host has begun, and the store inside it.
type Transaction struct {
	Store    store.Store // what the backend's In returns
	Commit   func() error
	Rollback func() error
}

// RunIn runs, as subtests of t, the checks of stores inside a transaction of the host: the
// section "Inside a transaction" of package store's comment. A backend that has them calls
// it beside Run.
//
//	func TestStoreIn(t *testing.T) {
//		storetest.RunIn(t, func() (storetest.Place, error) {
//			…
//			return storetest.Place{Open: open, Begin: begin}, nil
//		})
//	}
//
// Most checks are those of Run, with one transaction as both handles. Those whose names
// begin with in/ begin and end transactions themselves, and look from outside through
// Place.Open. One transaction is open at a time, and nothing is written outside while it is.
//
// A statement that fails cannot be caused from here. That only a rollback is left then
// needs tests of the backend's own.
func RunIn(t *testing.T, newPlace func() (Place, error)) {
	t.Helper()
	for _, c := range checksIn() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.in(t.Context(), newPlace); err != nil {
				t.Error(err)
			}
		})
	}
}

// notInside returns the checks of Run that cannot hold inside one transaction, by the
// beginning of their names, and why.
func notInside() map[string]string {
	const mayAbort = "a context that ends during a call may abort the transaction: see in/canceled"
	return map[string]string{
		"outcome/canceled-": mayAbort,
		"outcome/any-look":  mayAbort,
		"outcome/trim":      mayAbort,
		"contexts/others":   mayAbort,
		"waiter/":           "nothing that others write can be waited for: see in/wait",
		"scrubber/":         "a log is not emptied during a transaction: see in/optional",
		"confirmer/":        "nothing is acknowledged before the commit: see in/optional",
		"import/":           "whole tenants are not moved inside: see in/optional",
		"drop/":             "whole tenants are not forgotten inside: see in/optional",
		"kinds/":            "see in/optional",
		"verify/":           "see in/optional",
	}
}

func isInside(name string) bool {
	for prefix := range notInside() {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// checksIn returns the checks of RunIn.
func checksIn() (all []check) {
	for _, c := range checks() {
		if isInside(c.name) {
			run := c.run
			c.run = func(s *subject) { inside(s, run) }
			all = append(all, c)
		}
	}
	return append(all, inChecks()...)
}

// inside runs a check with one transaction as both handles.
func inside(s *subject, run func(*subject)) {
	tx := s.newTransaction()
	if s.failed() {
		return
	}
	s.handles = [2]store.Store{tx.Store, tx.Store}
	s.open = func() (store.Store, error) { return tx.Store, nil }
	run(s)
	if s.failed() {
		_ = tx.Rollback() // the check has failed already
		return
	}
	tx.commit()
}

// transaction is a Transaction in a check.
type transaction struct {
	Transaction
	subject *subject
}

// newTransaction begins a transaction.
func (s *subject) newTransaction() *transaction {
	tx := &transaction{subject: s}
	if s.failed() {
		return tx
	}
	err := errors.New("the place has no Begin")
	if s.begin != nil {
		tx.Transaction, err = s.begin()
	}
	if err != nil {
		s.fail("begin a transaction: %w", err)
		return tx
	}
	tx.Store = watched{tx.Store, s}
	return tx
}

// commit commits a transaction, which must succeed.
func (tx *transaction) commit() { tx.end("commit", tx.Commit) }

// rollback rolls a transaction back, which must succeed.
func (tx *transaction) rollback() { tx.end("roll back", tx.Rollback) }

func (tx *transaction) end(what string, f func() error) {
	if f == nil { // it was never begun
		return
	}
	if tx.subject.failed() {
		_ = tx.Rollback() // of no matter if it has ended
		return
	}
	if err := f(); err != nil {
		tx.subject.fail("%s the transaction: %w", what, err)
	}
}

// tenant returns a client for a tenant, inside the transaction.
func (tx *transaction) tenant(name string) *client {
	return &client{subject: tx.subject, store: tx.Store, name: name}
}

// watched is a store inside a transaction, of which no call may be of unknown outcome.
type watched struct {
	store.Store
	subject *subject
}

// Unwrap returns the store.
func (w watched) Unwrap() store.Store { return w.Store }

func (w watched) check(call string, err error) {
	if errors.Is(err, store.ErrUnknown) {
		w.subject.fail("%s: %v, but inside a transaction nothing is of unknown outcome", call, err)
	}
}

// Apply implements store.Store.
func (w watched) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	rev, err := w.Store.Apply(ctx, tenant, b)
	w.check("Apply", err)
	return rev, err
}

// Trim implements store.Store.
func (w watched) Trim(ctx context.Context, tenant string, through store.Revision) error {
	err := w.Store.Trim(ctx, tenant, through)
	w.check("Trim", err)
	return err
}
