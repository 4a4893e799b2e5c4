package memory

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// tenant has the records and the feed of one tenant. The lock of its shard guards it,
// except earliest.
type tenant struct {
	name string
	last store.Revision

	records map[string]*entry
	holders map[store.Key]*entry
	kinds   map[string]*kind
	terms   map[termKey]*term
	feed    feed
	damaged int // records that cannot be read

	// earliest is the earliest Due of all records, noDue if there is none. Due
	// reads it without the lock.
	earliest atomic.Int64
}

// entry is the fixed place of a record: indexes point to it, so that a write
// which keeps the keys does not touch the indexes.
type entry struct {
	record  *store.Record // never changed, only exchanged
	created store.Revision
	due     int64 // milliseconds; 0: none
	leaving bool  // its record is the Old of an op of the batch being checked

	// damaged: the record cannot be read. Memory does not decay: only tests set it.
	// The record is then only used to find its index entries.
	damaged bool
}

// kind has the records of one kind.
type kind struct {
	name    string
	records sorted[*entry, byCreated]
	due     sorted[*entry, byDue]
}

// term has the records of one kind that have an index term.
type term struct {
	key     store.Key
	records sorted[*entry, byCreated]
}

type termKey struct {
	kind string
	term store.Key
}

func newTenant(name string) *tenant {
	t := &tenant{
		name:    strings.Clone(name),
		records: make(map[string]*entry),
		holders: make(map[store.Key]*entry),
		kinds:   make(map[string]*kind),
		terms:   make(map[termKey]*term),
	}
	t.earliest.Store(noDue)
	return t
}

// get returns the record with an ID or a unique key, or nil, and whether it is damaged.
func (t *tenant) get(key store.Key) (r *store.Record, damaged bool) {
	if t == nil {
		return nil, false
	}
	var e *entry
	if key.Kind == "" {
		e = t.records[key.Value]
	} else {
		e = t.holders[key]
	}
	if e == nil {
		return nil, false
	}
	return e.record, e.damaged
}

// refusal says why a batch is refused. The holder of a taken key is not copied yet.
type refusal struct {
	err    error
	taken  *store.TakenError // without its Holder; nil: see err
	holder *store.Record
}

// public returns the error for the caller. Call it without the lock.
func (r *refusal) public() error {
	if r.taken == nil {
		return r.err
	}
	r.taken.Holder = copyOut(r.holder)
	return r.taken
}

// check checks the preconditions and keys of a batch and finds its entries. It changes
// nothing.
func (t *tenant) check(require []store.Require, writes []write) *refusal {
	for i, r := range require {
		if refused := t.checkRequire(i, r); refused != nil {
			return refused
		}
	}
	for i := range writes {
		w := &writes[i]
		w.entry = t.records[w.id]
		if err := w.checkOld(i); err != nil {
			return &refusal{err: err}
		}
	}
	leave(writes, true)
	defer leave(writes, false)
	return t.checkKeys(writes)
}

func (t *tenant) checkRequire(i int, r store.Require) *refusal {
	if r.ID == "" {
		if e := t.holders[r.Free]; e != nil {
			return e.refuse(&store.TakenError{Op: -1, Require: i, Key: r.Free})
		}
		return nil
	}
	if e := t.records[r.ID]; e.revision() != r.Revision || e != nil && e.damaged {
		return &refusal{err: &store.StaleError{Op: -1, Require: i}}
	}
	return nil
}

// refuse returns the refusal of a batch that claims a key which the entry holds.
func (e *entry) refuse(taken *store.TakenError) *refusal {
	if e.damaged {
		return &refusal{err: &store.DamagedError{ID: e.record.ID}}
	}
	return &refusal{taken: taken, holder: e.record}
}

// revision returns the revision of an entry's record, 0 if there is none.
func (e *entry) revision() store.Revision {
	if e == nil {
		return 0
	}
	return e.record.Revision
}

// checkOld checks the precondition of an op against the stored record.
func (w *write) checkOld(op int) error {
	e := w.entry
	switch {
	case e != nil && w.removal:
		if !e.damaged && e.record.Kind != w.kind {
			return &store.InvalidError{Op: op, What: "Old: kind", Why: "not the record's"}
		}
	case e != nil && e.damaged:
		return &store.DamagedError{ID: w.id}
	case w.removal, e.revision() != w.old:
		return &store.StaleError{Op: op, Require: -1}
	case e != nil && w.new != nil && e.record.Kind != w.kind:
		return &store.InvalidError{Op: op, What: "Old", Why: "not a record of the store"}
	}
	return nil
}

// checkKeys finds the first unique key of a batch that is not free. The entries of
// the batch must be marked as leaving.
func (t *tenant) checkKeys(writes []write) *refusal {
	var claimed map[store.Key]int // only a batch of several can claim twice
	if len(writes) > 1 {
		claimed = make(map[store.Key]int)
	}
	for i, w := range writes {
		if w.new == nil {
			continue
		}
		for _, key := range w.new.Unique {
			taken := func() *store.TakenError { return &store.TakenError{Op: i, Require: -1, Key: key} }
			if e := t.holders[key]; e != nil && !e.leaving {
				return e.refuse(taken())
			}
			if first, ok := claimed[key]; ok {
				return &refusal{taken: taken(), holder: writes[first].new}
			}
			if claimed != nil {
				claimed[key] = i
			}
		}
	}
	return nil
}

