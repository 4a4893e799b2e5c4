package redis

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// fixedKeys is how many keys stand before the sorted sets in KEYS of apply.lua.
const fixedKeys = 7

// plan is an Apply in the form of apply.lua: what changes in every key, worked
// out from Old and New so that the script has nothing to decide but whether.
type plan struct {
	tenant string
	ops    []store.Op
	keys   []string       // KEYS; the nonce is filled in by args
	at     map[string]int // index in keys of a sorted set, from 1 as in Lua
	each   []string       // ID, revision, digest, body and note of each op

	claims []claim // keys that have to be free, in the order of judgement
	twice  *claim  // the first key that two ops claim; nothing behind it is judged

	release, hold            []string // unique keys that lose and get a holder
	unlist, list             []string // places in lists
	unschedule, schedule     []string // places in due sets
	releases, holds, unlists int
	lists, dues              int
	queue                    []string // due sets whose earliest may have changed
	queued                   map[string]bool
}

// claim is a unique key of op.New.
type claim struct {
	op, key int
	earlier int // the op that claimed it first, where two do
}

func newPlan(s space, ops []store.Op) (*plan, error) {
	p := &plan{tenant: s.tenant, ops: ops}
	p.keys = make([]string, fixedKeys, fixedKeys+8)
	p.keys[0], p.keys[1], p.keys[2], p.keys[3] = s.meta(), s.records(), s.unique(), s.feed()
	p.keys[5], p.keys[6] = s.tenants(), s.queue()
	for i, op := range ops {
		if err := checkOld(i, op.Old); err != nil {
			return nil, err
		}
		p.describe(op)
		p.moveLists(s, i, op)
		p.moveDue(s, i, op)
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

func (p *plan) describe(op store.Op) {
	var revision, old, body string
	if op.Old != nil {
		revision = digits(op.Old.Revision)
		old = digest(p.tenant, op.Old.ID, head(op.Old))
	}
	if op.New != nil {
		body = encodeBody(p.tenant, op.New)
	}
	p.each = append(p.each, op.ID(), revision, old, body, encodeChange(p.tenant, op))
}

// moveLists works out the sorted sets by Created. A term that stays is not
// touched, so that a walk never misses the record.
func (p *plan) moveLists(s space, i int, op store.Op) {
	op1 := strconv.Itoa(i + 1)
	var before, after []store.Key
	if op.Old != nil {
		before = op.Old.Index
	}
	if op.New != nil {
		after = op.New.Index
	}
	switch op.Type() {
	case store.Created:
		p.list = append(p.list, p.key(s.kind(op.New.Kind)), op1)
		p.lists++
	case store.Deleted:
		p.unlist = append(p.unlist, p.key(s.kind(op.Old.Kind)), op1)
		p.unlists++
	case store.Updated: // its kind stays
	}
	for _, term := range before {
		if !slices.Contains(after, term) {
			p.unlist = append(p.unlist, p.key(s.index(op.Old.Kind, term)), op1)
			p.unlists++
		}
	}
	for _, term := range after {
		if !slices.Contains(before, term) {
			p.list = append(p.list, p.key(s.index(op.New.Kind, term)), op1)
			p.lists++
		}
	}
}

func (p *plan) moveDue(s space, i int, op store.Op) {
	var before, after int64
	var kind string
	if op.Old != nil {
		before, kind = store.Millis(op.Old.Due), op.Old.Kind
	}
	if op.New != nil {
		after, kind = store.Millis(op.New.Due), op.New.Kind
	}
	if before == after {
		return
	}
	name := s.due(kind)
	op1 := strconv.Itoa(i + 1)
	if after == 0 {
		p.unlist = append(p.unlist, p.key(name), op1)
		p.unlists++
	} else {
		p.schedule = append(p.schedule, p.key(name), strconv.FormatInt(after, 10), op1)
		p.dues++
	}
	if !p.queued[name] {
		if p.queued == nil {
			p.queued = make(map[string]bool)
		}
		p.queued[name] = true
		p.queue = append(p.queue, p.key(name), queueMember(kind, p.tenant))
	}
}

// moveUnique works out the unique keys of the whole batch: released first,
// claimed second.
func (p *plan) moveUnique() {
	released := make(map[store.Key]int) // by which op
	for i, op := range p.ops {
		if op.Old == nil {
			continue
		}
		for _, k := range op.Old.Unique {
			released[k] = i
		}
	}
	claimed := make(map[store.Key]int)
	for i, op := range p.ops {
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
				p.hold = append(p.hold, uniqueField(k), strconv.Itoa(i+1))
				p.holds++
			}
		}
	}
	for _, op := range p.ops {
		if op.Old == nil {
			continue
		}
		for _, k := range op.Old.Unique {
			if _, kept := claimed[k]; !kept {
				p.release = append(p.release, uniqueField(k))
				p.releases++
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

// args returns KEYS and ARGV behind the nonce's fields.
func (p *plan) args() []string {
	args := make([]string, 0, len(p.each)+4*len(p.claims)+16+len(p.hold)+len(p.list))
	args = append(args, strconv.Itoa(len(p.ops)))
	args = append(args, p.each...)
	args = append(args, strconv.Itoa(len(p.claims)))
	for _, c := range p.claims {
		args = append(args, uniqueField(p.ops[c.op].New.Unique[c.key]))
	}
	if p.twice != nil {
		args = append(args, "1")
	} else {
		args = append(args, "0")
	}
	for _, part := range []struct {
		count int
		args  []string
	}{
		{p.releases, p.release},
		{p.holds, p.hold},
		{p.unlists, p.unlist},
		{p.lists, p.list},
		{p.dues, p.schedule},
		{len(p.queue) / 2, p.queue},
	} {
		args = append(args, strconv.Itoa(part.count))
		args = append(args, part.args...)
	}
	return args
}

// fingerprint binds a nonce to what it was used for.
func (p *plan) fingerprint(args []string) string {
	h := sha256.New()
	var length [binary.MaxVarintLen64]byte
	add := func(s string) {
		_, _ = h.Write(length[:binary.PutUvarint(length[:], uint64(len(s)))])
		_, _ = h.Write([]byte(s))
	}
	for i, k := range p.keys {
		if i != 4 { // the nonce itself
			add(k)
		}
	}
	for _, a := range args {
		add(a)
	}
	return string(h.Sum(nil)[:digestLen])
}
