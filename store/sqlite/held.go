package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// sqlHeld is the record that holds a unique key. There is no row if the record that is to
// be created exists, which is refused before a key that is taken, nor in a schema that is
// newer than the known one.
const sqlHeld = sqlGetByKey + ` AND NOT EXISTS (SELECT 1 FROM rollbook_record WHERE tenant = r.tenant AND id = ?4)
		AND (SELECT max(version) FROM rollbook_migration) <= ?5`

// held refuses a create whose first unique key is held, by a read: get-or-create of what
// exists does not wait for the commits of others. It returns nil for every other batch, and
// if anything fails: the writer decides those.
func (s *Store) held(ctx context.Context, tenant string, batch store.Batch) *store.TakenError {
	if !onlyCreates(batch) || !s.lookFirst.worth() {
		return nil
	}
	if !s.owned { // the host may have every connection of the pool, and keep them until this call returns
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxLook)
		defer cancel()
	}
	r := batch.Ops[0].New
	key := r.Unique[0]
	src := s.pool()
	holder, err := read(ctx, src, readTurn{method: "Apply", tenant: tenant}, func(ctx context.Context) (store.Record, error) {
		var row recordRow
		err := src.row(src.point(ctx), sqlHeld, []any{&row}, tenant, key.Kind, key.Value, r.ID, s.schema)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (row.damaged != nil || !slices.Contains(row.rec.Unique, key)) {
			return store.Record{}, store.ErrNotFound
		}
		return row.rec, err
	})
	s.lookFirst.found(err == nil)
	// The writer compares the files for each transaction, reads only now and then.
	if err != nil || s.checkFiles() != nil {
		return nil // the writer says what is wrong
	}
	return &store.TakenError{Op: 0, Require: -1, Key: key, Holder: holder}
}

// onlyCreates reports whether a batch only creates one record, with a unique key.
func onlyCreates(b store.Batch) bool {
	return len(b.Ops) == 1 && len(b.Require) == 0 && b.Ops[0].Type() == store.Created && len(b.Ops[0].New.Unique) > 0
}

// lookFirst says whether creates are worth a read first. They are not while everything
// that is created is new.
type lookFirst struct{ inVain atomic.Int32 } // reads since the last create that found a holder

const maxInVain = 300

// maxLook is how long a read before a create may take on a pool of the host.
const maxLook = 10 * time.Millisecond

func (l *lookFirst) worth() bool { return l.inVain.Load() < maxInVain }

// found takes note of a create that a read would refuse, or has not refused.
func (l *lookFirst) found(held bool) {
	switch n := l.inVain.Load(); {
	case !held:
		l.inVain.Add(1)
	case n > 0:
		l.inVain.Store(0)
	}
}
