package enduser

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// errEnded: the call ended before a chunk was written. Nobody sees it.
var errEnded = errors.New("enduser: the bulk call has ended")

// write writes a chunk.
func (b *bulk) write(c *chunk) {
	defer func() {
		if c.panicked = recover(); c.panicked != nil {
			c.err = errEnded
		}
		if c.err != nil { // nothing after it is answered
			b.stop(c.rows[0].number)
		}
		c.before, c.after = nil, nil
		c.tell(!c.isKnown)
		close(c.done)
	}()
	for _, before := range c.after {
		<-before.done
	}
	if b.DryRun {
		c.err = b.rehearse(c)
		return
	}
	if !b.readFirst.Load() {
		if c.err = b.create(c); c.err != nil {
			return
		}
		if c.answered() {
			c.tell(false)
			return
		}
	}
	c.err = b.merge(c)
}

// tell lets later chunks know what they need of this one.
func (c *chunk) tell(dirty bool) {
	if !c.isKnown {
		c.isKnown, c.dirty = true, dirty
		close(c.known)
	}
}

// relies waits until all chunks before c are known, and reports whether none of them is dirty.
func (c *chunk) relies() bool {
	clean := true
	for _, before := range c.before {
		<-before.known
		clean = clean && !before.dirty
	}
	return clean
}

func (c *chunk) answered() bool {
	for _, row := range c.rows {
		if !row.answered {
			return false
		}
	}
	return true
}

// each calls fn for the rows that have no answer, some at once.
func (b *bulk) each(c *chunk, atOnce int, fn func(*bulkRow) error) error {
	_, err := b.t.m.atOnce(len(c.rows), atOnce, func(i int) error {
		if c.rows[i].answered {
			return nil
		}
		return fn(c.rows[i])
	})
	return err
}

// wait waits for all chunks before c.
func (c *chunk) wait() {
	for _, before := range c.before {
		<-before.done
	}
}

// create writes the chunk as if none of its users existed. Rows of which that is wrong are
// left without an answer.
func (b *bulk) create(c *chunk) error {
	w, err := b.t.writer()
	if err != nil {
		return err
	}
	reads := false
	err = b.each(c, 1, func(row *bulkRow) error {
		err := row.guess(b.ctx, &w)
		reads = reads || row.reads
		return err
	})
	if err != nil || reads {
		return err
	}
	for {
		n, err := b.send(c, &w)
		if refusal(err) {
			b.readFirst.Store(true)
			return nil
		}
		if n == 0 || err != nil {
			return err
		}
	}
}

// refusal reports whether an error is the store's own: it has refused a batch.
func refusal(err error) bool {
	return lost(err) || errors.Is(err, store.ErrTaken) && !errors.Is(err, store.ErrUnknown)
}

// merge reads which users of the chunk exist, and writes it.
func (b *bulk) merge(c *chunk) error {
	w, err := b.read(c)
	if err != nil {
		return err
	}
	if !c.relies() || c.changedBefore() {
		c.wait()
		if w, err = b.read(c); err != nil {
			return err
		}
	}
	if !c.findUsers() || c.beyond(w.policy.UniqueEmail) {
		for _, row := range c.rows {
			row.single = true
		}
		return b.singles(c)
	}
	c.tell(false)
	found, err := b.changes(c, w)
	if err == nil {
		err = b.singles(c)
	}
	b.readFirst.Store(found)
	return err
}

// read plans the rows of a chunk by what the store has.
func (b *bulk) read(c *chunk) (*writer, error) {
	w, err := b.t.writer()
	if err != nil {
		return nil, err
	}
	return &w, b.each(c, readsOfChunk, func(row *bulkRow) error { return row.look(b.ctx, &w) })
}

// readsOfChunk is how many rows of a chunk are read at once. There are many chunks.
const readsOfChunk = 16

// beyond reports whether a row of the chunk does more than its keys tell.
func (c *chunk) beyond(uniqueEmail bool) bool {
	for _, row := range c.rows {
		if !row.answered && row.beyond(uniqueEmail) {
			return true
		}
	}
	return false
}

// changedBefore reports whether a chunk that was under way when c began may change a user that
// c has found. It may be done by now, after c has read.
func (c *chunk) changedBefore() bool {
	for _, row := range c.rows {
		for _, before := range c.before {
			if before.users[row.plan.old.ID] {
				return true
			}
		}
	}
	return false
}

// findUsers notes the users that the chunk may change. It returns false if two rows have found
// the same.
func (c *chunk) findUsers() bool {
	c.users = make(map[string]bool)
	for _, row := range c.rows {
		switch id := row.plan.old.ID; {
		case id == "":
		case c.users[id]:
			return false
		default:
			c.users[id] = true
		}
	}
	return true
}

// changes writes the planned rows together. What the store refuses is left to singles. It
// reports whether there were users that exist.
func (b *bulk) changes(c *chunk, w *writer) (found bool, err error) {
	for _, row := range c.rows {
		found = found || row.plan.old.ID != "" || row.single
	}
	refused := 0
	for {
		n, err := b.send(c, w)
		switch {
		case refusal(err):
			found = true
			if refused++; refused > maxRefused {
				for _, row := range c.rows {
					row.single = true
				}
				return found, nil
			}
		case err != nil:
			return found, err
		case n == 0:
			return found, b.unchanged(c, w)
		}
	}
}

