package memory

import (
	"context"
	"iter"
	"math"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// stride is how many entries List looks at before it gives the lock back.
const stride = 1024

// List implements [store.Store]. A page is not of one moment: each of its
// records is as it was when List came by.
func (s *Store) List(ctx context.Context, tenant string, q store.Query) ([]store.Record, error) {
	q, err := store.CheckQuery(tenant, q)
	if err != nil {
		return nil, err
	}
	w := walk{query: q, notDueBefore: store.Millis(q.NotDueBefore)}
	sh := s.shard(tenant)
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sh.mu.RLock()
		more = w.step(sh.tenants[tenant])
		sh.mu.RUnlock()
	}
	return copyAll(w.found), nil
}

// walk is a List on its way. Its query narrows as it goes: Created never
// changes, so the walk finds its place again after giving the lock back.
type walk struct {
	query        store.Query
	notDueBefore int64
	found        []*store.Record
}

// step looks at some more entries and reports whether there are others.
func (w *walk) step(t *tenant) bool {
	if t == nil {
		return false
	}
	q := &w.query
	looked := 0
	for e := range w.entries(t) {
		if q.Before > 0 && e.created >= q.Before || e.created <= q.After {
			return false
		}
		if looked++; looked > stride {
			return true
		}
		if q.Desc {
			q.Before = e.created
		} else {
			q.After = e.created
		}
		if !w.matches(e) {
			continue
		}
		if w.found = append(w.found, e.record); len(w.found) == q.Limit {
			return false
		}
	}
	return false
}

// entries walks the shortest list that has all the records asked for.
func (w *walk) entries(t *tenant) iter.Seq[*entry] {
	var shortest *sorted[byCreated]
	if k := t.kinds[w.query.Kind]; k != nil {
		shortest = &k.records
	}
	for _, key := range w.query.Match {
		x := t.terms[termKey{w.query.Kind, key}]
		if x == nil {
			return func(func(*entry) bool) {}
		}
		if x.records.len() < shortest.len() {
			shortest = &x.records
		}
	}
	switch {
	case !w.query.Desc:
		return shortest.ascend(&entry{created: w.query.After + 1})
	case w.query.Before == 0:
		return shortest.descend(&entry{created: math.MaxInt64})
	default:
		return shortest.descend(&entry{created: w.query.Before})
	}
}

// matches probes the record for what the list does not say. A record has its
// terms at hand; looking each up in a long list would be slower.
func (w *walk) matches(e *entry) bool {
	if e.due != 0 && e.due < w.notDueBefore {
		return false
	}
	for _, key := range w.query.Match {
		if !slices.Contains(e.record.Index, key) {
			return false
		}
	}
	return true
}
