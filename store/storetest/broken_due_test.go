package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// plan returns a page of Due. It gets the tenants that have something due, one if one
// is asked for, and what is due of each, in the right order.
type plan func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage

// dueBy returns a harm that changes what Due is asked, or how it answers.
func dueBy(change func(q *store.DueQuery), answer plan) func(b *broken) {
	return func(b *broken) {
		b.due = func(ctx context.Context, _ string, q store.DueQuery) (store.DuePage, error) {
			q, err := store.CheckDueQuery(q)
			if err := cmp.Or(ctx.Err(), err); err != nil {
				return store.DuePage{}, err
			}
			if change != nil {
				change(&q)
			}
			if answer == nil {
				return b.mapStore.Due(ctx, q)
			}
			defer b.locked()()
			var names []string
			due := map[string][]store.Record{}
			for _, name := range b.mapStore.names() {
				if name <= q.After || q.Tenant != "" && name != q.Tenant {
					continue
				}
				for _, r := range b.tenants[name].due(q) {
					due[name] = append(due[name], copyOf(r))
				}
				if len(due[name]) > 0 {
					names = append(names, name)
				}
			}
			return answer(q, names, due), nil
		}
	}
}

// share gives the first tenants up to n records each, and says where to go on.
func share(names []string, tenants int, due map[string][]store.Record, n int) store.DuePage {
	var page store.DuePage
	tenants = min(tenants, len(names))
	for _, name := range names[:tenants] {
		t := store.DueTenant{Tenant: name, Records: due[name][:min(n, len(due[name]))]}
		if n < len(due[name]) && n > 0 {
			t.Next = duePlace(due[name][n-1])
		}
		page.Tenants = append(page.Tenants, t)
	}
	if tenants < len(names) {
		page.Next = names[tenants-1]
	}
	return page
}

// rightly is the plan that is right.
func rightly(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
	return share(names, q.Limit, due, q.Limit/max(1, min(q.Limit, len(names))))
}

