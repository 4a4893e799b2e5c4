package postgres

import (
	"bytes"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// batch is a call of Apply. It shares nothing with the caller, which may have left
// before it is written. The caller's goroutine computes what changes in the indexes, from
// the record that it has read: the database only compares that record with the stored one.
type batch struct {
	require []require
	ops     []op
	claims  []claim // in the order of the ops
	size    int
	noted   bool // it has a note

	touched []touch

	// alone returns the statement of a call that is not of Apply. Its size is at least
	// maxGroupSize, so that it is in a group of its own.
	alone func(schema string, j job) (text string, a *args)
}

// require is a precondition.
type require struct {
	revision int64  // 0: no record has the ID; keyFree: no record holds the key
	name     string // the ID or the key
}

const keyFree = -1

type op struct {
	code     int // see the function apply
	revision int64
	due      int64
	oldDue   int64
	kind, id string
	old      []byte // keys of the stored record; nil: none, or unknown
	keys     []byte
	data     []byte
	note     []byte // nil: none
	release  []string
	add      []string // terms
	drop     []string
}

// The codes of ops.
const (
	opCreate = iota + 1
	opUpdate
	opDelete
	opRemove
	opRemoveDamaged
)

// claim is a unique key that an op gives to its record.
type claim struct {
	op    int
	name  string
	key   store.Key
	twice bool // an earlier op of the batch claims it, too
	first int  // which op that is
}

// touch is an ID or a unique key that a batch reads or writes.
type touch struct {
	name  string // an ID begins with 0, as no key does
	write bool
}

func newBatch(in store.Batch) *batch {
	b := &batch{require: make([]require, len(in.Require)), ops: make([]op, len(in.Ops))}
	for i, r := range in.Require {
		if r.ID == "" {
			b.require[i] = require{revision: keyFree, name: keyName(r.Free)}
			b.touch(b.require[i].name, false)
		} else {
			b.require[i] = require{revision: int64(r.Revision), name: r.ID}
			b.touch("\x00"+r.ID, false)
		}
	}
	for i := range in.Ops {
		b.ops[i].fill(&in.Ops[i])
		b.size += opSize + len(b.ops[i].data) + len(b.ops[i].keys) + len(b.ops[i].note)
		b.noted = b.noted || b.ops[i].note != nil
		b.touch("\x00"+b.ops[i].id, true)
	}
	b.claimKeys(in.Ops)
	for i := range b.ops {
		for _, key := range b.ops[i].release {
			b.touch(key, true)
		}
	}
	return b
}

func (b *batch) touch(name string, write bool) { b.touched = append(b.touched, touch{name, write}) }

func (o *op) fill(in *store.Op) {
	var before, after store.Record
	if in.Old != nil {
		before = *in.Old
		o.id, o.kind, o.revision = before.ID, before.Kind, int64(before.Revision)
		o.oldDue = store.Millis(before.Due)
	}
	if in.New != nil {
		after = *in.New
		o.id, o.kind = after.ID, after.Kind
		o.keys, o.data = encodeKeys(after.Unique, after.Index), bytes.Clone(after.Data)
		o.due = store.Millis(after.Due)
	}
	if in.Note != nil {
		o.note = append([]byte{}, in.Note...)
	}
	switch {
	case in.Old == nil:
		o.code = opCreate
	case in.New != nil:
		o.code = opUpdate
	case o.revision == 0:
		o.code = opRemove // what it removes is read later
		return
	default:
		o.code = opDelete
	}
	if in.Old != nil {
		o.old = encodeKeys(before.Unique, before.Index)
	}
	o.differ(&before, &after)
}

// differ computes which keys and terms change.
func (o *op) differ(before, after *store.Record) {
	if bytes.Equal(o.old, o.keys) {
		return
	}
	keeps := keySet(after.Unique)
	for _, key := range before.Unique {
		if !keeps(key) {
			o.release = append(o.release, keyName(key))
		}
	}
	had, has := keySet(before.Index), keySet(after.Index)
	for _, term := range before.Index {
		if !has(term) {
			o.drop = append(o.drop, termName(o.kind, term))
		}
	}
	for _, term := range after.Index {
		if !had(term) {
			o.add = append(o.add, termName(o.kind, term))
		}
	}
}

// claimKeys fills in the claims. A key that a record keeps is not claimed, unless another op
// claims it: then the later of the two is refused.
func (b *batch) claimKeys(ops []store.Op) {
	var first map[store.Key]int // op
	if len(ops) > 1 {
		first = make(map[store.Key]int)
	}
	for i := range ops {
		if ops[i].New == nil {
			continue
		}
		var kept []store.Key
		if ops[i].Old != nil {
			kept = ops[i].Old.Unique
		}
		for _, key := range ops[i].New.Unique {
			c := claim{op: i, key: key}
			if earlier, ok := first[key]; ok {
				c.twice, c.first = true, earlier
			} else if first != nil {
				first[key] = i
			}
			if !c.twice && slices.Contains(kept, key) {
				continue
			}
			c.name = keyName(key)
			b.claims = append(b.claims, c)
			b.touch(c.name, true)
		}
	}
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
