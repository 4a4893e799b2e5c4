package enduser

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

const (
	// readyTenant is what the store calls the tenant of Ready's record. No name of a
	// tenant leads to it: storeTenant puts customerPrefix only before names that begin
	// with a prefix.
	readyTenant = customerPrefix + "ready"

	readyID   = "ready"
	kindReady = "ready"
)

// Ready reads from the store and writes to it, and returns nil if both work now: what a
// server's readiness check asks. The error is the store's: an ErrUnavailable; an ErrUnknown
// if the write had no answer in time; if the context ended, its error too; ErrContended if
// no write comes through, of nobody. It has no secret in its text.
//
// It writes one small record without a body, always the same one, which belongs to no
// tenant: no list, count, feed or walk has it. Calls of many processes at once do not fail
// for each other. Each call costs a read and a commit, and waits for as long as any write
// does: give the context a deadline, and call it once a second at most. Whether the
// [Keyring] works it does not ask.
func (m *Manager) Ready(ctx context.Context) error {
	w := m.writerOf(readyTenant, m.millis())
	first, last := store.Revision(-1), store.Revision(-1)
	err := w.settle(ctx, func() (id string, err error) {
		last, err = w.touch(ctx)
		if first < 0 {
			first = last
		}
		return readyID, err
	})
	if errors.Is(err, ErrContended) && last != first { // others have written meanwhile
		return nil
	}
	return err
}

// touch writes Ready's record over what is there, and returns the revision that this had.
// The error is the store's own if another was faster.
func (w *writer) touch(ctx context.Context) (store.Revision, error) {
	next := store.Record{ID: readyID, Kind: kindReady}
	op := store.Create(next, nil)
	r, err := w.m.store.Get(ctx, w.name, store.ID(readyID))
	switch {
	case err == nil:
		op = store.Replace(r, next, nil)
	case errors.Is(err, store.ErrDamaged):
		op = store.Remove(readyID, kindReady, nil)
	case !errors.Is(err, store.ErrNotFound):
		return 0, translate("ready: read", err)
	}
	_, err = w.m.store.Apply(ctx, w.name, store.Ops(op))
	if lost(err) {
		return r.Revision, err
	}
	return r.Revision, translate("ready: write", err)
}
