package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// client is a caller of the store: one handle, one tenant. Its methods fail the
// subject where the store does not do what they say. It may be used by several
// goroutines.
type client struct {
	*subject
	store store.Store
	name  string // of the tenant
}

// other returns a client for the same tenant through the other handle.
func (c *client) other() *client {
	o := *c
	o.store = c.handles[0]
	if c.store == c.handles[0] {
		o.store = c.handles[1]
	}
	return &o
}

// handle returns a client for the same tenant through handle i modulo 2.
func (c *client) handle(i int) *client {
	o := *c
	o.store = c.handles[i%2]
	return &o
}

// try applies a batch and judges nothing.
func (c *client) try(ops ...store.Op) (store.Revision, error) {
	if err := c.verdict(); err != nil {
		return 0, err
	}
	return c.store.Apply(c.ctx, c.name, ops...)
}

// apply applies a batch that has to succeed and returns its last revision.
func (c *client) apply(ops ...store.Op) store.Revision {
	if c.failed() {
		return 0
	}
	rev, err := c.store.Apply(c.ctx, c.name, ops...)
	if err != nil {
		c.fail("Apply of %d ops: %w", len(ops), err)
	}
	return rev
}

// create creates records, in as few batches as it can and without Notes, and
// returns them as the store has to return them from now on.
func (c *client) create(records ...store.Record) []store.Record {
	var out []store.Record
	for batch := range slices.Chunk(records, store.MaxOps) {
		ops := make([]store.Op, len(batch))
		for i, r := range batch {
			ops[i] = store.Create(r, nil)
		}
		first := c.apply(ops...) - store.Revision(len(batch)-1)
		for i, r := range batch {
			r.Created = first + store.Revision(i)
			r.Revision = r.Created
			out = append(out, r)
		}
	}
	return out
}

// create1 creates one record.
func (c *client) create1(r store.Record) store.Record { return c.create(r)[0] }

// replace replaces old and returns the record as the store has to return it.
func (c *client) replace(old, r store.Record) store.Record {
	r.Created = old.Created
	r.Revision = c.apply(store.Replace(old, r, nil))
	return r
}

// delete deletes old.
func (c *client) delete(old store.Record) store.Revision { return c.apply(store.Delete(old, nil)) }

// refused applies a batch that has to be refused with an error that is want.
func (c *client) refused(want error, ops ...store.Op) error {
	if c.failed() {
		return nil
	}
	_, err := c.store.Apply(c.ctx, c.name, ops...)
	c.wantError("Apply", err, want)
	return err
}

// stale applies a batch that has to be refused because of op number op.
func (c *client) stale(op int, ops ...store.Op) {
	err := c.refused(store.ErrStale, ops...)
	var stale *store.StaleError
	switch {
	case c.failed():
	case !errors.As(err, &stale):
		c.fail("Apply: %v is ErrStale but no *StaleError", err)
	case stale.Op != op:
		c.fail("Apply: StaleError of op %d, want %d", stale.Op, op)
	}
}

// taken applies a batch that has to be refused because op number op claims a key
// that holder has.
func (c *client) taken(op int, key store.Key, holder store.Record, ops ...store.Op) {
	err := c.refused(store.ErrTaken, ops...)
	if c.failed() {
		return
	}
	if diff := diffTaken(err, &store.TakenError{Op: op, Key: key, Holder: holder}); diff != "" {
		c.fail("Apply: %s", diff)
	}
}

// wantError fails unless err is want and, of the sentinels, nothing else.
func (c *client) wantError(call string, err, want error) {
	if !errors.Is(err, want) {
		c.fail("%s: error %v, want %v", call, err, want)
		return
	}
	for _, other := range sentinels() {
		if !errors.Is(want, other) && errors.Is(err, other) {
			c.fail("%s: error %v is %v and %v", call, err, want, other)
		}
	}
}

func sentinels() []error {
	return []error{
		store.ErrNotFound, store.ErrStale, store.ErrTaken, store.ErrTrimmed,
		store.ErrInvalid, store.ErrUnavailable, store.ErrUnknown,
	}
}

// get fetches a record that has to exist.
func (c *client) get(key store.Key) store.Record {
	if c.failed() {
		return store.Record{}
	}
	r, err := c.store.Get(c.ctx, c.name, key)
	if err != nil {
		c.fail("Get %s: %w", show(key), err)
	}
	return r
}

// has checks that Get finds each record, as given, by its ID and unique keys.
func (c *client) has(want ...store.Record) {
	for _, w := range want {
		for _, key := range append([]store.Key{store.ID(w.ID)}, w.Unique...) {
			got := c.get(key)
			if diff := diffRecord(got, w); diff != "" {
				c.fail("Get %s: %s", show(key), diff)
			}
			if c.failed() {
				return
			}
		}
	}
}

// absent checks that Get finds nothing by any of the keys.
func (c *client) absent(keys ...store.Key) {
	for _, key := range keys {
		if c.failed() {
			return
		}
		r, err := c.store.Get(c.ctx, c.name, key)
		if err == nil {
			c.fail("Get %s: found %s, want ErrNotFound", show(key), brief(r))
			return
		}
		c.wantError("Get "+show(key), err, store.ErrNotFound)
	}
}

