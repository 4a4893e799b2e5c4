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
	Unchanged Outcome = iota + 1 // the user existed and was not changed
	Created                      // the user is new
	Updated                      // the user existed and was changed
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

// writer is one call that writes: the handle, and what stays the same during the call.
type writer struct {
	Tenant        // which compares external IDs as the schema says, for the whole call
	name   string // the tenant's name in the store
	policy Policy
	schema Schema
	now    time.Time
	stamp  stamp // of everything that the call writes, in all attempts
	wrote  bool  // a write of the call has succeeded
	once   *once // its idempotency key; nil: none
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

// confirm ends a call that may write, and returns its error. If the call wrote nothing its
// answer rests on what it has read: that the user is unchanged, for example, or does not
// exist. The store must keep that as safe as a write.
func (w *writer) confirm(ctx context.Context, err error) error {
	if w.once != nil && !w.wrote {
		err = w.settled(ctx, err)
	}
	if w.wrote || err != nil && !ofState(err) {
		return err
	}
	if failed := store.Confirm(ctx, w.m.store, w.name); failed != nil {
		return translate("confirm", failed)
	}
	return err
}

// ofState reports whether an error tells the state of the store.
func ofState(err error) bool {
	for _, of := range []error{ErrNotFound, ErrConflict, ErrVersion, ErrAmbiguous, ErrDisabled} {
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
	taken    *store.TakenError // nothing was written, since somebody holds a key
}

// apply writes a batch whose last op is on the record that the call is about. It takes over
// a unique key from a user that has expired: it deletes that user in the same batch.
//
// It never sends again a write that may have happened, not even a create: the record may
// have been deleted since, and a second create would bring it back. Only the store can
// repeat a write, since it gives each a name. The error is the store's own if an op was
// stale or a requirement failed.
func (w *writer) apply(ctx context.Context, b store.Batch) (applied, error) {
	own, room := b.Ops, store.MaxOps-len(b.Require)
	if w.once != nil {
		room-- // for the answer
	}
	var expired []store.Op                    // deletions of users; they come first
	for range maxAttempts + store.MaxUnique { // each key may have an expired holder
		if b.Ops = own; len(expired) > 0 {
			b.Ops = slices.Concat(expired, own)
		}
		rev, err := w.send(ctx, "write", b)
		if err == nil {
			w.wrote = true
			return applied{revision: rev}, nil
		}
		if taken, ok := errors.AsType[*store.TakenError](err); ok {
			deletions, err := w.takeOver(ctx, &taken.Holder)
			if err != nil {
				return applied{}, err
			}
			if len(deletions) == 0 || len(b.Ops)+len(deletions) > room {
				return applied{taken: taken}, nil
			}
			expired = append(expired, deletions...)
			continue
		}
		if !lost(err) {
			return applied{}, err
		}
		if stale, ok := errors.AsType[*store.StaleError](err); !ok || stale.Op < 0 || stale.Op >= len(expired) {
			return applied{}, err
		}
		expired = nil // one of them was swept or taken over meanwhile
	}
	return applied{}, ErrContended
}

// takeOver returns the ops that delete the user that holds a key, none unless it has
// expired.
func (w *writer) takeOver(ctx context.Context, holder *store.Record) ([]store.Op, error) {
	u, gone := w.expired(holder)
	if !gone {
		return nil, nil
	}
	ops, err := w.m.dependents(ctx, w.name, &u)
	return append(ops, store.Delete(*holder, w.farewell(ChangeExpired, u.ExternalID))), err
}

// expired returns the user in a record, and reports whether its deadline has passed.
func (w *writer) expired(r *store.Record) (u User, gone bool) {
	u, live, err := w.decode(r, w.now)
	return u, err == nil && !live && u.ID != ""
}

// conflict returns the conflict for a unique key that is taken.
func (w *writer) conflict(taken *store.TakenError) *ConflictError {
	for _, k := range w.m.kinds {
		if k.key == nil {
			continue
		}
		if field, own := k.key(taken.Key.Kind); own && field != "" {
			return &ConflictError{Kind: k.name, Field: field, HolderID: taken.Holder.ID}
		}
	}
	return &ConflictError{Kind: kindUser, Field: "external_id", HolderID: taken.Holder.ID}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
