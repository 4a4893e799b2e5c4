package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// The reads of the map store.

// List implements store.Store.
func (s *mapStore) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	q, err := store.CheckQuery(tenant, q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return store.Page{}, err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	var page store.Page
	size := 0
	last := q.After
	i := 0
	for r := range t.kind(q) {
		full := len(page.Records) == q.Limit
		if i == q.Budget || full {
			page.Next = last
			break
		}
		if matches(r, q) {
			if t.damaged[r.ID] {
				page.Damaged = append(page.Damaged, r.ID)
			} else if size += len(r.Data); size > store.MaxPageData && len(page.Records) > 0 {
				page.Next = last
				break
			} else {
				page.Records = append(page.Records, copyOf(r))
			}
		}
		last = r.Created
		i++
	}
	return page, nil
}

// kind returns the records of q's kind within q's bounds, in q's order.
func (t *mapTenant) kind(q store.Query) iter.Seq[store.Record] {
	return func(yield func(store.Record) bool) {
		all := t.records.all()
		from := sort.Search(len(all), func(i int) bool { return all[i].Created > q.After })
		to := len(all)
		if q.Before != 0 {
			to = sort.Search(len(all), func(i int) bool { return all[i].Created >= q.Before })
		}
		for _, r := range ordered(all[min(from, to):to], q.Desc) {
			if r.Kind == q.Kind && !yield(r) {
				return
			}
		}
	}
}

// ordered walks items up or down.
func ordered[T any](items []T, desc bool) iter.Seq2[int, T] {
	if desc {
		return slices.Backward(items)
	}
	return slices.All(items)
}

func matches(r store.Record, q store.Query) bool {
	for _, term := range q.Match {
		if !slices.Contains(r.Index, term) {
			return false
		}
	}
	return q.NotDueBefore.IsZero() || r.Due.IsZero() || !r.Due.Before(q.NotDueBefore)
}

// Count implements store.Counter.
func (s *mapStore) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	q, err := store.CheckCount(tenant, q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return store.Counted{}, err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	list := store.Query{Kind: q.Kind, Match: q.Match, After: q.After, Before: q.Before, NotDueBefore: q.NotDueBefore}
	n, i := 0, 0
	for r := range t.kind(list) {
		if i++; i > q.Cap {
			return store.Counted{N: n}, nil
		}
		if matches(r, list) && !t.damaged[r.ID] {
			n++
		}
	}
	return store.Counted{N: n, Exact: true}, nil
}

// Changes implements store.Store.
func (s *mapStore) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	q, err := store.CheckChanges(tenant, q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return store.ChangePage{}, err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	if q.After < t.trimmed && !(q.Desc && q.After == 0) {
		return store.ChangePage{}, &store.TrimmedError{Through: t.trimmed}
	}
	page := store.ChangePage{Trimmed: t.trimmed}
	size := 0
	for _, change := range ordered(t.feed, q.Desc) {
		if change.Seq <= q.After || q.Before != 0 && change.Seq >= q.Before {
			continue
		}
		n := len(page.Changes)
		if size += len(change.Note); n == q.Limit || n > 0 && size > store.MaxPageData {
			page.Next = page.Changes[n-1].Seq
			break
		}
		change.Note = bytes.Clone(change.Note)
		page.Changes = append(page.Changes, change)
	}
	return page, nil
}

// Trim implements store.Store.
func (s *mapStore) Trim(ctx context.Context, tenant string, through store.Revision) error {
	if err := cmp.Or(ctx.Err(), store.CheckTrim(tenant, through)); err != nil {
		return err
	}
	defer s.locked()()
	t := s.tenant(tenant)
	for len(t.feed) > 1 && t.feed[1].Seq <= through {
		t.trimmed, t.feed = t.feed[0].Seq, t.feed[1:]
	}
	s.wake()
	return nil
}

// Due implements store.Store.
func (s *mapStore) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	q, err := store.CheckDueQuery(q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return store.DuePage{}, err
	}
	defer s.locked()()
	names := []string{q.Tenant}
	if q.Tenant == "" {
		names = slices.DeleteFunc(s.names(), func(name string) bool {
			return name <= q.After || len(s.tenants[name].due(q)) == 0
		})
	}
	var page store.DuePage
	share := q.Limit / max(1, min(q.Limit, len(names)))
	room := &room{}
	for _, name := range names {
		if n := len(page.Tenants); n == q.Limit || room.full {
			page.Next = page.Tenants[n-1].Tenant
			break
		}
		due := s.tenant(name).duePage(q, share, room)
		due.Tenant = name
		switch {
		case len(due.Records)+len(due.Damaged) > 0:
			page.Tenants = append(page.Tenants, due)
		case room.full:
			page.Next = page.Tenants[len(page.Tenants)-1].Tenant
			return page, nil
		}
	}
	return page, nil
}

// room is what a page still has for bodies.
type room struct {
	size int
	any  bool
	full bool // something was left out
}

// takes reports whether a record has its place in the page.
func (r *room) takes(data int) bool {
	r.size += data
	r.full = r.full || r.any && r.size > store.MaxPageData
	r.any = true
	return !r.full
}

// due returns what is due of a tenant behind a place, by Due and, of one Due, by ID.
func (t *mapTenant) due(q store.DueQuery) []store.Record {
	var all []store.Record
	for _, r := range t.records.all() {
		if !r.Due.IsZero() && r.Due.Before(q.Before) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) && (q.From == "" || duePlace(r) > q.From) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b store.Record) int { return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.ID, b.ID)) })
	return all
}

// duePlace is a record's place in what is due of a tenant.
func duePlace(r store.Record) string { return fmt.Sprintf("%015d %s", store.Millis(r.Due), r.ID) }

func (t *mapTenant) duePage(q store.DueQuery, share int, room *room) store.DueTenant {
	var page store.DueTenant
	last := q.From
	for _, r := range t.due(q) {
		switch {
		case len(page.Records) == share:
			page.Next = last
			return page
		case t.damaged[r.ID]:
			page.Damaged = append(page.Damaged, r.ID)
		case !room.takes(len(r.Data)):
			page.Next = last
			return page
		default:
			page.Records = append(page.Records, copyOf(r))
		}
		last = duePlace(r)
	}
	return page
}

// Tenants implements store.Store.
func (s *mapStore) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	q, err := store.CheckTenants(q)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return store.TenantPage{}, err
	}
	defer s.locked()()
	names := slices.DeleteFunc(s.names(), func(name string) bool { return name <= q.After })
	page := store.TenantPage{Names: names[:min(q.Limit, len(names))]}
	if len(page.Names) < len(names) {
		page.Next = page.Names[len(page.Names)-1]
	}
	return page, nil
}
