package enduser

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Update changes a user: fn gets a copy and changes it. If it returns an error
// nothing is written, and Update returns that error. What it must not change (ID,
// tenant, environment, version, revision, actors and times but ExpiresAt) is
// ErrInvalid. If others change the user meanwhile the conditions are asked and fn is
// called again with the user as it is then, so it must not have effects of its own. If
// fn changes nothing, nothing is written. The maps that fn gets are never nil. It may
// move or clear ExpiresAt; Associate does that with a change of its own kind.
//
// It is the way to do whatever depends on the user's state. ErrVersion if a condition on
// versions does not hold; ErrConflict if something that must be unique belongs to another user;
// ErrNewer if a newer program has written the user so that this one must not change it.
func (t Tenant) Update(ctx context.Context, ref Ref, fn func(*Edit) error, conds ...Condition) (User, error) {
	w, err := t.writer()
	if err != nil {
		return User{}, err
	}
	var u User
	err = w.settle(ctx, func() (string, error) {
		r, _, err := w.get(ctx, w.name, ref, w.now)
		if err != nil {
			return r.ID, err
		}
		u, _, err = w.update(ctx, &r, conds, fn)
		return r.ID, err
	})
	if err = w.confirm(ctx, err); err != nil {
		return User{}, err
	}
	return u, nil
}

// Associate makes a provisional user permanent, if the conditions hold. It changes
// nothing of a user that is permanent already.
func (t Tenant) Associate(ctx context.Context, ref Ref, conds ...Condition) (User, error) {
	return t.Update(ctx, ref, associate, conds...)
}

// associate makes a provisional user permanent, by a change of its own type.
func associate(e *Edit) error {
	if !e.ExpiresAt.IsZero() {
		e.ExpiresAt, e.kind = time.Time{}, ChangeAssociated
	}
	return nil
}

// Link links an account to a user. ErrConflict if it belongs to another.
func (t Tenant) Link(ctx context.Context, ref Ref, a Account) (User, error) {
	return t.Update(ctx, ref, func(e *Edit) error {
		e.link(a)
		return nil
	})
}

// Unlink takes an account from a user. One that is not linked changes nothing.
func (t Tenant) Unlink(ctx context.Context, ref Ref, a Account) (User, error) {
	return t.Update(ctx, ref, func(e *Edit) error {
		e.unlink(a)
		return nil
	})
}

// update changes a user from the state in record r. It returns the store's ErrStale if
// the record has changed.
func (w *writer) update(
	ctx context.Context, r *store.Record, conds conditions, fn func(*Edit) error,
) (User, Outcome, error) {
	old, _, err := w.decode(r, w.now)
	if err != nil {
		return User{}, 0, err
	}
	if err := conds.ofUser(&old); err != nil {
		return User{}, 0, err
	}
	e := Edit{User: old.editable(), exact: w.exact, kind: ChangeUpdated}
	if err := fn(&e); err != nil {
		return User{}, 0, err
	}
	u := e.Clone() // what fn put in is the caller's
	u.emailClaimed, u.hasSensitive = old.emailClaimed, old.hasSensitive
	u.normalize()
	fields := changedFields(&old, &u)
	var values sensitiveRecord
	if !e.sensitive.isZero() {
		if values, err = w.sensitive(ctx, &u, e.sensitive.clear); err != nil {
			return User{}, 0, err
		}
		fields = append(fields, e.sensitive.fields(values.live(w.now))...)
		if values.lost {
			fields = append(fields, sensitiveField)
		}
	}
	if err := checkReadOnly(&old, &u); err != nil {
		return User{}, 0, err
	}
	if len(fields) == 0 {
		checkSensitive(&e.wrong, &e.sensitive) // removing under a key that cannot be is a mistake too
		return old, Unchanged, e.wrong.err()
	}
	rev, err := w.replace(ctx, r, &old, &u, &values, &e, w.note(e.kind, fields))
	if err != nil {
		return User{}, 0, err
	}
	u.Version, u.Revision = w.written(rev), int64(rev)
	return u, Updated, nil
}

// replace writes u over old, the state in r, and what is done to the sensitive values.
// ErrStale of the store if that is no longer so.
func (w *writer) replace(
	ctx context.Context, r *store.Record, old, u *User, values *sensitiveRecord, e *Edit, note []byte,
) (store.Revision, error) {
	if err := e.wrong.with(w.policy.validate(old, u, &e.sensitive)); err != nil {
		return 0, err
	}
	if u.Email == "" {
		u.emailClaimed = false
	} else if w.policy.UniqueEmail && emailKey(u.Email) != emailKey(old.Email) {
		u.emailClaimed = true
		switch holders, err := w.emailHolders(ctx, u); {
		case err != nil:
			return 0, err
		case len(holders) > 0:
			return 0, emailConflict(holders)
		}
	}
	u.UpdatedBy, u.UpdatedAt = w.actor, later(w.now, old.UpdatedAt)
	edited, err := w.edited(ctx, values, u, &e.sensitive)
	if err != nil {
		return 0, err
	}
	next, err := w.rewrite(*r, u)
	if err != nil {
		return 0, err
	}
	done, conflict, err := w.applyAs(ctx, old, u, append(edited, store.Replace(*r, next, note))...)
	if done.taken != nil {
		conflict = w.conflict(done.taken)
	}
	if conflict != nil {
		return 0, conflict
	}
	return done.revision, err
}
