package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// dueBy returns a harm that changes how Due answers: plan gets what is due of
// each tenant, in the right order, and returns the page.
func dueBy(change func(q *store.DueQuery), plan func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord) func(b *broken) {
	return func(b *broken) {
		b.due = func(ctx context.Context, q store.DueQuery) ([]store.DueRecord, error) {
			q, err := store.CheckDueQuery(q)
			if err := cmp.Or(ctx.Err(), err); err != nil {
				return nil, err
			}
			if change != nil {
				change(&q)
			}
			if plan == nil {
				return b.mapStore.Due(ctx, q)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			var names []string
			due := map[string][]store.DueRecord{}
			for _, name := range b.mapStore.names() {
				for _, r := range b.tenants[name].records {
					if !r.Due.IsZero() && r.Due.Before(q.Before) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) {
						due[name] = append(due[name], store.DueRecord{Tenant: name, Record: copyOf(r)})
					}
				}
				slices.SortFunc(due[name], func(a, b store.DueRecord) int { return byDue(a.Record, b.Record) })
				if len(due[name]) > 0 && name > q.After {
					names = append(names, name)
				}
			}
			return plan(q, names, due), nil
		}
	}
}

// share gives each tenant up to n records.
func share(names []string, due map[string][]store.DueRecord, n int) []store.DueRecord {
	var page []store.DueRecord
	for _, name := range names {
		page = append(page, due[name][:min(n, len(due[name]))]...)
	}
	return page
}

func dueMutants() []mutant {
	return []mutant{
		{name: "what is due then is due before", rejected: "due/before due/kinds limits/due list/not-due-before", harm: dueBy(func(q *store.DueQuery) { q.Before = q.Before.Add(1) }, nil)},
		{name: "Before is cut to milliseconds", rejected: "due/before", harm: dueBy(func(q *store.DueQuery) { q.Before = q.Before.Truncate(time.Millisecond) }, nil)},
		{name: "kinds are ignored", rejected: "due/kinds due/share-kinds names/kinds", harm: dueBy(func(q *store.DueQuery) { q.Kinds = nil }, nil)},
		{name: "only the first kind counts", rejected: "due/kinds due/share-kinds", harm: dueBy(func(q *store.DueQuery) { q.Kinds = q.Kinds[:min(1, len(q.Kinds))] }, nil)},
		{name: "the first tenants fill the page", rejected: "due/flood due/share", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			page := share(names, due, store.MaxLimit)
			return page[:min(q.Limit, len(page))]
		})},
		{name: "shares are rounded up", rejected: "due/share due/drain", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			names = names[:min(q.Limit, len(names))]
			return share(names, due, (q.Limit+len(names)-1)/max(1, len(names)))
		})},
		{name: "one record for each tenant", rejected: "due/share due/limit due/order", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			return share(names[:min(q.Limit, len(names))], due, 1)
		})},
		{name: "more tenants than records", rejected: "due/share due/walk", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			return share(names, due, q.Limit/max(1, len(names)))
		})},
		{name: "tenants with other kinds take a share", rejected: "due/share-kinds", harm: func(b *broken) {
			dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
				sharing := 0
				for name, t := range b.tenants {
					for _, r := range t.records {
						if name > q.After && !r.Due.IsZero() && r.Due.Before(q.Before) {
							sharing++
							break
						}
					}
				}
				return share(names[:min(q.Limit, len(names))], due, q.Limit/max(1, min(sharing, q.Limit)))
			})(b)
		}},
		{name: "Due goes by Created", rejected: "due/order due/moves", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			for _, name := range names {
				slices.SortFunc(due[name], func(a, b store.DueRecord) int { return byCreated(a.Record, b.Record) })
			}
			names = names[:min(q.Limit, len(names))]
			return share(names, due, q.Limit/max(1, len(names)))
		})},
		{name: "one record for each Due", rejected: "due/equal", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			for name, records := range due {
				due[name] = slices.CompactFunc(records, func(a, b store.DueRecord) bool { return a.Record.Due.Equal(b.Record.Due) })
			}
			names = names[:min(q.Limit, len(names))]
			return share(names, due, q.Limit/max(1, len(names)))
		})},
		{name: "Due goes by Due across tenants", rejected: "due/tenants due/share", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			names = names[:min(q.Limit, len(names))]
			page := share(names, due, q.Limit/max(1, len(names)))
			slices.SortFunc(page, func(a, b store.DueRecord) int { return byDue(a.Record, b.Record) })
			return page
		})},
		{name: "After includes its tenant", rejected: "due/walk due/tenants", harm: dueBy(func(q *store.DueQuery) {
			if q.After != "" {
				q.After = q.After[:len(q.After)-1]
			}
		}, nil)},
		{name: "Due has another default limit", rejected: "due/limit", harm: dueBy(func(q *store.DueQuery) {
			if q.Limit == store.DefaultLimit {
				q.Limit = 50
			}
		}, nil)},
		{name: "due records come without Data", rejected: "due/order", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.DueRecord) []store.DueRecord {
			names = names[:min(q.Limit, len(names))]
			page := share(names, due, q.Limit/max(1, len(names)))
			for i := range page {
				page[i].Record.Data = nil
			}
			return page
		})},
		{name: "what Due returned is gone", rejected: "due/stays", harm: func(b *broken) {
			b.due = func(ctx context.Context, q store.DueQuery) ([]store.DueRecord, error) {
				page, err := b.mapStore.Due(ctx, q)
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, d := range page {
					r := b.tenants[d.Tenant].records[d.Record.ID]
					r.Due = time.Time{}
					b.tenants[d.Tenant].records[r.ID] = r
				}
				return page, err
			}
		}},
		{name: "what is due cannot be fetched", rejected: "due/stays", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if err == nil && !r.Due.IsZero() && r.Due.Year() < 2020 {
					return store.Record{}, store.ErrNotFound
				}
				return r, err
			}
		}},
		{name: "what is due gives up its keys", rejected: "due/stays", harm: func(b *broken) {
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				err := judge(t, ops)
				var taken *store.TakenError
				if errors.As(err, &taken) && !taken.Holder.Due.IsZero() && taken.Holder.Due.Year() < 2020 {
					return nil
				}
				return err
			}})
		}},
		{name: "a replacement keeps an earlier Due", rejected: "due/moves due/drain", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				old := t.records[op.ID()]
				t.write(op)
				if r := t.records[op.ID()]; op.New != nil && !old.Due.IsZero() {
					r.Due = old.Due
					t.records[r.ID] = r
				}
			}})
		}},
	}
}

