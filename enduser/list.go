package enduser

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Query selects a page of users, in the order of [User].AddedAt.
type Query struct {
	Filter

	Desc  bool // newest first
	Limit int  // 1 to 500; 0 means 50

	// After selects the users that follow a cursor in the order of the list, Before those
	// immediately in front of it. At most one may be set; zero is the beginning. [Page] has
	// the cursors.
	After, Before Cursor

	// AddedAfter and AddedBefore select users by [User].AddedAt. They are exact if the
	// clocks of all Managers that wrote agree. If these differ, users that were added within
	// that difference of a bound may be missing.
	AddedAfter, AddedBefore time.Time

	// ExpiringBefore selects the provisional users whose deadline is earlier, in the order
	// of their deadlines. A user whose deadline moves while the pages are read may be missing,
	// or come twice. Desc and Before must not be set then.
	ExpiringBefore time.Time
}

// Page is a part of a list, in the order of the list, also if it was found by Before. It has
// one user, or users with at most about 1 MiB: it may be shorter than the limit and have a
// Next.
type Page struct {
	Users []User

	// Next is for Query.After and gives the page that follows; zero means that no user
	// follows. Previous is for Query.Before and gives the page in front; zero means that no
	// user is in front. A page that was found by a cursor always has the cursor that leads
	// back, except in a list by ExpiringBefore, which has no Previous. A cursor may lead to an
	// empty page: its users were deleted meanwhile, or the page before it ended early, because
	// of its size or its work, and nothing else matched.
	Next, Previous Cursor

	// Unreadable are the IDs of unreadable users in this part of the list: they are damaged,
	// or were written by a newer program. [Tenant.Get] returns the reason.
	Unreadable []string
}

const (
	maxPage         = 500
	defaultPage     = 50
	pageOfIteration = 200
)

// List returns a page of users. Reading all pages, by Next or by Previous, returns every
// user exactly once that exists and matches the whole time, whatever is written meanwhile.
//
// Only the last page can be empty: List reads on until it finds a user. If the context ends
// before that, List returns the context's error and a page whose Next (or Previous, for a
// query with Before) goes on from there.
func (t Tenant) List(ctx context.Context, q Query) (Page, error) {
	l, err := t.lister(q)
	if err != nil {
		return Page{}, err
	}
	switch {
	case len(l.keys) > 0:
		return l.listOne(ctx, t)
	case !q.ExpiringBefore.IsZero():
		page, _, err := l.listExpiring(ctx, t)
		return page, err
	}
	if err := l.bound(ctx, t); err != nil {
		return Page{}, err
	}
	in := new(slab)
	found, err := list(ctx, t.m.store, l.span, l.query(), func(r *store.Record, u *User) (bool, error) {
		live, err := t.decodeInto(u, r, in, l.now)
		return live && q.added(u), err
	})
	return Page{found.items, found.next, found.previous, found.unreadable}, err
}

// added reports whether a user lies within AddedAfter and AddedBefore.
func (q *Query) added(u *User) bool {
	return (q.AddedAfter.IsZero() || u.AddedAt.After(q.AddedAfter)) &&
		(q.AddedBefore.IsZero() || u.AddedAt.Before(q.AddedBefore))
}

// lister is a call that lists users.
type lister struct {
	Query
	span        span
	terms, keys []store.Key // index terms that must match, or unique keys
	now         time.Time

	low, high store.Revision // AddedAfter and AddedBefore as bounds of Created; 0: none

	looked, most int // by deadline: records that were read, and that a count reads at most
}

