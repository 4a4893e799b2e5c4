package enduser

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// GroupImport is a group that comes from another place, with what it was there; see
// [Groups.Import].
type GroupImport struct {
	GroupSpec

	// ID is the ID that the group keeps, in the form of [Import].ID. It identifies the group.
	// Empty: the external ID does, and a new group gets an ID as always.
	ID string

	Number int64 // that the group keeps; 0: a new group gets one

	// SealedToken is the group's token as [Group.SealedToken] returned it, in a store of the same
	// keyring, of the same tenant and environment, and of the group with the same ID. Nil: a new
	// group gets a new token.
	SealedToken []byte

	CreatedAt, UpdatedAt time.Time // as in [Import]
	CreatedBy, UpdatedBy string
}

// SealedToken returns the group's current token as it stands in the store: sealed. Only a Manager
// with the Keyring can open it, for a group of this ID, tenant and environment. It is for
// archives; see [GroupImport]. It is nil of a group that no call has returned.
func (g Group) SealedToken() []byte { return append([]byte(nil), g.token.sealed...) }

// Import makes a group that comes from another place, or merges its name and metadata into the
// one that exists, which keeps its number, token, actors and times. Tokens that were rotated out
// do not come along.
//
// It returns ErrConflict if the ID, external ID, number or token belongs to another record,
// ErrCorrupt if the token was sealed for another place, ErrNoKey if the keyring does not have
// its key, and ErrNoKeyring as [Groups.Create] does. It can be repeated safely after any error.
func (g Groups) Import(ctx context.Context, in GroupImport) (made Group, outcome Outcome, err error) {
	w, err := g.t.writer()
	if err == nil && in.ID != "" {
		err = w.policy.checkImportedID(in.ID)
	}
	if err != nil {
		return Group{}, 0, err
	}
	err = w.settle(ctx, func() (string, error) {
		made, outcome, err = w.importGroup(ctx, &in)
		return made.ID, err
	})
	if err = w.confirm(ctx, err); err != nil {
		return Group{}, 0, err
	}
	return made, outcome, nil
}

// importGroup is an attempt of Import. It returns the store's ErrStale if somebody else has
// written the group meanwhile.
func (w *writer) importGroup(ctx context.Context, in *GroupImport) (Group, Outcome, error) {
	key := groupIDKey(in.ExternalID)
	if in.ID != "" {
		key = store.ID(in.ID)
	}
	var r store.Record
	err := store.ErrNotFound
	if in.ID != "" || in.ExternalID != "" {
		r, err = w.m.store.Get(ctx, w.name, key)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return w.newImportedGroup(ctx, in)
	case err != nil:
		return Group{}, 0, translate("get", err)
	case r.Kind != kindGroup:
		return Group{}, 0, &ConflictError{Kind: r.Kind, Field: "id", HolderID: r.ID}
	}
	old, err := w.decodeGroup(&r)
	if err == nil && !SameGroupID(old.ExternalID, in.ExternalID) {
		err = &ConflictError{Kind: kindGroup, Field: "id", HolderID: r.ID}
	}
	if err != nil {
		return Group{}, 0, err
	}
	merged, err := w.updateGroup(ctx, &r, &old, func(g *Group) error {
		if in.Name != "" {
			g.Name = in.Name
		}
		g.Metadata = g.Metadata.merge(in.Metadata)
		g.SystemProperties = g.SystemProperties.merge(in.SystemProperties)
		return nil
	})
	if err == nil && merged.Revision == old.Revision {
		return merged, Unchanged, nil
	}
	return merged, Updated, err
}

func (w *writer) newImportedGroup(ctx context.Context, in *GroupImport) (Group, Outcome, error) {
	g, err := w.makeGroup(in.GroupSpec)
	var v violations
	if in.ID != "" {
		g.ID = in.ID
	}
	w.origin(&v, "created", in.CreatedAt, in.CreatedBy, &g.CreatedAt, &g.CreatedBy)
	w.origin(&v, "updated", in.UpdatedAt, in.UpdatedBy, &g.UpdatedAt, &g.UpdatedBy)
	if in.Number < 0 || in.Number > maxGroupNumber {
		v.add(Field{Name: "number"}, CodeValue, "must be 1 to 2147483647")
	}
	if err = v.with(err); err != nil {
		return Group{}, 0, err
	}
	if in.SealedToken == nil {
		g.token, _, err = w.newToken(ctx, &g)
	} else {
		var token string
		token, err = w.m.open(ctx, in.SealedToken, tokenPlace(w.name, g.ID))
		g.token = groupToken{hash: hashToken(token), sealed: in.SealedToken}
	}
	if err != nil {
		return Group{}, 0, err
	}
	for range maxAttempts {
		if g.Number = in.Number; in.Number == 0 {
			g.Number = newGroupNumber()
		}
		done, err := w.apply(ctx, store.Ops(store.Create(w.groupRecord(&g), w.note(ChangeCreated, nil))))
		switch {
		case err != nil:
			return Group{}, 0, err
		case done.taken == nil:
			g.Version, g.Revision = w.written(done.revision), int64(done.revision)
			return g, Created, nil
		case done.taken.Key.Kind != keyGroupNumber:
			return Group{}, 0, w.conflict(done.taken)
		case in.Number != 0:
			return Group{}, 0, &ConflictError{Kind: kindGroup, Field: "number", HolderID: done.taken.Holder.ID}
		}
	}
	return Group{}, 0, ErrContended
}

const maxGroupNumber = 1<<31 - 1
