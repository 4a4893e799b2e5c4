package enduser

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Groups is a handle on the groups of one environment of one tenant; [Tenant.Groups]
// makes it. It is a small value, safe for concurrent use.
type Groups struct{ t Tenant }

// Groups returns the handle on the groups of the tenant's environment. Its writes are
// stamped with the actor of t and obey the policy of t.
func (t Tenant) Groups() Groups { return Groups{t} }

// Create makes a new group with a new token, and returns both. There is no group yet for
// conditions: [IfExists] and [IfVersion] fail. It returns ErrConflict if another group has the
// external ID, and ErrNoKeyring if none has but the Manager has no Keyring.
//
// With ErrUnknown it also returns the token, and the group without Version: they are right if
// the write happened.
func (g Groups) Create(ctx context.Context, s GroupSpec, conds ...Condition) (Group, string, error) {
	w, err := g.t.writerFor(ctx, request{kind: kindGroup, call: "create", groupSpec: &s, shows: true})
	defer w.end()
	if err != nil {
		return w.replayToken(ctx, err)
	}
	made, token, outcome, err := w.createGroup(ctx, s, conds, false)
	if err == nil && outcome != Created {
		err = &ConflictError{Kind: kindGroup, Field: "external_id", HolderID: made.ID}
	}
	if err = w.confirm(ctx, err); err != nil && !errors.Is(err, ErrUnknown) {
		return w.replayToken(ctx, err)
	}
	return made, token, err
}

// Ensure returns the group with the external ID, and makes it if there is none. It never
// changes a group that exists. It returns ErrNoKeyring if there is no group, and no Keyring to
// make one. [Groups.Reveal] shows the token.
func (g Groups) Ensure(ctx context.Context, s GroupSpec, conds ...Condition) (Group, Outcome, error) {
	w, err := g.t.writerFor(ctx, request{kind: kindGroup, call: "ensure", groupSpec: &s})
	defer w.end()
	if err != nil {
		return w.replayGroup(ctx, err)
	}
	made, _, outcome, err := w.createGroup(ctx, s, conds, true)
	if err == nil && outcome == Unchanged {
		w.about(made.ID)
		err = conditions(conds).ofGroup(&made)
	}
	if err = w.confirm(ctx, err); err != nil {
		return w.replayGroup(ctx, err)
	}
	return made, outcome, nil
}

// createGroup writes a new group, or finds the one with the external ID. With ensure it is
// for a call that takes the one that exists. With ErrUnknown it also returns the group and its
// token.
func (w *writer) createGroup(
	ctx context.Context, s GroupSpec, conds conditions, ensure bool,
) (Group, string, Outcome, error) {
	g, err := w.makeGroup(s)
	token := ""
	valid := err == nil
	if valid {
		err = conds.ofNothing(ifUser)
	}
	if err == nil {
		g.token, token, err = w.newToken(ctx, &g)
	}
	if err != nil {
		// One that exists needs no new token, nor a policy that allows it.
		if valid || ensure {
			if there, getErr := w.getGroup(ctx, w.name, GroupByExternalID(s.ExternalID)); getErr == nil {
				return there, "", Unchanged, nil
			}
		}
		return Group{}, "", 0, err
	}
	for range maxAttempts {
		g.Number = newGroupNumber()
		done, err := w.apply(ctx, store.Ops(store.Create(w.groupRecord(&g), w.note(ChangeCreated, nil))))
		switch {
		case lost(err): // its ID is in use: NewID has returned it before
			return Group{}, "", 0, translate("create", err)
		case errors.Is(err, ErrUnknown):
			return g, token, 0, err
		case err != nil:
			return Group{}, "", 0, err
		case done.taken != nil && done.taken.Key.Kind == keyGroupNumber:
			continue
		case done.taken != nil:
			there, err := w.decodeGroup(&done.taken.Holder)
			return there, "", Unchanged, err
		}
		g.Version, g.Revision = w.written(done.revision), int64(done.revision)
		return g, token, Created, nil
	}
	return Group{}, "", 0, ErrContended
}

// newGroupNumber draws a number for a group.
func newGroupNumber() int64 {
	for {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand
		if n := binary.BigEndian.Uint32(b[:]) >> 1; n > 0 {
			return int64(n)
		}
	}
}

func groupNumberKey(n int64) store.Key {
	return store.Key{Kind: keyGroupNumber, Value: strconv.FormatInt(n, 10)}
}

// Get returns a group. It returns ErrNotFound if there is none, and an [UnreadableError] if
// it is unreadable.
func (g Groups) Get(ctx context.Context, ref GroupRef) (Group, error) {
	c, err := g.t.begin()
	if err != nil {
		return Group{}, err
	}
	return g.t.getGroup(ctx, c.name, ref)
}

func (t Tenant) getGroup(ctx context.Context, name string, ref GroupRef) (Group, error) {
	r, err := t.findGroup(ctx, name, ref)
	if err != nil {
		return Group{}, err
	}
	g, err := t.decodeGroup(&r)
	if err == nil && !ref.names(&g) {
		return Group{}, ErrNotFound
	}
	return g, err
}

