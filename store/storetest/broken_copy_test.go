package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func copyMutants() []mutant {
	return []mutant{
		{name: "records are kept as they are given", rejected: "copies/in", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				if op.New != nil {
					r := t.records[op.New.ID]
					r.Unique, r.Index, r.Data = op.New.Unique, op.New.Index, op.New.Data
					t.records[r.ID] = r
				}
			}})
		}},
		{name: "Notes are kept as they are given", rejected: "copies/in", harm: feeding(func(t *mapTenant, op store.Op, i int) {
			if i < len(t.feed) {
				t.feed[i].Note = op.Note
			}
		})},
		{name: "Get returns what it keeps", rejected: "copies/out", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				b.mu.Lock()
				defer b.mu.Unlock()
				if err == nil {
					r = b.tenant(tenant).records[r.ID]
				}
				return r, err
			}
		}},
		{name: "List returns what it keeps", rejected: "copies/out", harm: answering(func(t *mapTenant, _ store.Query, page []store.Record) []store.Record {
			for i, r := range page {
				page[i] = t.records[r.ID]
			}
			return page
		})},
		{name: "Due returns what it keeps", rejected: "copies/out", harm: func(b *broken) {
			b.due = func(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
				page, err := b.mapStore.Due(ctx, q)
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, t := range page.Tenants {
					for i, r := range t.Records {
						t.Records[i] = b.tenant(t.Tenant).records[r.ID]
					}
				}
				return page, err
			}
		}},
		{name: "Changes returns what it keeps", rejected: "copies/out", harm: func(b *broken) {
			b.changes = func(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
				page, err := b.mapStore.Changes(ctx, tenant, q)
				b.mu.Lock()
				defer b.mu.Unlock()
				for i, c := range page.Changes {
					for _, kept := range b.tenant(tenant).feed {
						if kept.Revision == c.Revision {
							page.Changes[i] = kept
						}
					}
				}
				return page, err
			}
		}},
		{name: "the holder is the record that is kept", rejected: "copies/taken", harm: refusing(func(b *broken, tenant string, _ []store.Op, err error) error {
			var taken *store.TakenError
			if errors.As(err, &taken) && taken.Holder.Revision != 0 {
				taken.Holder = b.tenant(tenant).records[taken.Holder.ID]
			}
			return err
		})},
		{name: "the holder is the caller's own", rejected: "copies/taken", harm: refusing(func(_ *broken, _ string, ops []store.Op, err error) error {
			var taken *store.TakenError
			if errors.As(err, &taken) && taken.Holder.Revision == 0 {
				for _, op := range ops {
					if op.ID() == taken.Holder.ID && op.New != nil {
						taken.Holder = *op.New
					}
				}
			}
			return err
		})},
		{name: "Apply writes revisions into New", rejected: "copies/arguments", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				if op.New != nil {
					op.New.Revision = t.last
				}
			}})
		}},
		{name: "List sorts its terms", rejected: "copies/arguments", harm: asking(func(q *store.Query) {
			slices.SortFunc(q.Match, func(a, b store.Key) int { return bytes.Compare([]byte(a.Kind), []byte(b.Kind)) })
		})},
		{name: "Due sorts its kinds", rejected: "copies/arguments", harm: dueBy(func(q *store.DueQuery) { slices.Sort(q.Kinds) }, nil)},
		{name: "a record without keys is refused", rejected: "copies/nil apply/round-trip", harm: func(b *broken) {
			b.apply = func(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
				for _, op := range batch.Ops {
					if op.New != nil && op.New.Unique == nil {
						return 0, &store.InvalidError{}
					}
				}
				return b.mapStore.Apply(ctx, tenant, batch)
			}
		}},
		{name: "keys and terms are kept as sets", rejected: "copies/order keys/own", harm: edited(func(_ *mapTenant, op *store.Op) {
			if op.New != nil {
				r := copyOf(*op.New)
				for _, keys := range [][]store.Key{r.Unique, r.Index} {
					slices.SortFunc(keys, func(a, b store.Key) int { return bytes.Compare([]byte(a.Value), []byte(b.Value)) })
				}
				op.New = &r
			}
		})},
	}
}
