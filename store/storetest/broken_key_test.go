package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

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
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				if err := refuses(t, ops); err != nil {
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
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
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
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				err := refuses(t, ops)
				var taken *store.TakenError
				if errors.As(err, &taken) && taken.Holder.Revision == 0 {
					return nil
				}
				return err
			}})
		}},
		{name: "stored holders come before those in the batch", rejected: "keys/twice-in-batch", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
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
		{name: "a holder in the batch has the zone of its caller", rejected: "keys/twice-in-batch", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				err := refuses(t, ops)
				var taken *store.TakenError
				if errors.As(err, &taken) && taken.Holder.Revision == 0 {
					for _, op := range ops {
						if op.ID() == taken.Holder.ID {
							taken.Holder.Due = op.New.Due
						}
					}
				}
				return err
			}})
		}},
		{name: "a key is unique for each kind of record", rejected: "keys/across-kinds", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				err := refuses(t, ops)
				var taken *store.TakenError
				if errors.As(err, &taken) && ops[taken.Op].New.Kind != taken.Holder.Kind {
					return nil
				}
				return err
			}})
		}},
		{name: "keys are not unique", rejected: "keys/taken races/key tenants/apart random/seed-3 random/seed-6", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error { return t.stale(ops) }})
		}},
		{name: "a record's own key is taken", rejected: "keys/own", harm: func(b *broken) {
			b.applies(steps{refuses: func(t *mapTenant, ops []store.Op) error {
				if err := t.stale(ops); err != nil {
					return err
				}
				for i, op := range ops {
					if op.New != nil {
						var taken *store.TakenError
						if errors.As(t.taken([]store.Op{{New: op.New}}), &taken) {
							taken.Op = i
							return taken
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
