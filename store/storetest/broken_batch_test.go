package storetest

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// batched returns a harm that changes every batch before it is applied.
func batched(change func(b *broken, tenant string, batch *store.Batch)) func(b *broken) {
	return func(b *broken) {
		b.apply.asks(func(c *applyCall) {
			if c.err = store.Check(c.tenant, c.q); c.err != nil {
				return
			}
			change(b, c.tenant, &c.q)
		})
	}
}

func requireMutants() []mutant {
	without := func(drop func(r store.Require) bool) func(b *broken) {
		return batched(func(_ *broken, _ string, batch *store.Batch) {
			batch.Require = slices.DeleteFunc(slices.Clone(batch.Require), drop)
		})
	}
	failing := func(change func(stale *store.StaleError, taken *store.TakenError)) func(b *broken) {
		return refusing(func(_ *broken, c *applyCall, _ error) {
			var stale *store.StaleError
			var taken *store.TakenError
			if errors.As(c.err, &stale) || errors.As(c.err, &taken) {
				change(stale, taken)
			}
		})
	}
	return []mutant{
		{name: "requirements are ignored", rejected: "require/at require/none require/free require/first require/tenant require/skew require/nothing random/seed-0", harm: without(func(store.Require) bool { return true })},
		{name: "only the first requirement counts", rejected: "require/at require/none require/free require/first", harm: batched(func(_ *broken, _ string, batch *store.Batch) {
			batch.Require = batch.Require[:min(1, len(batch.Require))]
		})},
		{name: "a required key is not looked up", rejected: "require/free require/before require/skew", harm: without(func(r store.Require) bool { return r.ID == "" })},
		{name: "an ID that has to be free may be in use", rejected: "require/none require/before", harm: without(func(r store.Require) bool { return r.ID != "" && r.Revision == 0 })},
		{name: "a required revision may be an earlier one", rejected: "require/at", harm: batched(func(b *broken, tenant string, batch *store.Batch) {
			defer b.locked()()
			batch.Require = slices.Clone(batch.Require)
			for i, r := range batch.Require {
				if stored, ok := b.tenant(tenant).records.get(r.ID); ok && r.Revision > 0 && r.Revision < stored.Revision {
					batch.Require[i].Revision = stored.Revision
				}
			}
		})},
		{name: "requirements come after the ops", rejected: "require/first", harm: func(b *broken) {
			var later []store.Require
			steps{
				requires: func(_ *mapTenant, all []store.Require) error { later = all; return nil },
				refuses: func(t *mapTenant, ops []store.Op) error {
					if err := refuses(t, ops); err != nil {
						return err
					}
					return t.requires(later)
				},
			}.harm(b)
		}},
		{name: "required revisions come before required keys", rejected: "require/first", harm: steps{requires: func(t *mapTenant, all []store.Require) error {
			for _, free := range []bool{false, true} {
				for i, r := range all {
					if err := t.requires(all[i : i+1]); err != nil && (r.ID == "") == free {
						return at(err, i)
					}
				}
			}
			return nil
		}}.harm},
		{name: "what the batch deletes is free already", rejected: "require/before", harm: func(b *broken) {
			var later []store.Require
			steps{
				requires: func(_ *mapTenant, all []store.Require) error { later = all; return nil },
				refuses: func(t *mapTenant, ops []store.Op) error {
					gone := map[string]bool{}
					for _, op := range ops {
						gone[op.ID()] = op.New == nil
					}
					for i := range later {
						var taken *store.TakenError
						err := t.requires(later[i : i+1])
						if errors.As(err, &taken) && gone[taken.Holder.ID] || err != nil && later[i].Revision == 0 && gone[later[i].ID] {
							continue
						}
						if err != nil {
							return at(err, i)
						}
					}
					return refuses(t, ops)
				},
			}.harm(b)
		}},
		{name: "a requirement that fails is told as an op", rejected: "require/at require/none require/free", harm: failing(func(stale *store.StaleError, taken *store.TakenError) {
			if stale != nil && stale.Op < 0 {
				stale.Op, stale.Require = stale.Require, -1
			}
			if taken != nil && taken.Op < 0 {
				taken.Op, taken.Require = taken.Require, -1
			}
		})},
		{name: "an op that fails is told with requirement 0", rejected: "require/first apply/first-stale keys/taken", harm: failing(func(stale *store.StaleError, taken *store.TakenError) {
			if stale != nil && stale.Op >= 0 {
				stale.Require = 0
			}
			if taken != nil && taken.Op >= 0 {
				taken.Require = 0
			}
		})},
		{name: "the holder of a required key is not told", rejected: "require/free", harm: failing(func(_ *store.StaleError, taken *store.TakenError) {
			if taken != nil && taken.Op < 0 {
				taken.Holder = store.Record{}
			}
		})},
		{name: "a requirement takes a revision", rejected: "require/nothing require/limits", harm: answers(ofApply, func(b *broken, c *applyCall) {
			if c.err == nil && len(c.q.Require) > 1 {
				b.mu.Lock()
				b.tenant(c.tenant).last++
				b.mu.Unlock()
			}
		})},
		{name: "a required record is written again", rejected: "require/nothing require/at", harm: answers(ofApply, func(b *broken, c *applyCall) {
			defer b.locked()()
			for _, r := range c.q.Require {
				if stored, ok := b.tenant(c.tenant).records.get(r.ID); ok && c.err == nil && r.Revision == stored.Revision {
					stored.Revision = c.got
					b.tenant(c.tenant).records.put(stored)
				}
			}
		})},
		{name: "a batch that a requirement refuses is written in part", rejected: "require/nothing require/first", harm: answers(ofApply, func(b *broken, c *applyCall) {
			if len(c.q.Require) > 0 && (errors.Is(c.err, store.ErrStale) || errors.Is(c.err, store.ErrTaken)) {
				_, _ = b.mapStore.Apply(c.ctx, c.tenant, store.Ops(c.q.Ops...))
			}
		})},
		{name: "requirements do not count towards MaxOps", rejected: "require/limits", harm: asks(ofApply, func(_ *broken, c *applyCall) {
			c.q.Require = c.q.Require[:min(len(c.q.Require), store.MaxOps-max(1, min(store.MaxOps, len(c.q.Ops))))]
		})},
		{name: "a batch without ops may require", rejected: "require/limits", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				if len(batch.Ops) == 0 && len(batch.Require) > 0 {
					return 1, nil
				}
				return b.mapStore.Apply(ctx, tenant, batch)
			}
		}},
		{name: "requirements look into every tenant", rejected: "require/tenant", harm: func(b *broken) {
			steps{requires: func(t *mapTenant, all []store.Require) error {
				for i := range all {
					err := t.requires(all[i : i+1])
					for _, other := range b.tenants {
						if err == nil {
							break
						}
						if other.requires(all[i:i+1]) == nil {
							err = nil
						}
					}
					if err != nil {
						return at(err, i)
					}
				}
				return nil
			}}.harm(b)
		}},
		{name: "requirements are checked, then ops", rejected: "require/skew", harm: steps{pause: runtime.Gosched}.harm},
	}
}

