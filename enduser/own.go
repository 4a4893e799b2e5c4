package enduser

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// A user's own ID never names another: no other can take it as its external ID.
//
// A user whose ID newID did not make holds its own ID among the external IDs, for good. All
// others do so as long as they have no external ID, which saves a key of nearly all users.
// Afterwards a write that sets an external ID in the form of newID requires that no record has
// that ID.

const (
	maxOwnID    = 36 // characters; see [Options].NewID
	ownIDDigits = 24 // see newID
)

// isOwnForm reports whether an ID has the form of newID.
func isOwnForm(id string) bool {
	return len(id) == ownIDDigits && strings.Trim(id, "0123456789abcdef") == ""
}

// ownForm returns the own ID, of the form of newID, for which an external ID could be
// mistaken. For nearly all external IDs there is none: it is "".
func (t Tenant) ownForm(externalID string) string {
	if len(externalID) != ownIDDigits {
		return ""
	}
	id := externalID
	if !t.comparesExactly() {
		id = strings.ToLower(id)
	}
	if !isOwnForm(id) {
		return ""
	}
	return id
}

// requireNobody returns the requirements of a write that sets the external ID of u.
func (w *writer) requireNobody(old, u *User) []store.Require {
	if u.ExternalID == old.ExternalID {
		return nil
	}
	if id := w.ownForm(u.ExternalID); id != "" && id != u.ID {
		return []store.Require{store.RequireNone(id)}
	}
	return nil
}

// applyAs is apply for a planned write. It requires that no other user has the new external ID
// as its own ID, and returns the conflict if one has, unless it has expired.
func (w *writer) applyAs(ctx context.Context, p *planned) (applied, *ConflictError, error) {
	for range maxAttempts {
		done, err := w.apply(ctx, store.Batch{Ops: p.ops, Require: p.require})
		stale, ok := errors.AsType[*store.StaleError](err)
		if !ok || !lost(err) || stale.Op >= 0 || stale.Require >= len(p.require) {
			return done, nil, err
		}
		switch conflict, err := w.heldBy(ctx, p.require[stale.Require].ID); {
		case err != nil || conflict != nil:
			return applied{}, conflict, err
		default:
			p.require = slices.Delete(p.require, stale.Require, stale.Require+1)
		}
	}
	return applied{}, nil, ErrContended
}

// heldBy returns the conflict of an external ID that is the own ID of a live user, nil if it is
// nobody's.
func (w *writer) heldBy(ctx context.Context, id string) (*ConflictError, error) {
	r, err := w.m.store.Get(ctx, w.name, store.ID(id))
	switch _, gone := w.expired(&r); {
	case errors.Is(err, store.ErrNotFound), err == nil && (gone || r.Kind != kindUser):
		return nil, nil
	case err == nil || errors.Is(err, store.ErrDamaged):
		return &ConflictError{Kind: kindUser, Field: "external_id", HolderID: id}, nil
	default:
		return nil, translate("get", err)
	}
}
