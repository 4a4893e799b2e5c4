package redis

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// plan is an Apply in the form of apply.lua: all that changes in every key, derived from
// Old and New, so that the script only has to decide whether to do it.
type plan struct {
	tenant string
	nonce  string
	batch  store.Batch
	known  known
	olds   []*store.Record // what each op finds
	keys   []string        // KEYS
	at     map[string]int  // index in keys of a sorted set, from 1 as in Lua

	// The rows of ARGV; see args.
	ops      []opRow
	requires []requireRow
	claims   []claim    // keys that have to be free, in the order of rule 2
	release  []string   // unique keys that no record holds any more
	hold     []holdRow  // unique keys with their new holders
	unlist   []entryRow // what leaves sorted sets
	list     []listRow  // what enters sorted sets by Created
	schedule []entryRow // what enters sorted sets by Due
	queue    []entryRow // sorted sets by Due that change, with their queue members

	twice   *claim // the first key that two ops claim; claims has nothing behind it
	witness int    // the op whose record shows that the write was done, from 1; 0 for none
}

// opRow is an op.
type opRow struct {
	id     string
	expect expected
	body   string // of the record; "" for none
	note   string // the entry of the feed; "" for none
}

// expected is what an op expects of the stored record: its front, or one of the words
// below; and how its body begins or, for a removal, a hash of all of it.
type expected struct{ how, what string }

const (
	expectNone    = "create"
	expectRemoval = "remove"
)

// requireRow is a requirement: on the key or the record that what names.
type requireRow struct{ how, what, revision string }

// holdRow is a unique key and the ID of its holder.
type holdRow struct{ field, id string }

// entryRow is a sorted set, by its place in KEYS, and a member.
type entryRow struct{ set, member string }

// listRow is a sorted set, by its place in KEYS, and the op whose record enters, from 1.
type listRow struct{ set, op string }

// claim is a unique key of an op's New.
type claim struct {
	op, key int
	earlier int // the op that claimed it first, where two do
}

// known is what was read for a batch before it is sent.
type known struct {
	removals map[string]removal // by ID: what Remove has found
	unlisted map[string]string  // by unique key: the revision and ID of a holder that does not list it
}

// removal is a record that is to be removed in whatever state it is.
type removal struct {
	old  *store.Record // what is known of it; nil if it does not exist
	hash string        // of what is stored
}

func isRemoval(op store.Op) bool { return op.New == nil && op.Old.Revision == 0 }

func newPlan(s space, b store.Batch, k known, nonce string) (*plan, error) {
	p := &plan{tenant: s.tenant, nonce: nonce, batch: b, known: k}
	p.keys = make([]string, fixedKeys, fixedKeys+8)
	copy(p.keys, []string{s.records(), s.unique(), s.feed(), s.nonces(), s.tenants(), s.queue()})
	for _, r := range b.Require {
		p.require(r)
	}
	for i, op := range b.Ops {
		if err := checkOld(i, op.Old); err != nil {
			return nil, err
		}
		old := op.Old
		row := opRow{id: op.ID(), expect: expected{how: expectNone}, note: encodeChange(s.tenant, op)}
		switch {
		case op.Old == nil:
		case isRemoval(op):
			found := k.removals[op.ID()]
			old, row.expect = found.old, expected{how: expectRemoval, what: found.hash}
			if old != nil && old.Revision != 0 && old.Kind != op.Old.Kind {
				return nil, &store.InvalidError{Op: i, What: "Old: kind", Why: "not the record's"}
			}
		default:
			row.expect = expected{how: front(old), what: expectedBody(s.tenant, old)}
		}
		if op.New != nil {
			writer := noWriter
			if p.witness == 0 {
				p.witness, writer = i+1, nonce
			}
			row.body = encodeBody(s.tenant, op.New, writer)
		}
		p.olds, p.ops = append(p.olds, old), append(p.ops, row)
		p.moveLists(s, i, op, old)
		p.moveDue(s, op, old)
	}
	p.moveUnique()
	return p, nil
}

// checkOld refuses an Old that the store cannot have returned and that would make the
// script's work unbounded. The digest finds all others.
func checkOld(i int, old *store.Record) error {
	if old == nil {
		return nil
	}
	if len(old.Unique) > store.MaxUnique || len(old.Index) > store.MaxIndex ||
		len(old.Kind) > store.MaxKind || old.Revision > maxRevision {
		return falseOld(i)
	}
	return nil
}

func falseOld(op int) error {
	return &store.InvalidError{Op: op, What: "Old", Why: "not a record of the store"}
}

func (p *plan) require(r store.Require) {
	row := requireRow{how: "record", what: r.ID}
	switch {
	case r.ID == "":
		field := uniqueField(r.Free)
		row = requireRow{how: "free", what: field, revision: p.known.unlisted[field]}
	case r.Revision != 0:
		row.revision = digits(r.Revision)
	}
	p.requires = append(p.requires, row)
}

// moveLists derives the changes of the sorted sets by Created. A term that stays is not
// touched, so that a walk never misses the record.
func (p *plan) moveLists(s space, i int, op store.Op, old *store.Record) {
	op1 := strconv.Itoa(i + 1)
	var before, after []store.Key
	if old != nil {
		before = old.Index
	}
	if op.New != nil {
		after = op.New.Index
	}
	switch {
	case op.Type() == store.Created:
		p.list = append(p.list, listRow{p.key(s.kind(op.New.Kind)), op1})
	case op.Type() == store.Deleted && old != nil:
		p.unlist = append(p.unlist, entryRow{p.key(s.kind(old.Kind)), op.ID()})
	}
	for _, term := range before {
		if !slices.Contains(after, term) {
			p.unlist = append(p.unlist, entryRow{p.key(s.index(old.Kind, term)), op.ID()})
		}
	}
	for _, term := range after {
		if !slices.Contains(before, term) {
			p.list = append(p.list, listRow{p.key(s.index(op.New.Kind, term)), op1})
		}
	}
}

