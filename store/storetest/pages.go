package storetest

import (
	"github.com/rollbook-go/rollbook/store"
)

// The client's reads of lists, feeds and tenants. Any page may be short, or empty, so that
// the checks nearly always compare walks.

// pagesMost bounds a walk that does not come further: no check lists so many pages.
const pagesMost = 100_000

// listPage returns a page of records and checks what holds for every page.
func (c *client) listPage(q store.Query) store.Page {
	if c.failed() {
		return store.Page{}
	}
	page, err := c.store.List(c.ctx, c.name, q)
	if err != nil {
		c.fail("List %+v: %w", q, err)
		return store.Page{}
	}
	c.sized(page.Records)
	if limit := limitOf(q.Limit); len(page.Records) > limit {
		c.fail("List %+v: %d records, limit %d", q, len(page.Records), limit)
	}
	place := q.After
	if q.Desc {
		place = q.Before
	}
	for _, r := range page.Records {
		switch {
		case !beyond(r.Created, place, q.Desc):
			c.fail("List %+v: record %q, created %d, does not lie beyond %d", q, r.ID, r.Created, place)
		case !hasTerms(r, q.Match) || r.Kind != q.Kind:
			c.fail("List %+v: record %q does not match", q, r.ID)
		}
		place = r.Created
	}
	if page.Next != 0 {
		if len(page.Records) == 0 && !beyond(page.Next, place, q.Desc) || len(page.Records) > 0 && page.Next != place && !beyond(page.Next, place, q.Desc) {
			c.fail("List %+v: Next %d comes no further than %d", q, page.Next, place)
		}
	}
	return page
}

// beyond reports whether a place lies further along a walk than another. Zero is the
// beginning of a walk.
func beyond(place, than store.Revision, desc bool) bool {
	if desc {
		return than == 0 || place < than
	}
	return place > than
}

// sized checks that the bodies of a page are not larger than a page may be.
func (c *client) sized(records []store.Record) {
	size := 0
	for _, r := range records {
		size += len(r.Data)
	}
	if size > store.MaxPageData && len(records) > 1 {
		c.fail("a page of %d records has %d bytes of Data, more than MaxPageData", len(records), size)
	}
}

// walk lists page by page, from the place in q, and hands each page to visit. It
// fails if a record is repeated.
func (c *client) walk(q store.Query, visit func(page store.Page)) {
	seen := map[string]bool{}
	for range pagesMost {
		page := c.listPage(q)
		for _, r := range page.Records {
			if seen[r.ID] {
				c.fail("walk: record %q twice", r.ID)
			}
			seen[r.ID] = true
		}
		if c.failed() {
			return
		}
		visit(page)
		if page.Next == 0 {
			return
		}
		if q.Desc {
			q.Before = page.Next
		} else {
			q.After = page.Next
		}
	}
	c.fail("walk: no end after %d pages", pagesMost)
}

// list returns the records of a walk.
func (c *client) list(q store.Query) []store.Record {
	var all []store.Record
	c.walk(q, func(page store.Page) {
		if len(page.Damaged) > 0 {
			c.fail("List %+v: damaged: %q", q, page.Damaged)
		}
		all = append(all, page.Records...)
	})
	return all
}

// lists checks that a walk consists of exactly these records in this order.
func (c *client) lists(q store.Query, want ...store.Record) {
	got := c.list(q)
	c.same(diffRecords(got, want), "List %+v", q)
}

// changesPage returns a page of the feed and checks what holds for every page.
func (c *client) changesPage(q store.ChangeQuery) store.ChangePage {
	if c.failed() {
		return store.ChangePage{}
	}
	page, err := c.store.Changes(c.ctx, c.name, q)
	if err != nil {
		c.fail("Changes %+v: %w", q, err)
		return store.ChangePage{}
	}
	size := 0
	place := q.After
	if q.Desc {
		place = q.Before
	}
	for _, change := range page.Changes {
		size += len(change.Note)
		if !beyond(change.Seq, place, q.Desc) {
			c.fail("Changes %+v: entry %d does not lie beyond %d", q, change.Seq, place)
		}
		place = change.Seq
	}
	if limit := limitOf(q.Limit); len(page.Changes) > limit {
		c.fail("Changes %+v: %d entries, limit %d", q, len(page.Changes), limit)
	}
	if size > store.MaxPageData && len(page.Changes) > 1 {
		c.fail("a page of %d entries has %d bytes of Notes, more than MaxPageData", len(page.Changes), size)
	}
	if page.Next != 0 && !beyond(page.Next, place, q.Desc) && (len(page.Changes) == 0 || page.Next != place) {
		c.fail("Changes %+v: Next %d comes no further than %d", q, page.Next, place)
	}
	return page
}

// walkChanges reads the feed page by page, from the place in q, and hands each page to
// visit.
func (c *client) walkChanges(q store.ChangeQuery, visit func(store.ChangePage)) {
	for range pagesMost {
		page := c.changesPage(q)
		if c.failed() {
			return
		}
		visit(page)
		if page.Next == 0 {
			return
		}
		if q.Desc {
			q.Before = page.Next
		} else {
			q.After = page.Next
		}
	}
	c.fail("Changes: no end after %d pages", pagesMost)
}

// changes returns the entries of a walk through the feed.
func (c *client) changes(q store.ChangeQuery) []store.Change {
	var all []store.Change
	c.walkChanges(q, func(page store.ChangePage) { all = append(all, page.Changes...) })
	return all
}

// feedIs checks that a walk through the feed consists of exactly these entries.
func (c *client) feedIs(q store.ChangeQuery, want ...store.Change) {
	got := c.changes(q)
	c.same(diffChanges(got, want), "Changes %+v", q)
}

// feed checks that the feed after a place is exactly this.
func (c *client) feed(after store.Revision, want ...store.Change) {
	c.feedIs(store.ChangeQuery{After: after, Limit: store.MaxLimit}, want...)
}

// trimmed checks that reading after a place is a TrimmedError with the last entry
// that was forgotten.
func (c *client) trimmed(after, through store.Revision) {
	if c.failed() {
		return
	}
	_, err := c.store.Changes(c.ctx, c.name, store.ChangeQuery{After: after})
	c.wantError("Changes", err, store.ErrTrimmed)
	c.same(diffTrimmed(err, through), "Changes after %d", after)
}

// walkTenants walks all tenants in pages of a size and hands each to visit.
func (c *client) walkTenants(size int, visit func(store.TenantPage)) {
	q := store.TenantQuery{Limit: size}
	for range pagesMost {
		if c.failed() {
			return
		}
		page, err := c.store.Tenants(c.ctx, q)
		limit := limitOf(size)
		switch {
		case err != nil:
			c.fail("Tenants: %w", err)
		case len(page.Names) > limit:
			c.fail("Tenants: %d names, limit %d", len(page.Names), limit)
		case page.Next != "" && page.Next == q.After:
			c.fail("Tenants: Next is After: %q", q.After)
		}
		next := page.Next
		visit(page)
		if next == "" {
			return
		}
		q.After = next
	}
	c.fail("Tenants: no end after %d pages", pagesMost)
}

// tenants returns the names of all tenants, walked in pages of a size.
func (c *client) tenants(size int) []string {
	var all []string
	seen := map[string]bool{}
	c.walkTenants(size, func(page store.TenantPage) {
		for _, name := range page.Names {
			if seen[name] {
				c.fail("Tenants: %q twice in a walk", name)
			}
			seen[name] = true
			all = append(all, name)
		}
	})
	return all
}
