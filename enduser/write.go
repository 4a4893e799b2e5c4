package enduser

import (
	"context"
	"errors"
	"slices"
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
	Tenant        // which compares external IDs as the schema says, for the whole call
	name   string // the tenant's name in the store
	policy Policy
	schema Schema
	now    time.Time
	stamp  stamp // of all that the call writes, however often it tries
	wrote  bool  // the store has said that a write of the call is done
}

func (t Tenant) writer() (writer, error) {
	c, err := t.begin()
	if err != nil {
		return writer{}, err
	}
	return writer{
		Tenant: t.pin(c.exact), name: c.name, policy: c.policy, schema: c.schema, now: t.m.millis(), stamp: newStamp(),
	}, nil
}

// confirm is what a call that may write ends with. If it wrote nothing, its answer rests on
// what it has read: that a user is as was asked for, or has what others ask for, or is not
// there. Such an answer is told only when the store cannot lose what it rests on, as a write
// would be.
func confirm[T any](ctx context.Context, w *writer, answer *T, err *error) {
	if w.wrote || *err != nil && !ofState(*err) {
		return
	}
	if failed := store.Confirm(ctx, w.m.store, w.name); failed != nil {
		var none T
		*answer, *err = none, translate("confirm", failed)
	}
}

// ofState reports whether an error says something about what is in the store.
func ofState(err error) bool {
	for _, of := range []error{ErrNotFound, ErrConflict, ErrVersion, ErrAmbiguous} {
		if errors.Is(err, of) {
			return !errors.Is(err, ErrUnknown)
		}
	}
	return false
}

// written returns the version of what the call wrote.
func (w *writer) written(rev store.Revision) Version { return Version{int64(rev), w.stamp} }

// applied is what became of a write.
type applied struct {
	revision store.Revision    // of the record
	taken    *store.TakenError // nothing was written: somebody holds a key
}

// apply writes one op, with others on what depends on its record. A unique key held by
// a user that has expired is taken over: that user is deleted in the same batch.
//
// What was done, or may have been, is not sent again, a create neither: its record may
// have been deleted since, and a second create would bring it back. Only the store can
// repeat a write, since it knows each by a name of its own. The error is the store's own
// if the write was stale, or something required of the state before it did not hold.
func (w *writer) apply(
	ctx context.Context, op store.Op, require []store.Require, with ...store.Op,
) (applied, error) {
	own := append(with[:len(with):len(with)], op)
	var over []store.Op                    // deletions of users that have expired; they come first
	for range maxTries + store.MaxUnique { // each key may have an expired holder
		ops := own
		if len(over) > 0 {
			ops = slices.Concat(over, own)
		}
		rev, err := w.m.store.Apply(ctx, w.name, store.Batch{Ops: ops, Require: require})
		if err == nil {
			w.wrote = true
			return applied{revision: rev}, nil
		}
		if taken, ok := errors.AsType[*store.TakenError](err); ok {
			deletions, err := w.takeOver(ctx, &taken.Holder)
			if err != nil {
				return applied{}, err
			}
			if len(deletions) == 0 || len(ops)+len(require)+len(deletions) > store.MaxOps {
				return applied{taken: taken}, nil
			}
			over = append(over, deletions...)
			continue
		}
		if !lost(err) {
			return applied{}, translate("write", err)
		}
		if stale, ok := errors.AsType[*store.StaleError](err); !ok || stale.Op < 0 || stale.Op >= len(over) {
			return applied{}, err
		}
		over = nil // an expired one was swept or taken over meanwhile
	}
	return applied{}, ErrContended
}

// takeOver returns the ops that delete the user that holds a key, none if it has not
// expired.
func (w *writer) takeOver(ctx context.Context, holder *store.Record) ([]store.Op, error) {
	u, gone := w.expired(holder)
	if !gone {
		return nil, nil
	}
	ops, err := w.m.dependents(ctx, w.name, &u)
	return append(ops, store.Delete(*holder, w.note(ChangeExpired, nil))), err
}

// expired returns the user of a record and whether its deadline has passed.
func (w *writer) expired(r *store.Record) (u User, gone bool) {
	u, live, err := w.decode(r, w.now)
	return u, err == nil && !live && u.ID != ""
}

// conflict says in the terms of users and groups which key is taken.
func (w *writer) conflict(taken *store.TakenError) *ConflictError {
	kind, field := kindUser, "external_id"
	switch taken.Key.Kind {
	case keyAccount:
		field = "linked_accounts"
	case keyEmail:
		field = "email"
	case keyGroupID:
		kind = kindGroup
	case keyGroupToken:
		kind, field = kindGroup, "token"
	}
	return &ConflictError{Kind: kind, Field: field, HolderID: taken.Holder.ID}
}