func tenantMutants() []mutant {
	elsewhere := func(b *broken, tenant string) string { // some other tenant
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, name := range b.mapStore.names() {
			if name != tenant {
				return name
			}
		}
		return tenant
	}
	return []mutant{
		{name: "Get ignores the tenant", rejected: "tenants/apart names/tenants", harm: func(b *broken) {
			b.get = func(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
				r, err := b.mapStore.Get(ctx, tenant, key)
				if errors.Is(err, store.ErrNotFound) {
					return b.mapStore.Get(ctx, elsewhere(b, tenant), key)
				}
				return r, err
			}
		}},
		{name: "List ignores the tenant", rejected: "names/tenants list/empty", harm: func(b *broken) {
			b.list = func(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
				page, err := b.mapStore.List(ctx, tenant, q)
				if err == nil && len(page) == 0 {
					return b.mapStore.List(ctx, elsewhere(b, tenant), q)
				}
				return page, err
			}
		}},
		{name: "keys are unique among all tenants", rejected: "tenants/apart names/tenants", harm: func(b *broken) {
			holders := map[store.Key]string{}
			b.applies(steps{judge: func(t *mapTenant, ops []store.Op) error {
				t.holders = holders
				return judge(t, ops)
			}})
		}},
		{name: "deletions reach into other tenants", rejected: "tenants/apart", harm: func(b *broken) {
			b.applies(steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				for _, other := range b.tenants {
					if op.New == nil {
						delete(other.records, op.Old.ID)
					}
				}
			}})
		}},
		{name: "an empty tenant does not exist", rejected: "tenants/exist", harm: func(b *broken) {
			b.names = func(ctx context.Context, after string, limit int) ([]string, error) {
				names, err := b.mapStore.Tenants(ctx, after, limit)
				b.mu.Lock()
				defer b.mu.Unlock()
				return slices.DeleteFunc(names, func(name string) bool { return len(b.tenants[name].records) == 0 }), err
			}
		}},
		{name: "a refused batch makes a tenant", rejected: "tenants/exist strings/utf8", harm: refusing(func(b *broken, tenant string, _ []store.Op, err error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tenants[tenant] = b.tenant(tenant)
			return err
		})},
		{name: "tenants come in any order", rejected: "tenants/walk tenants/concurrent", harm: func(b *broken) {
			b.names = func(ctx context.Context, after string, limit int) ([]string, error) {
				limit, err := store.CheckTenants(after, limit)
				if err := cmp.Or(ctx.Err(), err); err != nil {
					return nil, err
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				var names []string
				for name := range b.tenants {
					names = append(names, name)
				}
				names = names[slices.Index(names, after)+1:]
				return names[:min(limit, len(names))], nil
			}
		}},
		{name: "a page of tenants includes its cursor", rejected: "tenants/walk tenants/concurrent", harm: func(b *broken) {
			b.names = func(ctx context.Context, after string, limit int) ([]string, error) {
				if after != "" && len(after) < 20 {
					after = after[:len(after)-1]
				}
				return b.mapStore.Tenants(ctx, after, limit)
			}
		}},
		{name: "a page of tenants misses one", rejected: "tenants/walk tenants/concurrent", harm: func(b *broken) {
			b.names = func(ctx context.Context, after string, limit int) ([]string, error) {
				if after != "" && len(after) < 20 {
					after += "\x7f"
				}
				return b.mapStore.Tenants(ctx, after+" 1", limit)
			}
		}},
		{name: "Tenants has another default limit", rejected: "tenants/limit", harm: func(b *broken) {
			b.names = func(ctx context.Context, after string, limit int) ([]string, error) {
				return b.mapStore.Tenants(ctx, after, cmp.Or(limit, 10))
			}
		}},
	}
}