func (t Tenant) lister(q Query) (*lister, error) {
	c, err := t.begin()
	if err != nil {
		return nil, err
	}
	l := &lister{Query: q, now: t.m.millis()}
	l.span = span{
		name: c.name, scope: q.scopeIn(c.name), desc: q.Desc, limit: q.Limit, after: q.After, before: q.Before,
	}
	var v violations
	l.span.check(&v)
	if !q.ExpiringBefore.IsZero() && (q.Desc || !q.Before.IsZero()) {
		v.add(Field{Name: "expiring_before"}, CodeValue, "excludes a descending order and Before")
	}
	l.terms, l.keys = t.pin(c.exact).terms(&v, &c.schema, q.Filter)
	if err := v.err(); err != nil {
		return nil, err
	}
	l.ExpiringBefore = deadlineBound(q.ExpiringBefore)
	return l, l.span.own(!q.ExpiringBefore.IsZero())
}

// deadlineBound returns the bound in the range of deadlines that selects the same: stores
// count milliseconds, which may not hold other times.
func deadlineBound(at time.Time) time.Time {
	switch {
	case at.IsZero() || inRange(at):
		return at
	case at.Unix() < 0:
		return time.Unix(0, 0)
	default:
		return time.Unix(lastSecond+1, 0)
	}
}

