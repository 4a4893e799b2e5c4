package storetest

import (
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// model is the simplest store: the rules over slices, one call at a time. It never
// copies, so callers must not change their arguments later.
type model struct {
	tenants map[string]*modelTenant // those that exist
}

type modelTenant struct {
	last    store.Revision
	trimmed store.Revision // the last entry that was forgotten
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

func (m *model) apply(tenant string, b store.Batch) (store.Revision, error) {
	before := m.tenant(tenant)
	if err := before.requires(b.Require); err != nil {
		return 0, err
	}
	ops := b.Ops
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
					return 0, &store.TakenError{Op: i, Require: -1, Key: key, Holder: holder}
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
			after.feed = append(after.feed, store.Change{Seq: after.last, Revision: after.last, Type: op.Type(), Kind: kind[op.ID()], ID: op.ID(), Note: op.Note})
		}
	}
	slices.SortFunc(after.records, byCreated)
	m.tenants[tenant] = after
	return after.last, nil
}

func (t *modelTenant) requires(all []store.Require) error {
	for i, r := range all {
		if r.ID == "" {
			if holder, ok := t.get(r.Free); ok {
				return &store.TakenError{Op: -1, Require: i, Key: r.Free, Holder: holder}
			}
			continue
		}
		if t.revision(r.ID) != r.Revision {
			return &store.StaleError{Op: -1, Require: i}
		}
	}
	return nil
}

func (t *modelTenant) stale(ops []store.Op) error {
	for i, op := range ops {
		at := t.revision(op.ID())
		holds := at == 0
		if op.Old != nil {
			removal := op.New == nil && op.Old.Revision == 0
			holds = at == op.Old.Revision || removal && at != 0
		}
		if !holds || op.Old != nil && at == 0 {
			return &store.StaleError{Op: i, Require: -1}
		}
	}
	return nil
}

// revision returns the revision of a record, zero if there is none.
func (t *modelTenant) revision(id string) store.Revision {
	if i := t.index(id); i >= 0 {
		return t.records[i].Revision
	}
	return 0
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

// list returns the records of a whole walk.
func (t *modelTenant) list(q store.Query) []store.Record {
	var all []store.Record
	for _, r := range selectRecords(t.records, q.Kind, q.Match...) {
		due := !q.NotDueBefore.IsZero() && !r.Due.IsZero() && r.Due.Before(q.NotDueBefore)
		if r.Created > q.After && (q.Before == 0 || r.Created < q.Before) && !due {
			all = append(all, r)
		}
	}
	if q.Desc {
		slices.Reverse(all)
	}
	return all
}

// changes returns the entries of a whole walk.
func (t *modelTenant) changes(q store.ChangeQuery) ([]store.Change, error) {
	if q.After < t.trimmed && (!q.Desc || q.After > 0) {
		return nil, &store.TrimmedError{Through: t.trimmed}
	}
	var all []store.Change
	for _, change := range t.feed {
		if change.Seq > q.After && (q.Before == 0 || change.Seq < q.Before) {
			all = append(all, change)
		}
	}
	if q.Desc {
		slices.Reverse(all)
	}
	return all, nil
}

func (t *modelTenant) trim(through store.Revision) {
	newest := -1 // of those at or before through
	for i, change := range t.feed {
		if change.Seq <= through {
			newest = i
		}
	}
	if newest > 0 {
		t.trimmed = t.feed[newest-1].Seq
		t.feed = slices.Clone(t.feed[newest:])
	}
}

// due returns the due records of a tenant, by Due.
func (t *modelTenant) due(q store.DueQuery) []store.Record {
	var all []store.Record
	for _, r := range t.records {
		if !r.Due.IsZero() && r.Due.Before(q.Before) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, byDue)
	return all
}

func limitOf(limit int) int {
	if limit == 0 {
		return store.DefaultLimit
	}
	return limit
}
