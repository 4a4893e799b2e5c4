package memory

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// noDue is later than every Due.
const noDue = math.MaxInt64

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	begun := s.begin()
	page, err := s.due(ctx, q)
	items, damaged := 0, 0
	for _, t := range page.Tenants {
		items += len(t.Records)
		damaged += len(t.Damaged)
	}
	s.end(begun, store.CallInfo{Method: "Due", Err: err, Items: items, Damaged: damaged})
	return page, err
}

func (s *Store) due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	q, err := store.CheckDueQuery(q)
	if err != nil {
		return store.DuePage{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.DuePage{}, err
	}
	done, err := s.turns.Long(ctx, q.Tenant)
	if err != nil {
		return store.DuePage{}, err
	}
	defer done()
	r := &dueRead{store: s, query: q, before: store.Millis(q.Before), budget: store.DefaultBudget}
	if q.Tenant != "" {
		return r.one(ctx)
	}
	return r.all(ctx)
}

// dueRead is a call of Due.
type dueRead struct {
	store  *Store
	query  store.DueQuery
	before int64 // milliseconds
	budget int   // entries that give nothing and may still be read
}

// one reads the due records of one tenant.
func (r *dueRead) one(ctx context.Context) (store.DuePage, error) {
	w := &dueWalk{name: r.query.Tenant, limit: r.query.Limit}
	if r.query.From != "" {
		at, ok := parsePlace(r.query.From)
		if !ok {
			return store.DuePage{}, &store.InvalidError{Op: -1, What: "from", Why: "not a place that was returned"}
		}
		w.at = at
	}
	if err := r.run(ctx, w); err != nil {
		return store.DuePage{}, err
	}
	page := assemble([]*dueWalk{w})
	page.Next = "" // there is no other tenant
	return page, nil
}

// all reads the earliest due records of the first tenants that have any. A tenant of
// which only damaged records were found takes no share.
func (r *dueRead) all(ctx context.Context) (store.DuePage, error) {
	var found, sharing []*dueWalk
	last, next := r.query.After, ""
	for t := range r.store.allTenants(r.query.After) {
		if r.budget == 0 {
			next = last
			break
		}
		prev := last
		last = t.name
		if t.earliest.Load() >= r.before {
			r.budget--
			continue
		}
		w := &dueWalk{name: t.name, limit: 1}
		if len(sharing) == r.query.Limit {
			w.limit = 0
		}
		if err := r.run(ctx, w); err != nil {
			return store.DuePage{}, err
		}
		switch {
		case w.limit == 0 && w.more:
			next = prev
		case w.readable > 0:
			sharing = append(sharing, w)
			found = append(found, w)
		case len(w.items) > 0:
			found = append(found, w)
		default:
			r.budget = max(r.budget-1, 0)
		}
		if next != "" {
			break
		}
	}
	for _, w := range sharing {
		if w.limit = r.query.Limit / len(sharing); !w.more {
			continue
		}
		if err := r.run(ctx, w); err != nil {
			return store.DuePage{}, err
		}
	}
	page := assemble(found)
	if page.Next == "" {
		page.Next = next
	}
	return page, nil
}

// run takes the steps of a walk and lets others have the lock between them.
func (r *dueRead) run(ctx context.Context, w *dueWalk) error {
	sh := r.store.shard(w.name)
	for again := true; again; {
		if err := ctx.Err(); err != nil {
			return err
		}
		sh.mu.RLock()
		again = r.step(w, sh.tenants[w.name])
		sh.mu.RUnlock()
	}
	return nil
}

// dueWalk walks the due records of a tenant, in order.
type dueWalk struct {
	name     string
	limit    int      // of readable records
	at       duePlace // the last entry that it has taken
	items    []dueItem
	readable int
	more     bool // there are entries behind at
}

// dueItem is an entry as it was when a walk read it.
type dueItem struct {
	at      duePlace
	record  *store.Record
	damaged bool
}

// step reads some more entries and reports whether the walk goes on.
func (r *dueRead) step(w *dueWalk, t *tenant) bool {
	w.more = false
	if t == nil {
		return false
	}
	looked := 0
	heads := t.dueHeads(r.query.Kinds, w.at)
	for e := heads.next(); e != nil && e.due < r.before; e = heads.next() {
		full := w.readable == w.limit
		if e.damaged {
			full = r.budget == 0
		}
		if full || looked == stride {
			w.more = true
			return !full
		}
		looked++
		w.at = duePlace{due: e.due, created: e.created}
		w.items = append(w.items, dueItem{at: w.at, record: e.record, damaged: e.damaged})
		if e.damaged {
			r.budget--
		} else {
			w.readable++
		}
	}
	return false
}

// assemble makes a page of the entries that walks have found, as many as the page may
// carry. Its Next is set if a walk is left out.
func assemble(walks []*dueWalk) store.DuePage {
	var page store.DuePage
	room := pageRoom{left: store.MaxPageData}
	for i, w := range walks {
		t, cut := w.take(&room)
		if t.Records != nil || t.Damaged != nil {
			page.Tenants = append(page.Tenants, t)
			i++
		}
		if cut {
			if i < len(walks) {
				page.Next = page.Tenants[len(page.Tenants)-1].Tenant
			}
			break
		}
	}
	return page
}

// take copies the entries of a walk that the page has room for, and reports whether some
// are left.
func (w *dueWalk) take(room *pageRoom) (t store.DueTenant, cut bool) {
	t.Tenant = w.name
	for i, item := range w.items {
		if item.damaged {
			t.Damaged = append(t.Damaged, item.record.ID)
			continue
		}
		if !room.take(len(item.record.Data)) {
			if i > 0 {
				t.Next = w.items[i-1].at.String()
			}
			return t, true
		}
		t.Records = append(t.Records, copyOut(item.record))
	}
	if w.more {
		t.Next = w.at.String()
	}
	return t, false
}

// duePlace is a place in the order of a tenant's due records.
type duePlace struct {
	due     int64
	created store.Revision
}

// String returns the place as callers keep it.
func (p duePlace) String() string {
	return strconv.FormatInt(p.due, 10) + "." + strconv.FormatInt(int64(p.created), 10)
}

func parsePlace(s string) (duePlace, bool) {
	due, created, _ := strings.Cut(s, ".")
	d, err := strconv.ParseInt(due, 10, 64)
	if err != nil {
		return duePlace{}, false
	}
	c, err := strconv.ParseInt(created, 10, 64)
	p := duePlace{due: d, created: store.Revision(c)}
	return p, err == nil && d > 0 && c > 0 && p.String() == s
}

// dueHeads walks the due records of several kinds as one list.
type dueHeads []cursor[*entry, byDue]

// dueHeads returns the due records behind a place, of the kinds that are named or, if
// none is, of all.
func (t *tenant) dueHeads(kinds []string, at duePlace) dueHeads {
	from := &entry{due: at.due, created: at.created + 1}
	var heads dueHeads
	if len(kinds) == 0 {
		for _, k := range t.kinds {
			heads = append(heads, k.due.seek(from))
		}
	}
	for _, name := range kinds {
		if k := t.kinds[name]; k != nil {
			heads = append(heads, k.due.seek(from))
		}
	}
	return slices.DeleteFunc(heads, func(c cursor[*entry, byDue]) bool { return c.entry() == nil })
}

// next takes the earliest entry, nil if there is none left.
func (h *dueHeads) next() *entry {
	var o byDue
	earliest := -1
	var found *entry
	for i := range *h {
		if e := (*h)[i].entry(); found == nil || o.before(e, found) {
			earliest, found = i, e
		}
	}
	if found == nil {
		return nil
	}
	if c := &(*h)[earliest]; !c.advance() {
		*h = slices.Delete(*h, earliest, earliest+1)
	}
	return found
}

// earliestDue returns the earliest Due of the tenant, noDue if there is none.
func (t *tenant) earliestDue() int64 {
	earliest := int64(noDue)
	for _, k := range t.kinds {
		if e := k.due.first(); e != nil {
			earliest = min(earliest, e.due)
		}
	}
	return earliest
}
