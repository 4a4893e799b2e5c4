package enduser

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/store"
)

// Filter selects users. What is empty selects nothing out; what is given must all
// hold. Every condition is answered by an index.
type Filter struct {
	ExternalID string
	Email      string  // in any case
	Account    Account // linked to the user
	Name       string  // every word of it is a word of the user's name, in any case; at most 8 words
	Group      string  // the provided ID of a group the user belongs to

	// Metadata are values that the user's metadata has. The keys must be among the
	// policy's IndexedMetadata; at most 6.
	Metadata Metadata
}

// Query asks for a page of users, ordered by creation.
type Query struct {
	Filter

	Desc  bool // newest first
	Limit int  // 1 to 500; 0 means 50

	// After asks for the users that follow a cursor in the order of the list,
	// Before for those that stand immediately in front of it. At most one may be
	// set; zero is the beginning. [User.Cursor] returns the cursor of a user.
	After, Before int64
}

// Page is a part of a list. It is in the order of the list, whichever way it was
// asked for.
type Page struct {
	Users []User

	// HasMore says that users follow, HasPrevious that users stand in front. On the
	// side that a cursor was given for it is true without looking: there the cursor's
	// own user stood.
	HasMore, HasPrevious bool
}

const (
	maxPage         = 500
	defaultPage     = 50
	maxNameFilter   = 8
	maxNameBytes    = 4096 // of the words of a filter
	maxMetaFilter   = 6
	pageOfIteration = 200
)

// Cursor returns the user's place in lists. It stays the same as long as the user
// exists and can be used after it is gone.
func (u User) Cursor() int64 { return u.created }

// List returns a page of users. Walking through pages, by After or by Before,
// returns every user that exists and matches the whole time exactly once, whatever
// else is written meanwhile.
func (t Tenant) List(ctx context.Context, q Query) (Page, error) {
	page, _, err := t.list(ctx, q)
	return page, err
}

// list returns a page and the cursor of its last record, which need not be among
// its users: it may have expired just now.
func (t Tenant) list(ctx context.Context, q Query) (Page, int64, error) {
	name, p, err := t.begin()
	if err != nil {
		return Page{}, 0, err
	}
	terms, keys, err := p.terms(q)
	if err != nil {
		return Page{}, 0, err
	}
	if len(keys) > 0 {
		page, err := t.listOne(ctx, name, keys, q)
		return page, 0, err
	}
	now := t.m.millis()
	s := span{desc: q.Desc, limit: q.Limit, after: q.After, before: q.Before}
	sq := s.query(kindUser)
	sq.Match, sq.NotDueBefore = terms, tick(now)
	records, err := t.m.store.List(ctx, name, sq)
	if err != nil {
		return Page{}, 0, translate("list", err)
	}
	records, more, previous := s.cut(records)
	page := Page{HasMore: more, HasPrevious: previous}
	page.Users = make([]User, 0, len(records))
	last := int64(0)
	for i := range records {
		u, live, err := t.decode(&records[i], now)
		if err != nil {
			return Page{}, 0, err
		}
		last = int64(records[i].Created)
		if live {
			page.Users = append(page.Users, u)
		}
	}
	return page, last, nil
}

// span is the part of a list that a page asks for.
type span struct {
	desc          bool
	limit         int
	after, before int64
}

func (s span) check(v *violations) {
	if s.limit < 0 || s.limit > maxPage {
		v.add("limit", CodeValue, "must be between 1 and 500")
	}
	if s.after < 0 || s.before < 0 || (s.after != 0 && s.before != 0) {
		v.add("cursor", CodeValue, "must be one cursor of the list")
	}
}

// size returns how many items the page has at most.
func (s span) size() int { return cmp.Or(s.limit, defaultPage) }

// query asks the store for the page and one record more, by which is seen whether
// there are others.
func (s span) query(kind string) store.Query {
	q := store.Query{Kind: kind, Desc: s.desc != (s.before != 0), Limit: s.size() + 1}
	if from := store.Revision(s.after + s.before); q.Desc {
		q.Before = from
	} else {
		q.After = from
	}
	return q
}

// cut returns the records of the page in the order of the list.
func (s span) cut(records []store.Record) (page []store.Record, more, previous bool) {
	beyond := len(records) > s.size()
	page = records[:min(len(records), s.size())]
	if s.before != 0 {
		slices.Reverse(page)
		return page, true, beyond
	}
	return page, beyond, s.after != 0
}

