package enduser

import (
	"context"
	"slices"

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
