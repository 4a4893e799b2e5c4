package storetest

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// edited returns a harm that changes the ops of every batch before it is
// applied. They are copies, and well formed.
func edited(edit func(t *mapTenant, op *store.Op)) func(b *broken) {
	return func(b *broken) {
		b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
			if err := store.Check(tenant, batch); err != nil {
				return 0, err
			}
			batch.Ops = slices.Clone(batch.Ops)
			b.mu.Lock()
			for i := range batch.Ops {
				edit(b.tenant(tenant), &batch.Ops[i])
			}
			b.mu.Unlock()
			return b.mapStore.Apply(ctx, tenant, batch)
		}
	}
}

// refusing returns a harm that changes the error of every refused batch.
func refusing(change func(b *broken, tenant string, ops []store.Op, err error) error) func(b *broken) {
	return func(b *broken) {
		b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
			rev, err := b.mapStore.Apply(ctx, tenant, batch)
			if err != nil {
				err = change(b, tenant, batch.Ops, err)
			}
			return rev, err
		}
	}
}

// oneByOne applies the ops of a batch each for itself, up to the first error.
func oneByOne(only error) func(b *broken) {
	return func(b *broken) {
		b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
			rev, err := b.mapStore.Apply(ctx, tenant, batch)
			if errors.Is(err, only) {
				for _, op := range batch.Ops {
					if rev, err := b.mapStore.Apply(ctx, tenant, store.Ops(op)); err != nil {
						return rev, err
					}
				}
			}
			return rev, err
		}
	}
}

func applyMutants() []mutant {
	stored := func(t *mapTenant, op *store.Op) (store.Record, bool) {
		r, ok := t.records[op.ID()]
		return r, ok
	}
	trusting := func(t *mapTenant, op *store.Op) { // Old is whatever is stored
		if r, ok := stored(t, op); ok && op.Old != nil {
			op.Old = &r
		}
	}
	return []mutant{
		{name: "no compare on replace", rejected: "apply/stale-replace apply/stale-reborn apply/first-stale races/counter random/seed-0", harm: edited(func(t *mapTenant, op *store.Op) {
			if op.New != nil {
				trusting(t, op)
			}
		})},
		{name: "no compare on delete", rejected: "apply/stale-delete apply/stale-reborn random/seed-0", harm: edited(func(t *mapTenant, op *store.Op) {
			if op.New == nil {
				trusting(t, op)
			}
		})},
		{name: "a later revision is good enough", rejected: "apply/stale-replace apply/stale-delete", harm: edited(func(t *mapTenant, op *store.Op) {
			if r, ok := stored(t, op); ok && op.Old != nil && op.Old.Revision > r.Revision {
				op.Old = &r
			}
		})},
		{name: "create overwrites", rejected: "apply/create-existing races/create outcome/repeat random/seed-1", harm: edited(func(t *mapTenant, op *store.Op) {
			if r, ok := stored(t, op); ok && op.Old == nil && op.New.Kind == r.Kind {
				op.Old = &r
			}
		})},
		{name: "create of another kind overwrites", rejected: "apply/create-existing", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				if r, ok := stored(t, &ops[0]); ok && ops[0].Old == nil && r.Kind != ops[0].New.Kind {
					return nil
				}
				return refuses(t, ops)
			}})
		}},
		{name: "replace creates", rejected: "apply/stale-absent tenants/apart", harm: edited(func(t *mapTenant, op *store.Op) {
			if _, ok := stored(t, op); !ok && op.New != nil {
				op.Old = nil
			}
		})},
		{name: "delete of nothing succeeds", rejected: "apply/stale-absent apply/stale-delete races/delete", harm: refusing(func(_ *broken, _ string, ops []store.Op, err error) error {
			if errors.Is(err, store.ErrStale) && len(ops) == 1 && ops[0].New == nil {
				return nil
			}
			return err
		})},
		{name: "the stale op is always the first", rejected: "apply/first-stale random/seed-2", harm: refusing(func(_ *broken, _ string, _ []store.Op, err error) error {
			var stale *store.StaleError
			if errors.As(err, &stale) {
				return &store.StaleError{Require: -1}
			}
			return err
		})},
		{name: "the last stale op is named", rejected: "apply/first-stale", harm: refusing(func(b *broken, tenant string, ops []store.Op, err error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			for i := len(ops) - 1; i >= 0 && errors.Is(err, store.ErrStale); i-- {
				if b.tenant(tenant).stale(ops[i:i+1]) != nil {
					return &store.StaleError{Op: i, Require: -1}
				}
			}
			return err
		})},
		{name: "a bare ErrStale", rejected: "apply/stale-replace", harm: refusing(func(_ *broken, _ string, _ []store.Op, err error) error {
			if errors.Is(err, store.ErrStale) {
				return store.ErrStale
			}
			return err
		})},
		{name: "a stale create is ErrTaken", rejected: "apply/create-existing", harm: refusing(func(_ *broken, _ string, ops []store.Op, err error) error {
			if errors.Is(err, store.ErrStale) && ops[0].Old == nil {
				return &store.TakenError{}
			}
			return err
		})},
		{name: "keys are checked before preconditions", rejected: "apply/stale-before-taken", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				if err := t.taken(ops); err != nil {
					return err
				}
				return t.stale(ops)
			}})
		}},
		{name: "op by op: precondition, keys, next", rejected: "apply/stale-before-taken", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				for i := range ops {
					if err := t.stale(ops[:i+1]); err != nil {
						return err
					}
					if err := t.taken(ops[:i+1]); err != nil {
						return err
					}
				}
				return refuses(t, ops)
			}})
		}},
		{name: "a stale batch is written in part", rejected: "apply/atomic-stale revisions/refused changes/refused", harm: oneByOne(store.ErrStale)},
		{name: "a taken batch is written in part", rejected: "apply/atomic-taken keys/first-taken keys/twice-in-batch", harm: oneByOne(store.ErrTaken)},
		{name: "an invalid batch is written in part", rejected: "apply/atomic-invalid limits/batch", harm: oneByOne(store.ErrInvalid)},
		{name: "a batch is cut at 100 ops", rejected: "apply/large-batch limits/apply", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				if err := store.Check(tenant, batch); err != nil {
					return 0, err
				}
				batch.Ops = batch.Ops[:min(100, len(batch.Ops))]
				return b.mapStore.Apply(ctx, tenant, batch)
			}
		}},
		{name: "deletions are forgotten", rejected: "apply/round-trip keys/released due/drain", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				r, ok := t.records[op.ID()]
				t.write(op)
				if op.New == nil && ok {
					t.records[r.ID] = r
				}
			}})
		}},
		{name: "check, then act", rejected: "races/create races/key races/delete races/counter races/takeover", harm: func(b *broken) {
			b.applies(steps{pause: runtime.Gosched})
		}},
		{name: "keys of a false Old are released", rejected: "tamper/replace tamper/delete", harm: func(b *broken) {
			b.applies(steps{release: func(t *mapTenant, op store.Op) {
				if op.Old != nil {
					for _, key := range op.Old.Unique {
						delete(t.holders, key)
					}
				}
			}})
		}},
		{name: "Created of a false Old is written", rejected: "tamper/replace", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				if op.Old != nil && op.New != nil {
					r := t.records[op.New.ID]
					r.Created = op.Old.Created
					t.records[r.ID] = r
				}
			}})
		}},
		{name: "the kind of a false Old is written", rejected: "tamper/replace", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				if err := t.stale(ops); err != nil && !errors.Is(err, store.ErrInvalid) {
					return err
				}
				return t.taken(ops)
			}})
		}},
	}
}