// All returns an iterator over all users that a filter selects, oldest first. It
// reads a page at a time and holds nothing while the loop's body runs, which may
// call the Manager. An error is yielded once, with the zero User, and ends it.
func (t Tenant) All(ctx context.Context, f Filter) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		q := Query{Filter: f, Limit: pageOfIteration}
		for {
			page, last, err := t.list(ctx, q)
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, u := range page.Users {
				if !yield(u, nil) {
					return
				}
			}
			if !page.HasMore {
				return
			}
			q.After = last
		}
	}
}

// listOne answers a query that names a unique key: the list has one user or none.
func (t Tenant) listOne(ctx context.Context, name string, keys []store.Key, q Query) (Page, error) {
	page := Page{Users: []User{}}
	r, err := t.m.store.Get(ctx, name, keys[0])
	if errors.Is(err, store.ErrNotFound) {
		return page, nil
	}
	if err != nil {
		return page, translate("list", err)
	}
	u, live, err := t.decode(&r, t.m.millis())
	if err != nil || !live || !q.matches(&u) {
		return page, err
	}
	behind := u.created > q.After
	if q.Desc {
		behind = q.After == 0 || u.created < q.After
	}
	before := q.Before == 0 || u.created < q.Before
	if q.Desc {
		before = u.created > q.Before
	}
	if behind && before {
		page.Users = append(page.Users, u)
	}
	return page, nil
}

// terms translates a query for the store: index terms that must match, or, where
// the filter names something unique, its keys.
func (p *Policy) terms(q Query) (terms, keys []store.Key, err error) {
	var v violations
	f := q.Filter
	span{limit: q.Limit, after: q.After, before: q.Before}.check(&v)
	if f.ExternalID != "" {
		checkFilter(&v, ByExternalID(f.ExternalID))
		keys = append(keys, externalIDKey(f.ExternalID))
	}
	if f.Account != (Account{}) {
		checkFilter(&v, ByAccount(f.Account.Type, f.Account.ID))
		keys = append(keys, accountKey(f.Account))
	}
	if f.Email != "" {
		checkFilter(&v, ByEmail(f.Email))
		terms = append(terms, emailKey(f.Email))
	}
	if f.Name != "" {
		names := words(f.Name, maxNameFilter+1)
		if len(names) == 0 || len(names) > maxNameFilter || len(f.Name) > maxNameBytes || textFault(f.Name) != "" {
			v.add("name", CodeValue, "must be 1 to 8 words")
			names = nil
		}
		for _, word := range names {
			terms = append(terms, wordKey(word))
		}
	}
	if f.Group != "" {
		checkToken(&v, "group", f.Group, maxGroup)
		terms = append(terms, groupKey(f.Group))
	}
	if len(f.Metadata) > maxMetaFilter {
		v.add("metadata", CodeCount, "must be at most 6 keys")
	}
	for key, value := range f.Metadata {
		switch {
		case !slices.Contains(p.IndexedMetadata, key):
			v.add("metadata", CodeValue, "a key is not indexed")
			continue
		case !utf8.ValidString(value.text):
			v.add("metadata", CodeUTF8, textMessage(CodeUTF8))
			continue
		}
		terms = append(terms, metadataKey(key, value))
	}
	return terms, keys, v.err()
}

func checkFilter(v *violations, ref Ref) {
	if err, ok := errors.AsType[*InvalidError](ref.check()); ok {
		*v = append(*v, err.Violations...)
	}
}

// matches judges a user by the whole filter, as the indexes would.
func (f *Filter) matches(u *User) bool {
	switch {
	case f.ExternalID != "" && (u.ExternalID == "" || compareKey(f.ExternalID) != compareKey(u.ExternalID)),
		f.Email != "" && (u.Email == "" || emailKey(f.Email) != emailKey(u.Email)),
		f.Account != (Account{}) && !slices.Contains(u.Accounts, f.Account),
		f.Group != "" && !slices.ContainsFunc(u.Groups, func(g string) bool { return SameExternalID(g, f.Group) }):
		return false
	}
	if f.Name != "" {
		have := words(u.Name, maxNameWords)
		for word := range eachWord(f.Name, maxNameFilter) {
			if !slices.Contains(have, word) {
				return false
			}
		}
	}
	for key, value := range f.Metadata {
		if have, ok := u.Metadata[key]; !ok || have != value {
			return false
		}
	}
	return true
}