// findGroup returns the record to which a reference leads.
func (t Tenant) findGroup(ctx context.Context, name string, ref GroupRef) (store.Record, error) {
	key, err := ref.key()
	if err != nil {
		return store.Record{}, err
	}
	r, err := t.m.store.Get(ctx, name, key)
	if err == nil && r.Kind != kindGroup {
		return store.Record{}, ErrNotFound
	}
	return r, translate("get", err)
}

// Update changes a group by a function, as [Tenant.Update] does with users. fn may change
// Name, Metadata and SystemProperties.
func (g Groups) Update(ctx context.Context, ref GroupRef, fn func(*Group) error, conds ...Condition) (Group, error) {
	w, err := g.t.writerFor(ctx, request{kind: kindGroup, call: "update", group: ref})
	defer w.end()
	if err != nil {
		changed, _, err := w.replayGroup(ctx, err)
		return changed, err
	}
	changed, err := w.changeGroup(ctx, ref, conds, func(g *Group) error {
		token, previous := g.token, g.previous
		err := fn(g)
		g.token, g.previous = token, previous // *g may be one that fn had from before
		return err
	})
	if err = w.confirm(ctx, err); err != nil {
		changed, _, err = w.replayGroup(ctx, err)
	}
	return changed, err
}

// changeGroup changes a group. With an error it returns the group as it would have become.
func (w *writer) changeGroup(ctx context.Context, ref GroupRef, conds conditions, fn func(*Group) error) (g Group, err error) {
	err = w.settle(ctx, func() (string, error) {
		r, err := w.findGroup(ctx, w.name, ref)
		if err != nil {
			return "", err
		}
		old, err := w.decodeGroup(&r)
		if err == nil && !ref.names(&old) {
			err = ErrNotFound
		}
		if err == nil {
			err = conds.ofGroup(&old)
		}
		if err != nil {
			return r.ID, err
		}
		g, err = w.updateGroup(ctx, &r, &old, fn)
		return r.ID, err
	})
	return g, err
}

// updateGroup changes a group from its old state, that in record r. With an error it returns
// the group as it would have become.
func (w *writer) updateGroup(ctx context.Context, r *store.Record, old *Group, fn func(*Group) error) (Group, error) {
	g := old.editable()
	if err := fn(&g); err != nil {
		return g, err
	}
	g = g.Clone() // the caller may keep what fn put in
	g.normalize()
	fields := changedGroupFields(old, &g)
	if err := checkGroupReadOnly(old, &g); err != nil {
		return g, err
	}
	if len(fields) == 0 {
		return *old, nil
	}
	err := w.replaceGroup(ctx, r, old, &g, fields)
	return g, err
}

// replaceGroup writes g over old, the state in record r. It returns the store's ErrStale if
// the record has changed.
func (w *writer) replaceGroup(ctx context.Context, r *store.Record, old, g *Group, fields []string) error {
	if err := w.policy.validateGroup(old, g); err != nil {
		return err
	}
	g.UpdatedBy, g.UpdatedAt = w.actor, later(w.now, old.UpdatedAt)
	g.forget(w.now)
	g.Version, g.Revision = Version{}, 0
	next, err := w.rewriteGroup(*r, g)
	if err != nil {
		return err
	}
	done, err := w.apply(ctx, store.Ops(store.Replace(*r, next, w.note(ChangeUpdated, fields))))
	switch {
	case done.taken != nil: // another group has this token, one of 2^256
		return w.conflict(done.taken)
	case err == nil:
		g.Version, g.Revision = w.written(done.revision), int64(done.revision)
	}
	return err
}

// Delete deletes a group, if the conditions hold. Its token is no longer accepted. Users that
// name it among their Groups stay as they are. It returns ErrNotFound if there is none. It
// deletes unreadable groups as [Tenant.Delete] does unreadable users.
func (g Groups) Delete(ctx context.Context, ref GroupRef, conds ...Condition) error {
	w, err := g.t.writerFor(ctx, request{kind: kindGroup, call: "delete", group: ref})
	defer w.end()
	if err != nil {
		return w.replayed(ctx, err)
	}
	return w.replayed(ctx, w.confirm(ctx, w.settle(ctx, func() (string, error) {
		r, err := w.findGroup(ctx, w.name, ref)
		if ref.by == groupByID && errors.Is(err, store.ErrDamaged) {
			return ref.value, w.remove(ctx, kindGroup, ref.value, conds, err)
		}
		if err != nil {
			return "", err
		}
		found, err := w.decodeGroup(&r)
		switch {
		case err != nil:
			if err := conditions(conds).ofUnreadable(err); err != nil {
				return r.ID, err
			}
			found = Group{}
		case !ref.names(&found):
			return r.ID, ErrNotFound
		default:
			if err := conditions(conds).ofGroup(&found); err != nil {
				return r.ID, err
			}
		}
		return r.ID, w.delete(ctx, []store.Op{store.Delete(r, w.farewell(ChangeDeleted, found.ExternalID))})
	})))
}
