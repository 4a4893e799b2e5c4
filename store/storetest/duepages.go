package storetest

import (
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// The client's reads of due records.

// duePage returns a page of due records and checks what holds for every page.
func (c *client) duePage(q store.DueQuery) store.DuePage {
	if c.failed() {
		return store.DuePage{}
	}
	page, err := c.store.Due(c.ctx, q)
	if err != nil {
		c.fail("Due %+v: %w", q, err)
		return store.DuePage{}
	}
	var all []store.Record
	named := map[string]bool{}
	for _, t := range page.Tenants {
		all = append(all, t.Records...)
		switch {
		case named[t.Tenant]:
			c.fail("Due %+v: tenant %q twice in a page", q, t.Tenant)
		case q.Tenant != "" && t.Tenant != q.Tenant:
			c.fail("Due %+v: tenant %q", q, t.Tenant)
		case t.Next != "" && t.Next == q.From:
			c.fail("Due %+v: Next is From", q)
		case len(t.Next) > store.MaxPlace:
			c.fail("Due %+v: a place of %d bytes", q, len(t.Next))
		case !slices.IsSortedFunc(t.Records, byDue):
			c.fail("Due %+v: the records of a tenant are not ordered by Due", q)
		case q.Tenant == "" && len(t.Records)+len(t.Damaged) == 0 && t.Next == "":
			c.fail("Due %+v: tenant %q, which has nothing due", q, t.Tenant)
		}
		named[t.Tenant] = true
	}
	c.sized(all)
	switch limit := limitOf(q.Limit); {
	case len(all) > limit:
		c.fail("Due %+v: %d records, limit %d", q, len(all), limit)
	case q.Tenant != "" && page.Next != "":
		c.fail("Due %+v: goes on at tenant %q", q, page.Next)
	case page.Next != "" && page.Next == q.After:
		c.fail("Due %+v: Next is After", q)
	}
	return page
}

// dueIn walks the due records of the client's tenant, from a place on.
func (c *client) dueIn(q store.DueQuery) []store.Record {
	var all []store.Record
	q.Tenant = c.name
	c.walkDue(q, func(t store.DueTenant) {
		if len(t.Damaged) > 0 {
			c.fail("Due %+v: damaged: %q", q, t.Damaged)
		}
		all = append(all, t.Records...)
	})
	return all
}

// walkDue walks the due records of one tenant, each page through another handle than the
// page before. It fails if a record is repeated.
func (c *client) walkDue(q store.DueQuery, visit func(t store.DueTenant)) {
	seen := map[string]store.Revision{}
	for range pagesMost {
		page := c.duePage(q)
		c = c.other()
		if c.failed() || len(page.Tenants) == 0 {
			return
		}
		t := page.Tenants[0]
		for _, r := range t.Records {
			if seen[r.ID] == r.Revision && r.Revision != 0 {
				c.fail("Due %+v: record %q twice in a walk", q, r.ID)
			}
			seen[r.ID] = r.Revision
		}
		if c.failed() {
			return
		}
		visit(t)
		if t.Next == "" {
			return
		}
		q.From = t.Next
	}
	c.fail("Due: no end after %d pages", pagesMost)
}

// duePages walks the tenants that have something due and returns the items of the pages.
func (c *client) duePages(q store.DueQuery) []store.DueTenant {
	var all []store.DueTenant
	for range pagesMost {
		page := c.duePage(q)
		all = append(all, page.Tenants...)
		if c.failed() || page.Next == "" {
			return all
		}
		q.After = page.Next
	}
	c.fail("Due: no end after %d pages", pagesMost)
	return nil
}

// dueTenants walks the tenants that have something due, each to its end, and returns
// their due records in the order of the walk.
func (c *client) dueTenants(q store.DueQuery) []store.DueTenant {
	var all []store.DueTenant
	seen := map[string]bool{}
	for _, t := range c.duePages(q) {
		if seen[t.Tenant] {
			c.fail("Due %+v: tenant %q twice in a walk", q, t.Tenant)
		}
		seen[t.Tenant] = true
		if t.Next != "" {
			rest := store.DueQuery{Kinds: q.Kinds, Before: q.Before, Limit: q.Limit, Tenant: t.Tenant, From: t.Next}
			c.walkDue(rest, func(more store.DueTenant) {
				t.Records = append(t.Records, more.Records...)
				t.Damaged = append(t.Damaged, more.Damaged...)
			})
		}
		if t.Next = ""; len(t.Records)+len(t.Damaged) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// dueIs checks that exactly these records are due, all of the client's tenant, in a walk
// of this tenant and in a walk of all.
func (c *client) dueIs(q store.DueQuery, want ...store.Record) {
	got := c.dueIn(q)
	c.same(diffRecords(got, want), "Due %+v of one tenant", q)
	got = nil
	for _, t := range c.dueTenants(q) {
		if t.Tenant != c.name || len(t.Damaged) > 0 {
			c.fail("Due %+v: tenant %q, %d damaged", q, t.Tenant, len(t.Damaged))
		}
		got = append(got, t.Records...)
	}
	c.same(diffRecords(got, want), "Due %+v", q)
}

// dueAre checks that Due finds those of the records that have a Due, and no others of
// this tenant.
func (c *client) dueAre(records ...store.Record) {
	var want []store.Record
	for _, r := range records {
		if !r.Due.IsZero() {
			want = append(want, r)
		}
	}
	got := c.dueIn(store.DueQuery{Before: farFuture(), Limit: store.MaxLimit})
	if c.failed() {
		return
	}
	if !slices.IsSortedFunc(got, byDue) {
		c.fail("Due: the records of a tenant are not ordered by Due")
	}
	for _, records := range [][]store.Record{got, want} { // the order of equal Dues is open
		slices.SortFunc(records, byCreated)
		slices.SortStableFunc(records, byDue)
	}
	c.same(diffRecords(got, want), "Due")
}

// farFuture is later than every Due.
func farFuture() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }
