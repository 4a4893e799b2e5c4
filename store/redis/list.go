package redis

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// stretchMost is the most entries of a list that are read at once.
const stretchMost = 512

// List implements store.Store. A page of a kind, or of one term, takes three round trips:
// entries, the sizes of their records, and the records that fit. With more terms List reads
// the shortest of their lists and finds its entries in the others; the budget counts the
// entries that it reads. It reads records one after another, not as of one moment. A record
// that it fetches and that does not match counts towards the page's bytes, so a page may be
// short.
func (s *Store) List(ctx context.Context, tenant string, q store.Query) (page store.Page, err error) {
	c := s.begin("List")
	defer func() { c.end(len(page.Records), err) }()
	if q, err = store.CheckQuery(tenant, q); err != nil {
		return store.Page{}, err
	}
	w := &walk{store: s, space: s.space(tenant), method: "List", q: q, left: q.Limit, room: store.MaxPageData}
	w.take = func(r store.Record) { page.Records = append(page.Records, r) }
	err = w.run(ctx)
	c.Looked, c.Damaged = w.looked, len(w.damaged)
	if err != nil {
		return store.Page{}, err
	}
	page.Damaged, page.Next = w.damaged, w.next
	return page, nil
}

// Count implements [store.Counter]. It reads the records that it counts, a page at a time,
// since the lists may have entries that were left behind.
func (s *Store) Count(ctx context.Context, tenant string, q store.CountQuery) (counted store.Counted, err error) {
	c := s.begin("Count")
	defer func() { c.end(0, err) }()
	if q, err = store.CheckCount(tenant, q); err != nil {
		return store.Counted{}, err
	}
	w := &walk{store: s, space: s.space(tenant), method: "Count", left: q.Cap, paged: true, q: store.Query{
		Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore, Budget: q.Cap,
	}}
	w.take = func(store.Record) { counted.N++ }
	err = w.run(ctx)
	c.Looked, c.Damaged = w.looked, len(w.damaged)
	if err != nil {
		return store.Counted{}, err
	}
	counted.Exact = w.next == 0
	return counted, nil
}

// walk is a List or Count under way.
type walk struct {
	store  *Store
	space  space
	method string
	q      store.Query // After and Before close in on what is left
	driver string      // the list that is read
	others []string    // the lists that must have each ID too

	take    func(store.Record) // is called with each record that matches
	left    int                // how many more records are wanted
	room    int                // bytes that may still be fetched
	paged   bool               // of each step, not of all
	looked  int                // entries of the driver
	damaged []string
	next    store.Revision // where to go on, if there is more
}

// entry is a member of a sorted set with its place in the order.
type entry struct {
	id    string
	score int64
}

// run walks until it has enough or there is no more.
func (w *walk) run(ctx context.Context) error {
	if err := w.choose(ctx); err != nil {
		return err
	}
	for n := w.left; ; n *= 2 {
		if len(w.others) > 0 {
			n = stretchMost
		}
		n = min(n, stretchMost, w.q.Budget-w.looked)
		entries, err := w.stretch(ctx, n+1)
		if err != nil {
			return err
		}
		more := len(entries) > n
		entries = entries[:min(n, len(entries))]
		if len(entries) == 0 {
			w.next = 0
			return nil
		}
		w.looked += len(entries)
		if stopped, err := w.visit(ctx, entries); stopped || err != nil {
			return err
		}
		w.goOn(store.Revision(entries[len(entries)-1].score))
		switch {
		case !more:
			w.next = 0
			return nil
		case w.left == 0 || w.looked == w.q.Budget:
			return nil
		}
	}
}

// goOn sets the place up to which everything is done.
func (w *walk) goOn(place store.Revision) {
	w.next = place
	if w.q.Desc {
		w.q.Before = place
	} else {
		w.q.After = place
	}
}

