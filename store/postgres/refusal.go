package postgres

import (
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// refusal is why the function did not write a batch.
type refusal struct {
	reason int
	about  int // index of the requirement, op or claim
	record record
}

// The reasons of the function.
const (
	staleRequirement = iota + 1
	takenRequirement
	staleOp
	damagedOp
	invalidOp
	unreadOp // the record that it removes is not the one that was read for it
	takenClaim
	twiceClaimed
)

// record is a stored record that is in the way of a batch.
type record struct {
	created, revision, due int64
	id, kind               string
	keys, data             []byte
}

// answers reads the result of the function for a number of batches.
func (r *reply) answers(batches int) []answer {
	revisions, refusals, numbers, texts := r.int8s(), r.int4s(), r.int8s(), r.array()
	if len(revisions) != batches || len(refusals)%3 != 0 || len(numbers) != len(refusals) || len(texts)*3 != 4*len(refusals) {
		r.fail = true
		return nil
	}
	all := make([]answer, batches)
	for i, rev := range revisions {
		all[i].rev, all[i].held = store.Revision(rev), rev < 0
	}
	for ; len(refusals) > 0; refusals, numbers, texts = refusals[3:], numbers[3:], texts[4:] {
		if refusals[0] >= batches {
			r.fail = true
			return nil
		}
		all[refusals[0]].refusal = &refusal{refusals[1], refusals[2], record{
			created: numbers[0], revision: numbers[1], due: numbers[2],
			id: string(texts[0]), kind: string(texts[1]), keys: slices.Clone(texts[2]), data: slices.Clone(texts[3]),
		}}
	}
	return all
}

// decode returns the record, or a DamagedError.
func (r *record) decode() (store.Record, error) {
	unique, index, err := parseKeys(r.keys)
	if err != nil {
		return store.Record{}, &store.DamagedError{ID: r.id}
	}
	return store.Record{
		ID: r.id, Kind: r.kind, Created: store.Revision(r.created), Revision: store.Revision(r.revision),
		Unique: unique, Index: index, Due: store.FromMillis(r.due), Data: r.data,
	}, nil
}

// error returns the error of a refused batch, or a disowned key and no error
// if the record in the way does not hold the key, which only damage can lead to.
func (r *refusal) error(in store.Batch, b *batch) (*disowned, error) {
	op, requirement := -1, -1
	var key store.Key
	switch r.reason {
	case staleRequirement:
		return nil, &store.StaleError{Op: -1, Require: r.about}
	case staleOp:
		return nil, &store.StaleError{Op: r.about, Require: -1}
	case damagedOp:
		return nil, &store.DamagedError{ID: r.record.id}
	case invalidOp:
		return nil, &store.InvalidError{Op: r.about, What: "Old", Why: "not the record of the store"}
	case twiceClaimed:
		c := b.claims[r.about]
		return nil, &store.TakenError{Op: c.op, Require: -1, Key: c.key, Holder: copyOf(in.Ops[c.first].New)}
	case takenRequirement:
		requirement, key = r.about, in.Require[r.about].Free
	default: // takenClaim
		op, key = b.claims[r.about].op, b.claims[r.about].key
	}
	holder, err := r.record.decode()
	switch {
	case err != nil:
		return nil, err
	case slices.Contains(holder.Unique, key):
		return nil, &store.TakenError{Op: op, Require: requirement, Key: key, Holder: holder}
	}
	return &disowned{key: key, holder: holder}, nil
}

// disowned is a unique key whose row names a record that does not hold it.
type disowned struct {
	key    store.Key
	holder store.Record
}

func copyOf(r *store.Record) store.Record {
	c := *r
	c.Unique, c.Index, c.Data = slices.Clone(r.Unique), slices.Clone(r.Index), slices.Clone(r.Data)
	c.Due = store.FromMillis(store.Millis(r.Due))
	return c
}
