package enduser

import (
	"errors"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// A user's own ID never names another: no other can take it as its external ID, also
// after the user got an external ID of its own. Until then it holds its own ID among the
// external IDs; afterwards a write that sets an external ID which could be an own ID
// requires that no record has that ID.

// ownForm returns the own ID that an external ID could be mistaken for, and whether there
// can be one. IDs of the Manager's making have a form that hardly any other has.
func (t Tenant) ownForm(externalID string) (id string, ok bool) {
	if t.m.foreignIDs {
		return externalID, 0 < len(externalID) && len(externalID) <= maxOwnID && isOf(externalID, "-_")
	}
	if len(externalID) != ownIDDigits {
		return "", false
	}
	if id = externalID; !t.comparesExactly() {
		id = strings.ToLower(id)
	}
	return id, strings.Trim(id, "0123456789abcdef") == ""
}

const (
	maxOwnID    = 36 // characters; see [Options].NewID
	ownIDDigits = 24 // see newID
)

// requireNobody returns what a write requires that gives u its external ID, where old has
// another.
func (w *writer) requireNobody(old, u *User) []store.Require {
	if u.ExternalID == old.ExternalID {
		return nil
	}
	id, ok := w.ownForm(u.ExternalID)
	if !ok || id == u.ID {
		return nil
	}
	return []store.Require{store.RequireNone(id)}
}

// unmet reports whether a write failed because of what it requires.
func unmet(err error, require []store.Require) bool {
	stale, ok := errors.AsType[*store.StaleError](err)
	return ok && lost(err) && len(require) > 0 && stale.Op < 0
}

func ownIDConflict(require []store.Require) *ConflictError {
	return &ConflictError{Field: "external_id", HolderID: require[0].ID}
}
