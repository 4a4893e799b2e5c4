package enduser

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// A user's own ID never names another: no other can take it as its external ID. As long as
// the user has no external ID it holds its own ID among the external IDs. Afterwards a write
// that sets an external ID which could be an own ID requires that no record has that ID.

// ownForms returns the own IDs for which an external ID could be mistaken. For nearly all
// external IDs there are none, if the Manager makes the IDs. IDs that the host makes may be in
// any case; one in mixed case is only recognized in its own spelling.
func (t Tenant) ownForms(externalID string) []string {
	if !t.m.foreignIDs {
		if len(externalID) != ownIDDigits {
			return nil
		}
		id := externalID
		if !t.comparesExactly() {
			id = strings.ToLower(id)
		}
		if strings.Trim(id, "0123456789abcdef") != "" {
			return nil
		}
		return []string{id}
	}
	if externalID == "" || len(externalID) > maxOwnID || !isOf(externalID, "-_") {
		return nil
	}
	forms := []string{externalID}
	if !t.comparesExactly() {
		forms = append(forms, strings.ToLower(externalID), strings.ToUpper(externalID))
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

const (
	maxOwnID    = 36 // characters; see [Options].NewID
	ownIDDigits = 24 // see newID
)

// requireNobody returns the requirements of a write that sets the external ID of u.
func (w *writer) requireNobody(old, u *User) []store.Require {
	if u.ExternalID == old.ExternalID {
		return nil
	}
	var require []store.Require
	for _, id := range w.ownForms(u.ExternalID) {
		if id != u.ID {
			require = append(require, store.RequireNone(id))
		}
	}
	return require
}

// applyAs is apply for a write that turns old into u. It requires that no other user has
// u's external ID as its own ID, and returns the conflict if one has, unless it has expired.
func (w *writer) applyAs(ctx context.Context, old, u *User, ops ...store.Op) (applied, *ConflictError, error) {
	require := w.requireNobody(old, u)
	for range maxAttempts {
		done, err := w.apply(ctx, store.Batch{Ops: ops, Require: require})
		stale, ok := errors.AsType[*store.StaleError](err)
		if !ok || !lost(err) || stale.Op >= 0 || stale.Require >= len(require) {
			return done, nil, err
		}
		id := require[stale.Require].ID
		r, err := w.m.store.Get(ctx, w.name, store.ID(id))
		switch _, gone := w.expired(&r); {
		case errors.Is(err, store.ErrNotFound): // it was deleted meanwhile
		case err == nil && (gone || r.Kind != kindUser):
			require = slices.Delete(require, stale.Require, stale.Require+1)
		case err == nil || errors.Is(err, store.ErrDamaged):
			return applied{}, &ConflictError{Kind: kindUser, Field: "external_id", HolderID: id}, nil
		default:
			return applied{}, nil, translate("get", err)
		}
	}
	return applied{}, nil, ErrContended
}
