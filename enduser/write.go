package enduser

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Outcome says what Ensure and Upsert did.
type Outcome uint8

// The outcomes.
const (
	Unchanged Outcome = iota + 1 // the user was there and is as it was
	Created                      // the user is new
	Updated                      // the user was there and was changed
)

// String returns "unchanged", "created" or "updated".
func (o Outcome) String() string {
	switch o {
	case Unchanged:
		return "unchanged"
	case Created:
		return "created"
	case Updated:
		return "updated"
	default:
		return "none"
	}
}

// writer is one call that writes: the handle, and what holds for the call.
type writer struct {
	Tenant
	name   string // the tenant's name in the store
	policy Policy
	now    time.Time
}

func (t Tenant) writer() (writer, error) {
	name, p, err := t.begin()
	if err != nil {
		return writer{}, err
	}
	return writer{Tenant: t, name: name, policy: p, now: t.m.millis()}, nil
}

// apply writes one op, with others on what depends on its record, and returns the
// record's new revision. A unique key held by a user that has expired is taken over:
// that user is deleted in the same batch. A key held by a living one is returned.
//
// A create whose outcome is unknown is sent again, since its ID makes it the same
// create: if that ID is then in use, an earlier try was done, and the record is
// returned as it is by now. Nothing else is repeated. An outcome that was unknown
// once stays so unless a later try tells.
func (w *writer) apply(ctx context.Context, op store.Op, with ...store.Op) (done store.Record, taken *store.TakenError, err error) {
	ops := append(with, op) // the last has the revision that is returned
	count := len(ops)
	unknown := error(nil)
	for try := range maxTries + store.MaxUnique { // each key may have an expired holder
		rev, err := w.m.store.Apply(ctx, w.name, ops...)
		if err == nil {
			return store.Record{Revision: rev}, nil, nil
		}
		if taken, ok := errors.AsType[*store.TakenError](err); ok {
			holder, gone := w.expired(&taken.Holder)
			if !gone || len(ops) > store.MaxOps-2 {
				return store.Record{}, taken, nil
			}
			over, err := w.m.dependents(ctx, w.name, &holder)
			if err != nil {
				return store.Record{}, nil, err
			}
			over = append(over, store.Delete(taken.Holder, w.note(ChangeExpired, nil)))
			ops = append(over, ops...)
			continue
		}
		stale, ok := errors.AsType[*store.StaleError](err)
		switch own := len(ops) - count; {
		case ok && stale.Op < own: // an expired one was swept or taken over meanwhile
			ops = ops[own:]
		case ok && unknown != nil:
			r, err := w.m.store.Get(ctx, w.name, store.ID(op.New.ID))
			if err != nil { // it was done, and cannot be shown
				return r, nil, errors.Join(translate("create", unknown), translate("get", err))
			}
			return r, nil, nil
		case ok:
			return store.Record{}, nil, err
		case op.Old == nil && errors.Is(err, store.ErrUnknown) && try < 2 && ctx.Err() == nil:
			unknown = err
		case unknown != nil:
			return store.Record{}, nil, translate("create", errors.Join(unknown, err))
		default:
			return store.Record{}, nil, translate("write", err)
		}
	}
	if unknown != nil {
		return store.Record{}, nil, translate("create", unknown)
	}
	return store.Record{}, nil, ErrContended
}

// expired returns the user of a record and whether its deadline has passed.
func (w *writer) expired(r *store.Record) (u User, gone bool) {
	u, live, err := w.decode(r, w.now)
	return u, err == nil && !live && u.ID != ""
}

// conflict says in the terms of users and groups which key is taken.
func (w *writer) conflict(taken *store.TakenError) *ConflictError {
	field := "external_id"
	switch taken.Key.Kind {
	case keyAccount:
		field = "linked_accounts"
	case keyEmail:
		field = "email"
	case keyProvidedID:
		field = "provided_id"
	case keyGroupToken:
		field = "token"
	}
	return &ConflictError{Field: field, HolderID: taken.Holder.ID}
}

// maxTries bounds how often a call that lost a race tries again.
const maxTries = 24

// turn is a call's place in the fight for one record: after the first loss it
// waits for the others of this process, then tries again with pauses that grow,
// for those of other processes.
type turn struct{ leave func() }

func (t *turn) end() {
	if t.leave != nil {
		t.leave()
	}
}

func (t *turn) next(ctx context.Context, w *writer, id string, try int) error {
	if try >= maxTries {
		return ErrContended
	}
	if t.leave == nil {
		leave, err := w.m.queues.enter(ctx, w.name, id)
		if err != nil {
			return translate("wait", err)
		}
		t.leave = leave
		return nil
	}
	if try < 4 {
		return nil
	}
	pause := time.NewTimer(rand.N(time.Millisecond << min(try-4, 6))) //nolint:gosec // spreads load
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return translate("wait", ctx.Err())
	}
}
