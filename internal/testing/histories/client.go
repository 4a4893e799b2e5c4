package histories

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// client makes the calls of one caller, one after the other.
type client struct {
	*recorder
	number int
	random *rand.Rand
	left   int // calls still to make
	writes int // made so far: it names them

	known   [ids]store.Record // as last read; no ID: not known
	read    store.Revision    // the feed up to here
	typical time.Duration     // of a call, lately
	err     error             // the first answer that the contract does not allow
}

func newClient(r *recorder, number int) *client {
	return &client{
		recorder: r,
		number:   number,
		random:   rand.New(rand.NewPCG(r.seed, uint64(number))),
		left:     r.options.Calls,
		typical:  20 * time.Microsecond,
	}
}

func (c *client) run(ctx context.Context) error {
	for c.left > 0 && c.err == nil {
		switch n := c.random.IntN(100); {
		case n < 15:
			c.getID(ctx, c.random.IntN(ids))
		case n < 30:
			c.getKey(ctx, c.random.IntN(keys))
		case n < 40:
			c.changes(ctx)
		case n < 54:
			c.create(ctx)
		case n < 80:
			c.replace(ctx)
		case n < 83:
			c.delete(ctx)
		case n < 85:
			c.apply(ctx, op{id: c.random.IntN(ids), old: whatever, note: c.name()})
		case n < 94:
			c.swap(ctx)
		default:
			c.takeOver(ctx)
		}
		if c.random.IntN(4) == 0 {
			runtime.Gosched()
		}
	}
	return c.err
}

func (c *client) getID(ctx context.Context, id int) {
	c.known[id] = store.Record{}
	c.call(ctx, input{method: get, id: id})
}

func (c *client) getKey(ctx context.Context, key int) {
	c.call(ctx, input{method: get, id: -1, key: key})
}

func (c *client) changes(ctx context.Context) {
	after := c.read
	if c.random.IntN(8) == 0 {
		after = store.Revision(c.random.Int64N(int64(c.read) + 1))
	}
	c.call(ctx, input{method: changes, after: after, limit: 1 + c.random.IntN(50)})
}

func (c *client) create(ctx context.Context) {
	c.apply(ctx, c.creation(c.unknownID(), c.pickKeys()))
}

func (c *client) replace(ctx context.Context) {
	id := c.random.IntN(ids)
	if !c.knows(ctx, id) {
		return
	}
	unique := digitsOf(c.known[id].Unique)
	if c.random.IntN(2) == 0 {
		unique = c.pickKeys()
	}
	c.apply(ctx, c.replacement(id, unique))
}

func (c *client) delete(ctx context.Context) {
	if id := c.random.IntN(ids); c.knows(ctx, id) {
		c.apply(ctx, c.deletion(id))
	}
}

// swap exchanges the keys of two records in one batch.
func (c *client) swap(ctx context.Context) {
	a := c.random.IntN(ids)
	b := (a + 1 + c.random.IntN(ids-1)) % ids
	if !c.knows(ctx, a) || !c.knows(ctx, b) {
		return
	}
	keysOfA, keysOfB := digitsOf(c.known[a].Unique), digitsOf(c.known[b].Unique)
	if strings.ContainsAny(keysOfA, keysOfB) {
		return // the two were read at different moments; the batch would claim a key twice
	}
	c.apply(ctx, c.replacement(a, keysOfB), c.replacement(b, keysOfA))
}

// takeOver deletes a record and gives its keys to a new one in one batch.
func (c *client) takeOver(ctx context.Context) {
	a := c.random.IntN(ids)
	b := (a + 1 + c.random.IntN(ids-1)) % ids
	if c.knows(ctx, a) {
		c.apply(ctx, c.deletion(a), c.creation(b, digitsOf(c.known[a].Unique)))
	}
}

// knows reports whether a record exists. It reads a record that is not known, and
// sometimes one that is. Writes of records that were just read mostly succeed, the
// others mostly do not; both are wanted.
func (c *client) knows(ctx context.Context, id int) bool {
	if c.known[id].ID == "" || c.random.IntN(2) == 0 {
		c.getID(ctx, id)
	}
	return c.known[id].ID != ""
}

// unknownID returns an ID that may not be in use.
func (c *client) unknownID() int {
	id := c.random.IntN(ids)
	for range ids {
		if c.known[id].ID == "" {
			break
		}
		id = (id + 1) % ids
	}
	return id
}

// pickKeys returns none to two keys in any order.
func (c *client) pickKeys() string {
	digits := make([]byte, 0, 2)
	for _, key := range c.random.Perm(keys)[:c.random.IntN(3)] {
		digits = append(digits, byte('0'+key))
	}
	return string(digits)
}

func (c *client) creation(id int, unique string) op {
	name := c.name()
	return op{id: id, unique: unique, data: name, note: name}
}

func (c *client) replacement(id int, unique string) op {
	name := c.name()
	return op{id: id, old: c.known[id].Revision, unique: unique, data: name, note: name}
}

func (c *client) deletion(id int) op {
	return op{id: id, old: c.known[id].Revision, note: c.name()}
}

// name names an op within the history.
func (c *client) name() string {
	c.writes++
	return strconv.Itoa(c.number) + "-" + strconv.Itoa(c.writes)
}

// apply makes the write and keeps the records that are known after it.
func (c *client) apply(ctx context.Context, ops ...op) {
	b := batch{ops: ops, require: c.requirements()}
	sent := store.Batch{Ops: make([]store.Op, len(ops))}
	for _, r := range b.require {
		sent.Require = append(sent.Require, r.sent())
	}
	for i, op := range ops {
		old := c.known[op.id]
		switch {
		case op.old == whatever:
			sent.Ops[i] = store.Remove(idNames[op.id], recordKind, []byte(op.note))
		case op.old == 0:
			sent.Ops[i] = store.Create(op.record(), []byte(op.note))
		case op.data == "":
			sent.Ops[i] = store.Delete(old, []byte(op.note))
		default:
			sent.Ops[i] = store.Replace(old, op.record(), []byte(op.note))
		}
	}
	result := c.callApply(ctx, input{method: apply, batch: b}, sent)
	for i, op := range ops {
		old := c.known[op.id]
		c.known[op.id] = store.Record{}
		if result.outcome != done || op.data == "" || c.random.IntN(2) == 0 {
			continue
		}
		r := op.record()
		r.Revision = result.revision - store.Revision(len(ops)-1-i)
		r.Created = old.Created
		if op.old == 0 {
			r.Created = r.Revision
		}
		c.known[op.id] = r
	}
}

// requirements returns one or two requirements for one write in four. Each held when its
// record was last read, or may hold.
func (c *client) requirements() []requirement {
	if c.random.IntN(4) > 0 {
		return nil
	}
	var all []requirement
	for range 1 + c.random.IntN(2) {
		r := requirement{id: c.random.IntN(ids)}
		if r.revision = c.known[r.id].Revision; r.revision == 0 && c.random.IntN(2) == 0 {
			r = requirement{id: -1, key: c.random.IntN(keys)}
		}
		all = append(all, r)
	}
	return all
}

// sent returns the requirement as a store.Require.
func (r requirement) sent() store.Require {
	if r.id < 0 {
		return store.RequireFree(store.Key{Kind: uniqueKind, Value: keyNames[r.key]})
	}
	return store.Require{ID: idNames[r.id], Revision: r.revision}
}

// learn keeps a record that was read.
func (c *client) learn(r store.Record) {
	if id := slices.Index(idNames[:], r.ID); id >= 0 {
		c.known[id] = r
	}
}
