package sqlite

import (
	"bytes"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// checkRequired checks the preconditions that the batch has beside its ops.
func (b *batch) checkRequired(tx *transaction, t *tenant) (refused, failed error) {
	for i, r := range b.require {
		if r.ID == "" {
			refused, failed = requireFree(tx, t, i, r.Free)
		} else {
			refused, failed = requireRevision(tx, t, i, r)
		}
		if refused != nil || failed != nil {
			return refused, failed
		}
	}
	return nil, nil
}

func requireFree(tx *transaction, t *tenant, i int, key store.Key) (refused, failed error) {
	if t.n == 0 {
		return nil, nil
	}
	rid, found, failed := tx.keyRow(t, key)
	if !found || failed != nil {
		return nil, failed
	}
	holder, held, err := tx.holder(t.n, rid, key)
	if err != nil {
		return refusal(err)
	}
	if held {
		return &store.TakenError{Op: -1, Require: i, Key: key, Holder: holder}, nil
	}
	return nil, nil
}

func requireRevision(tx *transaction, t *tenant, i int, r store.Require) (refused, failed error) {
	var s stored
	if t.n != 0 {
		if failed = tx.find(t.n, r.ID, &s); failed != nil {
			return nil, failed
		}
	}
	if s.found && int64(r.Revision) == s.revision { // a damaged record has no revision
		_, _, err := parseKeys(s.keys)
		s.damaged = err != nil
	}
	if int64(r.Revision) != s.revision || s.damaged { // s.revision is 0 if there is none
		return &store.StaleError{Op: -1, Require: i}, nil
	}
	return nil, nil
}

// checkOps checks the preconditions of the ops.
func (b *batch) checkOps(tx *transaction, t *tenant) (refused, failed error) {
	for i := range b.ops {
		o := &b.ops[i]
		o.stored = stored{}
		if t.n != 0 {
			if failed = tx.find(t.n, o.rec.ID, &o.stored); failed != nil {
				return nil, failed
			}
		}
		if refused = o.check(i); refused != nil {
			return refused, nil
		}
	}
	for i := range b.ops {
		o := &b.ops[i]
		if o.stored.found && !o.stored.damaged && o.rec.Kind != o.stored.kind {
			return &store.InvalidError{Op: i, What: "Old", Why: "not the record of the store"}, nil
		}
	}
	return nil, nil
}

// check checks the precondition of one op against what was found.
func (o *op) check(i int) (refused error) {
	s := &o.stored
	if s.found && !bytes.Equal(o.keys, s.keys) {
		var err error
		s.unique, s.index, err = parseKeys(s.keys)
		s.damaged = err != nil
	}
	switch {
	case s.damaged && !o.remove:
		return &store.DamagedError{ID: o.rec.ID}
	case s.found == (o.kind == store.Created), s.found && !o.remove && int64(o.old) != s.revision:
		return &store.StaleError{Op: i, Require: -1}
	}
	return nil
}

// checkKeys checks the unique keys of the new records. A key whose holder is a
// record of the batch is free, since all of those are released first, unless an
// earlier op of the batch claims it.
func (b *batch) checkKeys(tx *transaction, t *tenant) (refused, failed error) {
	b.left = b.left[:0]
	single := len(b.ops) == 1
	var claims map[store.Key]int // op
	if !single {
		claims = make(map[store.Key]int)
	}
	for i := range b.ops {
		o := &b.ops[i]
		kept := bytes.Equal(o.keys, o.stored.keys)
		for _, key := range o.rec.Unique {
			if !single {
				if first, dup := claims[key]; dup {
					return &store.TakenError{Op: i, Require: -1, Key: key, Holder: b.ops[first].copyOfNew()}, nil
				}
				claims[key] = i
			}
			if t.n == 0 || kept || slices.Contains(o.stored.unique, key) {
				continue // the record's own, or the tenant is new
			}
			if refused, failed = b.checkKey(tx, t, i, key); refused != nil || failed != nil {
				return refused, failed
			}
		}
	}
	return nil, nil
}

func (b *batch) checkKey(tx *transaction, t *tenant, i int, key store.Key) (refused, failed error) {
	rid, found, failed := tx.keyRow(t, key)
	if !found || failed != nil {
		return nil, failed
	}
	if !b.releases(rid) {
		holder, held, err := tx.holder(t.n, rid, key)
		if err != nil {
			return refusal(err)
		}
		if held {
			return &store.TakenError{Op: i, Require: -1, Key: key, Holder: holder}, nil
		}
	}
	// The row names no record, another one that has got the number of the holder, or one
	// whose keys are released.
	b.left = append(b.left, key)
	return nil, nil
}

// releases reports whether the record is the Old of an op, whose keys are all
// released.
func (b *batch) releases(rid int64) bool {
	for i := range b.ops {
		if s := &b.ops[i].stored; s.found && s.rid == rid {
			return true
		}
	}
	return false
}

// refusal tells the refusal of one batch, for a damaged record, from an error of the
// database, for which the whole group fails.
func refusal(err error) (refused, failed error) {
	if errors.Is(err, store.ErrDamaged) {
		return err, nil
	}
	return nil, err
}
