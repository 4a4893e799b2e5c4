package enduser

import (
	"context"
	"errors"
	"iter"

	"github.com/rollbook-go/rollbook/store"
)

// CreateGroup makes a new group with a new token, which [Tenant.RevealGroupToken] shows.
// ErrConflict if another group has the provided ID; ErrNoKeyring if there is none and
// the Manager has no Keyring.
func (t Tenant) CreateGroup(ctx context.Context, s GroupSpec) (Group, error) {
	g, outcome, err := t.EnsureGroup(ctx, s)
	if err == nil && outcome != Created {
		return Group{}, &ConflictError{Field: "provided_id", HolderID: g.ID}
	}
	return g, err
}

// EnsureGroup returns the group with the provided ID, and makes it if there is none.
// It never changes a group that exists. ErrNoKeyring if it would have to make one
// without a Keyring.
func (t Tenant) EnsureGroup(ctx context.Context, s GroupSpec) (Group, Outcome, error) {
	w, err := t.writer()
	if err != nil {
		return Group{}, 0, err
	}
	g, err := w.makeGroup(s)
	if err != nil {
		return Group{}, 0, err
	}
	if g.token, err = w.newToken(ctx, &g); err != nil {
		// One that exists needs no new token.
		if _, there, getErr := w.getGroup(ctx, w.name, GroupByProvidedID(s.ProvidedID)); getErr == nil {
			return there, Unchanged, nil
		}
		return Group{}, 0, err
	}
	done, taken, err := w.apply(ctx, store.Create(g.record(), w.note(ChangeCreated, nil)))
	switch {
	case errors.Is(err, store.ErrStale): // its ID is in use: NewID has returned it before
		return Group{}, 0, translate("create", err)
	case err != nil:
		return Group{}, 0, err
	case taken != nil:
		g, err := t.decodeGroup(&taken.Holder)
		return g, Unchanged, err
	case done.Data != nil: // it was written by an earlier try
		g, err := t.decodeGroup(&done)
		return g, Created, err
	}
	g.Revision, g.Number = int64(done.Revision), int64(done.Revision)
	return g, Created, nil
}

// GetGroup returns a group. ErrNotFound if there is none.
func (t Tenant) GetGroup(ctx context.Context, ref GroupRef) (Group, error) {
	name, _, err := t.begin()
	if err != nil {
		return Group{}, err
	}
	_, g, err := t.getGroup(ctx, name, ref)
	return g, err
}

func (t Tenant) getGroup(ctx context.Context, name string, ref GroupRef) (store.Record, Group, error) {
	key, err := ref.key()
	if err != nil {
		return store.Record{}, Group{}, err
	}
	r, err := t.m.store.Get(ctx, name, key)
	if err != nil {
		return store.Record{}, Group{}, translate("get", err)
	}
	if r.Kind != kindGroup {
		return store.Record{}, Group{}, ErrNotFound
	}
	g, err := t.decodeGroup(&r)
	if err == nil && !ref.names(&g) {
		err = ErrNotFound
	}
	return r, g, err
}

// UpdateGroup changes a group: fn gets a copy and changes it, as [Tenant.Update]
// does with users. What it may change are Name, Properties, Mapping and Demo.
func (t Tenant) UpdateGroup(ctx context.Context, ref GroupRef, fn func(*Group) error) (Group, error) {
	w, err := t.writer()
	if err != nil {
		return Group{}, err
	}
	return w.changeGroup(ctx, ref, func(g *Group) error {
		token, previous := g.token, g.previous
		err := fn(g)
		g.token, g.previous = token, previous // *g may be one that fn had from before
		return err
	})
}

