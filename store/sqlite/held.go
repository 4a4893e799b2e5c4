package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// sqlHeld is the record that holds a unique key. There is no row if the record that is to
// be created exists, which is refused before a key that is taken, nor in a schema that is
// newer than the known one.
const sqlHeld = sqlGetByKey + ` AND NOT EXISTS (SELECT 1 FROM rollbook_record WHERE tenant = r.tenant AND id = ?4)
		AND (` + lastNeeds + `) <= ?5`

// held refuses a create whose first unique key is held, by a read: get-or-create of what
// exists does not wait for the commits of others. It returns nil for every other batch, and
// if anything fails: the writer decides those.
func (s *Store) held(ctx context.Context, tenant string, batch store.Batch) *store.TakenError {
	if !s.looksFirst(tenant, batch) {
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
	s.lookFirst.Read(tenant, batch, err == nil)
	// The writer compares the files for each transaction, reads only now and then.
	if err != nil || s.checkFiles() != nil {
		return nil // the writer says what is wrong
	}
	return &store.TakenError{Op: 0, Require: -1, Key: key, Holder: holder}
}

func (s *Store) looksFirst(tenant string, batch store.Batch) bool {
	return s.updating.Load() < manyUpdates && s.lookFirst.Worth(tenant, batch)
}

// manyUpdates is how many calls that replace records make a read not worth while: whoever
// finds its key held is then likely to wait for the writer anyway, which finds it at a
// fraction of the cost and answers before it commits.
const manyUpdates = 8

// maxLook is how long a read before a create may take on a pool of the host.
const maxLook = 10 * time.Millisecond
