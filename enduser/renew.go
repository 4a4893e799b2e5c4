package enduser

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// renewal rewrites records in another form, with the same contents. Their users and groups
// get a new version, and no change in the feed.
type renewal struct {
	what    string // the operation, for texts of errors
	renewed atomic.Int64
	lost    failures
}

// all renews the records of one kind in one tenant. The function returns the record that
// replaces the given one, nil for none.
func (n *renewal) all(
	ctx context.Context, w writer, kind string, renew func(*writer, *store.Record) (*store.Record, error),
) error {
	return w.m.eachRecord(ctx, w.name, store.Query{Kind: kind}, writesAtOnce, &n.lost, func(r *store.Record) error {
		w := w
		w.stamp = newStamp() // each record has one of its own
		read := true
		return w.settle(ctx, func() (string, error) {
			if !read {
				again, err := w.m.store.Get(ctx, w.name, store.ID(r.ID))
				if errors.Is(err, store.ErrNotFound) { // it was deleted meanwhile
					return r.ID, nil
				}
				if err != nil {
					return r.ID, translate(n.what, err)
				}
				r = &again
			}
			read = false
			return r.ID, n.one(ctx, &w, r, renew)
		})
	})
}

// one is one attempt to renew a record. It returns the store's ErrStale if the record has
// changed.
func (n *renewal) one(
	ctx context.Context, w *writer, r *store.Record, renew func(*writer, *store.Record) (*store.Record, error),
) error {
	next, err := renew(w, r)
	if err != nil || next == nil {
		return err
	}
	_, err = w.m.store.Apply(ctx, w.name, store.Ops(store.Replace(*r, *next, nil)))
	if taken, ok := errors.AsType[*store.TakenError](err); ok {
		return w.conflict(taken)
	}
	if lost(err) {
		return err
	}
	if err == nil {
		n.renewed.Add(1)
	}
	return translate(n.what, err)
}

// end returns how many records were renewed, and err together with the failures of single
// records.
func (n *renewal) end(err error) (int, error) {
	return int(n.renewed.Load()), errors.Join(err, n.lost.err())
}
