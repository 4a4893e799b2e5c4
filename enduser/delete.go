package enduser

import (
	"context"
	"errors"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// Delete deletes a user, if the conditions hold, and frees what was unique to it.
// ErrNotFound if there is none. A user that cannot be read is deleted too, a damaged one
// by its ID alone: then [IfVersion] fails with ErrVersion, and [IfUser] with the
// [UnreadableError].
func (t Tenant) Delete(ctx context.Context, ref Ref, conds ...Condition) (err error) {
	w, err := t.writer()
	if err != nil {
		return err
	}
	defer confirm(ctx, &w, &struct{}{}, &err)
	again := func(ctx context.Context) (store.Record, error) { return w.find(ctx, w.name, ref, w.now) }
	r, err := again(ctx)
	if ref.by == byID && errors.Is(err, store.ErrDamaged) {
		return w.remove(ctx, kindUser, ref.value, conds, err)
	}
	if err != nil {
		return err
	}
	return w.settleFrom(ctx, r, again, func(r store.Record) error {
		if r.Kind != kindUser {
			return ErrNotFound
		}
		u, live, err := w.decode(&r, w.now)
		var ops []store.Op
		if err == nil {
			if !live || !ref.names(&u) {
				return ErrNotFound
			}
			if err = conditions(conds).ofUser(&u); err == nil {
				ops, err = w.m.dependents(ctx, w.name, &u)
			}
		} else if err = conditions(conds).ofUnreadable(err); err == nil {
			ops, err = w.m.sensitiveDeletion(ctx, w.name, r.ID)
		}
		if err != nil {
			return err
		}
		return w.delete(ctx, append(ops, store.Delete(r, w.note(ChangeDeleted, nil))))
	})
}

// delete applies ops that delete. The error is the store's own if they were stale.
func (w *writer) delete(ctx context.Context, ops []store.Op) error {
	_, err := w.m.store.Apply(ctx, w.name, store.Ops(ops...))
	if lost(err) {
		return err
	}
	w.wrote = err == nil
	return translate("delete", err)
}

// remove deletes a record that the store cannot read, as cause says, and what belongs to
// it.
func (w *writer) remove(ctx context.Context, kind, id string, conds conditions, cause error) error {
	if strings.HasPrefix(id, sensitiveID("")) {
		return ErrNotFound
	}
	if err := conds.ofUnreadable(cause); err != nil {
		return err
	}
	return w.settle(ctx, id, func() error {
		ops, err := w.m.sensitiveDeletion(ctx, w.name, id)
		if err != nil {
			return err
		}
		err = w.delete(ctx, append(ops, store.Remove(id, kind, w.note(ChangeDeleted, nil))))
		if lost(err) {
			if _, getErr := w.m.store.Get(ctx, w.name, store.ID(id)); errors.Is(getErr, store.ErrNotFound) {
				return translate("delete", getErr)
			}
		}
		return err
	})
}