// at returns a requirement's error for another place.
func at(err error, i int) error {
	var stale *store.StaleError
	var taken *store.TakenError
	switch {
	case errors.As(err, &stale):
		stale.Require = i
	case errors.As(err, &taken):
		taken.Require = i
	}
	return err
}

func removeMutants() []mutant {
	removals := func(change func(t *mapTenant, op *store.Op)) func(b *broken) {
		return edited(func(t *mapTenant, op *store.Op) {
			if op.Old != nil && removal(*op) {
				change(t, op)
			}
		})
	}
	return []mutant{
		{name: "Remove expects revision 0", rejected: "remove/whatever remove/batch random/seed-0", harm: removals(func(_ *mapTenant, op *store.Op) {
			r := *op.Old
			r.Revision = 1 << 50
			op.Old = &r
		})},
		{name: "Remove expects the first revision", rejected: "remove/whatever", harm: removals(func(t *mapTenant, op *store.Op) {
			r := *op.Old
			if r.Revision = t.records.at(r.ID).Created; r.Revision > 0 {
				op.Old = &r
			}
		})},
		{name: "Remove of nothing succeeds", rejected: "remove/absent remove/race", harm: refusing(func(_ *broken, c *applyCall, _ error) {
			if errors.Is(c.err, store.ErrStale) && len(c.q.Ops) == 1 && c.q.Ops[0].Old != nil && removal(c.q.Ops[0]) {
				c.err = nil
			}
		})},
		{name: "Remove ignores the kind", rejected: "remove/kind", harm: removals(func(t *mapTenant, op *store.Op) {
			if stored, ok := t.records.get(op.Old.ID); ok {
				op.Old = &stored
			}
		})},
		{name: "a removal under another kind is stale", rejected: "remove/kind", harm: refusing(func(_ *broken, c *applyCall, invalid *store.InvalidError) {
			if invalid.What == "kind" && invalid.Op >= 0 && c.q.Ops[invalid.Op].New == nil {
				c.err = &store.StaleError{Op: invalid.Op, Require: -1}
			}
		})},
		{name: "Remove is not noted", rejected: "remove/whatever remove/batch damage/remove", harm: removals(func(_ *mapTenant, op *store.Op) { op.Note = nil })},
		{name: "Remove takes no revision", rejected: "remove/whatever remove/batch remove/race", harm: steps{write: func(t *mapTenant, op store.Op) {
			silent := op.New == nil && removal(op)
			if t.write(op); silent {
				t.last--
			}
		}}.harm},
		{name: "Remove leaves its keys", rejected: "remove/whatever remove/batch", harm: steps{release: func(t *mapTenant, op store.Op) {
			if op.New != nil || !removal(op) {
				t.release(op)
			}
		}}.harm},
		{name: "Remove leaves the record", rejected: "remove/whatever remove/race", harm: steps{write: func(t *mapTenant, op store.Op) {
			r, ok := t.records.get(op.ID())
			t.write(op)
			if ok && op.New == nil && removal(op) {
				t.records.put(r)
			}
		}}.harm},
	}
}
