package enduser

import (
	"context"
	"errors"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// Delete deletes a user, if the conditions hold, and frees its unique IDs and addresses. It
// returns ErrNotFound if there is none. It also deletes an unreadable user, and a damaged
// one by its ID: then [IfVersion] fails with ErrVersion, and [IfUser] with the
// [UnreadableError].
func (t Tenant) Delete(ctx context.Context, ref Ref, conds ...Condition) error {
	w, err := t.writerFor(ctx, request{kind: kindUser, call: "delete", user: ref})
	defer w.end()
	if err != nil {
		return w.replayed(ctx, err)
	}
	return w.replayed(ctx, w.confirm(ctx, w.settle(ctx, func() (string, error) {
		r, err := w.find(ctx, w.name, ref, w.now)
		if ref.by == byID && errors.Is(err, store.ErrDamaged) {
			return ref.value, w.remove(ctx, kindUser, ref.value, conds, err)
		}
		if err != nil {
			return "", err
		}
		ops, err := w.deletion(ctx, &r, ref, conds)
		if err != nil {
			return r.ID, err
		}
		return r.ID, w.delete(ctx, ops)
	})))
}

// deletion returns the ops that delete the user in a record and what belongs to it, if the
// reference names it and the conditions hold.
func (w *writer) deletion(ctx context.Context, r *store.Record, ref Ref, conds conditions) (ops []store.Op, err error) {
	if r.Kind != kindUser {
		return nil, ErrNotFound
	}
	u, live, err := w.decode(r, w.now)
	switch {
	case err != nil:
		if err := conds.ofUnreadable(err); err != nil {
			return nil, err
		}
		u = User{}
		ops, err = w.m.sensitiveDeletion(ctx, w.name, r.ID)
	case !live || !ref.names(w.Tenant, &u):
		return nil, ErrNotFound
	default:
		if err := conds.ofUser(&u); err != nil {
			return nil, err
		}
		ops, err = w.m.dependents(ctx, w.name, &u)
	}
	return append(ops, store.Delete(*r, w.farewell(ChangeDeleted, u.ExternalID))), err
}

// delete applies ops that delete. It returns the store's ErrStale if a record has changed.
func (w *writer) delete(ctx context.Context, ops []store.Op) error {
	_, err := w.send(ctx, "delete", store.Ops(ops...))
	w.wrote = err == nil
	return err
}

// remove deletes a record that the store cannot read, for the given cause, and what belongs
// to it. It returns the store's ErrStale if the record has changed.
func (w *writer) remove(ctx context.Context, kind, id string, conds conditions, cause error) error {
	if strings.Contains(id, "/") { // a record of something else
		return ErrNotFound
	}
	if err := conds.ofUnreadable(cause); err != nil {
		return err
	}
	ops, err := w.m.sensitiveDeletion(ctx, w.name, id)
	if err != nil {
		return err
	}
	return w.delete(ctx, append(ops, store.Remove(id, kind, w.note(ChangeDeleted, nil))))
}
