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
		b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
			if err := store.Check(tenant, ops); err != nil {
				return 0, err
			}
			ops = slices.Clone(ops)
			b.mu.Lock()
			for i := range ops {
				edit(b.tenant(tenant), &ops[i])
			}
			b.mu.Unlock()
			return b.mapStore.Apply(ctx, tenant, ops...)
		}
	}
}

// refusing returns a harm that changes the error of every refused batch.
func refusing(change func(b *broken, tenant string, ops []store.Op, err error) error) func(b *broken) {
	return func(b *broken) {
		b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
			rev, err := b.mapStore.Apply(ctx, tenant, ops...)
			if err != nil {
				err = change(b, tenant, ops, err)
			}
			return rev, err
		}
	}
}

// oneByOne applies the ops of a batch each for itself, up to the first error.
func oneByOne(only error) func(b *broken) {
	return func(b *broken) {
		b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
			rev, err := b.mapStore.Apply(ctx, tenant, ops...)
			if errors.Is(err, only) {
				for _, op := range ops {
					if rev, err := b.mapStore.Apply(ctx, tenant, op); err != nil {
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
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				if r, ok := stored(t, &ops[0]); ok && ops[0].Old == nil && r.Kind != ops[0].New.Kind {
					return nil
				}
				return judge(t, ops)
			}})
		}},
		{name: "replace creates", rejected: "apply/stale-absent tenants/apart", harm: edited(func(t *mapTenant, op *store.Op) {
			if _, ok := stored(t, op); !ok && op.New != nil {
				op.Old = nil
			}
		})},
		{name: "delete of nothing succeeds", rejected: "apply/stale-absent apply/stale-delete races/delete", harm: refusing(func(b *broken, _ string, ops []store.Op, err error) error {
			if errors.Is(err, store.ErrStale) && len(ops) == 1 && ops[0].New == nil {
				return nil
			}
			return err
		})},
		{name: "the stale op is always the first", rejected: "apply/first-stale random/seed-2", harm: refusing(func(_ *broken, _ string, _ []store.Op, err error) error {
			var stale *store.StaleError
			if errors.As(err, &stale) {
				return &store.StaleError{}
			}
			return err
		})},
		{name: "the last stale op is named", rejected: "apply/first-stale", harm: refusing(func(b *broken, tenant string, ops []store.Op, err error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			for i := len(ops) - 1; i >= 0 && errors.Is(err, store.ErrStale); i-- {
				if b.tenant(tenant).stale(ops[i:i+1]) != nil {
					return &store.StaleError{Op: i}
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
		{name: "keys are judged before preconditions", rejected: "apply/stale-before-taken", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				if err := t.taken(ops); err != nil {
					return err
				}
				return t.stale(ops)
			}})
		}},
		{name: "op by op: precondition, keys, next", rejected: "apply/stale-before-taken", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				for i := range ops {
					if err := t.stale(ops[:i+1]); err != nil {
						return err
					}
					if err := t.taken(ops[:i+1]); err != nil {
						return err
					}
				}
				return judge(t, ops)
			}})
		}},
		{name: "a stale batch is written in part", rejected: "apply/atomic-stale revisions/refused changes/refused", harm: oneByOne(store.ErrStale)},
		{name: "a taken batch is written in part", rejected: "apply/atomic-taken keys/first-taken keys/twice-in-batch", harm: oneByOne(store.ErrTaken)},
		{name: "an invalid batch is written in part", rejected: "apply/atomic-invalid limits/batch", harm: oneByOne(store.ErrInvalid)},
		{name: "a batch is cut at 100 ops", rejected: "apply/large-batch limits/apply", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
				if err := store.Check(tenant, ops); err != nil {
					return 0, err
				}
				return b.mapStore.Apply(ctx, tenant, ops[:min(100, len(ops))]...)
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
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				if err := t.stale(ops); err != nil && !errors.Is(err, store.ErrInvalid) {
					return err
				}
				return t.taken(ops)
			}})
		}},
	}
}

