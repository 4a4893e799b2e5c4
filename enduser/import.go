package enduser

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Import is a user that comes from another place, with what it was there; see
// [Tenant.ImportAll].
type Import struct {
	Spec

	// ID is the ID that the user keeps: at most 36 letters, digits, "-" and "_". It identifies
	// the user, before everything in the Spec: a user with it is merged into. An ID that is
	// another user's external ID, in any case, or that of a group or webhook, is ErrConflict.
	// From then on nobody can have it as external ID. Empty: the Spec identifies the user, and a
	// new one gets an ID as always.
	ID string

	// CreatedAt and CreatedBy say when and by whom the user was created in the other place.
	// Zero: now, and the actor of the handle. CreatedAt lies between 1970 and now. Lists stay in
	// the order of [User].AddedAt, which is now. A user that exists keeps its own.
	CreatedAt time.Time
	CreatedBy string

	// UpdatedAt and UpdatedBy say the same of the last change there. Zero: now, and the actor of
	// the handle. A user that exists keeps its own, unless the import changes it: then it was
	// updated now.
	UpdatedAt time.Time
	UpdatedBy string

	// ExpiresAt is the deadline of a provisional user, instead of ExpiresIn. If it has passed the
	// row is ErrExpired.
	ExpiresAt time.Time

	// Err is the error of a row that could not be read. The row is answered with it in its turn,
	// so that readers of files need no book of their own.
	Err error
}

// merge merges the import into a user that exists.
func (in *Import) merge(e *Edit) error {
	in.Merge(e)
	if in.ExpiresIn == 0 && in.ExpiresAt.IsZero() {
		return associate(e)
	}
	return nil
}

// conflict returns the conflict for a unique key that is taken.
func (in *Import) conflict(w *writer, taken *store.TakenError) *ConflictError {
	c := w.conflict(taken)
	if in.ID != "" && taken.Key == w.externalIDKey(in.ID) && (in.ExternalID == "" || taken.Key != w.externalIDKey(in.ExternalID)) {
		c.Field = "id"
	}
	return c
}

// describeOrigin gives a new user what it was in another place.
func (w *writer) describeOrigin(v *violations, in *Import, u *User) {
	w.origin(v, "created", in.CreatedAt, in.CreatedBy, &u.CreatedAt, &u.CreatedBy)
	w.origin(v, "updated", in.UpdatedAt, in.UpdatedBy, &u.UpdatedAt, &u.UpdatedBy)
	if !in.ExpiresAt.IsZero() {
		u.ExpiresAt = wholeMillis(in.ExpiresAt)
		if in.ExpiresIn != 0 {
			v.add(Field{Name: "expires_at"}, CodeValue, "must not be given together with expires_in")
		}
	}
}

// origin sets when and by whom something was created or updated in another place.
func (w *writer) origin(v *violations, what string, at time.Time, by string, toAt *time.Time, toBy *string) {
	if !at.IsZero() {
		*toAt = wholeMillis(at)
		if !inRange(at) || toAt.After(w.now) {
			v.add(Field{Name: what + "_at"}, CodeValue, "must lie between the year 1970 and now")
		}
	}
	if by == "" {
		return
	}
	*toBy = by
	field := Field{Name: what + "_by"}
	if code := textFault(by); code != "" {
		v.add(field, code, textMessage(code))
	} else if len(by) > maxActor {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", maxActor))
	}
}

// check rejects what makes the row an error whether or not the user exists.
func (in *Import) check(p *Policy, now time.Time) error {
	switch {
	case in.Err != nil:
		return in.Err
	case !in.ExpiresAt.IsZero() && !now.Before(in.ExpiresAt):
		return ErrExpired
	case in.ID == "":
		return nil
	}
	return p.checkImportedID(in.ID)
}

// checkImportedID validates the ID that something keeps.
func (p *Policy) checkImportedID(id string) error {
	var v violations
	field := Field{Name: "id"}
	switch {
	case len(id) > maxOwnID:
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d characters", maxOwnID))
	case !isOf(id, "-_"):
		v.add(field, CodeCharacter, `must be letters, digits, "-" and "_"`)
	default:
		p.checkPlaceholder(&v, field, id)
	}
	return v.err()
}

// imported finds the user that has the ID of an import. The result is zero if there is none. It
// is a conflict if something else has the ID.
func (w *writer) imported(ctx context.Context, id string) (creation, error) {
	r, err := w.m.store.Get(ctx, w.name, store.ID(id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return creation{}, nil
	case err != nil:
		return creation{}, translate("get", err)
	case r.Kind != kindUser:
		return creation{result: conflicting, conflict: &ConflictError{Kind: r.Kind, Field: "id", HolderID: id}}, nil
	}
	if _, gone := w.expired(&r); gone { // no batch deletes a record and creates it again
		deletions, err := w.takeOver(ctx, &r)
		if err == nil {
			_, err = w.apply(ctx, store.Ops(deletions...))
		}
		return creation{}, err
	}
	u, _, err := w.decode(&r, w.now)
	return creation{result: existing, user: u, record: r}, err
}

// bring makes the user of an import, or merges the import into it.
func (w *writer) bring(ctx context.Context, in *Import) (User, Outcome, error) {
	if err := in.check(&w.policy, w.now); err != nil {
		return User{}, 0, err
	}
	return w.createOr(ctx, in, nil, true)
}
