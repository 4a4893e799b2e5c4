package storetest

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

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
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				rev, err := b.mapStore.Apply(ctx, tenant, batch)
				if err == nil {
					rev -= store.Revision(len(batch.Ops) - 1)
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
