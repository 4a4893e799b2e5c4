package enduser

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Update changes a user by a function, which gets a copy and changes it. If fn returns an
// error nothing is written, and Update returns that error. If fn changes nothing, nothing is
// written. If others change the user meanwhile, the conditions are checked and fn is called
// again with the new state: fn must have no effects of its own.
//
// The maps that fn gets are never nil. It may move or clear ExpiresAt; Associate does that
// with a change of its own type. It must not change the ID, tenant, environment, version,
// revision, actors and other times: that is ErrInvalid.
//
// Update returns ErrVersion if a condition on versions fails, ErrConflict if something that
// must be unique belongs to another user, and ErrNewer if a newer program has written the
// user so that this one must not change it.
func (t Tenant) Update(ctx context.Context, ref Ref, fn func(*Edit) error, conds ...Condition) (User, error) {
	return t.change(ctx, request{kind: kindUser, call: "update", user: ref}, fn, conds)
}

// change changes the user of a request by a function.
func (t Tenant) change(ctx context.Context, q request, fn func(*Edit) error, conds conditions) (u User, err error) {
	w, err := t.writerFor(ctx, q)
	defer w.end()
	if err != nil {
		u, _, err = w.replayUser(ctx, err)
		return u, err
	}
	err = w.settle(ctx, func() (string, error) {
		r, _, err := w.get(ctx, w.name, q.user, w.now)
		if err != nil {
			return r.ID, err
		}
		u, _, err = w.update(ctx, &r, conds, fn)
		return r.ID, err
	})
	if err = w.confirm(ctx, err); err != nil {
		u, _, err = w.replayUser(ctx, err)
	}
	return u, err
}

// Associate makes a provisional user permanent, if the conditions hold. A user that is
// permanent already stays as it is.
func (t Tenant) Associate(ctx context.Context, ref Ref, conds ...Condition) (User, error) {
	return t.change(ctx, request{kind: kindUser, call: "associate", user: ref}, associate, conds)
}

// associate makes a provisional user permanent, by a change of its own type.
func associate(e *Edit) error {
	if !e.ExpiresAt.IsZero() {
		e.ExpiresAt, e.kind = time.Time{}, ChangeAssociated
	}
	return nil
}

// Link links an account to a user. It returns ErrConflict if the account belongs to another.
func (t Tenant) Link(ctx context.Context, ref Ref, a Account) (User, error) {
	return t.change(ctx, request{kind: kindUser, call: "link", user: ref, account: a}, func(e *Edit) error {
		e.link(a)
		return nil
	}, nil)
}

// Unlink takes an account from a user. It changes nothing if the account is not linked.
func (t Tenant) Unlink(ctx context.Context, ref Ref, a Account) (User, error) {
	return t.change(ctx, request{kind: kindUser, call: "unlink", user: ref, account: a}, func(e *Edit) error {
		e.unlink(a)
		return nil
	}, nil)
}

// planned is a write of one user that has not been sent.
type planned struct {
	old, user User // old is zero for a new user
	ops       []store.Op
	require   []store.Require
}

// update changes a user from the state in record r. It returns the store's ErrStale if
// the record has changed.
func (w *writer) update(
	ctx context.Context, r *store.Record, conds conditions, fn func(*Edit) error,
) (User, Outcome, error) {
	p, err := w.planUpdate(ctx, r, conds, fn)
	switch {
	case err != nil:
		return User{}, 0, err
	case len(p.ops) == 0:
		return p.old, Unchanged, nil
	}
	done, conflict, err := w.applyAs(ctx, &p)
	if done.taken != nil {
		conflict = w.conflict(done.taken)
	}
	if conflict != nil {
		err = conflict
	}
	if err != nil {
		return User{}, 0, err
	}
	p.user.Version, p.user.Revision = w.written(done.revision), int64(done.revision)
	return p.user, Updated, nil
}

// planUpdate returns the write that changes a user from the state in record r. It has no ops if
// nothing changes.
func (w *writer) planUpdate(
	ctx context.Context, r *store.Record, conds conditions, fn func(*Edit) error,
) (planned, error) {
	old, _, err := w.decode(r, w.now)
	if err != nil {
		return planned{}, err
	}
	if err := conds.ofUser(&old); err != nil {
		return planned{}, err
	}
	e := Edit{User: old.editable(), exact: w.exact, kind: ChangeUpdated}
	if err := fn(&e); err != nil {
		return planned{}, err
	}
	u := e.Clone() // the caller may keep what fn put in
	u.emailClaimed, u.hasSensitive = old.emailClaimed, old.hasSensitive
	u.normalize()
	fields := changedFields(&old, &u)
	var values sensitiveRecord
	if !e.sensitive.isZero() {
		if values, err = w.sensitive(ctx, &u, e.sensitive.clear); err != nil {
			return planned{}, err
		}
		fields = append(fields, e.sensitive.fields(values.live(w.now))...)
		if values.lost {
			fields = append(fields, sensitiveField)
		}
	}
	if err := checkReadOnly(&old, &u); err != nil {
		return planned{}, err
	}
	p := planned{old: old, user: u}
	if len(fields) == 0 {
		checkSensitive(&e.wrong, &e.sensitive) // to remove an invalid key is an error, too
		return p, e.wrong.err()
	}
	return p, w.planReplace(ctx, r, &p, &values, &e, w.note(e.kind, fields))
}

// planReplace plans the write of p.user over p.old, the state in record r, together with the
// edit of the sensitive values.
func (w *writer) planReplace(
	ctx context.Context, r *store.Record, p *planned, values *sensitiveRecord, e *Edit, note []byte,
) error {
	old, u := &p.old, &p.user
	if err := e.wrong.with(w.policy.validate(old, u, &e.sensitive)); err != nil {
		return err
	}
	if u.Email == "" {
		u.emailClaimed = false
	} else if w.policy.UniqueEmail && emailKey(u.Email) != emailKey(old.Email) {
		u.emailClaimed = true
		switch holders, err := w.emailHolders(ctx, u); {
		case err != nil:
			return err
		case len(holders) > 0:
			return emailConflict(holders)
		}
	}
	u.UpdatedBy, u.UpdatedAt = w.actor, later(w.now, old.UpdatedAt)
	edited, err := w.edited(ctx, values, u, &e.sensitive)
	if err != nil {
		return err
	}
	next, err := w.rewrite(*r, u)
	if err != nil {
		return err
	}
	p.ops, p.require = append(edited, store.Replace(*r, next, note)), w.requireNobody(old, u)
	return nil
}