// moveDue derives the changes of the sorted sets by Due.
func (p *plan) moveDue(s space, op store.Op, old *store.Record) {
	var before, after int64
	var kind string
	if old != nil {
		before, kind = store.Millis(old.Due), old.Kind
	}
	if op.New != nil {
		after, kind = store.Millis(op.New.Due), op.New.Kind
	}
	if before == after {
		return
	}
	set := p.key(s.due(kind))
	if before != 0 {
		p.unlist = append(p.unlist, entryRow{set, dueMember(before, op.ID())})
	}
	if after != 0 {
		p.schedule = append(p.schedule, entryRow{set, dueMember(after, op.ID())})
	}
	if row := (entryRow{set, queueMember(kind, p.tenant)}); !slices.Contains(p.queue, row) {
		p.queue = append(p.queue, row)
	}
}

// moveUnique derives the changes of the unique keys of the whole batch: it releases all
// keys of Olds before it claims those of News.
func (p *plan) moveUnique() {
	released := make(map[store.Key]int) // by which op
	for i, old := range p.olds {
		if old == nil {
			continue
		}
		for _, k := range old.Unique {
			released[k] = i
		}
	}
	claimed := make(map[store.Key]int)
	for i, op := range p.batch.Ops {
		if op.New == nil {
			continue
		}
		for j, k := range op.New.Unique {
			if earlier, ok := claimed[k]; ok {
				if p.twice == nil {
					p.twice = &claim{op: i, key: j, earlier: earlier}
				}
				continue
			}
			claimed[k] = i
			by, free := released[k]
			if !free && p.twice == nil {
				p.claims = append(p.claims, claim{op: i, key: j})
			}
			if !free || by != i {
				p.hold = append(p.hold, holdRow{uniqueField(k), op.New.ID})
			}
		}
	}
	for _, old := range p.olds {
		if old == nil {
			continue
		}
		for _, k := range old.Unique {
			if _, kept := claimed[k]; !kept {
				p.release = append(p.release, uniqueField(k))
			}
		}
	}
}

// key returns the place of a sorted set in KEYS, as Lua counts.
func (p *plan) key(name string) string {
	i, ok := p.at[name]
	if !ok {
		if p.at == nil {
			p.at = make(map[string]int)
		}
		p.keys = append(p.keys, name)
		i = len(p.keys)
		p.at[name] = i
	}
	return strconv.Itoa(i)
}

// fixedKeys is how many keys stand in KEYS before the sorted sets, againAt the place in ARGV
// of the mark of a repetition.
const (
	fixedKeys = 6
	againAt   = 2
)

// args returns ARGV of apply.lua, which reads it in this order: tenant, nonce, the mark of a
// repetition, the head, and the rows. What an op expects and what it writes come apart, each
// where the script needs it.
func (p *plan) args(waits bool) []string {
	args := make([]string, 0, 4+5*len(p.ops)+3*len(p.requires)+2*len(p.claims)+len(p.release)+
		2*(len(p.hold)+len(p.unlist)+len(p.list)+len(p.schedule)+len(p.queue)))
	args = append(args, p.tenant, p.nonce, "0", p.head(waits))
	for _, r := range p.ops {
		args = append(args, r.id)
	}
	for _, r := range p.requires {
		args = append(args, r.how, r.what, r.revision)
	}
	for _, r := range p.ops {
		args = append(args, r.expect.how, r.expect.what)
	}
	claims := len(args)
	for _, c := range p.claims {
		args = append(args, uniqueField(p.claimed(c)))
	}
	for _, field := range args[claims:] {
		args = append(args, p.known.unlisted[field])
	}
	for _, r := range p.ops {
		args = append(args, r.body, r.note)
	}
	args = append(args, p.release...)
	for _, r := range p.hold {
		args = append(args, r.field, r.id)
	}
	for _, r := range p.unlist {
		args = append(args, r.set, r.member)
	}
	for _, r := range p.list {
		args = append(args, r.set, r.op)
	}
	for _, r := range p.schedule {
		args = append(args, r.set, r.member)
	}
	for _, r := range p.queue {
		args = append(args, r.set, r.member)
	}
	return args
}

// head returns the flags and the numbers of rows: a byte each, two for those that may be
// more than 255. The limits of a batch keep all below 65536.
func (p *plan) head(waits bool) string {
	head := make([]byte, 0, 20)
	for _, on := range [...]bool{p.twice != nil, p.frees(), waits} {
		head = append(head, 0)
		if on {
			head[len(head)-1] = 1
		}
	}
	head = append(head, byte(len(p.ops)), byte(len(p.requires)), byte(p.witness))
	for _, n := range [...]int{
		len(p.claims), len(p.release), len(p.hold), len(p.unlist), len(p.list), len(p.schedule), len(p.queue),
	} {
		head = binary.BigEndian.AppendUint16(head, uint16(n)) //nolint:gosec // see above
	}
	return string(head)
}

// frees reports whether the batch needs no memory but for its entries in the feed: every
// op deletes a record, or replaces it without a note by one that is no longer and is found
// by nothing new.
func (p *plan) frees() bool {
	if len(p.hold) > 0 || len(p.list) > 0 {
		return false
	}
	for i, op := range p.batch.Ops {
		if op.New != nil && (op.Note != nil || len(op.New.Data) > len(p.olds[i].Data)) {
			return false
		}
	}
	return true
}

func (p *plan) claimed(c claim) store.Key { return p.batch.Ops[c.op].New.Unique[c.key] }