func (w *writer) changeGroup(ctx context.Context, ref GroupRef, fn func(*Group) error) (Group, error) {
	var turn turn
	defer turn.end()
	for try := 0; ; try++ {
		r, old, err := w.getGroup(ctx, w.name, ref)
		if err != nil {
			return Group{}, err
		}
		g := old.editable()
		if err := fn(&g); err != nil {
			return Group{}, err
		}
		g = g.Clone() // what fn put in is the caller's
		g.normalize()
		fields := changedGroupFields(&old, &g)
		if err := checkGroupReadOnly(&old, &g); err != nil {
			return Group{}, err
		}
		if len(fields) == 0 {
			return old, nil
		}
		if err := w.policy.validateGroup(&old, &g); err != nil {
			return Group{}, err
		}
		g.UpdatedBy, g.UpdatedAt = w.actor, later(w.now, old.UpdatedAt)
		g.forget(w.now)
		done, taken, err := w.apply(ctx, store.Replace(r, g.record(), w.note(ChangeUpdated, fields)))
		switch {
		case taken != nil: // a token that is in use, of 2^256
			return Group{}, w.conflict(taken)
		case err == nil:
			g.Revision = int64(done.Revision)
			return g, nil
		case !errors.Is(err, store.ErrStale):
			return Group{}, err
		}
		if err := turn.next(ctx, w, r.ID, try); err != nil {
			return Group{}, err
		}
	}
}

// DeleteGroup deletes a group; its token is no longer accepted. Users who name it
// among their Groups are left as they are. ErrNotFound if there is none.
func (t Tenant) DeleteGroup(ctx context.Context, ref GroupRef) error {
	return t.DeleteGroupIf(ctx, ref, func(Group) error { return nil })
}

// DeleteGroupIf deletes a group unless fn, which gets it, returns an error;
// DeleteGroupIf then returns that error. If others change the group meanwhile fn is
// called again.
func (t Tenant) DeleteGroupIf(ctx context.Context, ref GroupRef, fn func(Group) error) error {
	w, err := t.writer()
	if err != nil {
		return err
	}
	var turn turn
	defer turn.end()
	for try := 0; ; try++ {
		r, g, err := t.getGroup(ctx, w.name, ref)
		if err != nil {
			return err
		}
		if err := fn(g.Clone()); err != nil {
			return err
		}
		_, err = w.m.store.Apply(ctx, w.name, store.Delete(r, w.note(ChangeDeleted, nil)))
		if !errors.Is(err, store.ErrStale) {
			return translate("delete", err)
		}
		if err := turn.next(ctx, &w, r.ID, try); err != nil {
			return err
		}
	}
}

// AllGroups returns an iterator over all groups, oldest first, as [Tenant.All] does
// over users.
func (t Tenant) AllGroups(ctx context.Context) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		q := GroupQuery{Limit: pageOfIteration}
		for {
			page, err := t.ListGroups(ctx, q)
			if err != nil {
				yield(Group{}, err)
				return
			}
			for _, g := range page.Groups {
				if !yield(g, nil) {
					return
				}
			}
			if !page.HasMore {
				return
			}
			q.After = page.Groups[len(page.Groups)-1].Cursor()
		}
	}
}

// GroupQuery asks for a page of groups, ordered by creation. Its members are those
// of [Query].
type GroupQuery struct {
	Desc          bool
	Limit         int
	After, Before int64
}

// GroupPage is a part of a list of groups; see [Page].
type GroupPage struct {
	Groups               []Group
	HasMore, HasPrevious bool
}

// ListGroups returns a page of groups. What is promised of [Tenant.List] holds.
func (t Tenant) ListGroups(ctx context.Context, q GroupQuery) (GroupPage, error) {
	name, _, err := t.begin()
	if err != nil {
		return GroupPage{}, err
	}
	s := span{desc: q.Desc, limit: q.Limit, after: q.After, before: q.Before}
	var v violations
	s.check(&v)
	if err := v.err(); err != nil {
		return GroupPage{}, err
	}
	records, err := t.m.store.List(ctx, name, s.query(kindGroup))
	if err != nil {
		return GroupPage{}, translate("list", err)
	}
	records, more, previous := s.cut(records)
	page := GroupPage{Groups: make([]Group, len(records)), HasMore: more, HasPrevious: previous}
	for i := range records {
		if page.Groups[i], err = t.decodeGroup(&records[i]); err != nil {
			return GroupPage{}, err
		}
	}
	return page, nil
}
