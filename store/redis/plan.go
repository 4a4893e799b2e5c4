package redis

import (
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
	at     map[string]int  // in keys, of the sorted sets, from 1 as in Lua; nil while they are few

	// The rows of ARGV; see args.
	ops      []opRow
	requires []requireRow
	claims   []claim    // keys that have to be free, in the order of rule 2
	release  []string   // unique keys that no record holds any more
	hold     []holdRow  // unique keys with their new holders
	unlist   []entryRow // what leaves sorted sets
	list     []entryRow // what enters sorted sets by Created
	kinds    []string   // of the records that are created
	schedule []entryRow // what enters sorted sets by Due
	queue    []entryRow // sorted sets by Due that change, with their queue members
	queueKey string     // the place of the queue in KEYS, if they are any

	twice   *claim // the first key that two ops claim; claims has nothing behind it
	witness int    // the op whose record shows that the write was done, from 1; 0 for none
}

// opRow is an op.
type opRow struct {
	id     string
	expect expected
	body   []byte // of the record; none if it is deleted
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

// entryRow is a sorted set, by its place in KEYS, and a member; or, in plan.list, the op whose
// record enters, from 1.
type entryRow struct{ set, member string }

// claim is a unique key of an op's New.
type claim struct {
	op, key int
	field   string // in the hash of unique keys
	earlier int    // the op that claimed it first, where two do
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
	tag := tenantTag(s.tenant)
	p.keys = s.fixed(tag)
	p.ops, p.olds = make([]opRow, 0, len(b.Ops)), make([]*store.Record, 0, len(b.Ops))
	for _, r := range b.Require {
		p.require(r)
	}
	for i, op := range b.Ops {
		if err := checkOld(i, op.Old); err != nil {
			return nil, err
		}
		old := op.Old
		row := opRow{id: op.ID(), expect: expected{how: expectNone}, note: encodeOp(tag, op)}
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
		p.list = append(p.list, entryRow{p.key(s.kind(op.New.Kind)), op1})
		if !slices.Contains(p.kinds, op.New.Kind) {
			p.kinds = append(p.kinds, op.New.Kind)
		}
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
			p.list = append(p.list, entryRow{p.key(s.index(op.New.Kind, term)), op1})
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
	if p.queueKey == "" {
		p.queueKey = p.key(s.queue())
	}
	if row := (entryRow{set, queueMember(kind, p.tenant)}); !slices.Contains(p.queue, row) {
		p.queue = append(p.queue, row)
	}
}

// moveUnique derives the changes of the unique keys of the whole batch: it releases all
// keys of Olds before it claims those of News.
func (p *plan) moveUnique() {
	var released, claimed places[store.Key] // by which op
	for i, old := range p.olds {
		if old == nil {
			continue
		}
		for _, k := range old.Unique {
			released.set(k, i)
		}
	}
	for i, op := range p.batch.Ops {
		if op.New == nil {
			continue
		}
		for j, k := range op.New.Unique {
			if earlier, ok := claimed.get(k); ok {
				if p.twice == nil {
					p.twice = &claim{op: i, key: j, earlier: earlier}
				}
				continue
			}
			claimed.set(k, i)
			by, free := released.get(k)
			if free && by == i {
				continue
			}
			field := uniqueField(k)
			if !free && p.twice == nil {
				p.claims = append(p.claims, claim{op: i, key: j, field: field})
			}
			p.hold = append(p.hold, holdRow{field, op.New.ID})
		}
	}
	for _, old := range p.olds {
		if old == nil {
			continue
		}
		for _, k := range old.Unique {
			if _, kept := claimed.get(k); !kept {
				p.release = append(p.release, uniqueField(k))
			}
		}
	}
}

// key returns the place of a sorted set in KEYS, as Lua counts.
func (p *plan) key(name string) string {
	if len(p.keys) < fixedKeys+shortest {
		for i := fixedKeys; i < len(p.keys); i++ {
			if p.keys[i] == name {
				return strconv.Itoa(i + 1)
			}
		}
	} else if p.at == nil {
		p.at = make(map[string]int, 2*shortest)
		for i, name := range p.keys[fixedKeys:] {
			p.at[name] = fixedKeys + i + 1
		}
	}
	i, ok := p.at[name]
	if !ok {
		p.keys = append(p.keys, name)
		i = len(p.keys)
		if p.at != nil {
			p.at[name] = i
		}
	}
	return strconv.Itoa(i)
}

// fixedKeys is how many keys stand in KEYS before the sorted sets, againAt the place in ARGV
// of the mark of a repetition.
const (
	fixedKeys = 6
	againAt   = 2
)

// command returns the command that runs apply.lua, which reads ARGV in this order: tenant,
// nonce, the mark of a repetition, the head, and the rows. What an op expects and what it
// writes come apart, each where the script needs it. Texts are given by pointers, which
// costs no memory. The key of the slot is one that go-redis can read.
func (p *plan) command(sha string, waits bool) []any {
	args := make([]any, 0, argvAt(len(p.keys))+4+5*len(p.ops)+3*len(p.requires)+2*len(p.claims)+len(p.release)+
		2*(len(p.hold)+len(p.unlist)+len(p.list)+len(p.schedule)+len(p.queue)))
	add := func(texts ...*string) {
		for _, t := range texts {
			args = append(args, t)
		}
	}
	args = append(args, "evalsha", sha, strconv.Itoa(len(p.keys)), p.keys[0])
	for i := range p.keys[1:] {
		add(&p.keys[1+i])
	}
	args = append(args, &p.tenant, &p.nonce, "0", p.head(waits))
	for i := range p.ops {
		add(&p.ops[i].id)
	}
	for i := range p.requires {
		r := &p.requires[i]
		add(&r.how, &r.what, &r.revision)
	}
	for i := range p.ops {
		e := &p.ops[i].expect
		add(&e.how, &e.what)
	}
	for i := range p.claims {
		add(&p.claims[i].field)
	}
	for i := range p.claims {
		if len(p.known.unlisted) > 0 {
			args = append(args, p.known.unlisted[p.claims[i].field])
		}
	}
	for i := range p.ops {
		args = append(args, p.ops[i].body)
		add(&p.ops[i].note)
	}
	for i := range p.release {
		add(&p.release[i])
	}
	for i := range p.hold {
		add(&p.hold[i].field, &p.hold[i].id)
	}
	for i, rows := range [...][]entryRow{p.unlist, p.list, p.schedule, p.queue} {
		switch {
		case i == 2:
			for j := range p.kinds {
				add(&p.kinds[j])
			}
		case i == 3 && len(rows) > 0:
			args = append(args, p.queueKey)
		}
		for i := range rows {
			add(&rows[i].set, &rows[i].member)
		}
	}
	return args
}

// argvAt returns where ARGV begins in a command with so many keys.
func argvAt(keys int) int { return 3 + keys }

// head returns the flags and the numbers of rows, in digits of base 200 that begin at byte
// 40: none is a zero, which redis-benchmark could not send. The limits of a batch keep the
// first four below 200 and the others below 40,000.
func (p *plan) head(waits bool) string {
	head := make([]byte, 0, 22)
	for _, on := range [...]bool{p.twice != nil, p.frees(), waits, len(p.known.unlisted) > 0} {
		if on {
			head = append(head, '1')
		} else {
			head = append(head, '0')
		}
	}
	for _, n := range [...]int{len(p.ops), len(p.requires), p.witness, len(p.kinds)} {
		head = append(head, byte(40+n)) //nolint:gosec // see above
	}
	for _, n := range [...]int{
		len(p.claims), len(p.release), len(p.hold), len(p.unlist), len(p.list), len(p.schedule), len(p.queue),
	} {
		head = append(head, byte(40+n/200), byte(40+n%200)) //nolint:gosec // see above
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