// maxRefused bounds how often a chunk is sent again without a row that the store has refused.
const maxRefused = 24

// unchanged answers the rows that change nothing. That must be as safe as a write.
func (b *bulk) unchanged(c *chunk, w *writer) error {
	var rows []*bulkRow
	for _, row := range c.rows {
		if !row.answered && !row.single && len(row.plan.ops) == 0 {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := w.confirm(b.ctx, nil); err != nil {
		return err
	}
	for _, row := range rows {
		row.answer(&row.plan.old, Unchanged, nil)
	}
	return nil
}

// send writes as many planned rows as one batch takes, and answers them. It returns their
// number. A row that the store refuses becomes a single one; the error is then the store's.
func (b *bulk) send(c *chunk, w *writer) (int, error) {
	var batch store.Batch
	var rows []*bulkRow
	ofOp, ofRequire, size := make([]*bulkRow, 0, rowsOfChunk), []*bulkRow(nil), 0
	for _, row := range c.rows {
		if row.answered || row.single || len(row.plan.ops) == 0 {
			continue
		}
		more := row.plan.bytes()
		if len(batch.Ops)+len(batch.Require)+len(row.plan.ops)+len(row.plan.require) > store.MaxOps ||
			size+more > store.MaxBatch && len(rows) > 0 {
			break
		}
		size += more
		batch.Ops, batch.Require = append(batch.Ops, row.plan.ops...), append(batch.Require, row.plan.require...)
		rows = append(rows, row)
		for range row.plan.ops {
			ofOp = append(ofOp, row)
		}
		for range row.plan.require {
			ofRequire = append(ofRequire, row)
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	if b.until.Load() <= int64(c.rows[0].number) {
		return 0, errEnded
	}
	rev, err := w.m.store.Apply(b.ctx, w.name, batch)
	if err = failed("write", err); err != nil {
		if row := refusedRow(err, ofOp, ofRequire); row != nil {
			row.single = true
		}
		return 0, err
	}
	w.wrote = true
	rev -= store.Revision(len(batch.Ops))
	for _, row := range rows {
		rev += store.Revision(len(row.plan.ops))
		row.plan.user.Version = w.written(rev)
		row.answer(&row.plan.user, row.plan.outcome(), nil)
	}
	return len(rows), nil
}

// bytes returns how much of a batch the plan takes.
func (p *planned) bytes() int {
	n := 0
	for _, op := range p.ops {
		n += len(op.Note)
		if op.New != nil {
			n += len(op.New.Data)
		}
	}
	return n
}

// refusedRow returns the row for which the store has refused a batch, nil if it does not say.
func refusedRow(err error, ofOp, ofRequire []*bulkRow) *bulkRow {
	op, require := -1, -1
	if stale, ok := errors.AsType[*store.StaleError](err); ok {
		op, require = stale.Op, stale.Require
	} else if taken, ok := errors.AsType[*store.TakenError](err); ok {
		op, require = taken.Op, taken.Require
	}
	switch {
	case 0 <= op && op < len(ofOp):
		return ofOp[op]
	case 0 <= require && require < len(ofRequire):
		return ofRequire[require]
	}
	return nil
}

// singles writes the rows that do not fit a batch by calls of their own, when everything before
// them is done.
func (b *bulk) singles(c *chunk) error {
	waited := false
	for _, row := range c.rows {
		if row.answered {
			continue
		}
		if !waited {
			c.wait()
			waited = true
		}
		if b.until.Load() <= int64(row.number) {
			return errEnded
		}
		if err := b.single(b.ctx, row); err != nil {
			return err
		}
	}
	return nil
}

func (b *bulk) single(ctx context.Context, row *bulkRow) error {
	w, err := b.t.writer()
	if err != nil {
		return err
	}
	u, outcome, err := w.bring(ctx, row.in)
	if err != nil && !ofOneRow(err) {
		return err
	}
	row.answer(&u, outcome, err)
	return nil
}

// rehearse answers the rows of a chunk with what they would do.
func (b *bulk) rehearse(c *chunk) error {
	w, err := b.read(c)
	if err != nil {
		return err
	}
	return b.each(c, readsOfChunk, func(row *bulkRow) error { return row.rehearse(b.ctx, w) })
}

// rehearse answers a row with what its plan would do.
func (r *bulkRow) rehearse(ctx context.Context, w *writer) error {
	err := r.err
	if err == nil {
		err = w.conflictOf(ctx, r.in, &r.plan)
	}
	if err != nil && !ofOneRow(err) {
		return err
	}
	u := r.plan.user
	if r.plan.outcome() == Created {
		u.ID = r.in.ID
	}
	if r.plan.outcome() != Unchanged {
		u.Version = Version{}
	}
	r.answer(&u, r.plan.outcome(), err)
	return nil
}
