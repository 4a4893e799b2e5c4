package memory

import (
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// write is an op as the store keeps it: its own copy of everything.
type write struct {
	does    store.ChangeType
	id      string
	kind    string         // of New, or else of Old
	old     store.Revision // 0: a create, or a removal
	removal bool           // deletes the record whatever its revision
	new     *store.Record  // nil: a deletion
	note    []byte         // nil: none

	entry *entry // the record that the op is about, once checked
}

// copyIn copies the ops of a batch. The strings of index terms are still the
// caller's: the tenant has most of them already and copies the others.
func copyIn(ops []store.Op) []write {
	writes := make([]write, len(ops))
	for i, op := range ops {
		w := write{does: op.Type(), note: cloneNote(op.Note)}
		if op.Old != nil {
			w.id, w.kind, w.old = op.Old.ID, op.Old.Kind, op.Old.Revision
			if w.removal = w.old == 0; w.removal { // the feed may keep it
				w.kind = strings.Clone(w.kind)
			}
		}
		if op.New != nil {
			r := copyOut(op.New)
			if op.Old == nil { // a replacement keeps the ID that is there
				r.ID = strings.Clone(r.ID)
			}
			for k, key := range r.Unique {
				r.Unique[k] = cloneKey(key)
			}
			r.Due = store.FromMillis(store.Millis(r.Due))
			w.id, w.kind, w.new = r.ID, r.Kind, &r
		}
		writes[i] = w
	}
	return writes
}

// copyOut returns a copy of a record that shares no memory with it but strings.
// Both kinds of keys are in one array.
func copyOut(r *store.Record) store.Record {
	out := *r
	out.Unique, out.Index, out.Data = nil, nil, nil
	if u, n := len(r.Unique), len(r.Unique)+len(r.Index); n > 0 {
		keys := make([]store.Key, n)
		copy(keys, r.Unique)
		copy(keys[u:], r.Index)
		if u > 0 {
			out.Unique = keys[:u:u]
		}
		if n > u {
			out.Index = keys[u:]
		}
	}
	if len(r.Data) > 0 {
		out.Data = make([]byte, len(r.Data))
		copy(out.Data, r.Data)
	}
	return out
}

func copyAll(records []*store.Record) []store.Record {
	out := make([]store.Record, len(records))
	for i, r := range records {
		out[i] = copyOut(r)
	}
	return out
}

// cloneKey copies both strings of a key at once.
func cloneKey(key store.Key) store.Key {
	both := key.Kind + key.Value
	if len(key.Value) == 0 || len(key.Kind) == 0 {
		both = strings.Clone(both) // adding nothing copies nothing
	}
	return store.Key{Kind: both[:len(key.Kind)], Value: both[len(key.Kind):]}
}

// cloneNote keeps the difference between no note and an empty one.
func cloneNote(note []byte) []byte {
	if note == nil {
		return nil
	}
	out := make([]byte, len(note))
	copy(out, note)
	return out
}
