package enduser

import (
	"context"
	"errors"
	"strings"
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

	// Token is the token that the group had in another product, instead of SealedToken: a string
	// of 32 to 255 visible ASCII characters. The store has its SHA-256, so it must be as hard to
	// guess as 128 random bits. A group that exists keeps the token that it has.
	Token Secret

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
	in.checkToken(&v)
	if err = v.with(err); err != nil {
		return Group{}, 0, err
	}
	if g.token, err = w.importedToken(ctx, in, &g); err != nil {
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

// checkToken validates Token. What is wrong with it shows nothing of it.
func (in *GroupImport) checkToken(v *violations) {
	if in.Token.IsNull() {
		return
	}
	field := Field{Name: "token"}
	token, isString := in.Token.reveal().Str()
	switch {
	case in.SealedToken != nil:
		v.add(field, CodeValue, "must not be given sealed, too")
	case !isString || len(token) < 32 || len(token) > 255:
		v.add(field, CodeLength, "must be a string of 32 to 255 characters")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		v.add(field, CodeCharacter, "must have visible ASCII characters alone")
	}
}

// importedToken returns the token of a new group: its own, or a new one.
func (w *writer) importedToken(ctx context.Context, in *GroupImport, g *Group) (groupToken, error) {
	at := tokenPlace(w.name, g.ID)
	switch {
	case in.SealedToken != nil:
		token, err := w.m.open(ctx, in.SealedToken, at)
		return groupToken{hash: hashToken(token), sealed: in.SealedToken}, err
	case !in.Token.IsNull():
		token, _ := in.Token.reveal().Str() // checkToken has seen that it is one
		sealed, err := w.m.seal(ctx, token, at)
		return groupToken{hash: hashToken(token), sealed: sealed}, err
	}
	token, _, err := w.newToken(ctx, g)
	return token, err
}