// scopeIn returns the scope to which the cursors of a query are bound.
func (q *Query) scopeIn(name string) scope {
	return scopeOf("users", name, q.ExternalID, q.Email, q.Account.Type, q.Account.ID, q.Name, q.Group,
		string(q.Metadata.AppendJSON(nil)), strconv.FormatBool(q.Desc),
		timeText(q.AddedAfter), timeText(q.AddedBefore), timeText(q.ExpiringBefore))
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// query returns the store's query for the list.
func (l *lister) query() store.Query {
	return store.Query{
		Kind: kindUser, Match: l.terms, NotDueBefore: tick(l.now), After: l.low, Before: l.high, Desc: l.Desc,
	}
}

// bound translates AddedAfter and AddedBefore into bounds of Created.
func (l *lister) bound(ctx context.Context, t Tenant) (err error) {
	if !l.AddedAfter.IsZero() {
		l.low, err = t.firstAdded(ctx, l.span.name, func(at time.Time) bool { return at.After(l.AddedAfter) })
		l.low = max(l.low-1, 0)
	}
	if err == nil && !l.AddedBefore.IsZero() {
		l.high, err = t.firstAdded(ctx, l.span.name, func(at time.Time) bool { return !at.Before(l.AddedBefore) })
	}
	return err
}

// firstAdded returns the Created of the first user for which reached is true, or one beyond
// the last user. It is a binary search: AddedAt ascends with Created, as far as clocks agree.
func (t Tenant) firstAdded(ctx context.Context, name string, reached func(time.Time) bool) (store.Revision, error) {
	// probe returns the first readable user of a query; created is 0 if there is none.
	probe := func(q store.Query) (at time.Time, created store.Revision, err error) {
		for {
			page, err := t.m.store.List(ctx, name, q)
			if err != nil {
				return time.Time{}, 0, translate("list", err)
			}
			for i := range page.Records {
				if u, _, err := t.decode(&page.Records[i], time.Time{}); err == nil {
					return u.AddedAt, page.Records[i].Created, nil
				}
			}
			if page.Next == 0 {
				return time.Time{}, 0, nil
			}
			goOn(&q, page.Next)
		}
	}
	last, first, err := probe(store.Query{Kind: kindUser, Desc: true, Limit: 1})
	if err != nil {
		return 0, err
	}
	if first == 0 || !reached(last) {
		return first + 1, nil
	}
	for low, end := store.Revision(0), first; low+1 < end; { // it is first, or between low and end
		middle := low + (end-low)/2
		at, created, err := probe(store.Query{Kind: kindUser, After: middle - 1, Before: end, Limit: 1})
		if err != nil {
			return 0, err
		}
		if created > 0 && !reached(at) {
			low = created
			continue
		}
		if created > 0 {
			first = created
		}
		end = middle
	}
	return first, nil
}

// listOne answers a query with a unique key: the list has one user or none.
func (l *lister) listOne(ctx context.Context, t Tenant) (Page, error) {
	page := Page{Users: []User{}}
	r, err := t.m.store.Get(ctx, l.span.name, l.keys[0])
	if errors.Is(err, store.ErrNotFound) {
		return page, nil
	}
	if err != nil {
		return page, translate("list", err)
	}
	u, live, err := t.decode(&r, l.now)
	if err != nil || !live || !t.matches(&l.Filter, &u) || !l.added(&u) {
		return page, err
	}
	if l.ExpiringBefore.IsZero() || (!u.ExpiresAt.IsZero() && u.ExpiresAt.Before(l.ExpiringBefore)) {
		page.Users = append(page.Users, u)
	}
	return page, nil
}

// listExpiring answers a query by deadline. It reads on until it finds a user, the end, or
// the most that a count reads. It also returns the errors of unreadable users.
func (l *lister) listExpiring(ctx context.Context, t Tenant) (page Page, lost []error, err error) {
	page.Users = []User{}
	in := new(slab)
	q := store.DueQuery{
		Tenant: l.span.name, Kinds: []string{kindUser}, Before: l.ExpiringBefore,
		From: l.After.place, Limit: l.span.size(),
	}
	for {
		due, err := t.m.store.Due(ctx, q)
		if errors.Is(err, store.ErrInvalid) && q.From != "" {
			return page, lost, badCursor()
		}
		if err != nil {
			page.Next = l.span.place(q.From)
			return page, lost, translate("list", err)
		}
		q.From = ""
		for _, of := range due.Tenants {
			l.looked += len(of.Records) + len(of.Damaged)
			for _, id := range of.Damaged {
				lost = append(lost, unreadable(kindUser, id, ErrCorrupt))
				page.Unreadable = append(page.Unreadable, id)
			}
			for i := range of.Records {
				var u User
				live, err := t.decodeInto(&u, &of.Records[i], in, l.now)
				switch {
				case err != nil:
					lost = append(lost, err)
					page.Unreadable = append(page.Unreadable, of.Records[i].ID)
				case live && t.matches(&l.Filter, &u) && l.added(&u):
					page.Users = append(page.Users, u)
				}
			}
			q.From = of.Next
		}
		if q.From == "" || len(page.Users) > 0 || l.most > 0 && l.looked >= l.most {
			page.Next = l.span.place(q.From)
			return page, lost, nil
		}
	}
}

// Count is a number of users. If it is not exact there are at least N.
type Count struct {
	N     int
	Exact bool
}

// maxCount is how many users a count reads at most.
const maxCount = 10_000

// Count counts the users that a query selects, in all pages of [Tenant.List]. It reads at
// most 10,000 users. It counts unreadable users of a newer program, but not damaged ones.
func (t Tenant) Count(ctx context.Context, q Query) (Count, error) {
	l, err := t.lister(q)
	if err != nil {
		return Count{}, err
	}
	switch {
	case len(l.keys) > 0:
		page, err := l.listOne(ctx, t)
		return Count{N: len(page.Users), Exact: true}, err
	case !q.ExpiringBefore.IsZero():
		return l.countExpiring(ctx, t)
	}
	if err := l.bound(ctx, t); err != nil {
		return Count{}, err
	}
	sq := l.span.narrow(l.query())
	counted, err := store.Count(ctx, t.m.store, l.span.name, store.CountQuery{
		Kind: sq.Kind, Match: sq.Match, After: sq.After, Before: sq.Before, NotDueBefore: sq.NotDueBefore, Cap: maxCount,
	})
	return Count{counted.N, counted.Exact}, translate("count", err)
}

func (l *lister) countExpiring(ctx context.Context, t Tenant) (Count, error) {
	count := Count{}
	l.span.limit, l.most = maxPage, maxCount
	for l.looked < l.most {
		page, _, err := l.listExpiring(ctx, t)
		if err != nil {
			return Count{}, err
		}
		count.N += len(page.Users)
		if page.Next.IsZero() {
			count.Exact = true
			break
		}
		l.After = page.Next
	}
	return count, nil
}
