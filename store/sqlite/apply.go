package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	c := s.observer.BeginCall("Apply")
	rev, queued, err := s.apply(ctx, tenant, batch)
	c.End(store.CallInfo{Items: len(batch.Ops), Queued: queued}, err)
	return rev, err
}

func (s *Store) apply(ctx context.Context, tenant string, batch store.Batch) (rev store.Revision, queued int, err error) {
	if err := store.Check(tenant, batch); err != nil {
		return 0, 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if taken := s.held(ctx, tenant, batch); taken != nil {
		return 0, 0, taken
	}
	if b := batch.Ops; len(b) > 0 && b[0].Type() == store.Updated {
		s.updating.Add(1)
		defer s.updating.Add(-1)
	}
	b := newBatch(tenant, batch)
	rev, queued, err = s.writer.submit(ctx, tenant, b, b.size)
	s.lookFirst.Written(tenant, batch, err)
	return rev, queued, err
}

// batch is a call of Apply. It shares nothing with the caller, which may have left
// before it is written. The caller's goroutine encodes it, since everybody waits for the
// writer's.
type batch struct {
	tenant  string
	require []store.Require
	ops     []op
	size    int

	// left are the keys to be claimed that have a row already, which names no holder.
	left []store.Key
}

type op struct {
	kind   store.ChangeType
	remove bool           // whatever state the record is in
	old    store.Revision // the expected one
	rec    store.Record   // the new record; of a deletion ID and Kind alone
	keys   []byte         // rec.Unique and rec.Index, encoded
	due    int64
	entry  []byte // of the feed; nil: none

	stored stored
}

// stored is the part of the stored record that a write needs.
type stored struct {
	found    bool
	damaged  bool // keys cannot be read
	rid      int64
	kind     string
	created  int64
	revision int64
	due      int64
	keys     []byte
	unique   []store.Key // in keys; nil unless the keys change
	index    []store.Key // likewise
}

func newBatch(tenant string, in store.Batch) *batch {
	b := &batch{tenant: tenant, require: slices.Clone(in.Require), ops: make([]op, len(in.Ops))}
	for i, in := range in.Ops {
		o := &b.ops[i]
		o.kind = in.Type()
		if in.Old != nil {
			o.old = in.Old.Revision
			o.remove = in.New == nil && o.old == 0
			o.rec.ID, o.rec.Kind = in.Old.ID, in.Old.Kind
		}
		if in.New != nil {
			o.setNew(in.New)
		}
		if in.Note != nil {
			o.entry = encodeEntry(o.kind, o.rec.Kind, o.rec.ID, in.Note)
		}
		b.size += opSize + len(o.rec.Data) + len(o.keys) + len(o.entry)
	}
	return b
}

// setNew copies and encodes the new record.
func (o *op) setNew(r *store.Record) {
	o.rec = *r
	keys := slices.Concat(r.Unique, r.Index)
	o.rec.Unique, o.rec.Index = keys[:len(r.Unique):len(r.Unique)], keys[len(r.Unique):]
	o.rec.Data = append([]byte{}, r.Data...) // never nil: the column is NOT NULL
	o.keys = encodeKeys(r.Unique, r.Index)
	o.due = store.Millis(r.Due)
	o.rec.Due = store.FromMillis(o.due) // a TakenError may return it as the holder of a key
}

// run checks the batch and writes it. But for createNew it reads everything before it
// writes anything, so that a refused batch leaves nothing to undo.
func (b *batch) run(tx *transaction) (rev store.Revision, refused, failed error) {
	t, failed := tx.tenant(b.tenant)
	if failed != nil {
		return 0, nil, failed
	}
	if t.revision+int64(len(b.ops)) > maxRevision {
		return 0, unavailable(errFull), nil
	}
	if rev, failed = b.createNew(tx, t); rev != 0 || failed != nil {
		return rev, nil, failed
	}
	for _, check := range [...]func(*transaction, *tenant) (refused, failed error){
		b.checkRequired, b.checkOps, b.checkKeys,
	} {
		if refused, failed = check(tx, t); refused != nil || failed != nil {
			return 0, refused, failed
		}
	}
	rev, failed = b.write(tx, t)
	return rev, nil, failed
}

func (o *op) copyOfNew() store.Record {
	r := o.rec
	r.Unique, r.Index, r.Data = slices.Clone(r.Unique), slices.Clone(r.Index), bytes.Clone(r.Data)
	return r
}

func (b *batch) write(tx *transaction, t *tenant) (store.Revision, error) {
	if t.n == 0 {
		if err := tx.create(t); err != nil {
			return 0, err
		}
	}
	if err := b.forgetDamaged(tx, t); err != nil {
		return 0, err
	}
	for _, key := range b.left {
		if err := tx.release(t, key); err != nil {
			return 0, err
		}
	}
	for i := range b.ops { // all keys are released before any is claimed
		o := &b.ops[i]
		for _, key := range o.stored.unique {
			if !slices.Contains(o.rec.Unique, key) {
				if err := tx.release(t, key); err != nil {
					return 0, err
				}
			}
		}
	}
	for i := range b.ops {
		o := &b.ops[i]
		t.revision++
		tx.change(t)
		if err := o.write(tx, t); err != nil {
			return 0, err
		}
		if err := o.written(tx, t); err != nil {
			return 0, err
		}
	}
	return store.Revision(t.revision), nil
}

// written ends the write of an op.
func (o *op) written(tx *transaction, t *tenant) error {
	if o.due != o.stored.due {
		tx.reschedule(t, o.storedKind())
	}
	if o.entry == nil {
		return nil
	}
	t.noted = true
	return tx.exec(sqlNote, changeNumber(t.n, t.revision), o.entry)
}

// forgetDamaged deletes the rows in the indexes of damaged records that are removed.
// Their keys and terms are unknown, so that it reads all rows of the tenant. That is slow
// but rare, and what finds a record must not outlive it.
func (b *batch) forgetDamaged(tx *transaction, t *tenant) error {
	var rids []int64
	var created map[string][]int64 // by kind
	for i := range b.ops {
		if s := &b.ops[i].stored; s.damaged {
			if created == nil {
				created = make(map[string][]int64)
			}
			rids, created[s.kind] = append(rids, s.rid), append(created[s.kind], s.created)
		}
	}
	if len(rids) == 0 {
		return nil
	}
	if err := tx.exec(sqlForgetKeys, t.n, numberList(rids)); err != nil {
		return err
	}
	for kind, created := range created {
		if err := tx.exec(sqlForgetTerms, t.n, kind, numberList(created)); err != nil {
			return err
		}
	}
	return nil
}

// numberList returns a JSON array.
func numberList(numbers []int64) string {
	list := []byte{'['}
	for i, n := range numbers {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, n, 10)
	}
	return string(append(list, ']'))
}

