package redis

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// fixedKeys is how many keys stand before the sorted sets in KEYS of apply.lua.
const fixedKeys = 6

// nonceAt is the place of the nonce in KEYS.
const nonceAt = 3

// plan is an Apply in the form of apply.lua: what changes in every key, worked
// out from Old and New so that the script has nothing to decide but whether. ARGV
// is the tenant, the nonce, the fingerprint, "1" for a repetition, "1" if a key is
// claimed twice, "1" if it frees memory, nine counts, and then the lists below in their
// order.
type plan struct {
	tenant string
	batch  store.Batch
	known  known
	olds   []*store.Record // what each op finds
	keys   []string        // KEYS
	at     map[string]int  // index in keys of a sorted set, from 1 as in Lua

	ids        []string // of each op
	each       []string // what each op expects, in two parts, its body and its note
	require    []string // how, what and the expected revision of each requirement
	claims     []claim  // keys that have to be free, in the order of rule 2, and what they may have
	release    []string // unique keys that nobody holds any more
	hold       []string // unique keys with the IDs of their new holders
	unlist     []string // sorted sets with the members that leave them
	list       []string // sorted sets by Created with the ops whose records enter
	schedule   []string // sorted sets by Due with the members that enter
	queue      []string // sorted sets by Due that change, and their queue members
	twice      *claim   // the first key that two ops claim; nothing behind it is checked
	repetition int      // the place in ARGV of the mark of a repetition
}

// claim is a unique key of op.New.
type claim struct {
	op, key int
	earlier int // the op that claimed it first, where two do
}

// known is what was read for a batch before it is sent.
type known struct {
	removals map[string]removal // by ID: what Remove has found
	unlisted map[string]string  // by unique key: a record that is named as its holder and does not list it
}

// removal is a record that is to be removed whatever is there.
type removal struct {
	old  *store.Record // what is known of it; nil if it is not there
	hash string        // of what is stored
}

// expected is what an op expects of the record that is stored: its front or one of the
// words below, and how its body begins or, for a removal, a hash of all of it.
type expected struct{ how, what string }

const (
	expectNone    = "create"
	expectRemoval = "remove"
)

func isRemoval(op store.Op) bool { return op.New == nil && op.Old.Revision == 0 }

func newPlan(s space, b store.Batch, k known) (*plan, error) {
	p := &plan{tenant: s.tenant, batch: b, known: k}
	p.keys = make([]string, fixedKeys, fixedKeys+8)
	p.keys[0], p.keys[1], p.keys[2] = s.records(), s.unique(), s.feed()
	p.keys[4], p.keys[5] = s.tenants(), s.queue()
	for _, r := range b.Require {
		p.requires(r)
	}
	for i, op := range b.Ops {
		if err := checkOld(i, op.Old); err != nil {
			return nil, err
		}
		old := op.Old
		e := expected{how: expectNone}
		switch {
		case op.Old == nil:
		case isRemoval(op):
			found := k.removals[op.ID()]
			old, e = found.old, expected{how: expectRemoval, what: found.hash}
			if old != nil && old.Revision != 0 && old.Kind != op.Old.Kind {
				return nil, &store.InvalidError{Op: i, What: "Old: kind", Why: "not the record's"}
			}
		default:
			e = expected{how: front(old), what: expectedBody(s.tenant, old)}
		}
		p.olds = append(p.olds, old)
		p.describe(op, e)
		p.moveLists(s, i, op, old)
		p.moveDue(s, op, old)
	}
	p.moveUnique()
	return p, nil
}

// checkOld refuses what the store cannot have returned and what would make the
// script's work unbounded. The digest finds the rest.
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

func (p *plan) requires(r store.Require) {
	switch {
	case r.ID == "":
		field := uniqueField(r.Free)
		p.require = append(p.require, "free", field, p.known.unlisted[field])
	case r.Revision == 0:
		p.require = append(p.require, "record", r.ID, "")
	default:
		p.require = append(p.require, "record", r.ID, digits(r.Revision))
	}
}

func (p *plan) describe(op store.Op, e expected) {
	body := ""
	if op.New != nil {
		body = encodeBody(p.tenant, op.New)
	}
	p.ids = append(p.ids, op.ID())
	p.each = append(p.each, e.how, e.what, body, encodeChange(p.tenant, op))
}

// moveLists works out the sorted sets by Created. A term that stays is not
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
		p.list = append(p.list, p.key(s.kind(op.New.Kind)), op1)
	case op.Type() == store.Deleted && old != nil:
		p.unlist = append(p.unlist, p.key(s.kind(old.Kind)), op.ID())
	}
	for _, term := range before {
		if !slices.Contains(after, term) {
			p.unlist = append(p.unlist, p.key(s.index(old.Kind, term)), op.ID())
		}
	}
	for _, term := range after {
		if !slices.Contains(before, term) {
			p.list = append(p.list, p.key(s.index(op.New.Kind, term)), op1)
		}
	}
}

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
	key := p.key(s.due(kind))
	if before != 0 {
		p.unlist = append(p.unlist, key, dueMember(before, op.ID()))
	}
	if after != 0 {
		p.schedule = append(p.schedule, key, dueMember(after, op.ID()))
	}
	if !slices.Contains(p.queue, key) {
		p.queue = append(p.queue, key, queueMember(kind, p.tenant))
	}
}

// moveUnique works out the unique keys of the whole batch: released first,
// claimed second.
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
				p.hold = append(p.hold, uniqueField(k), op.New.ID)
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

// args returns ARGV for a nonce that stands in keys already.
func (p *plan) args(nonce string) []string {
	lists := [...]struct {
		list []string
		unit int // of the list's count
	}{
		{p.release, 1}, {p.hold, 1}, {p.unlist, 2}, {p.list, 2}, {p.schedule, 2}, {p.queue, 2},
	}
	size := 15 + len(p.ids) + len(p.each) + len(p.require) + 2*len(p.claims)
	for _, l := range lists {
		size += len(l.list)
	}
	args := make([]string, 0, size)
	args = append(args, p.tenant, nonce, "", "0", "0", "0",
		strconv.Itoa(len(p.ids)), strconv.Itoa(len(p.batch.Require)), strconv.Itoa(len(p.claims)))
	p.repetition = 3
	if p.twice != nil {
		args[4] = "1"
	}
	if p.frees() {
		args[5] = "1"
	}
	for _, l := range lists {
		args = append(args, strconv.Itoa(len(l.list)/l.unit))
	}
	args = append(args, p.ids...)
	args = append(args, p.each...)
	args = append(args, p.require...)
	claims := len(args)
	for _, c := range p.claims {
		args = append(args, uniqueField(p.claimed(c)))
	}
	for _, field := range args[claims:] {
		args = append(args, p.known.unlisted[field])
	}
	for _, l := range lists {
		args = append(args, l.list...)
	}
	args[2] = fingerprint(args)
	return args
}

// frees says whether the batch takes away and adds nothing but what tells of it: every op
// deletes, or replaces a record without a note by one that is no longer and is found by
// nothing new.
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

// fingerprint binds a nonce to the arguments that it is first used with.
func fingerprint(args []string) string {
	h := sha256.New()
	b := make([]byte, 0, 512)
	for _, a := range args {
		b = binary.AppendUvarint(b, uint64(len(a)))
		if len(a) > cap(b)-len(b) { // long ones are not copied
			_, _ = h.Write(b)
			_, _ = io.WriteString(h, a)
			b = b[:0]
			continue
		}
		b = append(b, a...)
	}
	_, _ = h.Write(b)
	return string(h.Sum(b[:0])[:digestLen])
}
