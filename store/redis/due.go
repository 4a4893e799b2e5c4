package redis

import (
	"context"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Due implements store.Store. Tenants come by bucket and then by name. For a page of all
// tenants, finding them takes up to seven round trips, each to all servers at once, and
// then three: the entries, the sizes of their records, and the records.
func (s *Store) Due(ctx context.Context, q store.DueQuery) (page store.DuePage, err error) {
	c := s.begin("Due")
	defer func() {
		items := 0
		for _, t := range page.Tenants {
			items += len(t.Records)
			c.Damaged += len(t.Damaged)
		}
		c.end(items, err)
	}()
	if q, err = store.CheckDueQuery(q); err != nil {
		return store.DuePage{}, err
	}
	r := &dueRead{store: s, q: q, before: "(" + digits(store.Revision(store.Millis(q.Before)))}
	if q.Tenant != "" {
		return r.alone(ctx)
	}
	return r.shared(ctx)
}

// dueRead is a Due under way.
type dueRead struct {
	store  *Store
	q      store.DueQuery
	before string // the end of what is due, for ZRANGEBYLEX
	room   int    // bytes that may still be fetched
	idle   int    // entries and tenants that had nothing due
}

// tired reports whether the call has read enough entries in vain.
func (r *dueRead) tired() bool { return r.idle >= store.DefaultBudget }

// alone returns what is due of one tenant.
func (r *dueRead) alone(ctx context.Context) (store.DuePage, error) {
	if r.q.From != "" {
		if _, ok := parseDue(r.q.From); !ok {
			return store.DuePage{}, &store.InvalidError{Op: -1, What: "from", Why: "not a place that was returned"}
		}
	}
	r.room = store.MaxPageData
	d, err := r.debtor(ctx)
	if err != nil || d == nil {
		return store.DuePage{}, err
	}
	if err := r.walk(ctx, d, r.q.Limit); err != nil || d.empty() {
		return store.DuePage{}, err
	}
	return store.DuePage{Tenants: []store.DueTenant{d.page()}}, nil
}

// shared returns what is due of the first tenants that have something due.
func (r *dueRead) shared(ctx context.Context) (page store.DuePage, err error) {
	for len(page.Tenants) == 0 {
		r.room = store.MaxPageData
		debtors, more, err := r.debtors(ctx)
		if err != nil || len(debtors) == 0 {
			return store.DuePage{}, err
		}
		served, err := r.serve(ctx, debtors)
		if err != nil {
			return store.DuePage{}, err
		}
		for _, d := range served {
			if d.empty() { // another caller was first, or entries left behind keep it in the queue
				r.idle++
				continue
			}
			page.Tenants = append(page.Tenants, d.page())
		}
		page.Next = ""
		if more || len(served) < len(debtors) {
			page.Next = served[len(served)-1].space.tenant
		}
		if page.Next == "" || r.tired() {
			break
		}
		r.q.After = page.Next
	}
	return page, nil
}

// serve reads the share of each tenant, and returns those for which the page has room.
func (r *dueRead) serve(ctx context.Context, debtors []*debtor) ([]*debtor, error) {
	share := r.q.Limit / len(debtors)
	if err := r.entries(ctx, debtors, share); err != nil {
		return nil, err
	}
	debtors, err := r.allot(ctx, debtors)
	if err != nil {
		return nil, err
	}
	if debtors, err = r.records(ctx, debtors); err != nil {
		return nil, err
	}
	for i, d := range debtors {
		if r.tired() {
			return debtors[:max(i, 1)], nil
		}
		// An entry that had nothing due takes no share. This is rare: one tenant after another.
		if d.more && !d.full && len(d.found.Records) < share {
			if err := r.walk(ctx, d, share); err != nil {
				return nil, err
			}
		}
	}
	return debtors, nil
}

// entries reads the first n entries of each tenant.
func (r *dueRead) entries(ctx context.Context, debtors []*debtor, n int) error {
	var asked [][]any
	for _, d := range debtors {
		asked = append(asked, r.asks(d, n)...)
	}
	vals, err := r.store.scatter(ctx, "Due", len(asked), func(i int) []any { return asked[i] })
	if err != nil {
		return err
	}
	for _, d := range debtors {
		if err := d.merge(vals[:len(d.kinds)], n); err != nil {
			return unavailable(err)
		}
		vals = vals[len(d.kinds):]
	}
	return nil
}

// allot cuts the entries of each tenant to those that the page has room for, by the sizes
// of their records: an equal part for each, but at least the first record. It leaves out
// tenants for which there is no room.
func (r *dueRead) allot(ctx context.Context, debtors []*debtor) ([]*debtor, error) {
	var asked [][]any
	for _, d := range debtors {
		for _, e := range d.entries {
			asked = append(asked, []any{"hstrlen", d.space.records(), e.id})
		}
	}
	lengths, err := r.store.scatter(ctx, "Due", len(asked), func(i int) []any { return asked[i] })
	if err != nil {
		return nil, err
	}
	part := store.MaxPageData / len(debtors)
	for i, d := range debtors {
		n, size := 0, 0
		for _, val := range lengths[:len(d.entries)] {
			length := int(number(val))
			first := n == 0 && r.room == store.MaxPageData
			if length > r.room && !first || n > 0 && size+length > part {
				break
			}
			n, size, r.room = n+1, size+length, r.room-length
		}
		if n == 0 && len(d.entries) > 0 {
			return debtors[:i], nil
		}
		lengths = lengths[len(d.entries):]
		if n < len(d.entries) {
			d.entries, d.more, d.full = d.entries[:n], true, true
		}
	}
	return debtors, nil
}

// records fetches the records of the remaining entries. It leaves out tenants for which
// there is no room, since records have grown.
func (r *dueRead) records(ctx context.Context, debtors []*debtor) ([]*debtor, error) {
	asked := slices.Clone(debtors)
	asked = slices.DeleteFunc(asked, func(d *debtor) bool { return len(d.entries) == 0 })
	vals, err := r.store.scatter(ctx, "Due", len(asked), func(i int) []any {
		return append([]any{"hmget", asked[i].space.records()}, anys(names(asked[i].entries))...)
	})
	if err != nil {
		return nil, err
	}
	r.room = store.MaxPageData
	for i, d := range asked {
		stored, err := storedValues(vals[i], len(d.entries))
		if err != nil {
			return nil, unavailable(err)
		}
		n, size := fitting(stored, r.room)
		switch {
		case n == 0:
			return debtors[:slices.Index(debtors, d)], nil
		case n < len(stored):
			d.entries, d.more, d.full = d.entries[:n], true, true
		}
		r.room -= size
		r.see(d, stored[:n])
	}
	return debtors, nil
}

// walk goes on inside a tenant until it has limit records, or there is no more.
func (r *dueRead) walk(ctx context.Context, d *debtor, limit int) error {
	for n := limit - len(d.found.Records); d.more && !r.tired(); n *= 2 {
		n = min(n, stretchMost)
		vals, err := r.store.read(ctx, d.space, "Due", short, r.asks(d, n)...)
		if err != nil {
			return err
		}
		if err := d.merge(vals, n); err != nil {
			return unavailable(err)
		}
		for len(d.entries) > 0 {
			left := limit - len(d.found.Records)
			if left == 0 {
				d.more = true
				return nil
			}
			ids := names(d.entries[:min(len(d.entries), left)])
			n, size, err := r.store.fetchTo(ctx, d.space, "Due", ids, r.room, func(stored []any) { r.see(d, stored) })
			if err != nil {
				return err
			}
			if n == 0 { // the page has no room for it
				d.more = true
				return nil
			}
			r.room -= size
		}
		if len(d.found.Records) == limit {
			return nil
		}
	}
	return nil
}

// see takes the records of a tenant's next entries.
func (r *dueRead) see(d *debtor, stored []any) {
	for i, val := range stored {
		e := d.entries[i]
		d.at = dueMember(e.score, e.id)
		value, ok := val.(string)
		if !ok {
			r.idle++
			continue
		}
		rec, err := decodeRecord(d.space.tenant, e.id, value)
		switch {
		case err != nil:
			d.found.Damaged = append(d.found.Damaged, e.id)
		case store.Millis(rec.Due) == e.score && slices.Contains(d.kinds, rec.Kind):
			d.found.Records = append(d.found.Records, rec)
		default:
			r.idle++
		}
	}
	d.entries = d.entries[len(stored):]
}