func leave(writes []write, leaving bool) {
	for _, w := range writes {
		if w.entry != nil {
			w.entry.leaving = leaving
		}
	}
}

// apply writes a batch that was checked, and reports whether the feed has grown.
func (t *tenant) apply(writes []write) bool {
	for _, w := range writes {
		if w.entry != nil && (w.new == nil || !slices.Equal(w.entry.record.Unique, w.new.Unique)) {
			for _, key := range w.entry.record.Unique {
				delete(t.holders, key)
			}
		}
	}
	noted, dueMoved := false, false
	for _, w := range writes {
		t.last++
		before := w.entry.dueTime()
		switch w.does {
		case store.Created:
			w.entry = t.create(w.new)
		case store.Updated:
			t.replace(w.entry, w.new)
		case store.Deleted:
			t.remove(w.entry)
		}
		dueMoved = dueMoved || before != w.entry.dueTime() || w.new == nil && before != 0
		if w.note != nil {
			noted = true
			r := w.entry.record
			kind := r.Kind
			if w.entry.damaged { // its kind is not known
				kind = w.kind
			}
			t.feed.add(store.Change{Seq: t.last, Revision: t.last, Type: w.does, Kind: kind, ID: r.ID, Note: w.note})
		}
	}
	if dueMoved {
		t.earliest.Store(t.earliestDue())
	}
	return noted
}

func (e *entry) dueTime() int64 {
	if e == nil {
		return 0
	}
	return e.due
}

func (t *tenant) create(r *store.Record) *entry {
	r.Created, r.Revision = t.last, t.last
	return t.insert(r)
}

// insert adds a record that has its revisions.
func (t *tenant) insert(r *store.Record) *entry {
	e := &entry{record: r, created: r.Created, due: store.Millis(r.Due)}
	k := t.kind(r.Kind)
	r.Kind = k.name
	k.records.insert(e)
	if e.due != 0 {
		k.due.insert(e)
	}
	for i, key := range r.Index {
		r.Index[i] = t.index(k.name, key, e)
	}
	for _, key := range r.Unique {
		t.holders[key] = e
	}
	t.records[r.ID] = e
	return e
}

// kind returns the records of a kind, which are none yet if there is no such kind.
func (t *tenant) kind(name string) *kind {
	k := t.kinds[name]
	if k == nil {
		k = &kind{name: strings.Clone(name)}
		t.kinds[k.name] = k
	}
	return k
}

// replace exchanges the record of an entry. It keeps the strings that are equal in both
// and drops their new copies.
func (t *tenant) replace(e *entry, r *store.Record) {
	old := e.record
	r.ID, r.Kind, r.Created, r.Revision = old.ID, old.Kind, old.Created, t.last
	sameUnique, sameIndex := slices.Equal(old.Unique, r.Unique), slices.Equal(old.Index, r.Index)
	if !sameUnique {
		for _, key := range r.Unique {
			t.holders[key] = e
		}
	}
	if !sameIndex {
		for _, key := range old.Index {
			if !slices.Contains(r.Index, key) {
				t.unindex(old.Kind, key, e)
			}
		}
		for i, key := range r.Index {
			if at := slices.Index(old.Index, key); at >= 0 {
				r.Index[i] = old.Index[at]
			} else {
				r.Index[i] = t.index(old.Kind, key, e)
			}
		}
	}
	switch {
	case sameUnique && sameIndex:
		r.Unique, r.Index = old.Unique, old.Index
	case sameUnique:
		copy(r.Unique, old.Unique)
	case sameIndex:
		copy(r.Index, old.Index)
	}
	if due := store.Millis(r.Due); due != e.due {
		k := t.kinds[r.Kind]
		if e.due != 0 {
			k.due.remove(e)
		}
		e.due = due
		if e.due != 0 {
			k.due.insert(e)
		}
	}
	e.record = r
}

// remove takes an entry out of all indexes but holders, which apply has cleared.
func (t *tenant) remove(e *entry) {
	r := e.record
	if e.damaged {
		t.damaged--
	}
	delete(t.records, r.ID)
	for _, key := range r.Index {
		t.unindex(r.Kind, key, e)
	}
	k := t.kinds[r.Kind]
	if e.due != 0 {
		k.due.remove(e)
	}
	k.records.remove(e)
	if k.records.len() == 0 {
		delete(t.kinds, r.Kind)
	}
}

// index adds an entry to the list of a term and returns the term's own copy.
func (t *tenant) index(kind string, key store.Key, e *entry) store.Key {
	x := t.terms[termKey{kind, key}]
	if x == nil {
		x = &term{key: cloneKey(key)}
		t.terms[termKey{kind, x.key}] = x
	}
	x.records.insert(e)
	return x.key
}

func (t *tenant) unindex(kind string, key store.Key, e *entry) {
	at := termKey{kind, key}
	x := t.terms[at]
	x.records.remove(e)
	if x.records.len() == 0 {
		delete(t.terms, at)
	}
}