func keyMutants() []mutant {
	taken := func(change func(b *broken, tenant string, ops []store.Op, e *store.TakenError)) func(b *broken) {
		return refusing(func(b *broken, tenant string, ops []store.Op, err error) error {
			var taken *store.TakenError
			if errors.As(err, &taken) {
				b.mu.Lock()
				defer b.mu.Unlock()
				change(b, tenant, ops, taken)
			}
			return err
		})
	}
	return []mutant{
		{name: "a deletion leaves its keys", rejected: "keys/released", harm: func(b *broken) {
			b.applies(steps{release: func(t *mapTenant, op store.Op) {
				if op.New != nil {
					t.release(op)
				}
			}})
		}},
		{name: "a replacement leaves the keys it drops", rejected: "keys/own keys/released", harm: func(b *broken) {
			b.applies(steps{release: func(t *mapTenant, op store.Op) {
				if op.New == nil {
					t.release(op)
				}
			}})
		}},
		{name: "keys are claimed before they are released", rejected: "keys/move keys/takeover keys/rotate races/swap", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				if err := judge(t, ops); err != nil {
					return err
				}
				for i, op := range ops { // only the op's own keys are free
					if op.New != nil {
						if err := t.taken(ops[i : i+1]); err != nil {
							return err
						}
					}
				}
				return nil
			}})
		}},
		{name: "keys are released and claimed op by op", rejected: "keys/move keys/takeover", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				for i := range ops {
					if err := t.stale(ops); err != nil {
						return err
					}
					if err := t.taken(ops[:i+1]); err != nil {
						return err
					}
				}
				return nil
			}})
		}},
		{name: "two ops of a batch may claim one key", rejected: "keys/twice-in-batch tenants/exist", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				err := judge(t, ops)
				var taken *store.TakenError
				if errors.As(err, &taken) && taken.Holder.Revision == 0 {
					return nil
				}
				return err
			}})
		}},
		{name: "stored holders come before those in the batch", rejected: "keys/twice-in-batch", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				if err := t.stale(ops); err != nil {
					return err
				}
				first := t.taken(ops)
				var taken *store.TakenError
				for i := range ops {
					one := slices.Clone(ops)
					for j := range one {
						if j != i && one[j].New != nil { // keep what it releases only
							r := *one[j].New
							r.Unique = nil
							one[j].New = &r
						}
					}
					if err := t.taken(one); errors.As(err, &taken) {
						return err
					}
				}
				return first
			}})
		}},
		{name: "a key is unique for each kind of record", rejected: "keys/across-kinds", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				err := judge(t, ops)
				var taken *store.TakenError
				if errors.As(err, &taken) && ops[taken.Op].New.Kind != taken.Holder.Kind {
					return nil
				}
				return err
			}})
		}},
		{name: "keys are not unique", rejected: "keys/taken races/key tenants/apart random/seed-3 random/seed-6", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error { return t.stale(ops) }})
		}},
		{name: "a record's own key is taken", rejected: "keys/own", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				if err := t.stale(ops); err != nil {
					return err
				}
				for i, op := range ops {
					if op.New != nil {
						if err := t.taken([]store.Op{{New: op.New}}); err != nil {
							err.(*store.TakenError).Op = i
							return err
						}
					}
				}
				return nil
			}})
		}},
		{name: "the holder is not told", rejected: "keys/taken keys/first-taken races/key", harm: taken(func(_ *broken, _ string, _ []store.Op, e *store.TakenError) {
			e.Holder = store.Record{}
		})},
		{name: "the holder is an ID", rejected: "keys/taken", harm: taken(func(_ *broken, _ string, _ []store.Op, e *store.TakenError) {
			e.Holder = store.Record{ID: e.Holder.ID, Kind: e.Holder.Kind, Created: e.Holder.Created, Revision: e.Holder.Revision}
		})},
		{name: "the holder lacks its terms", rejected: "keys/taken random/seed-4", harm: taken(func(_ *broken, _ string, _ []store.Op, e *store.TakenError) {
			e.Holder.Index = nil
		})},
		{name: "the taken op is always the first", rejected: "keys/first-taken random/seed-5", harm: taken(func(_ *broken, _ string, _ []store.Op, e *store.TakenError) {
			e.Op = 0
		})},
		{name: "the taken key is the least one", rejected: "keys/first-taken", harm: taken(func(b *broken, tenant string, ops []store.Op, e *store.TakenError) {
			for _, key := range ops[e.Op].New.Unique {
				if id, ok := b.tenant(tenant).holders[key]; ok && key.Value < e.Key.Value {
					e.Key, e.Holder = key, copyOf(b.tenant(tenant).records[id])
				}
			}
		})},
		{name: "the taken key is not told", rejected: "keys/taken", harm: taken(func(_ *broken, _ string, _ []store.Op, e *store.TakenError) {
			e.Key = store.Key{}
		})},
		{name: "Get finds records by term", rejected: "keys/get keys/not-index", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrNotFound) && key.Kind != "" {
					b.mu.Lock()
					defer b.mu.Unlock()
					for _, r := range b.tenant(tenant).records {
						if slices.Contains(r.Index, key) {
							return copyOf(r), nil
						}
					}
				}
				return r, err
			}
		}},
		{name: "Get ignores the kind of a key", rejected: "keys/get names/keys", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrNotFound) {
					return b.mapStore.Get(ctx, tenant, store.ID(key.Value+"")) // may be invalid as an ID
				}
				return r, err
			}
		}},
		{name: "Get finds nothing by the second key", rejected: "keys/get", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if err == nil && slices.Index(r.Unique, key) > 0 {
					return store.Record{}, store.ErrNotFound
				}
				return r, err
			}
		}},
		{name: "Get of nothing is no error", rejected: "keys/get", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrNotFound) {
					err = nil
				}
				return r, err
			}
		}},
	}
}

