package enduser

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Update changes a user: fn gets a copy and changes it. If it returns an error
// nothing is written, and Update returns that error. What it must not change (ID,
// tenant, environment, revision and stamps) is ErrInvalid. If others change the
// user meanwhile fn is called again with the user as it is then, so it must not
// have effects of its own. If fn changes nothing, nothing is written. The maps that
// fn gets are never nil. It may move or clear ExpiresAt; Associate does that with a
// change of its own kind.
//
// It is the way to do whatever depends on the user's state: a precondition is an
// error that fn returns.
func (t Tenant) Update(ctx context.Context, ref Ref, fn func(*User) error) (User, error) {
	return t.change(ctx, ref, fn, ChangeUpdated)
}

func (t Tenant) change(ctx context.Context, ref Ref, fn func(*User) error, kind ChangeType) (User, error) {
	w, err := t.writer()
	if err != nil {
		return User{}, err
	}
	again := func(ctx context.Context) (store.Record, error) {
		r, _, err := w.get(ctx, w.name, ref, w.now)
		return r, err
	}
	r, err := again(ctx)
	if err != nil {
		return User{}, err
	}
	u, _, err := w.update(ctx, r, again, fn, kind)
	return u, err
}

// Associate makes a provisional user permanent. It does nothing to others.
func (t Tenant) Associate(ctx context.Context, ref Ref) (User, error) {
	return t.AssociateIf(ctx, ref, func(User) error { return nil })
}

// AssociateIf makes a provisional user permanent unless fn, which gets it, returns
// an error; AssociateIf then returns that error. If others change the user meanwhile
// fn is called again.
func (t Tenant) AssociateIf(ctx context.Context, ref Ref, fn func(User) error) (User, error) {
	return t.change(ctx, ref, func(u *User) error {
		if err := fn(u.Clone()); err != nil {
			return err
		}
		u.ExpiresAt = time.Time{}
		return nil
	}, ChangeAssociated)
}

// Link links an account to a user. ErrConflict if it belongs to another.
func (t Tenant) Link(ctx context.Context, ref Ref, a Account) (User, error) {
	return t.Update(ctx, ref, func(u *User) error {
		u.link(a)
		return nil
	})
}

// Unlink takes an account from a user. One that is not linked changes nothing.
func (t Tenant) Unlink(ctx context.Context, ref Ref, a Account) (User, error) {
	return t.Update(ctx, ref, func(u *User) error {
		u.unlink(a)
		return nil
	})
}

// update changes a user from the state in which record r has it. It tries again
// while others change it, as often as that is likely to help.
func (w *writer) update(ctx context.Context, r store.Record, again reread, fn func(*User) error, kind ChangeType) (User, Outcome, error) {
	var turn turn
	defer turn.end()
	for try := 0; ; try++ {
		old, _, err := w.decode(&r, w.now)
		if err != nil {
			return User{}, 0, err
		}
		u := old.editable()
		u.edit = new(sensitiveEdit)
		edit := u.edit
		if err := fn(&u); err != nil {
			return User{}, 0, err
		}
		u.edit = edit.orNil() // *u may be one that fn had from before
		u = u.Clone()         // what fn put in is the caller's
		u.created, u.emailClaimed, u.hasVault = old.created, old.emailClaimed, old.hasVault
		u.normalize()
		fields := changedFields(&old, &u)
		var vault vault
		if u.edit != nil {
			if vault, err = w.vault(ctx, &u); err != nil {
				return User{}, 0, err
			}
			fields = append(fields, u.edit.fields(vault.live(w.now))...)
		}
		if err := checkReadOnly(&old, &u); err != nil {
			return User{}, 0, err
		}
		if len(fields) == 0 {
			var v violations
			checkSensitive(&v, u.edit) // removing under a key that cannot be is a mistake too
			return old, Unchanged, v.err()
		}
		rev, err := w.replace(ctx, &r, &old, &u, &vault, w.note(kind, fields))
		if err == nil {
			u.Revision, u.edit = int64(rev), nil
			return u, Updated, nil
		}
		if !errors.Is(err, store.ErrStale) {
			return User{}, 0, err
		}
		if err := turn.next(ctx, w, r.ID, try); err != nil {
			return User{}, 0, err
		}
		if r, err = again(ctx); err != nil {
			return User{}, 0, err
		}
	}
}

// replace writes u over old, the state in r, and what u does to the vault. ErrStale of the store if that is
// no longer so.
func (w *writer) replace(ctx context.Context, r *store.Record, old, u *User, vault *vault, note []byte) (store.Revision, error) {
	if err := w.policy.validate(old, u); err != nil {
		return 0, err
	}
	if u.Email == "" {
		u.emailClaimed = false
	} else if compareKey(u.Email) != compareKey(old.Email) && w.policy.UniqueEmail {
		u.emailClaimed = true
		switch conflict, _, err := w.emailConflict(ctx, u); {
		case err != nil:
			return 0, err
		case conflict != nil:
			return 0, conflict
		}
	}
	u.UpdatedBy, u.UpdatedAt = w.actor, later(w.now, old.UpdatedAt)
	edited, err := w.edited(ctx, vault, u)
	if err != nil {
		return 0, err
	}
	done, taken, err := w.apply(ctx, store.Replace(*r, w.policy.record(u), note), edited...)
	if taken != nil {
		err = w.conflict(taken)
	}
	return done.Revision, err
}

// checkReadOnly refuses changes of what the Manager alone sets.
func checkReadOnly(old, u *User) error {
	var v violations
	for _, f := range []struct {
		field   string
		changed bool
	}{
		{"id", old.ID != u.ID},
		{"tenant_id", old.Tenant != u.Tenant},
		{"environment", old.Environment != u.Environment},
		{"created_by", old.CreatedBy != u.CreatedBy},
		{"updated_by", old.UpdatedBy != u.UpdatedBy},
		{"created_at", !old.CreatedAt.Equal(u.CreatedAt)},
		{"updated_at", !old.UpdatedAt.Equal(u.UpdatedAt)},
		{"revision", old.Revision != u.Revision},
	} {
		if f.changed {
			v.add(f.field, CodeReadOnly, "must not be changed")
		}
	}
	return v.err()
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Delete deletes a user, and frees what was unique to it. ErrNotFound if there is
// none.
func (t Tenant) Delete(ctx context.Context, ref Ref) error {
	return t.DeleteIf(ctx, ref, func(User) error { return nil })
}

// DeleteIf deletes a user unless fn, which gets it, returns an error; DeleteIf then
// returns that error. If others change the user meanwhile fn is called again.
func (t Tenant) DeleteIf(ctx context.Context, ref Ref, fn func(User) error) error {
	w, err := t.writer()
	if err != nil {
		return err
	}
	var turn turn
	defer turn.end()
	for try := 0; ; try++ {
		r, u, err := t.get(ctx, w.name, ref, w.now)
		if err != nil {
			return err
		}
		if err := fn(u.Clone()); err != nil {
			return err
		}
		ops, err := w.m.dependents(ctx, w.name, &u)
		if err != nil {
			return err
		}
		_, err = w.m.store.Apply(ctx, w.name, append(ops, store.Delete(r, w.note(ChangeDeleted, nil)))...)
		if !errors.Is(err, store.ErrStale) {
			return translate("delete", err)
		}
		if err := turn.next(ctx, &w, r.ID, try); err != nil {
			return err
		}
	}
}