func dueMutants() []mutant {
	return []mutant{
		{name: "what is due then is due before", rejected: "due/before due/kinds limits/due list/not-due-before", harm: dueBy(func(q *store.DueQuery) { q.Before = q.Before.Add(1) }, nil)},
		{name: "Before is cut to milliseconds", rejected: "due/before", harm: dueBy(func(q *store.DueQuery) { q.Before = q.Before.Truncate(time.Millisecond) }, nil)},
		{name: "kinds are ignored", rejected: "due/kinds due/share-kinds names/kinds", harm: dueBy(func(q *store.DueQuery) { q.Kinds = nil }, nil)},
		{name: "only the first kind counts", rejected: "due/kinds due/share-kinds", harm: dueBy(func(q *store.DueQuery) { q.Kinds = q.Kinds[:min(1, len(q.Kinds))] }, nil)},
		{name: "only so many kinds are found as a query can name", rejected: "due/many-kinds", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			kinds := map[string]bool{}
			for name := range due {
				due[name] = slices.DeleteFunc(due[name], func(r store.Record) bool {
					if len(kinds) < store.MaxKinds {
						kinds[r.Kind] = true
					}
					return !kinds[r.Kind]
				})
			}
			return rightly(q, names, due)
		})},
		{name: "the first tenants fill the page", rejected: "due/flood due/share", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			room, tenants := q.Limit, 0
			for _, name := range names {
				due[name] = due[name][:min(room, len(due[name]))]
				if room -= len(due[name]); room >= 0 && len(due[name]) > 0 {
					tenants++
				}
			}
			return share(names, tenants, due, q.Limit)
		})},
		{name: "shares are rounded up", rejected: "due/share due/drain", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			tenants := max(1, min(q.Limit, len(names)))
			return share(names, tenants, due, (q.Limit+tenants-1)/tenants)
		})},
		{name: "nothing says that a tenant has more due", rejected: "due/share due/order due/one-tenant due/moving", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			page := rightly(q, names, due)
			for i := range page.Tenants {
				page.Tenants[i].Next = ""
			}
			return page
		})},
		{name: "nothing says that tenants behind have something due", rejected: "due/share due/walk", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			page := rightly(q, names, due)
			page.Next = ""
			return page
		})},
		{name: "more tenants than records", rejected: "due/share due/walk", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			return share(names, len(names), due, q.Limit/max(1, len(names)))
		})},
		{name: "tenants that have other kinds due are named", rejected: "due/share-kinds", harm: answers(ofDue, func(b *broken, c *dueCall) {
			c.q.Kinds = nil
			every, _ := b.mapStore.Due(c.ctx, c.q)
			for _, t := range every.Tenants {
				if !slices.ContainsFunc(c.got.Tenants, func(other store.DueTenant) bool { return other.Tenant == t.Tenant }) {
					c.got.Tenants = append(c.got.Tenants, store.DueTenant{Tenant: t.Tenant})
				}
			}
		})},
		{name: "Due goes by Created", rejected: "due/order due/moves due/one-tenant", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			for _, name := range names {
				slices.SortFunc(due[name], byCreated)
			}
			return rightly(q, names, due)
		})},
		{name: "one record for each Due", rejected: "due/equal due/ties", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			for name, records := range due {
				due[name] = slices.CompactFunc(records, func(a, b store.Record) bool { return a.Due.Equal(b.Due) })
			}
			return rightly(q, names, due)
		})},
		{name: "tenants go by their earliest Due", rejected: "due/tenants due/share", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			slices.SortStableFunc(names, func(a, b string) int { return -byDue(due[a][0], due[b][0]) })
			slices.Reverse(names)
			return rightly(q, names, due)
		})},
		{name: "After includes its tenant", rejected: "due/walk due/tenants", harm: dueBy(func(q *store.DueQuery) {
			if q.After != "" {
				q.After = q.After[:len(q.After)-1]
			}
		}, nil)},
		{name: "Due has another default limit", rejected: "due/limit", harm: dueBy(func(q *store.DueQuery) {
			if q.Limit == store.DefaultLimit {
				q.Limit = 150
			}
		}, nil)},
		{name: "due records come without Data", rejected: "due/order due/one-tenant", harm: dueBy(nil, func(q store.DueQuery, names []string, due map[string][]store.Record) store.DuePage {
			for _, name := range names {
				for i := range due[name] {
					due[name][i].Data = nil
				}
			}
			return rightly(q, names, due)
		})},
		{name: "a place is a Due alone", rejected: "due/ties", harm: func(b *broken) {
			b.due = func(ctx context.Context, _ string, q store.DueQuery) (store.DuePage, error) {
				if q.From != "" {
					q.From += "\xff"
				}
				page, err := b.mapStore.Due(ctx, q)
				for i, t := range page.Tenants {
					page.Tenants[i].Next, _, _ = strings.Cut(t.Next, " ")
				}
				return page, err
			}
		}},
		{name: "a place includes its record", rejected: "due/one-tenant due/ties", harm: asks(ofDue, func(_ *broken, c *dueCall) {
			if c.q.From != "" {
				c.q.From = c.q.From[:len(c.q.From)-1]
			}
		})},
		{name: "a place is a number of records", rejected: "due/moving", harm: func(b *broken) {
			b.due = func(ctx context.Context, _ string, q store.DueQuery) (store.DuePage, error) {
				q, err := store.CheckDueQuery(q)
				if err := cmp.Or(ctx.Err(), err); err != nil || q.Tenant == "" {
					return b.mapStore.Due(ctx, q)
				}
				from, _ := strconv.Atoi(q.From)
				defer b.locked()()
				q.From = ""
				all := b.tenant(q.Tenant).due(q)
				all = all[min(from, len(all)):]
				t := store.DueTenant{Tenant: q.Tenant, Records: all[:min(q.Limit, len(all))]}
				if len(t.Records) < len(all) {
					t.Next = strconv.Itoa(from + q.Limit)
				}
				return store.DuePage{Tenants: []store.DueTenant{t}}, nil
			}
		}},
		{name: "From is forgotten without a tenant", rejected: "limits/queries", harm: asks(ofDue, func(_ *broken, c *dueCall) {
			if c.q.Tenant == "" {
				c.q.From = ""
			}
		})},
		{name: "one tenant's Due is of all", rejected: "due/apart due/order", harm: dueBy(func(q *store.DueQuery) { q.Tenant, q.From = "", "" }, nil)},
		{name: "what Due returned is gone", rejected: "due/stays", harm: answers(ofDue, func(b *broken, c *dueCall) {
			defer b.locked()()
			for _, t := range c.got.Tenants {
				for _, r := range t.Records {
					r = b.tenants[t.Tenant].records.at(r.ID)
					r.Due = time.Time{}
					b.tenants[t.Tenant].records.put(r)
				}
			}
		})},
		{name: "what is due cannot be fetched", rejected: "due/stays", harm: answers(ofGet, func(_ *broken, c *getCall) {
			if c.err == nil && !c.got.Due.IsZero() && c.got.Due.Year() < 2020 {
				c.got, c.err = store.Record{}, store.ErrNotFound
			}
		})},
		{name: "what is due gives up its keys", rejected: "due/stays", harm: excusing(func(_ []store.Op, taken *store.TakenError) bool {
			return !taken.Holder.Due.IsZero() && taken.Holder.Due.Year() < 2020
		})},
		{name: "a replacement keeps an earlier Due", rejected: "due/moves due/drain", harm: steps{write: func(t *mapTenant, op store.Op) {
			old := t.records.at(op.ID())
			t.write(op)
			if r := t.records.at(op.ID()); op.New != nil && !old.Due.IsZero() {
				r.Due = old.Due
				t.records.put(r)
			}
		}}.harm},
	}
}