func revisionMutants() []mutant {
	write := func(change func(t *mapTenant, op store.Op, r *store.Record)) func(b *broken) {
		return func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				if op.New != nil {
					r := t.records[op.New.ID]
					change(t, op, &r)
					t.records[r.ID] = r
				}
			}})
		}
	}
	return []mutant{
		{name: "a refused batch takes a revision", rejected: "revisions/refused apply/atomic-stale apply/atomic-taken races/create", harm: refusing(func(b *broken, tenant string, _ []store.Op, err error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tenant(tenant).last++
			return err
		})},
		{name: "Created moves", rejected: "revisions/created list/order handles/alternate", harm: write(func(_ *mapTenant, _ store.Op, r *store.Record) { r.Created = r.Revision })},
		{name: "Revision stays", rejected: "revisions/created apply/stale-replace", harm: write(func(_ *mapTenant, op store.Op, r *store.Record) {
			if op.Old != nil {
				r.Revision = op.Old.Revision
			}
		})},
		{name: "New's Created is written", rejected: "tamper/new", harm: write(func(_ *mapTenant, op store.Op, r *store.Record) {
			if op.Old == nil && op.New.Created != 0 {
				r.Created = op.New.Created
			}
		})},
		{name: "New's Revision is written", rejected: "tamper/new", harm: write(func(_ *mapTenant, op store.Op, r *store.Record) {
			if op.New.Revision > r.Revision {
				r.Revision = op.New.Revision
			}
		})},
		{name: "all tenants count together", rejected: "revisions/tenant tenants/apart", harm: func(b *broken) {
			var last store.Revision
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.last = last
				t.write(op)
				last = t.last
			}})
		}},
		{name: "Apply returns the first revision", rejected: "revisions/count apply/large-batch", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, ops []store.Op) (store.Revision, error) {
				rev, err := b.mapStore.Apply(ctx, tenant, ops...)
				if err == nil {
					rev -= store.Revision(len(ops) - 1)
				}
				return rev, err
			}
		}},
		{name: "a batch takes one revision", rejected: "revisions/count changes/order", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				if op.New != nil && op.New.ID != "" && len(t.records) > 1 && op.Old == nil {
					t.last -= store.Revision(len(t.records) % 2)
				}
			}})
		}},
		{name: "an empty tenant counts from 1 again", rejected: "revisions/deleted", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				if len(t.records) == 0 {
					t.last = 0
				}
				t.write(op)
			}})
		}},
		{name: "deletions take no revision", rejected: "revisions/deleted", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				if op.New == nil {
					t.last--
				}
			}})
		}},
	}
}
