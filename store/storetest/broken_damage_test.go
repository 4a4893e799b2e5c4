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
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.tenant(tenant).damaged[id]
	}
	// forgiving returns a harm that changes the error of a batch which a damaged record
	// refuses.
	forgiving := func(change func(b *broken, tenant string, ops []store.Op, damaged *store.DamagedError) error) func(b *broken) {
		return refusing(func(b *broken, tenant string, ops []store.Op, err error) error {
			var damaged *store.DamagedError
			if errors.As(err, &damaged) {
				return change(b, tenant, ops, damaged)
			}
			return err
		})
	}
	paging := func(change func(page *store.Page)) func(b *broken) {
		return func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				change(&page)
				return page, err
			}
		}
	}
	dues := func(change func(t *store.DueTenant)) func(b *broken) {
		return func(b *broken) {
			b.due = func(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
				page, err := b.mapStore.Due(ctx, q)
				for i := range page.Tenants {
					change(&page.Tenants[i])
				}
				return page, err
			}
		}
	}
	// remembering returns a harm by which the store keeps the entries of damaged records
	// that are removed, and uses them.
	remembering := func(use func(b *broken, ghosts map[string]store.Record)) func(b *broken) {
		return func(b *broken) {
			ghosts := map[string]store.Record{} // by ID
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				if op.New == nil && t.damaged[op.Old.ID] {
					ghosts[op.Old.ID] = t.records[op.Old.ID]
				}
				t.write(op)
			}})
			use(b, ghosts)
		}
	}
	return []mutant{
		{name: "a damaged record is not found", rejected: "damage/get damage/write", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrDamaged) {
					err = store.ErrNotFound
				}
				return r, err
			}
		}},
		{name: "a damaged record makes the store unavailable", rejected: "damage/get", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrDamaged) {
					err = store.ErrUnavailable
				}
				return r, err
			}
		}},
		{name: "the ID of a damaged record is not told", rejected: "damage/get", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrDamaged) {
					err = &store.DamagedError{ID: key.Value}
				}
				return r, err
			}
		}},
		{name: "a damaged record is written over", rejected: "damage/write", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				for _, op := range ops {
					if op.Old != nil {
						delete(t.damaged, op.Old.ID)
					}
				}
				return refuses(t, ops)
			}})
		}},
		{name: "a write over a damaged record is stale", rejected: "damage/write damage/claim", harm: forgiving(func(*broken, string, []store.Op, *store.DamagedError) error {
			return &store.StaleError{Require: -1}
		})},
		{name: "a create of a damaged record's ID is stale", rejected: "damage/write", harm: forgiving(func(_ *broken, _ string, ops []store.Op, err *store.DamagedError) error {
			for i, op := range ops {
				if op.Old == nil && op.ID() == err.ID {
					return &store.StaleError{Op: i, Require: -1}
				}
			}
			return err
		})},
		{name: "a batch that a damaged record refuses is written in part", rejected: "damage/write", harm: forgiving(func(b *broken, tenant string, ops []store.Op, err *store.DamagedError) error {
			for _, op := range ops {
				if op.ID() != err.ID {
					_, _ = b.mapStore.Apply(context.Background(), tenant, store.Ops(op))
				}
			}
			return err
		})},
		{name: "the keys of a damaged record are free", rejected: "damage/claim damage/require", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				b.mu.Lock()
				t := b.tenant(tenant)
				for key, id := range t.holders {
					if t.damaged[id] {
						delete(t.holders, key)
					}
				}
				b.mu.Unlock()
				return b.mapStore.Apply(ctx, tenant, batch)
			}
		}},
		{name: "a damaged record's key is taken", rejected: "damage/claim damage/require", harm: forgiving(func(_ *broken, _ string, ops []store.Op, err *store.DamagedError) error {
			if ops[0].Old == nil {
				return &store.TakenError{Require: -1, Key: key("k")}
			}
			return err
		})},
		{name: "requirements do not see damage", rejected: "damage/require", harm: func(b *broken) {
			b.applies(steps{requires: func(t *mapTenant, all []store.Require) error {
				damaged := t.damaged
				t.damaged = nil
				defer func() { t.damaged = damaged }()
				return t.requires(all)
			}})
		}},
		{name: "a damaged record is none to RequireNone", rejected: "damage/require", harm: func(b *broken) {
			b.applies(steps{requires: func(t *mapTenant, all []store.Require) error {
				return t.requires(slices.DeleteFunc(slices.Clone(all), func(r store.Require) bool { return r.Revision == 0 && t.damaged[r.ID] }))
			}})
		}},
		{name: "damaged records are left out of lists", rejected: "damage/list damage/all damage/write damage/apart", harm: paging(func(page *store.Page) { page.Damaged = nil })},
		{name: "a damaged record ends the walk", rejected: "damage/list", harm: paging(func(page *store.Page) {
			if len(page.Damaged) > 0 {
				page.Next = 0
			}
		})},
		{name: "a damaged record fails the list", rejected: "damage/list damage/all damage/apart", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				if len(page.Damaged) > 0 {
					err = &store.DamagedError{ID: page.Damaged[0]}
				}
				return page, err
			}
		}},
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
		{name: "damaged records are named in every list", rejected: "damage/list", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				b.mu.Lock()
				defer b.mu.Unlock()
				if page.Damaged = nil; page.Next == 0 {
					for id := range b.tenant(tenant).damaged {
						page.Damaged = append(page.Damaged, id)
					}
				}
				return page, err
			}
		}},
		{name: "damaged records are not due", rejected: "damage/due damage/all", harm: dues(func(t *store.DueTenant) {
			if t.Damaged = nil; len(t.Records) == 0 && t.Next == "" {
				t.Next = "more"
			}
		})},
		{name: "a damaged record ends what is due of its tenant", rejected: "damage/due", harm: dues(func(t *store.DueTenant) {
			if len(t.Damaged) > 0 {
				t.Next = ""
			}
		})},
		{name: "damaged records are counted", rejected: "damage/count", harm: func(b *broken) {
			b.count = func(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
				c, err := b.mapStore.Count(ctx, tenant, q)
				b.mu.Lock()
				defer b.mu.Unlock()
				c.N += len(b.tenant(tenant).damaged)
				return c, err
			}
		}},
		{name: "Remove cannot remove what is damaged", rejected: "damage/remove damage/remove-batch damage/reborn", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				for _, op := range batch.Ops {
					if op.New == nil && isDamaged(b, tenant, op.Old.ID) {
						return 0, &store.DamagedError{ID: op.Old.ID}
					}
				}
				return b.mapStore.Apply(ctx, tenant, batch)
			}
		}},
		{name: "the kind of a damaged record is known", rejected: "damage/remove", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				if old, ok := t.records[op.ID()]; ok && op.New == nil {
					op.Old = &old
				}
				t.write(op)
			}})
		}},
		{name: "keys of a damaged record stay taken when it is removed", rejected: "damage/remove damage/remove-batch damage/reborn", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				for _, op := range ops {
					if op.New == nil {
						continue
					}
					for _, key := range op.New.Unique {
						if id, ok := t.holders[key]; ok && t.damaged[id] {
							return &store.DamagedError{ID: id}
						}
						if r, ok := t.records[t.holders[key]]; !ok && t.holders[key] != "" {
							return &store.TakenError{Require: -1, Key: key, Holder: r}
						}
					}
				}
				return refuses(t, ops)
			}, release: func(t *mapTenant, op store.Op) {
				if op.Old == nil || !t.damaged[op.Old.ID] {
					t.release(op)
				}
			}})
		}},
		{name: "keys of a damaged record are free only after its removal", rejected: "damage/remove-batch", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
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
			}})
		}},
		{name: "keys of a removed record find the one that has its ID now", rejected: "damage/reborn", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				for id, ghost := range ghosts {
					if errors.Is(err, store.ErrNotFound) && slices.Contains(ghost.Unique, key) {
						return b.mapStore.Get(ctx, tenant, store.ID(id))
					}
				}
				return r, err
			}
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
			b.list = func(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				for id, ghost := range ghosts {
					if ghost.Kind == q.Kind && matches(ghost, q) {
						page.Damaged = append(page.Damaged, id)
					}
				}
				return page, err
			}
		})},
		{name: "a removed record stays due", rejected: "damage/remove damage/reborn", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.due = func(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
				page, err := b.mapStore.Due(ctx, q)
				for i := range page.Tenants {
					for id := range ghosts {
						page.Tenants[i].Damaged = append(page.Tenants[i].Damaged, id)
					}
				}
				return page, err
			}
		})},
		{name: "a removed record is counted", rejected: "damage/remove damage/reborn damage/count", harm: remembering(func(b *broken, ghosts map[string]store.Record) {
			b.count = func(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
				c, err := b.mapStore.Count(ctx, tenant, q)
				c.N += len(ghosts)
				return c, err
			}
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
		{name: "damage spreads to the next tenant", rejected: "damage/apart", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				b.mu.Lock()
				defer b.mu.Unlock()
				for name, t := range b.tenants {
					if name != tenant && err == nil && t.damaged[r.ID] {
						return store.Record{}, &store.DamagedError{ID: r.ID}
					}
				}
				return r, err
			}
		}},
	}
}

// entries returns a harm that changes the pages of the feed.
func entries(change func(all []store.Change) ([]store.Change, error)) func(b *broken) {
	return func(b *broken) {
		b.changes = func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
			page, err := b.mapStore.Changes(ctx, tenant, q)
			if err == nil {
				page.Changes, err = change(page.Changes)
			}
			return page, err
		}
	}
}
