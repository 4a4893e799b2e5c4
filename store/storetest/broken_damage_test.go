package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// damageMutants break rule 14. Some of them show what a store must not make of the
// entries that it leaves behind.
func damageMutants() []mutant {
	isDamaged := func(b *broken, tenant, id string) bool {
		defer b.locked()()
		return b.tenant(tenant).damaged[id]
	}
	paging := func(change func(page *store.Page)) func(b *broken) {
		return func(b *broken) {
			b.list.answers(func(c *listCall) { change(&c.got) })
		}
	}
	dueTenants := func(change func(t *store.DueTenant)) func(b *broken) {
		return func(b *broken) {
			b.due.answers(func(c *dueCall) {
				for i := range c.got.Tenants {
					change(&c.got.Tenants[i])
				}
			})
		}
	}
	// remembering returns a harm by which the store keeps the entries of damaged records
	// that are removed, and uses them.
	remembering := func(use func(b *broken, ghosts map[string]store.Record)) func(b *broken) {
		return func(b *broken) {
			ghosts := map[string]store.Record{} // by ID
			steps{write: func(t *mapTenant, op store.Op) {
				if op.New == nil && t.damaged[op.Old.ID] {
					ghosts[op.Old.ID] = t.records.at(op.Old.ID)
				}
				t.write(op)
			}}.harm(b)
			use(b, ghosts)
		}
	}
	return []mutant{
		{name: "a damaged record is not found", rejected: "damage/get damage/write", harm: func(b *broken) { b.get.turns(store.ErrDamaged, store.ErrNotFound) }},
		{name: "a damaged record makes the store unavailable", rejected: "damage/get", harm: func(b *broken) { b.get.turns(store.ErrDamaged, store.ErrUnavailable) }},
		{name: "the ID of a damaged record is not told", rejected: "damage/get", harm: answers(ofGet, func(_ *broken, c *getCall) {
			if errors.Is(c.err, store.ErrDamaged) {
				c.err = &store.DamagedError{ID: c.q.Value}
			}
		})},
		{name: "a damaged record is written over", rejected: "damage/write", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			for _, op := range ops {
				if op.Old != nil {
					delete(t.damaged, op.Old.ID)
				}
			}
			return refuses(t, ops)
		}}.harm},
		{name: "a write over a damaged record is stale", rejected: "damage/write damage/claim", harm: func(b *broken) {
			b.apply.turns(store.ErrDamaged, &store.StaleError{Require: -1})
		}},
		{name: "a create of a damaged record's ID is stale", rejected: "damage/write", harm: refusing(func(_ *broken, c *applyCall, e *store.DamagedError) {
			for i, op := range c.q.Ops {
				if op.Old == nil && op.ID() == e.ID {
					c.err = &store.StaleError{Op: i, Require: -1}
				}
			}
		})},
		{name: "a batch that a damaged record refuses is written in part", rejected: "damage/write", harm: refusing(func(b *broken, c *applyCall, e *store.DamagedError) {
			for _, op := range c.q.Ops {
				if op.ID() != e.ID {
					_, _ = b.mapStore.Apply(context.Background(), c.tenant, store.Ops(op))
				}
			}
		})},
		{name: "the keys of a damaged record are free", rejected: "damage/claim damage/require", harm: asks(ofApply, func(b *broken, c *applyCall) {
			b.mu.Lock()
			t := b.tenant(c.tenant)
			for key, id := range t.holders {
				if t.damaged[id] {
					delete(t.holders, key)
				}
			}
			b.mu.Unlock()
		})},
		{name: "a damaged record's key is taken", rejected: "damage/claim damage/require", harm: refusing(func(_ *broken, c *applyCall, _ *store.DamagedError) {
			if c.q.Ops[0].Old == nil {
				c.err = &store.TakenError{Require: -1, Key: key("k")}
			}
		})},
		{name: "requirements do not see damage", rejected: "damage/require", harm: steps{requires: func(t *mapTenant, all []store.Require) error {
			damaged := t.damaged
			t.damaged = nil
			defer func() { t.damaged = damaged }()
			return t.requires(all)
		}}.harm},
		{name: "a damaged record is none to RequireNone", rejected: "damage/require", harm: steps{requires: func(t *mapTenant, all []store.Require) error {
			return t.requires(slices.DeleteFunc(slices.Clone(all), func(r store.Require) bool { return r.Revision == 0 && t.damaged[r.ID] }))
		}}.harm},
		{name: "damaged records are left out of lists", rejected: "damage/list damage/all damage/write damage/apart", harm: paging(func(page *store.Page) { page.Damaged = nil })},
		{name: "a damaged record ends the walk", rejected: "damage/list", harm: paging(func(page *store.Page) {
			if len(page.Damaged) > 0 {
				page.Next = 0
			}
		})},
		{name: "a damaged record fails the list", rejected: "damage/list damage/all damage/apart", harm: answers(ofList, func(_ *broken, c *listCall) {
			if len(c.got.Damaged) > 0 {
				c.err = &store.DamagedError{ID: c.got.Damaged[0]}
			}
		})},
		{name: "a damaged record is listed with what it had", rejected: "damage/list", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				b.mu.Lock()
				t := b.tenant(tenant)
				damaged := t.damaged
				t.damaged = nil
				b.mu.Unlock()
				page, err := b.mapStore.List(ctx, tenant, q)
				b.mu.Lock()
				t.damaged = damaged
				b.mu.Unlock()
				return page, err
			}
		}},
		{name: "damaged records are named in every list", rejected: "damage/list", harm: answers(ofList, func(b *broken, c *listCall) {
			defer b.locked()()
			if c.got.Damaged = nil; c.got.Next == 0 {
				for id := range b.tenant(c.tenant).damaged {
					c.got.Damaged = append(c.got.Damaged, id)
				}
			}
		})},
		{name: "damaged records are not due", rejected: "damage/due damage/all", harm: dueTenants(func(t *store.DueTenant) {
			if t.Damaged = nil; len(t.Records) == 0 && t.Next == "" {
				t.Next = "more"
			}
		})},
		{name: "a damaged record ends what is due of its tenant", rejected: "damage/due", harm: dueTenants(func(t *store.DueTenant) {
			if len(t.Damaged) > 0 {
				t.Next = ""
			}
		})},
		{name: "damaged records are counted", rejected: "damage/count", harm: answers(ofCount, func(b *broken, c *countCall) {
			defer b.locked()()
			c.got.N += len(b.tenant(c.tenant).damaged)
		})},
		{name: "Remove cannot remove what is damaged", rejected: "damage/remove damage/remove-batch damage/reborn", harm: asks(ofApply, func(b *broken, c *applyCall) {
			for _, op := range c.q.Ops {
				if op.New == nil && isDamaged(b, c.tenant, op.Old.ID) {
					c.err = &store.DamagedError{ID: op.Old.ID}
				}
			}
		})},
		{name: "the kind of a damaged record is known", rejected: "damage/remove", harm: steps{write: func(t *mapTenant, op store.Op) {
			if old, ok := t.records.get(op.ID()); ok && op.New == nil {
				op.Old = &old
			}
			t.write(op)
		}}.harm},
		{name: "keys of a damaged record stay taken when it is removed", rejected: "damage/remove damage/remove-batch damage/reborn", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			for _, op := range ops {
				if op.New == nil {
					continue
				}
				for _, key := range op.New.Unique {
					if id, ok := t.holders[key]; ok && t.damaged[id] {
						return &store.DamagedError{ID: id}
					}
					if r, ok := t.records.get(t.holders[key]); !ok && t.holders[key] != "" {
						return &store.TakenError{Require: -1, Key: key, Holder: r}
					}
				}
			}
			return refuses(t, ops)
		}, release: func(t *mapTenant, op store.Op) {
			if op.Old == nil || !t.damaged[op.Old.ID] {
				t.release(op)
			}
		}}.harm},
		{name: "keys of a damaged record are free only after its removal", rejected: "damage/remove-batch", harm: steps{refuses: func(t *mapTenant, ops []store.Op) error {
			for _, op := range ops {
				if op.New == nil {
					continue
				}
				for _, key := range op.New.Unique {
					if id, ok := t.holders[key]; ok && t.damaged[id] {
						return &store.DamagedError{ID: id}
					}
				}
			}
			return refuses(t, ops)
		}}.harm},
		{name: "keys of a removed record find the one that has its ID now", rejected: "damage/reborn", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.get.answers(func(c *getCall) {
				for id, ghost := range ghosts {
					if errors.Is(c.err, store.ErrNotFound) && slices.Contains(ghost.Unique, c.q) {
						c.got, c.err = b.mapStore.Get(c.ctx, c.tenant, store.ID(id))
					}
				}
			})
		})},
		{name: "terms of a removed record find the one that has its ID now", rejected: "damage/reborn", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			listing(func(ctx context.Context, b *broken, tenant string, q store.Query) ([]store.Record, error) {
				all, err := b.records(ctx, tenant, q)
				for id, ghost := range ghosts {
					r, missing := b.mapStore.Get(ctx, tenant, store.ID(id))
					if ghost.Kind == q.Kind && matches(ghost, q) && missing == nil {
						all = append(all, r)
					}
				}
				return all, err
			})(b)
		})},
		{name: "a removed record stays named in lists", rejected: "damage/remove damage/reborn", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.list.answers(func(c *listCall) {
				for id, ghost := range ghosts {
					if ghost.Kind == c.q.Kind && matches(ghost, c.q) {
						c.got.Damaged = append(c.got.Damaged, id)
					}
				}
			})
		})},
		{name: "a removed record stays due", rejected: "damage/remove damage/reborn", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.due.answers(func(c *dueCall) {
				for i := range c.got.Tenants {
					for id := range ghosts {
						c.got.Tenants[i].Damaged = append(c.got.Tenants[i].Damaged, id)
					}
				}
			})
		})},
		{name: "a removed record is counted", rejected: "damage/remove damage/reborn damage/count", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.count.answers(func(c *countCall) {
				c.got.N += len(ghosts)
			})
		})},
		{name: "an entry that cannot be read is left out", rejected: "damage/feed", harm: entries(func(all []store.Change) ([]store.Change, error) {
			return slices.DeleteFunc(all, func(c store.Change) bool { return c.Damaged }), nil
		})},
		{name: "an entry that cannot be read fails the page", rejected: "damage/feed", harm: entries(func(all []store.Change) ([]store.Change, error) {
			if slices.ContainsFunc(all, func(c store.Change) bool { return c.Damaged }) {
				return nil, store.ErrUnavailable
			}
			return all, nil
		})},
		{name: "an entry that cannot be read looks like one that can", rejected: "damage/feed", harm: entries(func(all []store.Change) ([]store.Change, error) {
			for i := range all {
				all[i].Damaged = false
			}
			return all, nil
		})},
		{name: "damage spreads to the next tenant", rejected: "damage/apart", harm: answers(ofGet, func(b *broken, c *getCall) {
			defer b.locked()()
			for name, t := range b.tenants {
				if name != c.tenant && c.err == nil && t.damaged[c.got.ID] {
					c.got, c.err = store.Record{}, &store.DamagedError{ID: c.got.ID}
				}
			}
		})},
	}
}

// entries returns a harm that changes the pages of the feed.
func entries(change func(all []store.Change) ([]store.Change, error)) func(b *broken) {
	return func(b *broken) {
		b.changes.answers(func(c *feedCall) {
			if c.err == nil {
				c.got.Changes, c.err = change(c.got.Changes)
			}
		})
	}
}
