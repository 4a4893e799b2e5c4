package memory

import (
	"context"
	"iter"
	"math"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// stride is how many entries a read takes before it gives the lock back.
const stride = 1024

// List implements [store.Store]. A page is not of one moment: each of its
// records is as it was when List read it.
func (s *Store) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	begun := s.begin()
	page, looked, err := s.list(ctx, tenant, q)
	s.end(begun, store.CallInfo{
		Method: "List", Err: err, Items: len(page.Records), Looked: looked, Damaged: len(page.Damaged),
	})
	return page, err
}

func (s *Store) list(ctx context.Context, tenant string, q store.Query) (page store.Page, looked int, err error) {
	if q, err = store.CheckQuery(tenant, q); err != nil {
		return store.Page{}, 0, err
	}
	done, err := s.turns.Long(ctx, tenant)
	if err != nil {
		return store.Page{}, 0, err
	}
	defer done()
	var found []*store.Record
	room := pageRoom{left: store.MaxPageData}
	w := newWalk(q, func(e *entry) bool {
		if e.damaged {
			page.Damaged = append(page.Damaged, e.record.ID)
			return true
		}
		if len(found) == q.Limit || !room.take(len(e.record.Data)) {
			return false
		}
		found = append(found, e.record)
		return true
	})
	if err := s.run(ctx, tenant, w); err != nil {
		return store.Page{}, w.looked, err
	}
	page.Records, page.Next = copyAll(found), w.next
	return page, w.looked, nil
}

// run takes the steps of a walk and lets others have the lock between them.
func (s *Store) run(ctx context.Context, tenant string, w *walk) error {
	sh := s.shard(tenant)
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		sh.mu.RLock()
		more = w.step(sh.tenants[tenant])
		sh.mu.RUnlock()
	}
	return nil
}

// walk is a List or a Count on its way. Its query narrows as it goes: Created never
// changes, so the walk finds its place again after giving the lock back.
type walk struct {
	query        store.Query
	notDueBefore int64

	// take is called for each record that matches, with the lock held. It returns
	// false to end the walk before the record.
	take func(*entry) bool

	looked int            // entries read, at most query.Budget
	next   store.Revision // where to go on, once the walk has ended; 0: nowhere
}

func newWalk(q store.Query, take func(*entry) bool) *walk {
	return &walk{query: q, notDueBefore: store.Millis(q.NotDueBefore), take: take}
}

// step reads some more entries and reports whether the walk goes on.
func (w *walk) step(t *tenant) bool {
	if t == nil {
		return false
	}
	q := &w.query
	most := min(w.looked+stride, q.Budget)
	for e := range w.entries(t) {
		if q.Before > 0 && e.created >= q.Before || e.created <= q.After {
			return false
		}
		if w.looked == most {
			return w.pause(most < q.Budget)
		}
		w.looked++
		if w.matches(e) && !w.take(e) {
			return w.pause(false)
		}
		if q.Desc {
			q.Before = e.created
		} else {
			q.After = e.created
		}
	}
	return false
}

// pause records that entries are left behind the walk's place.
func (w *walk) pause(more bool) bool {
	if w.next = w.query.After; w.query.Desc {
		w.next = w.query.Before
	}
	if more {
		w.next = 0
	}
	return more
}

// entries walks the shortest list that has all records of the query.
func (w *walk) entries(t *tenant) iter.Seq[*entry] {
	var shortest *sorted[*entry, byCreated]
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

// matches checks the record for the conditions that the list does not imply. It uses the
// record's own terms; a lookup in the list of each term would be slower.
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

// pageRoom is how many bytes a page may still carry. The first record always has room.
type pageRoom struct {
	left int
	used bool
}

func (p *pageRoom) take(size int) bool {
	if p.used && size > p.left {
		return false
	}
	p.left, p.used = p.left-size, true
	return true
}
