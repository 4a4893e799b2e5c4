package storetest

import (
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// model is a store as simple as it can be said: the rules over slices, one call
// at a time. It never copies, so what goes in must not be changed.
type model struct {
	tenants map[string]*modelTenant // those that exist
}

type modelTenant struct {
	last    store.Revision
	trimmed store.Revision
	records []store.Record // by Created
	feed    []store.Change
}

func newModel() *model { return &model{tenants: map[string]*modelTenant{}} }

// tenant returns a tenant, an empty one if there is none.
func (m *model) tenant(name string) *modelTenant {
	if t := m.tenants[name]; t != nil {
		return t
	}
	return &modelTenant{}
}

func (m *model) apply(tenant string, ops []store.Op) (store.Revision, error) {
	before := m.tenant(tenant)
	if err := before.stale(ops); err != nil {
		return 0, err
	}
	after := &modelTenant{
		last: before.last, trimmed: before.trimmed,
		records: slices.Clone(before.records), feed: slices.Clone(before.feed),
	}
	created := map[string]store.Revision{}
	kind := map[string]string{}
	for _, op := range ops {
		if op.Old != nil {
			i := after.index(op.Old.ID)
			created[op.Old.ID], kind[op.Old.ID] = after.records[i].Created, after.records[i].Kind
			after.records = slices.Delete(after.records, i, i+1)
		}
	}
	for i, op := range ops {
		after.last++
		if op.New != nil {
			r := *op.New
			for _, key := range r.Unique {
				if holder, ok := after.get(key); ok {
					if holder.Revision > before.last { // an earlier op's New, never written
						holder.Created, holder.Revision = 0, 0
					}
					return 0, &store.TakenError{Op: i, Key: key, Holder: holder}
				}
			}
			r.Created, r.Revision = after.last, after.last
			if op.Old != nil {
				r.Created = created[r.ID]
			}
			kind[r.ID] = r.Kind
			after.records = append(after.records, r)
		}
		if op.Note != nil {
			after.feed = append(after.feed, store.Change{Revision: after.last, Type: op.Type(), Kind: kind[op.ID()], ID: op.ID(), Note: op.Note})
		}
	}
	slices.SortFunc(after.records, byCreated)
	m.tenants[tenant] = after
	return after.last, nil
}

func (t *modelTenant) stale(ops []store.Op) error {
	for i, op := range ops {
		at := t.index(op.ID())
		holds := at < 0
		if op.Old != nil {
			holds = at >= 0 && t.records[at].Revision == op.Old.Revision
		}
		if !holds {
			return &store.StaleError{Op: i}
		}
	}
	return nil
}

func (t *modelTenant) index(id string) int {
	return slices.IndexFunc(t.records, func(r store.Record) bool { return r.ID == id })
}

func (t *modelTenant) get(key store.Key) (store.Record, bool) {
	for _, r := range t.records {
		if store.ID(r.ID) == key || slices.Contains(r.Unique, key) {
			return r, true
		}
	}
	return store.Record{}, false
}

func (t *modelTenant) list(q store.Query) []store.Record {
	var page []store.Record
	for _, r := range selectRecords(t.records, q.Kind, q.Match...) {
		due := !q.NotDueBefore.IsZero() && !r.Due.IsZero() && r.Due.Before(q.NotDueBefore)
		if r.Created > q.After && (q.Before == 0 || r.Created < q.Before) && !due {
			page = append(page, r)
		}
	}
	if q.Desc {
		slices.Reverse(page)
	}
	return firstOf(page, q.Limit)
}

func (t *modelTenant) changes(after store.Revision, limit int) ([]store.Change, error) {
	if after < t.trimmed {
		return nil, store.ErrTrimmed
	}
	var page []store.Change
	for _, change := range t.feed {
		if change.Revision > after {
			page = append(page, change)
		}
	}
	return firstOf(page, limit), nil
}

func (t *modelTenant) trim(through store.Revision) {
	t.trimmed = max(t.trimmed, min(through, t.last))
	t.feed = slices.DeleteFunc(slices.Clone(t.feed), func(c store.Change) bool { return c.Revision <= t.trimmed })
}

// due returns the page for a walk of tenants in the store's order.
func (m *model) due(q store.DueQuery, order []string) []store.DueRecord {
	var tenants []string
	due := map[string][]store.Record{}
	for _, name := range order[slices.Index(order, q.After)+1:] {
		for _, r := range m.tenant(name).records {
			if !r.Due.IsZero() && r.Due.Before(q.Before) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) {
				due[name] = append(due[name], r)
			}
		}
		if len(due[name]) > 0 {
			tenants = append(tenants, name)
		}
	}
	tenants = firstOf(tenants, q.Limit)
	var page []store.DueRecord
	for _, name := range tenants {
		slices.SortFunc(due[name], byDue)
		for _, r := range due[name][:min(len(due[name]), limitOf(q.Limit)/len(tenants))] {
			page = append(page, store.DueRecord{Tenant: name, Record: r})
		}
	}
	return page
}

func firstOf[T any](items []T, limit int) []T { return items[:min(len(items), limitOf(limit))] }

func limitOf(limit int) int {
	if limit == 0 {
		return store.DefaultLimit
	}
	return limit
}