// list returns a page.
func (c *client) list(q store.Query) []store.Record {
	if c.failed() {
		return nil
	}
	page, err := c.store.List(c.ctx, c.name, q)
	if err != nil {
		c.fail("List %+v: %w", q, err)
	}
	return page
}

// lists checks that List returns exactly these records in this order.
func (c *client) lists(q store.Query, want ...store.Record) {
	got := c.list(q)
	if c.failed() {
		return
	}
	if diff := diffRecords(got, want); diff != "" {
		c.fail("List %+v: %s", q, diff)
	}
}

// exactly checks that the tenant has these records and, as far as their kinds,
// keys and terms reach, no others: by Get, List and Due.
func (c *client) exactly(want ...store.Record) {
	c.has(want...)
	sorted := slices.SortedFunc(slices.Values(want), byCreated)
	listed := map[string]bool{}
	for _, w := range sorted {
		if !listed[w.Kind] {
			listed[w.Kind] = true
			c.lists(store.Query{Kind: w.Kind, Limit: store.MaxLimit}, selectRecords(sorted, w.Kind)...)
		}
		for _, term := range w.Index {
			c.lists(store.Query{Kind: w.Kind, Match: []store.Key{term}, Limit: store.MaxLimit},
				selectRecords(sorted, w.Kind, term)...)
		}
	}
	c.dueAre(sorted...)
}

// dueAre checks that Due finds those of the records that have a Due, and no
// others of this tenant. It is for places in which one page holds all of them.
func (c *client) dueAre(records ...store.Record) {
	var got, want []store.Record
	for _, r := range records {
		if !r.Due.IsZero() {
			want = append(want, r)
		}
	}
	for _, d := range c.due(store.DueQuery{Before: farFuture(), Limit: store.MaxLimit}) {
		if d.Tenant == c.name {
			got = append(got, d.Record)
		}
	}
	if c.failed() {
		return
	}
	if !slices.IsSortedFunc(got, byDue) {
		c.fail("Due: the records of a tenant are not ordered by Due")
	}
	for _, records := range [][]store.Record{got, want} { // Due says nothing of equals
		slices.SortFunc(records, byCreated)
		slices.SortStableFunc(records, byDue)
	}
	if diff := diffRecords(got, want); diff != "" {
		c.fail("Due: %s", diff)
	}
}

// due returns a page of due records.
func (c *client) due(q store.DueQuery) []store.DueRecord {
	if c.failed() {
		return nil
	}
	page, err := c.store.Due(c.ctx, q)
	if err != nil {
		c.fail("Due %+v: %w", q, err)
	}
	return page
}

// changes returns a page of the feed.
func (c *client) changes(after store.Revision, limit int) []store.Change {
	if c.failed() {
		return nil
	}
	page, err := c.store.Changes(c.ctx, c.name, after, limit)
	if err != nil {
		c.fail("Changes after %d: %w", after, err)
	}
	return page
}

// feed checks that the feed after a revision is exactly this.
func (c *client) feed(after store.Revision, want ...store.Change) {
	got := c.changes(after, store.MaxLimit)
	if c.failed() {
		return
	}
	if diff := diffChanges(got, want); diff != "" {
		c.fail("Changes after %d: %s", after, diff)
	}
}

// trimmed checks that the feed no longer reaches back to a revision.
func (c *client) trimmed(after store.Revision) {
	if c.failed() {
		return
	}
	_, err := c.store.Changes(c.ctx, c.name, after, 0)
	c.wantError("Changes", err, store.ErrTrimmed)
}

// trim trims the feed.
func (c *client) trim(through store.Revision) {
	if c.failed() {
		return
	}
	if err := c.store.Trim(c.ctx, c.name, through); err != nil {
		c.fail("Trim through %d: %w", through, err)
	}
}

// tenants walks all tenants in pages of a size.
func (c *client) tenants(size int) []string {
	var all []string
	after := ""
	for !c.failed() {
		page, err := c.store.Tenants(c.ctx, after, size)
		if err != nil {
			c.fail("Tenants: %w", err)
		}
		if len(page) > size {
			c.fail("Tenants: %d names, limit %d", len(page), size)
		}
		for _, name := range page {
			if slices.Contains(all, name) {
				c.fail("Tenants: %q twice in a walk", name)
			}
			all = append(all, name)
		}
		if len(page) < size {
			break
		}
		after = page[len(page)-1]
	}
	return all
}

// next checks that the tenant's next revision is want: that no refused batch has
// taken one.
func (c *client) next(want store.Revision) {
	r := store.Record{ID: "next revision", Kind: "probe"}
	if got := c.apply(store.Create(r, nil)); got != want && !c.failed() {
		c.fail("the next write has revision %d, want %d", got, want)
	}
}

// farFuture is later than every Due.
func farFuture() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }

// invalidOp returns InvalidError.Op, or -2 if err is none.
func invalidOp(err error) int {
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) {
		return -2
	}
	return invalid.Op
}
