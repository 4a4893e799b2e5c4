package enduser

import (
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// bulkRow is a row on its way through a bulk call.
type bulkRow struct {
	number int
	in     *Import

	keys   []store.Key // that the row names; see names
	plan   planned
	reads  bool  // only a read finds out what the row does
	single bool  // the row is written by a call of its own
	err    error // of the plan

	answered bool
	result   BulkResult
}

// answer ends the row, and lets go of what is large.
func (r *bulkRow) answer(u *User, outcome Outcome, err error) {
	r.result = BulkResult{Row: r.number, Answered: true, ID: r.in.ID, ExternalID: r.in.ExternalID}
	if err == nil {
		r.result.Outcome, r.result.ID, r.result.ExternalID, r.result.Version = outcome, u.ID, u.ExternalID, u.Version
	}
	r.in, r.plan, r.err, r.answered = nil, planned{}, err, true
}

// outcome returns what the plan does.
func (p *planned) outcome() Outcome {
	switch {
	case len(p.ops) == 0:
		return Unchanged
	case p.ops[len(p.ops)-1].Old == nil:
		return Created
	}
	return Updated
}

// names returns the unique keys that a row names: whoever holds one of them decides about the
// row, and the row can claim them. Rows that share one are written one after the other.
func (w *writer) names(in *Import) []store.Key {
	keys := make([]store.Key, 0, 2+len(in.Accounts))
	if in.ID != "" {
		keys = append(keys, w.externalIDKey(in.ID))
	}
	if in.ExternalID != "" {
		keys = append(keys, w.externalIDKey(in.ExternalID))
	}
	for _, a := range in.Accounts {
		keys = append(keys, accountKey(a))
	}
	if in.Email != "" && w.policy.UniqueEmail {
		keys = append(keys, emailKey(in.Email))
	}
	return keys
}

// guess plans a row as if its user did not exist. Most rows of a first import are like that. A
// row that can be decided by a read only gets no plan.
func (r *bulkRow) guess(ctx context.Context, w *writer) error {
	u, edit, err := w.describe(r.in, w.idFor(r.in))
	if r.reads = err != nil || u.emailClaimed || r.in.ID == "" && !u.identifies(); r.reads {
		return nil
	}
	r.plan, err = w.planCreate(ctx, r.in, &u, &edit)
	r.reads = err != nil && ofOneRow(err)
	if r.reads {
		return nil
	}
	return err
}

func (w *writer) idFor(in *Import) string {
	if in.ID != "" {
		return in.ID
	}
	return w.m.newID()
}

// look plans a row by what the store has. An error about the row is r.err. It writes nothing.
func (r *bulkRow) look(ctx context.Context, w *writer) (err error) {
	r.reads, r.plan = false, planned{}
	r.plan, err = w.plan(ctx, r.in)
	r.err, r.single = nil, err != nil
	if err != nil && ofOneRow(err) {
		r.err, err = err, nil
	}
	return err
}

// plan returns what a row writes, or its error. It does as create and update do; only the
// holders of keys beside the identity are not looked for. The plan names the user that was found
// also beside an error, which may be due to its state.
func (w *writer) plan(ctx context.Context, in *Import) (planned, error) {
	u, edit, invalid := w.describe(in, w.idFor(in))
	if in.ID == "" && !u.identifies() {
		return planned{}, unidentified(invalid)
	}
	identity := w.identity(in, &u)
	there, err := w.identified(ctx, in, &u, identity)
	switch {
	case err != nil:
		return planned{}, err
	case there != nil:
		p, err := w.planUpdate(ctx, there, nil, in.merge)
		if err != nil {
			p = planned{old: User{ID: there.ID}}
		}
		return p, err
	case invalid != nil:
		return planned{}, invalid
	}
	if identity.Kind != keyEmail {
		switch holders, err := w.emailHolders(ctx, &u); {
		case err != nil:
			return planned{}, err
		case len(holders) > 0:
			return planned{}, emailConflict(holders)
		}
	}
	return w.planCreate(ctx, in, &u, &edit)
}

// identified returns the record of the user that an identity names, nil if there is none.
func (w *writer) identified(ctx context.Context, in *Import, u *User, identity store.Key) (*store.Record, error) {
	var r store.Record
	if identity.Kind == keyEmail {
		holders, err := w.emailHolders(ctx, u)
		switch {
		case err != nil || len(holders) == 0:
			return nil, err
		case len(holders) > 1:
			return nil, ErrAmbiguous
		}
		r = holders[0]
	} else {
		var err error
		r, err = w.m.store.Get(ctx, w.name, identity)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, nil
		case err != nil:
			return nil, translate("get", err)
		}
	}
	there, live, err := w.decode(&r, w.now)
	switch {
	case err != nil:
		return nil, err
	case live && there.goesBy(identity):
		return &r, nil
	case !live && r.Kind == kindUser:
		return nil, nil // it has expired
	}
	return nil, w.inTheWay(in, &store.TakenError{Key: identity, Holder: r})
}

// inTheWay returns the conflict of a row with the holder of a key.
func (w *writer) inTheWay(in *Import, taken *store.TakenError) error {
	if taken.Key.Kind == "" {
		return &ConflictError{Kind: taken.Holder.Kind, Field: "id", HolderID: taken.Holder.ID}
	}
	return in.conflict(w, taken)
}

// conflictOf returns the conflict that a plan would meet in the store as it is.
func (w *writer) conflictOf(ctx context.Context, in *Import, p *planned) error {
	for _, require := range p.require {
		if conflict, err := w.heldBy(ctx, require.ID); err != nil || conflict != nil {
			return errorOr(err, conflict)
		}
	}
	if len(p.ops) == 0 {
		return nil
	}
	op := p.ops[len(p.ops)-1]
	for _, key := range op.New.Unique {
		if op.Old != nil && slices.Contains(op.Old.Unique, key) {
			continue
		}
		r, err := w.m.store.Get(ctx, w.name, key)
		switch _, gone := w.expired(&r); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return translate("get", err)
		case !gone && r.ID != op.New.ID:
			return w.inTheWay(in, &store.TakenError{Key: key, Holder: r})
		}
	}
	return nil
}

func errorOr(err error, conflict *ConflictError) error {
	if err == nil {
		err = conflict
	}
	return err
}

// beyond reports whether a plan gives up a unique key, or claims one that the row does not name:
// then rows that share no key with it can depend on it. An address is in the way of others
// where addresses are unique, even if no key claims it.
func (r *bulkRow) beyond(uniqueEmail bool) bool {
	if len(r.plan.ops) == 0 {
		return false
	}
	op := r.plan.ops[len(r.plan.ops)-1]
	if op.Old == nil {
		return false
	}
	if old := r.plan.old.Email; uniqueEmail && old != "" && emailKey(old) != emailKey(r.plan.user.Email) {
		return true
	}
	for _, key := range op.Old.Unique {
		if !slices.Contains(op.New.Unique, key) {
			return true
		}
	}
	for _, key := range op.New.Unique {
		if !slices.Contains(op.Old.Unique, key) && !slices.Contains(r.keys, key) {
			return true
		}
	}
	return false
}
