package enduser

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// Reindex rewrites the users of a tenant's environment whose index terms are not those
// that the tenant's [Schema] asks for: after a metadata key was added to IndexedMetadata,
// or taken away. Nothing else takes terms away that a user still has. Users get a new
// revision and version, but no change in the feed and no new UpdatedAt. It returns how
// many were rewritten, works a page at a time, and can be repeated after an error. What
// cannot be read or written over is passed over: the error, an ErrCorrupt or ErrNewer,
// names the first and says how many there are.
func (t Tenant) Reindex(ctx context.Context) (int, error) {
	w, err := t.writer()
	if err != nil {
		return 0, err
	}
	var rewritten atomic.Int64
	var lost failures
	err = t.m.eachRecord(ctx, w.name, store.Query{Kind: kindUser}, writesAtOnce, &lost, func(r *store.Record) error {
		w := w // each has a stamp of its own
		w.stamp = newStamp()
		done, err := w.reindex(ctx, *r)
		if done {
			rewritten.Add(1)
		}
		return unlessGone(err)
	})
	return int(rewritten.Load()), errors.Join(err, lost.err())
}

func (w *writer) reindex(ctx context.Context, r store.Record) (done bool, err error) {
	err = w.settleFrom(ctx, r, w.byID("reindex", r.ID), func(r store.Record) error {
		u, err := decodeUser(w.Tenant.name, w.env, &r)
		if err != nil {
			return err
		}
		want, err := w.reindexed(r, &u)
		if err != nil || slices.Equal(want.Unique, r.Unique) && slices.Equal(want.Index, r.Index) {
			return err
		}
		done, err = w.replaceQuietly(ctx, "reindex", r, want)
		return err
	})
	return done, err
}

// byID returns how to read a record again.
func (w *writer) byID(what, id string) reread {
	return func(ctx context.Context) (store.Record, error) {
		r, err := w.m.store.Get(ctx, w.name, store.ID(id))
		return r, translate(what, err)
	}
}

// replaceQuietly writes a record over another without a change in the feed. The error is
// the store's own if others were faster.
func (w *writer) replaceQuietly(ctx context.Context, what string, old, r store.Record) (done bool, err error) {
	_, err = w.m.store.Apply(ctx, w.name, store.Ops(store.Replace(old, r, nil)))
	if taken, ok := errors.AsType[*store.TakenError](err); ok {
		return false, w.conflict(taken)
	}
	if lost(err) {
		return false, err
	}
	return err == nil, translate(what, err)
}
