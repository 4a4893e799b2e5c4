package enduser

import (
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Create makes a new user. ErrConflict if its external ID, an account or, where
// they are unique, its e-mail address belongs to another user.
func (t Tenant) Create(ctx context.Context, s Spec) (User, error) {
	w, err := t.writer()
	if err != nil {
		return User{}, err
	}
	u, _, err := w.create(ctx, s, nil)
	return u, err
}

// Check reports what a spec has that the policy does not admit, as Create would,
// without writing anything. What is taken it does not see.
func (t Tenant) Check(s Spec) error {
	w, err := t.writer()
	if err != nil {
		return err
	}
	_, err = w.make(s)
	return err
}

// Ensure returns the user that the spec identifies, and makes it if there is none.
// It never changes a user that exists. A user is identified by its external ID;
// without one by its first account; without that, where they are unique, by its
// e-mail address; otherwise every call makes a user. ErrConflict if something else
// in the spec belongs to another user; ErrAmbiguous if the address identifies and
// several users have it.
func (t Tenant) Ensure(ctx context.Context, s Spec) (User, Outcome, error) {
	w, err := t.writer()
	if err != nil {
		return User{}, 0, err
	}
	return w.create(ctx, s, func(_ context.Context, _ store.Record, u User, _ reread) (User, Outcome, error) {
		return u, Unchanged, nil
	})
}

// Upsert makes the user that the spec identifies (see [Tenant.Ensure]), or merges
// into it what the spec gives. What is as given already is not written: then there
// is no new revision and no change in the feed. Sensitive values, which nobody can
// compare, are written each time. It can be repeated safely after
// any error.
func (t Tenant) Upsert(ctx context.Context, s Spec) (User, Outcome, error) {
	w, err := t.writer()
	if err != nil {
		return User{}, 0, err
	}
	merge := func(ctx context.Context, r store.Record, _ User, again reread) (User, Outcome, error) {
		return w.update(ctx, r, again, func(u *User) error {
			s.Merge(u)
			return nil
		}, ChangeUpdated)
	}
	for range maxTries {
		u, outcome, err := w.create(ctx, s, merge)
		if !errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnknown) { // else deleted or renamed between the two
			return u, outcome, err
		}
	}
	return User{}, 0, ErrContended
}

// reread returns the record of a user again; ErrNotFound if it is gone, or is no
// longer the one that was asked for.
type reread func(context.Context) (store.Record, error)

// found is called with the user that a spec identifies, if it exists.
type found func(context.Context, store.Record, User, reread) (User, Outcome, error)

// create writes a new user, or hands the one that the spec identifies to found.
// With nil found a user that exists is a conflict. One round trip if the user is
// new.
func (w *writer) create(ctx context.Context, s Spec, found found) (User, Outcome, error) {
	u, err := w.make(s)
	if err != nil {
		return User{}, 0, err
	}
	op := store.Create(w.policy.record(&u), w.note(ChangeCreated, nil))
	identity := identity(&u, op.New)
	switch conflict, others, err := w.emailConflict(ctx, &u); {
	case err != nil:
		return User{}, 0, err
	case others > 1 && found != nil && identity.Kind == keyEmail:
		return User{}, 0, ErrAmbiguous
	case conflict != nil:
		return w.identified(ctx, identity, conflict, found)
	}
	vault, err := w.edited(ctx, &vault{}, &u)
	if err != nil {
		// What exists may need no new seal.
		if r, getErr := w.m.store.Get(ctx, w.name, identity); getErr == nil && found != nil {
			if u, live, _ := w.decode(&r, w.now); live && u.goesBy(identity) {
				return w.hold(ctx, r, identity, nil, found)
			}
		}
		return User{}, 0, err
	}
	if len(vault) > 0 {
		op.New.Data = encodeUser(&u)
	}
	u.edit = nil
	done, taken, err := w.apply(ctx, op, vault...)
	switch {
	case errors.Is(err, store.ErrStale): // its ID is in use: NewID has returned it before
		return User{}, 0, translate("create", err)
	case err != nil:
		return User{}, 0, err
	case taken == nil && done.Data != nil: // it was written by an earlier try
		u, _, err := w.decode(&done, w.now)
		return u, Created, err
	case taken == nil:
		u.Revision, u.created = int64(done.Revision), int64(done.Revision)
		return u, Created, nil
	case taken.Key != identity:
		return User{}, 0, w.conflict(taken)
	}
	return w.hold(ctx, taken.Holder, identity, w.conflict(taken), found)
}