// visit takes the records of entries, and reports whether the page was full before the last
// of them.
func (w *walk) visit(ctx context.Context, entries []entry) (stopped bool, err error) {
	if entries, err = w.probe(ctx, entries); err != nil {
		return false, err
	}
	for len(entries) > 0 {
		n := 0
		if w.left > 0 {
			if w.paged {
				w.room = store.MaxPageData
			}
			var size int
			chunk := entries[:min(len(entries), w.left)]
			n, size, err = w.store.fetchTo(ctx, w.space, w.method, names(chunk), w.room, func(stored []any) { w.see(chunk, stored) })
			if err != nil {
				return false, err
			}
			w.room -= size
		}
		if n == 0 { // the next one is for the next page
			if w.next = store.Revision(entries[0].score) - 1; w.q.Desc {
				w.next += 2
			}
			return true, nil
		}
		entries = entries[n:]
	}
	return false, nil
}

// see takes the records of entries that exist and match. Since the lists were read, a
// record may have been deleted or written, and an entry may be one that was left behind.
func (w *walk) see(entries []entry, stored []any) {
	for i, val := range stored {
		text, ok := val.(string)
		if !ok {
			continue
		}
		e := entries[i]
		r, err := decodeRecord(w.space.tenant, e.id, text)
		switch {
		case err != nil:
			w.damaged = append(w.damaged, e.id)
		case int64(r.Created) == e.score && matches(&r, w.q):
			w.take(r)
			w.left--
		}
	}
}

// choose picks the shortest of the lists that the query names.
func (w *walk) choose(ctx context.Context) error {
	switch len(w.q.Match) {
	case 0:
		w.driver = w.space.kind(w.q.Kind)
		return nil
	case 1:
		w.driver = w.space.index(w.q.Kind, w.q.Match[0])
		return nil
	}
	counts := make([][]any, len(w.q.Match))
	for i, term := range w.q.Match {
		w.others = append(w.others, w.space.index(w.q.Kind, term))
		counts[i] = []any{"zcard", w.others[i]}
	}
	vals, err := w.store.read(ctx, w.space, w.method, short, counts...)
	if err != nil {
		return err
	}
	shortest := 0
	for i := range vals {
		if number(vals[i]) < number(vals[shortest]) {
			shortest = i
		}
	}
	w.driver = w.others[shortest]
	w.others = slices.Delete(w.others, shortest, shortest+1)
	return nil
}

// stretch returns the next n entries of the driver.
func (w *walk) stretch(ctx context.Context, n int) ([]entry, error) {
	low, high := "("+strconv.FormatInt(int64(w.q.After), 10), "+inf"
	if w.q.Before > 0 {
		high = "(" + strconv.FormatInt(int64(w.q.Before), 10)
	}
	command := []any{"zrangebyscore", w.driver, low, high, "withscores", "limit", "0", strconv.Itoa(n)}
	if w.q.Desc {
		command[0], command[2], command[3] = "zrevrangebyscore", high, low
	}
	vals, err := w.store.read(ctx, w.space, w.method, short, command)
	if err != nil {
		return nil, err
	}
	entries, err := parseEntries(vals[0])
	return entries, unavailable(err)
}

// probe returns the entries whose IDs are in all other lists.
func (w *walk) probe(ctx context.Context, entries []entry) ([]entry, error) {
	if len(w.others) == 0 {
		return entries, nil
	}
	commands := make([][]any, len(w.others))
	for i, list := range w.others {
		commands[i] = append([]any{"zmscore", list}, anys(names(entries))...)
	}
	vals, err := w.store.read(ctx, w.space, w.method, short, commands...)
	if err != nil {
		return nil, err
	}
	kept := entries[:0:0]
	for i, e := range entries {
		in := true
		for _, val := range vals {
			scores, ok := val.([]any)
			if !ok || len(scores) != len(entries) {
				return nil, unavailable(errReply)
			}
			in = in && scores[i] != nil
		}
		if in {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// matches reports whether a record, as it is now, matches the query.
func matches(r *store.Record, q store.Query) bool {
	if r.Kind != q.Kind || due(r.Due, q.NotDueBefore) {
		return false
	}
	for _, term := range q.Match {
		if !slices.Contains(r.Index, term) {
			return false
		}
	}
	return true
}

// due reports whether a Due is set and earlier than a bound. Nothing is due before the zero
// bound.
func due(at, before time.Time) bool {
	return !at.IsZero() && !before.IsZero() && store.Millis(at) < store.Millis(before)
}

func names(entries []entry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.id
	}
	return list
}

func anys(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}
