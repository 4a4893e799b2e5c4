package enduser

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

const (
	readyID   = "ready"
	kindReady = "ready"
)

// Ready returns nil if the store can be read and written now. It is for the readiness check
// of a server. It returns ErrUnavailable if the store fails, ErrUnknown if the write had no
// answer in time (with the context's error if the context ended), and ErrContended if no
// process can write. No text of an error has a secret.
//
// It writes one small record without a body, always the same one, which belongs to no tenant:
// no list, count, feed or iterator has it. Calls of many processes at once do not disturb each
// other. Each call costs a read and a commit, and waits as long as any write: give the context
// a deadline, and call it at most once a second. It does not check the [Keyring].
func (m *Manager) Ready(ctx context.Context) error {
	w := m.writerOf(ownTenant, m.millis())
	first, last := store.Revision(-1), store.Revision(-1)
	err := w.settle(ctx, func() (id string, err error) {
		last, err = w.touch(ctx)
		if first < 0 {
			first = last
		}
		return readyID, err
	})
	if errors.Is(err, ErrContended) && last != first { // others could write meanwhile
		return nil
	}
	return err
}

// touch writes Ready's record, and returns the revision of the one that it replaced. It
// returns the store's ErrStale if that has changed.
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
