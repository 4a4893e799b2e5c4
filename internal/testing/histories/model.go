package histories

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/rollbook-go/rollbook/store"
)

// A history has five records and five unique keys, so that its clients meet.
const (
	ids  = 5
	keys = 5
)

// state is the records and the feed of a tenant by the contract.
type state struct {
	last store.Revision
	docs [ids]doc
	feed *entry // the newest entry
}

// doc is a record; without a revision there is none.
type doc struct {
	created, revision store.Revision
	unique            string // the digits of its unique keys, in their order
	data              string
}

// entry is an entry of the change feed. States share the older entries.
type entry struct {
	change
	before *entry
}

type change struct {
	revision store.Revision
	kind     store.ChangeType
	id       int
	note     string
}

// input is a call.
type input struct {
	method method
	id     int // get: by ID, or -1
	key    int // get: by unique key
	batch
	after store.Revision
	limit int
}

// batch is a store.Batch.
type batch struct {
	ops     []op
	require []requirement
}

// requirement is a store.Require: of a record's revision, 0 for none, or with id -1 of
// a key that is free.
type requirement struct {
	id       int
	revision store.Revision
	key      int
}

type method uint8

const (
	get method = iota
	apply
	changes
)

// whatever is the revision of a removal.
const whatever = store.Revision(-1)

// op is a store.Op: without old a create, without data a deletion, and a removal if old
// is whatever.
type op struct {
	id     int
	old    store.Revision
	unique string
	data   string
	note   string
}

// output is the answer to a call.
type output struct {
	answer
	feed []change
	next store.Revision // where the feed goes on; 0: it does not
}

type answer struct {
	outcome  outcome
	revision store.Revision // done
	op       int            // stale, taken; -1: a requirement
	require  int            // stale, taken; -1: an op
	key      int            // taken
	id       int            // found, taken: the holder
	doc      doc            // found, taken: the holder
}

type outcome uint8

// The outcomes of a call. Calls that failed or stayed unknown without having
// happened are not in the checked history.
const (
	done outcome = iota
	stale
	taken
	unknown
	found
	notFound
	listed
	failed
	outcomes
)

func (o outcome) String() string {
	return [outcomes]string{"done", "stale", "taken", "unknown", "found", "not found", "changes", "failed"}[o]
}

// model is the contract as a model for porcupine. It is deterministic: each state
// has one answer to each call.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		return step(s.(state), in.(input), out.(output))
	},
	Equal: func(a, b any) bool { return equal(a.(state), b.(state)) },
	Hash:  func(s any) uint64 { return uint64(s.(state).last) },
	DescribeOperation: func(in, out any) string {
		return in.(input).String() + " -> " + out.(output).String()
	},
	DescribeState: func(s any) string { return s.(state).String() },
}

func step(s state, in input, out output) (bool, any) {
	switch in.method {
	case get:
		return s.get(in) == out.answer, s
	case changes:
		return out.outcome == listed && s.changes(in, out), s
	default:
		next, answer := s.apply(in.batch)
		return answer == out.answer, next
	}
}

func (s state) get(in input) answer {
	id := in.id
	if id < 0 {
		id = s.holder(in.key)
	}
	if id < 0 || s.docs[id].revision == 0 {
		return answer{outcome: notFound}
	}
	return answer{outcome: found, id: id, doc: s.docs[id]}
}

// holder returns the record that holds a unique key, or -1.
func (s state) holder(key int) int {
	for id, d := range s.docs {
		if d.holds(key) {
			return id
		}
	}
	return -1
}

func (d doc) holds(key int) bool {
	return d.revision > 0 && strings.IndexByte(d.unique, byte('0'+key)) >= 0
}

// requires returns the answer to the first requirement that fails.
func (s state) requires(all []requirement) (a answer, failed bool) {
	for i, r := range all {
		if r.id >= 0 {
			if s.docs[r.id].revision != r.revision {
				return answer{outcome: stale, op: -1, require: i}, true
			}
			continue
		}
		if holder := s.holder(r.key); holder >= 0 {
			return answer{outcome: taken, op: -1, require: i, key: r.key, id: holder, doc: s.docs[holder]}, true
		}
	}
	return answer{}, false
}