func tenantMutants() []mutant {
	elsewhere := func(b *broken, tenant string) string { // some other tenant
		defer b.locked()()
		for _, name := range b.mapStore.names() {
			if name != tenant {
				return name
			}
		}
		return tenant
	}
	return []mutant{
		{name: "Get ignores the tenant", rejected: "tenants/apart names/tenants", harm: answers(ofGet, func(b *broken, c *getCall) {
			if errors.Is(c.err, store.ErrNotFound) {
				c.got, c.err = b.mapStore.Get(c.ctx, elsewhere(b, c.tenant), c.q)
			}
		})},
		{name: "List ignores the tenant", rejected: "names/tenants list/empty", harm: answers(ofList, func(b *broken, c *listCall) {
			if c.err == nil && len(c.got.Records) == 0 {
				c.got, c.err = b.mapStore.List(c.ctx, elsewhere(b, c.tenant), c.q)
			}
		})},
		{name: "keys are unique among all tenants", rejected: "tenants/apart names/tenants", harm: func(b *broken) {
			holders := map[store.Key]string{}
			steps{refuses: func(t *mapTenant, ops []store.Op) error {
				t.holders = holders
				return refuses(t, ops)
			}}.harm(b)
		}},
		{name: "deletions reach into other tenants", rejected: "tenants/apart", harm: func(b *broken) {
			steps{write: func(t *mapTenant, op store.Op) {
				t.write(op)
				for _, other := range b.tenants {
					if op.New == nil {
						other.records.drop(op.Old.ID)
					}
				}
			}}.harm(b)
		}},
		{name: "an empty tenant does not exist", rejected: "tenants/exist", harm: answers(ofTenants, func(b *broken, c *namesCall) {
			defer b.locked()()
			c.got.Names = slices.DeleteFunc(c.got.Names, func(name string) bool { return len(b.tenants[name].records.byID) == 0 })
		})},
		{name: "a refused batch makes a tenant", rejected: "tenants/exist strings/utf8", harm: refusing(func(b *broken, c *applyCall, _ error) {
			defer b.locked()()
			b.tenants[c.tenant] = b.tenant(c.tenant)
		})},
		{name: "tenants come in any order", rejected: "tenants/walk tenants/concurrent", harm: func(b *broken) {
			b.names = func(ctx context.Context, _ string, q store.TenantQuery) (store.TenantPage, error) {
				q, err := store.CheckTenants(q)
				if err := cmp.Or(ctx.Err(), err); err != nil {
					return store.TenantPage{}, err
				}
				defer b.locked()()
				var names []string
				for name := range b.tenants {
					names = append(names, name)
				}
				names = names[slices.Index(names, q.After)+1:]
				page := store.TenantPage{Names: names[:min(q.Limit, len(names))]}
				if len(page.Names) < len(names) {
					page.Next = page.Names[len(page.Names)-1]
				}
				return page, nil
			}
		}},
		{name: "a page of tenants includes its cursor", rejected: "tenants/walk tenants/concurrent", harm: naming(func(q *store.TenantQuery) {
			if q.After != "" && len(q.After) < 20 {
				q.After = q.After[:len(q.After)-1]
			}
		}, nil)},
		{name: "a page of tenants misses one", rejected: "tenants/walk tenants/concurrent", harm: naming(func(q *store.TenantQuery) {
			if q.After != "" && len(q.After) < 20 {
				q.After += "\x7f"
			}
			q.After += " 1"
		}, nil)},
		{name: "Tenants has another default limit", rejected: "tenants/limit", harm: naming(func(q *store.TenantQuery) { q.Limit = cmp.Or(q.Limit, 1000) }, nil)},
		{name: "the first page of tenants is the last", rejected: "tenants/walk tenants/limit", harm: naming(nil, func(page *store.TenantPage) { page.Next = "" })},
	}
}

// naming returns a harm that changes what Tenants is asked and what it answers.
func naming(ask func(q *store.TenantQuery), answer func(page *store.TenantPage)) func(b *broken) {
	return func(b *broken) {
		b.names = func(ctx context.Context, _ string, q store.TenantQuery) (store.TenantPage, error) {
			if ask != nil {
				ask(&q)
			}
			page, err := b.mapStore.Tenants(ctx, q)
			if answer != nil {
				answer(&page)
			}
			return page, err
		}
	}
}
