package enduser

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// span is the part of a list that a query selects.
type span struct {
	name          string // of the tenant, in the store
	scope         scope
	desc          bool
	limit         int
	after, before Cursor
}

func (s span) check(v *violations) {
	if s.limit < 0 || s.limit > maxPage {
		v.add(Field{Name: "limit"}, CodeValue, "must be between 1 and 500")
	}
	if !s.after.IsZero() && !s.before.IsZero() {
		v.add(Field{Name: "cursor"}, CodeValue, "must be one cursor of the list")
	}
}

// own rejects the cursors of other lists. Only a list by deadline has cursors with a place,
// and only the others have cursors with a revision.
func (s span) own(byDeadline bool) error {
	for _, c := range []Cursor{s.after, s.before} {
		if !c.IsZero() && (c.scope != s.scope || (byDeadline && c.at != 0) || (!byDeadline && c.place != "")) {
			return badCursor()
		}
	}
	return nil
}

// size returns how many items the page has at most.
func (s span) size() int { return cmp.Or(s.limit, defaultPage) }

// at returns the cursor of a revision.
func (s span) at(created store.Revision) Cursor { return Cursor{scope: s.scope, at: int64(created)} }

// place returns the cursor of a place in a list by deadline; the zero Cursor for "".
func (s span) place(place string) Cursor {
	if place == "" {
		return Cursor{}
	}
	return Cursor{scope: s.scope, place: place}
}

// narrow narrows a query to the bounds of the span.
func (s span) narrow(q store.Query) store.Query {
	for _, bound := range []struct {
		cursor Cursor
		after  bool
	}{{s.after, !s.desc}, {s.before, s.desc}} {
		switch at := store.Revision(bound.cursor.at); {
		case at == 0:
		case bound.after:
			q.After = max(q.After, at)
		case q.Before == 0 || at < q.Before:
			q.Before = at
		}
	}
	return q
}

// listed is a page of items of any kind.
type listed[T any] struct {
	items          []T
	next, previous Cursor
	unreadable     []string
}

// decoder decodes the item in a record into a zero T, and reports whether the list has it.
type decoder[T any] func(*store.Record, *T) (in bool, err error)

// list returns the page of a span. It reads on until it finds an item or the end.
func list[T any](
	ctx context.Context, st store.Store, s span, q store.Query, decode decoder[T],
) (listed[T], error) {
	q = s.narrow(q)
	backward := !s.before.IsZero()
	q.Desc = s.desc != backward
	p := pager[T]{span: s, decode: decode, want: s.size() + 1} // one more shows whether any follows
	more, err := p.read(ctx, st, q)
	if len(p.items) > s.size() {
		if len(p.unreadable) > 0 { // they may belong to the next page: read again, and less
			p = pager[T]{span: s, decode: decode, want: s.size()}
			more, err = p.read(ctx, st, q)
		} else {
			p.items, p.created = p.items[:s.size()], p.created[:s.size()]
			more = p.created[s.size()-1]
		}
	}
	out := listed[T]{items: p.items, unreadable: p.unreadable}
	beyond, back := &out.next, &out.previous
	if backward {
		slices.Reverse(out.items)
		beyond, back = back, beyond
	}
	if more > 0 {
		*beyond = s.at(more)
	}
	if from := s.from(); !from.IsZero() {
		*back = s.at(p.first(from, q.Desc))
	}
	return out, err
}

// from returns the cursor of the query.
func (s span) from() Cursor {
	if s.before.IsZero() {
		return s.after
	}
	return s.before
}

// pager collects the items of a page.
type pager[T any] struct {
	span   span
	decode decoder[T]
	want   int

	items      []T
	created    []store.Revision // of the items
	unreadable []string
}

// first returns where the way back begins: at the first item, or, if there is none, at a
// place from which the item at the query's cursor is found again.
func (p *pager[T]) first(from Cursor, desc bool) store.Revision {
	switch at := store.Revision(from.at); {
	case len(p.created) > 0:
		return p.created[0]
	case desc:
		return at - 1
	default:
		return at + 1
	}
}

// How much is read to fill a page that has an item already. A store may give short pages;
// and if matches are rare, a short page is better than much work.
const (
	fillBudget = 10_000 // entries, in all
	fillEmpty  = 2      // pages without an item, one after the other
)

// read collects items, at least one, until there are as many as wanted or it took enough
// work. It returns where the rest begins; 0 if there is none.
func (p *pager[T]) read(ctx context.Context, st store.Store, q store.Query) (rest store.Revision, err error) {
	p.items = make([]T, 0, min(p.want, defaultPage+1))
	p.created = make([]store.Revision, 0, cap(p.items))
	for size, empty := 0, 0; ; {
		q.Limit = p.want - len(p.items)
		if len(p.items) > 0 {
			q.Budget = fillBudget / (2*p.want + 2)
		}
		page, err := st.List(ctx, p.span.name, q)
		if err == nil {
			err = p.add(&page)
		} else {
			err = translate("list", err)
		}
		if err != nil {
			if len(p.items) > 0 { // a short page; the next call returns the error, if it lasts
				err = nil
			}
			return next(&q), err
		}
		for i := range page.Records {
			size += len(page.Records[i].Data)
		}
		if empty++; len(page.Records) > 0 {
			empty = 0
		}
		full := len(p.items) == p.want || size > store.MaxPageData/2 || empty == fillEmpty
		if page.Next == 0 || len(p.items) > 0 && full {
			return page.Next, nil
		}
		goOn(&q, page.Next)
	}
}

// goOn makes a query start where a page ended.
func goOn(q *store.Query, next store.Revision) {
	if q.Desc {
		q.Before = next
	} else {
		q.After = next
	}
}

// next returns where a query starts.
func next(q *store.Query) store.Revision {
	if q.Desc {
		return q.Before
	}
	return q.After
}

func (p *pager[T]) add(page *store.Page) error {
	p.unreadable = append(p.unreadable, page.Damaged...)
	for i := range page.Records {
		r := &page.Records[i]
		var none T
		n := len(p.items)
		p.items = append(p.items, none)
		in, err := p.decode(r, &p.items[n])
		if !in || err != nil {
			p.items[n] = none
			p.items = p.items[:n]
		}
		if _, ok := errors.AsType[*UnreadableError](err); ok {
			p.unreadable = append(p.unreadable, r.ID)
			continue
		}
		if err != nil {
			return err
		}
		if in {
			p.created = append(p.created, r.Created)
		}
	}
	return nil
}
