package sqlite

import (
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// errIndex is the error for a row of an index that is there although it was not found.
var errIndex = errors.New("an index is damaged")

// createNew writes a batch that only creates one record whose keys are free, without
// looking first: an INSERT tells whether they are. It returns 0 if one is not, or the ID is
// in use, and has then undone what it wrote: run finds out what to say.
func (b *batch) createNew(tx *transaction, t *tenant) (store.Revision, error) {
	o := &b.ops[0]
	if t.n == 0 || len(b.ops) > 1 || len(b.require) > 0 || o.kind != store.Created {
		return 0, nil
	}
	o.stored = stored{} // if the batch has run before, in a transaction that was rolled back
	rid, err := tx.newRow()
	if err != nil {
		return 0, err
	}
	t.revision++
	claimed, created := 0, false
	for _, key := range o.rec.Unique {
		free, err := tx.claim(t, key, rid)
		if err != nil {
			return 0, err
		}
		if !free {
			break
		}
		claimed++
	}
	if claimed == len(o.rec.Unique) {
		if created, err = o.insert(tx, t, rid); err != nil {
			return 0, err
		}
	}
	if !created {
		t.revision--
		for _, key := range o.rec.Unique[:claimed] {
			if err := tx.release(t, key); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}
	tx.change(t)
	if err := o.writeTerms(tx, t, rid, t.revision); err != nil {
		return 0, err
	}
	return store.Revision(t.revision), o.written(tx, t)
}

// settled reports whether a refusal by the writer also follows from what was committed
// before the transaction: a create whose first key was held then, and is.
func (b *batch) settled(tx *transaction, refused error) bool {
	taken, ok := errors.AsType[*store.TakenError](refused)
	if !ok || tx.rewritten || len(b.ops) > 1 || len(b.require) > 0 || b.ops[0].kind != store.Created ||
		taken.Key != b.ops[0].rec.Unique[0] {
		return false
	}
	t := tx.known.tenants[b.tenant]
	return !t.changed || int64(taken.Holder.Revision) <= t.before
}

// claim writes a key's row. It reports false if the key has one.
func (tx *transaction) claim(t *tenant, key store.Key, rid int64) (claimed bool, err error) {
	keys, err := tx.makeSpace(t, keysOf(key.Kind))
	if err != nil {
		return false, err
	}
	n, err := tx.count(sqlClaimKey, keys, key.Value, rid)
	return n > 0, err
}

func (tx *transaction) release(t *tenant, key store.Key) error {
	keys, err := tx.space(t, keysOf(key.Kind))
	if err != nil {
		return err
	}
	return tx.exec(sqlReleaseKey, keys, key.Value)
}
