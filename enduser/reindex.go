package enduser

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Reindex rewrites the users of a tenant's environment whose index terms are not those of
// the tenant's [Schema], and returns how many it rewrote. Call it after a change of the
// schema, for example of IndexedMetadata: writes add the terms of a new schema, and only
// Reindex takes old ones away. The users get a new revision and version, but no change in the
// feed and no new UpdatedAt.
//
// It works a page at a time and can be repeated after an error. It skips users that it cannot
// read or must not overwrite: the error, an ErrCorrupt or ErrNewer, then names the first one
// and says how many there are.
func (t Tenant) Reindex(ctx context.Context) (int, error) {
	w, err := t.writer()
	if err != nil {
		return 0, err
	}
	n := renewal{what: "reindex"}
	return n.end(n.all(ctx, w, kindUser, func(w *writer, r *store.Record) (*store.Record, error) {
		u, err := decodeUser(w.Tenant.name, w.env, r)
		if err != nil {
			return nil, err
		}
		next, err := w.reindexed(*r, &u)
		if err != nil || slices.Equal(next.Unique, r.Unique) && slices.Equal(next.Index, r.Index) {
			return nil, err
		}
		return &next, nil
	}))
}