// apply is rules 1, 2, 3 and 5.
func (s state) apply(b batch) (state, answer) {
	if a, failed := s.requires(b.require); failed {
		return s, a
	}
	for i, op := range b.ops {
		if at := s.docs[op.id].revision; at != op.old && (op.old != whatever || at == 0) {
			return s, answer{outcome: stale, op: i, require: -1}
		}
	}
	next := s
	for _, op := range b.ops {
		next.docs[op.id] = doc{}
	}
	for i, op := range b.ops {
		next.last++
		kind := store.Deleted
		if op.data != "" {
			for _, digit := range []byte(op.unique) {
				key := int(digit - '0')
				if holder := next.holder(key); holder >= 0 {
					return s, answer{outcome: taken, op: i, require: -1, key: key, id: holder, doc: next.docs[holder]}
				}
			}
			created := s.docs[op.id].created
			kind = store.Updated
			if op.old == 0 {
				created = next.last
				kind = store.Created
			}
			next.docs[op.id] = doc{created: created, revision: next.last, unique: op.unique, data: op.data}
		}
		next.feed = &entry{change{next.last, kind, op.id, op.note}, next.feed}
	}
	return next, answer{outcome: done, revision: next.last}
}

// changes reports whether a page has all entries up to where it goes on.
func (s state) changes(in input, out output) bool {
	var page []change
	for e := s.feed; e != nil && e.revision > in.after; e = e.before {
		if out.next == 0 || e.revision <= out.next {
			page = append(page, e.change)
		}
	}
	slices.Reverse(page)
	return len(out.feed) <= in.limit && (out.next == 0 || out.next > in.after) && slices.Equal(page, out.feed)
}

func equal(a, b state) bool {
	if a.last != b.last || a.docs != b.docs {
		return false
	}
	x, y := a.feed, b.feed
	for x != y {
		if x == nil || y == nil || x.change != y.change {
			return false
		}
		x, y = x.before, y.before
	}
	return true
}

func (in input) String() string {
	switch in.method {
	case get:
		if in.id >= 0 {
			return fmt.Sprintf("get id %d", in.id)
		}
		return fmt.Sprintf("get key %d", in.key)
	case changes:
		return fmt.Sprintf("changes after %d, %d at most", in.after, in.limit)
	default:
		var parts []string
		for _, r := range in.require {
			parts = append(parts, r.String())
		}
		for _, op := range in.ops {
			parts = append(parts, op.String())
		}
		return strings.Join(parts, " + ")
	}
}

func (r requirement) String() string {
	if r.id < 0 {
		return fmt.Sprintf("require key %d free", r.key)
	}
	return fmt.Sprintf("require %d@%d", r.id, r.revision)
}

func (o op) String() string {
	switch {
	case o.old == whatever:
		return fmt.Sprintf("remove %d", o.id)
	case o.old == 0:
		return fmt.Sprintf("create %d [%s] %s", o.id, o.unique, o.data)
	case o.data == "":
		return fmt.Sprintf("delete %d@%d", o.id, o.old)
	default:
		return fmt.Sprintf("replace %d@%d [%s] %s", o.id, o.old, o.unique, o.data)
	}
}

func (out output) String() string {
	switch out.outcome {
	case done:
		return fmt.Sprintf("done @%d", out.revision)
	case stale:
		return fmt.Sprintf("stale: op %d requirement %d", out.op, out.require)
	case taken:
		return fmt.Sprintf("taken: op %d requirement %d key %d by %d %v", out.op, out.require, out.key, out.id, out.doc)
	case found:
		return fmt.Sprintf("%d %v", out.id, out.doc)
	case listed:
		return fmt.Sprintf("%v, next %d", out.feed, out.next)
	default:
		return out.outcome.String()
	}
}

func (d doc) String() string {
	if d.revision == 0 {
		return "-"
	}
	return fmt.Sprintf("@%d/%d [%s] %s", d.created, d.revision, d.unique, d.data)
}

func (c change) String() string {
	return fmt.Sprintf("@%d %v %d (%s)", c.revision, c.kind, c.id, c.note)
}

func (s state) String() string { return fmt.Sprintf("last %d, records %v", s.last, s.docs) }