// storedKind returns the kind that the stored record has, or the new one. The removal of
// a damaged record may give another kind.
func (o *op) storedKind() string {
	if o.stored.found {
		return o.stored.kind
	}
	return o.rec.Kind
}

func (o *op) write(tx *transaction, t *tenant) error {
	switch o.kind {
	case store.Created:
		return o.create(tx, t)
	case store.Updated:
		return o.replace(tx, t)
	case store.Deleted:
		tx.rewritten = true
		if err := tx.exec(sqlDelete, o.stored.rid); err != nil {
			return err
		}
		return o.writeTerms(tx, t, o.stored.rid, o.stored.created)
	}
	return nil
}

func (o *op) create(tx *transaction, t *tenant) error {
	rid, err := tx.newRow()
	if err != nil {
		return err
	}
	if created, err := o.insert(tx, t, rid); !created {
		return cmp.Or(err, errIndex)
	}
	return o.writeKeys(tx, t, rid, t.revision)
}

// insert writes a new record. It reports false if there is one with its ID.
func (o *op) insert(tx *transaction, t *tenant, rid int64) (created bool, err error) {
	records, err := tx.makeSpace(t, space{record: o.rec.Kind})
	if err != nil {
		return false, err
	}
	n, err := tx.count(sqlInsert,
		rid, t.n, records, o.rec.ID, o.rec.Kind, t.revision, o.due, o.keys, o.rec.Data)
	return n > 0, err
}

func (o *op) replace(tx *transaction, t *tenant) error {
	rid := o.stored.rid
	if o.due == o.stored.due && bytes.Equal(o.keys, o.stored.keys) {
		return tx.exec(sqlUpdateData, t.revision, o.rec.Data, rid)
	}
	if err := tx.exec(sqlUpdate, t.revision, o.due, o.keys, o.rec.Data, rid); err != nil {
		return err
	}
	if bytes.Equal(o.keys, o.stored.keys) {
		return nil
	}
	return o.writeKeys(tx, t, rid, o.stored.created)
}

func (o *op) writeKeys(tx *transaction, t *tenant, rid, created int64) error {
	for _, key := range o.rec.Unique {
		if !slices.Contains(o.stored.unique, key) {
			if claimed, err := tx.claim(t, key, rid); !claimed {
				return cmp.Or(err, errIndex)
			}
		}
	}
	return o.writeTerms(tx, t, rid, created)
}

// writeTerms writes only the terms that differ: Created, by which they are ordered,
// never changes.
func (o *op) writeTerms(tx *transaction, t *tenant, rid, created int64) error {
	had, has := keySet(o.stored.index), keySet(o.rec.Index)
	for _, term := range o.stored.index {
		if has(term) {
			continue
		}
		terms, err := tx.space(t, termsOf(o.rec.Kind, term))
		if err == nil {
			err = tx.exec(sqlDeleteTerm, terms, term.Value, created)
		}
		if err != nil {
			return err
		}
	}
	const head = 2 // what all terms of the record share
	args := append(tx.args[:0], created, rid)
	insert := func() error {
		n := (len(args) - head) / 2
		if n == 0 {
			return nil
		}
		err := tx.exec(sqlInsertTerms(n), args...)
		args = args[:head]
		return err
	}
	for _, term := range o.rec.Index {
		if had(term) {
			continue
		}
		terms, err := tx.makeSpace(t, termsOf(o.rec.Kind, term))
		if err != nil {
			return err
		}
		args = append(args, terms, term.Value)
		if len(args) == head+2*maxTerms {
			if err := insert(); err != nil {
				return err
			}
		}
	}
	tx.args = args
	return insert()
}

// keySet returns a test for membership. It compares few keys one by one.
func keySet(keys []store.Key) func(store.Key) bool {
	if len(keys) <= 16 {
		return func(k store.Key) bool { return slices.Contains(keys, k) }
	}
	set := make(map[store.Key]struct{}, len(keys))
	for _, k := range keys {
		set[k] = struct{}{}
	}
	return func(k store.Key) bool { _, ok := set[k]; return ok }
}