// identified hands the user that an identity names to found. If there is none the
// conflict stands: the identity is judged first, as the store does.
func (w *writer) identified(ctx context.Context, identity store.Key, conflict *ConflictError, found found) (User, Outcome, error) {
	key := identity
	if identity.Kind == keyEmail {
		key = store.ID(conflict.HolderID)
	}
	r, err := w.m.store.Get(ctx, w.name, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return User{}, 0, conflict
	case err != nil:
		return User{}, 0, translate("get", err)
	}
	if _, gone := w.expired(&r); !gone {
		conflict = w.conflict(&store.TakenError{Key: identity, Holder: r})
	}
	return w.hold(ctx, r, identity, conflict, found)
}

// hold hands the user that a record holds to found. The conflict stands if there
// is no found, or if the user does not go by the identity.
func (w *writer) hold(ctx context.Context, r store.Record, identity store.Key, conflict *ConflictError, found found) (User, Outcome, error) {
	u, live, err := w.decode(&r, w.now)
	if err != nil {
		return User{}, 0, err
	}
	if found == nil || !live || !u.goesBy(identity) {
		return User{}, 0, conflict
	}
	return found(ctx, r, u, func(ctx context.Context) (store.Record, error) {
		r, err := w.m.store.Get(ctx, w.name, store.ID(u.ID))
		if err != nil {
			return r, translate("get", err)
		}
		u, live, err := w.decode(&r, w.now)
		if err == nil && (!live || !u.goesBy(identity)) {
			err = ErrNotFound
		}
		return r, err
	})
}

// make returns the user that a spec describes.
func (w *writer) make(s Spec) (User, error) {
	if s.ExpiresIn < 0 {
		return User{}, &InvalidError{Violations: []Violation{{"expires_in", CodeValue, "must not be negative"}}}
	}
	u := User{
		ID: w.m.newID(), Tenant: w.Tenant.name, Environment: w.env,
		CreatedBy: w.actor, UpdatedBy: w.actor, CreatedAt: w.now, UpdatedAt: w.now,
	}
	plain := s
	plain.Accounts, plain.Groups = nil, nil
	plain.Merge(&u)
	// As they were given: what is in them twice is a mistake.
	u.Accounts, u.Groups = slices.Clone(s.Accounts), slices.Clone(s.Groups)
	if s.ExpiresIn > 0 {
		u.ExpiresAt = w.now.Add(s.ExpiresIn)
	}
	u.normalize()
	u.emailClaimed = w.policy.UniqueEmail && u.Email != ""
	return u, w.policy.validate(&User{}, &u)
}

// emailConflict finds another user with an address that must be unique, who has it
// without claiming it: then no key stands in the way. Others says whether there are
// several: 2 means two or more.
func (w *writer) emailConflict(ctx context.Context, u *User) (conflict *ConflictError, others int, err error) {
	if !u.emailClaimed {
		return nil, 0, nil
	}
	records, err := w.m.store.List(ctx, w.name, store.Query{
		Kind: kindUser, Match: []store.Key{emailKey(u.Email)}, NotDueBefore: tick(w.now), Limit: 3,
	})
	if err != nil {
		return nil, 0, translate("look for the e-mail address", err)
	}
	for _, r := range records {
		if r.ID == u.ID {
			continue
		}
		if others++; conflict == nil {
			conflict = &ConflictError{Field: "email", HolderID: r.ID}
		}
	}
	return conflict, min(others, 2), nil
}
