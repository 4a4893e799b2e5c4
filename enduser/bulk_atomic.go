package enduser

import (
	"fmt"
	"iter"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// atomic writes all rows in one batch, or none.
func (b *bulk) atomic(rows iter.Seq[Import], yield func(BulkResult, error) bool) {
	c := new(chunk)
	for in := range rows {
		if len(c.rows) == store.MaxOps {
			yield(BulkResult{}, tooManyRows())
			return
		}
		c.rows = append(c.rows, &bulkRow{number: len(c.rows), in: &in, keys: b.keyed.names(&in)})
	}
	if len(c.rows) == 0 {
		return
	}
	w, err := b.t.writer()
	if err == nil {
		err = w.settle(b.ctx, func() (string, error) { return "", b.together(c, &w) })
	}
	if err != nil {
		yield(BulkResult{}, err)
		return
	}
	for _, row := range c.rows {
		if !yield(row.result, row.err) {
			return
		}
	}
}

func tooManyRows() error {
	return invalidField(Field{Name: "rows"}, CodeCount, fmt.Sprintf("must fit one write of %d", store.MaxOps))
}

// together plans the rows and writes them. It answers all rows, or returns an error.
func (b *bulk) together(c *chunk, w *writer) error {
	if err := b.plans(c, w); err != nil {
		return err
	}
	if b.DryRun {
		if err := b.each(c, readsAtOnce, func(row *bulkRow) error {
			if row.err == nil {
				row.err = w.conflictOf(b.ctx, row.in, &row.plan)
			}
			if ofOneRow(row.err) {
				return nil
			}
			return row.err
		}); err != nil {
			return err
		}
	}
	var batch store.Batch
	size := 0
	for _, row := range c.rows {
		batch.Ops, batch.Require = append(batch.Ops, row.plan.ops...), append(batch.Require, row.plan.require...)
		size += row.plan.bytes()
	}
	switch {
	case slices.ContainsFunc(c.rows, func(r *bulkRow) bool { return r.err != nil }):
		err := w.confirm(b.ctx, nil)
		if err == nil {
			c.refuse()
		}
		return err
	case len(batch.Ops)+len(batch.Require) > store.MaxOps || size > store.MaxBatch:
		return tooManyRows()
	case b.DryRun:
		return b.each(c, 1, func(row *bulkRow) error { return row.rehearse(b.ctx, w) })
	case len(batch.Ops) == 0:
		return b.unchanged(c, w)
	}
	return b.commit(c, w, planned{ops: batch.Ops, require: batch.Require})
}

// plans plans the rows. An error about a row is its err.
func (b *bulk) plans(c *chunk, w *writer) error {
	keys, users := make(map[store.Key]bool), make(map[string]bool)
	err := b.each(c, readsAtOnce, func(row *bulkRow) error {
		row.err = row.in.check(&w.policy, w.now)
		if row.err != nil {
			return nil //nolint:nilerr // it is the row's
		}
		if row.in.ID != "" && !b.DryRun { // one that has expired must go first
			alone := *w // w notes what it has written, and rows are planned at once
			if _, err := alone.imported(b.ctx, row.in.ID); err != nil && !ofOneRow(err) {
				return err
			}
		}
		return row.look(b.ctx, w)
	})
	for _, row := range c.rows {
		shared := row.plan.old.ID != "" && users[row.plan.old.ID]
		for _, key := range row.keys {
			shared = shared || keys[key]
		}
		for _, key := range row.keys {
			keys[key] = true
		}
		users[row.plan.old.ID] = true
		if shared && row.err == nil {
			row.err = invalidField(Field{Name: "rows"}, CodeDuplicate, "must not name one user twice")
		}
	}
	return err
}

// refuse answers all rows, of which some have an error.
func (c *chunk) refuse() {
	for _, row := range c.rows {
		err := row.err
		if err == nil {
			err = ErrNotWritten
		}
		row.answer(nil, 0, err)
	}
}

// commit writes the plans of all rows.
func (b *bulk) commit(c *chunk, w *writer, all planned) error {
	done, conflict, err := w.applyAs(b.ctx, &all)
	var row *bulkRow
	switch {
	case err != nil:
		return err
	case conflict != nil:
		row = c.first(func(p *planned) bool { return slices.Contains(p.require, store.RequireNone(conflict.HolderID)) })
	case done.taken != nil:
		row = c.first(func(p *planned) bool {
			n := len(p.ops)
			return n > 0 && slices.Contains(p.ops[n-1].New.Unique, done.taken.Key)
		})
		conflict = row.in.conflict(w, done.taken)
	}
	if conflict != nil {
		err := w.confirm(b.ctx, nil)
		if err == nil {
			row.err = conflict
			c.refuse()
		}
		return err
	}
	rev := done.revision - store.Revision(len(all.ops))
	for _, row := range c.rows {
		rev += store.Revision(len(row.plan.ops))
		u, outcome := row.plan.old, row.plan.outcome()
		if outcome != Unchanged {
			u = row.plan.user
			u.Version = w.written(rev)
		}
		row.answer(&u, outcome, nil)
	}
	return nil
}

// first returns the first row whose plan fits; the first of all if none does.
func (c *chunk) first(fits func(*planned) bool) *bulkRow {
	for _, row := range c.rows {
		if fits(&row.plan) {
			return row
		}
	}
	return c.rows[0]
}
