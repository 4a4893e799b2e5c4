package storetest

import (
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// client is a caller of the store: one handle, one tenant. Its methods fail the
// subject if the store does not do what they say. Several goroutines may use it.
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

// try applies ops and checks nothing.
func (c *client) try(ops ...store.Op) (store.Revision, error) { return c.tryBatch(store.Ops(ops...)) }

// tryBatch applies a batch and checks nothing.
func (c *client) tryBatch(b store.Batch) (store.Revision, error) {
	if err := c.verdict(); err != nil {
		return 0, err
	}
	return c.store.Apply(c.ctx, c.name, b)
}

// apply applies ops that must succeed and returns the last revision.
func (c *client) apply(ops ...store.Op) store.Revision { return c.applyBatch(store.Ops(ops...)) }

// applyBatch applies a batch that must succeed and returns its last revision.
func (c *client) applyBatch(b store.Batch) store.Revision {
	if c.failed() {
		return 0
	}
	rev, err := c.store.Apply(c.ctx, c.name, b)
	if err != nil {
		c.fail("Apply of %d ops and %d requirements: %w", len(b.Ops), len(b.Require), err)
	}
	return rev
}

// create creates records, in as few batches as it can and without Notes, and
// returns them as the store must return them from now on.
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

// createN creates n records.
func (c *client) createN(n int, record func(i int) store.Record) []store.Record {
	records := make([]store.Record, n)
	for i := range records {
		records[i] = record(i)
	}
	return c.create(records...)
}

// create1 creates one record.
func (c *client) create1(r store.Record) store.Record { return c.create(r)[0] }

// replace replaces old and returns the record as the store must return it.
func (c *client) replace(old, r store.Record) store.Record {
	r.Created = old.Created
	r.Revision = c.apply(store.Replace(old, r, nil))
	return r
}

// delete deletes old.
func (c *client) delete(old store.Record) store.Revision { return c.apply(store.Delete(old, nil)) }

// refused applies ops that must be refused with the error want.
func (c *client) refused(want error, ops ...store.Op) error {
	return c.refusedBatch(want, store.Ops(ops...))
}

// refusedBatch applies a batch that must be refused with the error want.
func (c *client) refusedBatch(want error, b store.Batch) error {
	if c.failed() {
		return nil
	}
	_, err := c.store.Apply(c.ctx, c.name, b)
	c.wantError("Apply", err, want)
	return err
}

// stale applies ops that must be refused because of op number op.
func (c *client) stale(op int, ops ...store.Op) { c.staleBatch(op, -1, store.Ops(ops...)) }

// staleBatch applies a batch that must be stale because of an op or, with op -1,
// of a requirement.
func (c *client) staleBatch(op, require int, b store.Batch) {
	err := c.refusedBatch(store.ErrStale, b)
	c.same(diffStale(err, &store.StaleError{Op: op, Require: require}), "Apply")
}

// taken applies ops that must be refused because op number op claims a key of holder.
func (c *client) taken(op int, key store.Key, holder store.Record, ops ...store.Op) {
	c.takenBatch(&store.TakenError{Op: op, Require: -1, Key: key, Holder: holder}, store.Ops(ops...))
}

// takenBatch applies a batch that must be refused with this error.
func (c *client) takenBatch(want *store.TakenError, b store.Batch) {
	err := c.refusedBatch(store.ErrTaken, b)
	c.same(diffTaken(err, want), "Apply")
}

// wantError fails unless err is want and no other sentinel.
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
		store.ErrInvalid, store.ErrDamaged, store.ErrUnavailable, store.ErrUnknown,
	}
}

// get fetches a record that must exist.
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
			c.same(diffRecord(got, w), "Get %s", show(key))
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

// exactly checks, by Get, List and Due, that the tenant has these records and no others
// of their kinds and terms.
func (c *client) exactly(want ...store.Record) {
	c.has(want...)
	sorted := slices.SortedFunc(slices.Values(want), byCreated)
	type list struct {
		kind string
		term store.Key
	}
	listed := map[list]bool{}
	for _, w := range sorted {
		if !listed[list{kind: w.Kind}] {
			listed[list{kind: w.Kind}] = true
			c.lists(store.Query{Kind: w.Kind, Limit: store.MaxLimit}, selectRecords(sorted, w.Kind)...)
		}
		for _, term := range w.Index {
			if !listed[list{w.Kind, term}] {
				listed[list{w.Kind, term}] = true
				c.lists(store.Query{Kind: w.Kind, Match: []store.Key{term}, Limit: store.MaxLimit},
					selectRecords(sorted, w.Kind, term)...)
			}
		}
	}
	c.dueAre(sorted...)
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

// next checks that the tenant's next revision is want, so that no refused batch has
// taken one.
func (c *client) next(want store.Revision) {
	r := store.Record{ID: "next revision", Kind: "probe"}
	if got := c.apply(store.Create(r, nil)); got != want {
		c.fail("the next write has revision %d, want %d", got, want)
	}
}

// invalidOp returns InvalidError.Op, or -2 if err is none.
func invalidOp(err error) int {
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) {
		return -2
	}
	return invalid.Op
}
