package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
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
	if !onlyCreates(batch) || !s.lookFirst.worth(tenant, batch.Ops[0].New.Unique[0]) {
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
	s.lookFirst.found(tenant, key, err == nil)
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

// lookFirst says whether a create is worth a read first: if its key has been seen in use, or
// creates of others that had not been seen were refused now and then. What it says is a hint,
// for one process: keys come and go.
type lookFirst struct {
	made   sync.Once
	seed   maphash.Seed
	seen   []atomic.Uint32 // parts of the hashes of keys, by the rest of it
	inVain atomic.Int32    // reads of unseen keys since the last create of one that is held

	updating atomic.Int32 // calls that replace a record
}

const (
	maxSeen   = 1 << 18 // 1 MiB, of which the system gives what is used
	maxInVain = 300

	// manyUpdates is how many calls that replace records make a read not worth while: whoever
	// finds its key held is then likely to wait for the writer anyway, which finds it at a
	// fraction of the cost and answers before it commits.
	manyUpdates = 8

	// worthInVain is how many reads in vain a create of a key that is held is worth.
	worthInVain = 20
)

// maxLook is how long a read before a create may take on a pool of the host.
const maxLook = 10 * time.Millisecond

func (l *lookFirst) worth(tenant string, key store.Key) bool {
	if l.updating.Load() >= manyUpdates {
		return false
	}
	if l.inVain.Load() < maxInVain {
		return true
	}
	slot, part := l.slot(tenant, key)
	return slot.Load() == part
}

// found takes note of a create that a read would refuse, or has not refused.
func (l *lookFirst) found(tenant string, key store.Key, held bool) {
	slot, part := l.slot(tenant, key)
	seen := slot.Load() == part
	switch n := l.inVain.Load(); {
	case seen && held:
	case held:
		slot.Store(part)
		l.inVain.Store(max(n-worthInVain, 0))
	case seen: // no longer, it may be
		slot.CompareAndSwap(part, 0)
	case n < maxInVain:
		l.inVain.Add(1)
	}
}

// created takes note of the key of a new record.
func (l *lookFirst) created(tenant string, key store.Key) {
	slot, part := l.slot(tenant, key)
	slot.Store(part)
}

func (l *lookFirst) slot(tenant string, key store.Key) (slot *atomic.Uint32, part uint32) {
	l.made.Do(func() { l.seed, l.seen = maphash.MakeSeed(), make([]atomic.Uint32, maxSeen) })
	h := maphash.Comparable(l.seed, struct {
		tenant string
		key    store.Key
	}{tenant, key})
	return &l.seen[h%maxSeen], uint32(h>>32) | 1
}
