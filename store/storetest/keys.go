package storetest

import (
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func keyChecks() []check {
	return []check{
		{"keys/get", 2, "Get finds a record by its ID and by each of its unique keys, and by nothing else", keysGet},
		{"keys/taken", 2, "a key that another record holds refuses the batch, with the key and the whole holder", keysTaken},
		{"keys/across-kinds", 2, "a key has one holder, whatever the kinds of the records", keysAcrossKinds},
		{"keys/first-taken", 2, "TakenError names the first op that has a taken key, and its first such key", keysFirstTaken},
		{"keys/twice-in-batch", 2, "a key that two ops of a batch claim refuses it; the holder is the earlier op's New", keysTwiceInBatch},
		{"keys/own", 2, "a record may keep, reorder and repeat the claim of its own keys", keysOwn},
		{"keys/released", 2, "deleting a record or replacing it without a key frees the key", keysReleased},
		{"keys/move", 2, "keys move and swap between records of one batch, in any order of the ops", keysMove},
		{"keys/takeover", 2, "a batch that deletes a key's holder may claim the key", keysTakeover},
		{"keys/rotate", 2, "keys rotate among many records in one batch", keysRotate},
		{"keys/not-index", 2, "unique keys, index terms and IDs do not mix", keysNotIndex},
	}
}

func keysGet(s *subject) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"), plain("c"))
	c.has(made...)
	c.absent(
		store.ID("d"), store.ID("A"), store.ID("a@example.com"),
		store.Key{Kind: "name", Value: "d"}, store.Key{Kind: "name", Value: ""}, store.Key{Kind: "name", Value: "a@example.com"},
		store.Key{Kind: "user", Value: "a"}, store.Key{Kind: "own", Value: "a"},
	)
	s.tenant("nobody").absent(store.ID("a"), made[0].Unique[0])
}

func keysTaken(s *subject) {
	c := s.tenant("t")
	holder := c.replace(c.create1(full("holder")), withData(full("holder"), "second"))
	other := c.create1(plain("other"))
	claim := func(id string) store.Record {
		r := plain(id)
		r.Unique = []store.Key{{Kind: "free", Value: id}, holder.Unique[1]}
		return r
	}
	for _, c := range []*client{c, c.other()} {
		c.taken(0, holder.Unique[1], holder, store.Create(claim("new"), nil))
		c.taken(0, holder.Unique[1], holder, store.Replace(other, claim("other"), nil))
	}
	c.absent(store.ID("new"), store.Key{Kind: "free", Value: "new"}, store.Key{Kind: "free", Value: "other"})
	c.exactly(holder, other)
}

func keysAcrossKinds(s *subject) {
	c := s.tenant("t")
	holder := c.create1(withKeys(plain("a"), "k"))
	claim := withKeys(plain("b"), "k")
	claim.Kind = "group"
	c.taken(0, key("k"), holder, store.Create(claim, nil))
	// The same value under another kind of key is another key.
	claim.Unique = []store.Key{{Kind: "yek", Value: "k"}}
	group := c.create1(claim)
	c.has(holder, group)
}

func keysFirstTaken(s *subject) {
	c := s.tenant("t")
	one := c.create1(withKeys(plain("one"), "z", "1"))
	two := c.create1(withKeys(plain("two"), "b", "2"))
	// The order of New.Unique decides, not that of the keys or their holders.
	c.taken(0, key("z"), one, store.Create(withKeys(plain("x"), "free", "z", "b", "1"), nil))
	c.taken(0, key("2"), two, store.Create(withKeys(plain("x"), "2", "1", "b", "z"), nil))
	// The order of the ops comes first.
	c.taken(1, key("b"), two,
		store.Create(withKeys(plain("w"), "free"), nil), store.Create(withKeys(plain("x"), "b"), nil), store.Create(withKeys(plain("y"), "1"), nil))
	// A key held by a record that the batch replaces, and keeps.
	after := withData(withKeys(plain("one"), "1", "z"), "after")
	third := withData(after, "after")
	third.Created, third.Revision = one.Created, 0
	c.taken(1, key("z"), third, store.Replace(one, after, nil), store.Create(withKeys(plain("x"), "z"), nil))
	c.has(one, two)
	c.absent(store.ID("w"), store.ID("x"), store.ID("y"), key("free"))
}

func keysTwiceInBatch(s *subject) {
	c := s.tenant("t")
	held := c.create1(withKeys(plain("held"), "h"))
	x, y := withKeys(plain("x"), "1", "k"), withKeys(plain("y"), "2", "k")
	y.Kind = "group"
	c.taken(1, key("k"), x, store.Create(x, nil), store.Create(y, nil))
	c.taken(1, key("k"), y, store.Create(y, nil), store.Create(x, nil))
	// Both faults: whichever key comes first in the first op that has one.
	c.taken(1, key("k"), x, store.Create(x, nil), store.Create(withKeys(plain("y"), "k", "h"), nil))
	c.taken(1, key("h"), held, store.Create(x, nil), store.Create(withKeys(plain("y"), "h", "k"), nil))
	c.taken(1, key("k"), x, store.Create(x, nil), store.Create(y, nil), store.Create(withKeys(plain("z"), "h"), nil))
	c.taken(1, key("h"), held, store.Create(x, nil), store.Create(withKeys(plain("z"), "h"), nil), store.Create(y, nil))
	// A key that the batch frees goes to one claimant only.
	c.taken(2, key("h"), withKeys(plain("x"), "h"),
		store.Delete(held, nil), store.Create(withKeys(plain("x"), "h"), nil), store.Create(withKeys(plain("y"), "h"), nil))
	// The holder is as a read would return it.
	y.Due = day(1)
	west := y
	west.Due = y.Due.In(time.FixedZone("west", -11*3600))
	c.taken(1, key("k"), y, store.Create(west, nil), store.Create(x, nil))
	c.exactly(held)
	c.absent(store.ID("x"), store.ID("y"), store.ID("z"), key("1"), key("2"), key("k"))
}

