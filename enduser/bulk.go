package enduser

import (
	"context"
	"iter"
	"math"

	"github.com/rollbook-go/rollbook/store"
)

// BulkOptions are the settings of [Tenant.UpsertAll] and [Tenant.ImportAll]. The zero value is
// ready to use.
type BulkOptions struct {
	// DryRun writes nothing and answers what each row would do to the store as it is: a row does
	// not see what the rows before it would have done. What the row would create has no ID, and
	// what it would write no Version.
	DryRun bool

	// Atomic writes all rows or none, in one write. Together they must fit it: about 120 rows,
	// fewer if they have sensitive values or external IDs that look like own IDs, and no two
	// about one user. If a row fails, it has its error and all others ErrNotWritten. If there are
	// too many rows, the first row is ErrInvalid, and nothing more is answered.
	Atomic bool
}

// BulkResult is the answer to a row.
type BulkResult struct {
	Row int // its number, from 0

	// Answered reports whether it is known what became of the row: it was written, or is unchanged,
	// or was not written for the error beside it, which is its own. It is false beside the last
	// error of a call that could not go on: this row, and those after it, may be written or not.
	Answered bool

	Outcome    Outcome // what was done; 0 beside an error
	ID         string  // of the user; beside an error that of the row, if it gives one
	ExternalID string  // of the user; beside an error that of the row
	Version    Version // of the user; zero beside an error
}

// UpsertAll makes the users that the specs identify, or merges the specs into them. All is as
// if [Tenant.Upsert] were called for each row in the order of the rows, but for the order in
// which the users are listed and their changes stand in the feed: it writes many rows at once,
// and is many times as fast. Rows that wait to be answered are held in memory, some thousands at
// most.
//
// It yields the result of each row, in their order. A row with an error about this row alone
// (ErrInvalid, ErrConflict, ErrAmbiguous, ErrContended, ErrNoKeyring, unreadable, newer) was not
// written, and the walk goes on. Any other error comes with the first row that is not
// [BulkResult].Answered, and is the last: that row, and others after it, may be written or not.
// All rows before it are answered. To go on from that row, or to begin again, is safe.
//
// Breaking out of the loop waits for the writes that were sent; rows after the last answer may
// have been written. UpsertAll reads specs in the goroutine of the loop, ahead of the answers,
// and needs it to come to an end or to have a next row: results wait for it. A context with an
// idempotency key is ErrInvalid, since one key cannot stand for many writes.
func (t Tenant) UpsertAll(ctx context.Context, specs iter.Seq[Spec], opts *BulkOptions) iter.Seq2[BulkResult, error] {
	return t.ImportAll(ctx, func(yield func(Import) bool) {
		for s := range specs {
			if !yield(Import{Spec: s}) {
				return
			}
		}
	}, opts)
}

// ImportAll is [Tenant.UpsertAll] for users that come from another place.
func (t Tenant) ImportAll(ctx context.Context, rows iter.Seq[Import], opts *BulkOptions) iter.Seq2[BulkResult, error] {
	return func(yield func(BulkResult, error) bool) {
		b, err := t.bulk(ctx, opts)
		if err != nil {
			yield(BulkResult{}, err)
			return
		}
		if b.Atomic {
			b.atomic(rows, yield)
			return
		}
		defer b.end()
		for in := range rows {
			if !b.add(&in, yield) {
				return
			}
		}
		b.finish(yield)
	}
}

// bulk begins a call.
func (t Tenant) bulk(ctx context.Context, opts *BulkOptions) (*bulk, error) {
	w, err := t.writer()
	if err == nil && ctx.Value(idempotencyKey{}) != (*Idempotency)(nil) && ctx.Value(idempotencyKey{}) != nil {
		err = invalidField(Field{Name: "idempotency_key"}, CodeValue, "must not be given: one key cannot stand for many writes")
	}
	if err != nil {
		return nil, err
	}
	b := &bulk{ctx: ctx, t: w.Tenant, keyed: &w, held: make(map[store.Key]*chunk), atOnce: chunksAtOnce}
	if opts != nil {
		b.BulkOptions = *opts
	}
	if t.m.queues == nil {
		b.atOnce = 1
	}
	b.until.Store(math.MaxInt64)
	return b, nil
}