func keysOwn(s *subject) {
	c := s.tenant("t")
	r := c.create1(withKeys(plain("a"), "1", "2", "3"))
	r = c.replace(r, withKeys(plain("a"), "1", "2", "3"))
	c.has(r)
	r = c.replace(r, withKeys(plain("a"), "3", "1", "2"))
	c.has(r)
	r = c.replace(r, withKeys(plain("a"), "4", "3", "5"))
	c.has(r)
	c.absent(key("1"), key("2"))
}

func keysReleased(s *subject) {
	c := s.tenant("t")
	r := c.create1(full("a"))
	r = c.replace(r, plain("a"))
	c.absent(full("a").Unique...)
	other := full("b")
	other.Unique = full("a").Unique
	next := c.create1(other)
	c.exactly(r, next)
	c.delete(next)
	c.absent(store.ID("b"), other.Unique[0], other.Unique[1])
	r = c.replace(r, full("a"))
	c.exactly(r)
	c.delete(r)
	c.absent(append(full("a").Unique, store.ID("a"))...)
	again := c.create1(full("a"))
	c.exactly(again)
}

func keysMove(s *subject) {
	c := s.tenant("t")
	made := c.create(withKeys(plain("a"), "1"), withKeys(plain("b"), "2"), withKeys(plain("c"), "3"))
	a, b := made[0], made[1]
	for range 2 { // swap, there and back, with the ops in both orders
		na, nb := withKeys(plain("a"), b.Unique[0].Value), withKeys(plain("b"), a.Unique[0].Value)
		rev := c.apply(store.Replace(a, na, nil), store.Replace(b, nb, nil))
		a.Unique, a.Revision, b.Unique, b.Revision = na.Unique, rev-1, nb.Unique, rev
		c.has(a, b, made[2])
		na, nb = withKeys(plain("a"), b.Unique[0].Value), withKeys(plain("b"), a.Unique[0].Value)
		rev = c.apply(store.Replace(b, nb, nil), store.Replace(a, na, nil))
		a.Unique, a.Revision, b.Unique, b.Revision = na.Unique, rev, nb.Unique, rev-1
		c.has(a, b, made[2])
	}
	// A key moves to a record whose op comes before the op that releases it.
	both := withKeys(plain("a"), "1", "2")
	rev := c.apply(store.Replace(a, both, nil), store.Replace(b, plain("b"), nil))
	a.Unique, a.Revision, b.Unique, b.Revision = both.Unique, rev-1, nil, rev
	c.exactly(a, b, made[2])
}

func keysTakeover(s *subject) {
	c := s.tenant("t")
	old := c.create1(full("old"))
	for i, order := range []bool{true, false} {
		heir := full([]string{"heir", "next"}[i])
		heir.Unique = old.Unique
		ops := []store.Op{store.Delete(old, nil), store.Create(heir, nil)}
		at := store.Revision(0)
		if !order {
			ops[0], ops[1], at = ops[1], ops[0], 1
		}
		rev := c.apply(ops...)
		heir.Created, heir.Revision = rev-at, rev-at
		c.exactly(heir)
		c.absent(store.ID(old.ID))
		old = heir
	}
}

func keysRotate(s *subject) {
	c := s.tenant("t")
	const n = 32
	made := c.createN(n, func(i int) store.Record {
		return withKeys(plain(string(rune('A'+i))), string(rune('A'+i)), string(rune('A'+i))+"2")
	})
	for range 3 {
		var ops []store.Op
		next := make([]store.Record, n)
		for i, r := range made {
			next[i] = r
			next[i].Unique = []store.Key{made[(i+1)%n].Unique[0], r.Unique[1]}
			ops = append(ops, store.Replace(r, next[i], nil))
		}
		first := c.apply(ops...) - n + 1
		for i := range next {
			next[i].Revision = first + store.Revision(i)
		}
		made = next
		c.has(made...)
	}
}

func keysNotIndex(s *subject) {
	c := s.tenant("t")
	a := withTerms(withKeys(plain("a"), "u"), "i", "b")
	b := withTerms(withKeys(plain("b"), "i"), "u", "a")
	made := c.create(a, b)
	c.exactly(made...)
	c.absent(store.ID("u"), store.ID("i"), key("a"), key("b"))
	c.lists(store.Query{Kind: "user", Match: keys("i")}, made[0])
	c.lists(store.Query{Kind: "user", Match: keys("u")}, made[1])
	// Many records share a term.
	third := c.create1(withTerms(plain("c"), "i", "u"))
	c.lists(store.Query{Kind: "user", Match: keys("i")}, made[0], third)
	// An empty value is a value.
	empty := c.create1(withTerms(withKeys(plain("e"), ""), ""))
	c.has(empty)
	c.lists(store.Query{Kind: "user", Match: keys("")}, empty)
	c.taken(0, key(""), empty, store.Create(withKeys(plain("f"), ""), nil))
}
