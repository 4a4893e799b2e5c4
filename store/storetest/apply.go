package storetest

import (
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

func applyChecks() []check {
	return []check{
		{"apply/round-trip", 1, "a batch that is accepted is written: creates, replacements and deletions", applyRoundTrip},
		{"apply/create-existing", 1, "a create is stale if a record has the ID, whatever its kind", createExisting},
		{"apply/stale-replace", 1, "a replacement is stale unless the stored revision equals Old.Revision", staleReplace},
		{"apply/stale-delete", 1, "a deletion is stale unless the stored revision equals Old.Revision", staleDelete},
		{"apply/stale-absent", 1, "a replacement or deletion of a record that does not exist is stale", staleAbsent},
		{"apply/stale-reborn", 1, "a record deleted and created again is not the old one", staleReborn},
		{"apply/first-stale", 1, "StaleError names the first op that does not hold", firstStale},
		{"apply/stale-before-taken", 1, "preconditions are checked before keys", staleBeforeTaken},
		{"apply/atomic-stale", 1, "a stale batch writes nothing", atomicStale},
		{"apply/atomic-taken", 2, "a taken batch writes nothing", atomicTaken},
		{"apply/atomic-invalid", 9, "an invalid batch writes nothing", atomicInvalid},
		{"apply/large-batch", 1, "a batch of MaxOps ops of every type is written whole", largeBatch},
	}
}

func applyRoundTrip(s *subject) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"), plain("c"))
	c.exactly(made...)

	// One batch with one op of each type.
	next := full("b")
	next.Unique = next.Unique[1:]
	next.Index = nil
	next.Data = nil
	rev := c.apply(store.Delete(made[0], nil), store.Replace(made[1], next, nil), store.Create(full("d"), nil))
	next.Created, next.Revision = made[1].Created, rev-1
	fourth := full("d")
	fourth.Created, fourth.Revision = rev, rev
	c.exactly(next, made[2], fourth)
	c.absent(store.ID("a"), made[0].Unique[0], made[0].Unique[1], made[1].Unique[0])
	c.lists(store.Query{Kind: "user", Match: made[0].Index[1:2]})
	c.lists(store.Query{Kind: "user", Match: made[1].Index[1:2]})
}

func createExisting(s *subject) {
	c := s.tenant("t")
	made := c.create1(full("a"))
	c.stale(0, store.Create(withData(full("a"), "another"), nil))
	other := plain("a")
	other.Kind = "group"
	c.stale(0, store.Create(other, nil))
	c.exactly(made)
	c.lists(store.Query{Kind: "group"})
}

func staleReplace(s *subject) {
	c := s.tenant("t")
	first := c.create1(full("a"))
	second := c.replace(first, withData(full("a"), "second"))
	third := c.replace(second, withData(full("a"), "third"))
	for _, old := range []store.Record{first, second} {
		c.stale(0, store.Replace(old, withData(full("a"), "lost"), nil))
	}
	ahead := third
	ahead.Revision++
	c.stale(0, store.Replace(ahead, withData(full("a"), "lost"), nil))
	c.exactly(third)
}

func staleDelete(s *subject) {
	c := s.tenant("t")
	first := c.create1(full("a"))
	second := c.replace(first, withData(full("a"), "second"))
	c.stale(0, store.Delete(first, nil))
	ahead := second
	ahead.Revision++
	c.stale(0, store.Delete(ahead, nil))
	c.exactly(second)
	c.delete(second)
	c.absent(store.ID("a"))
	c.stale(0, store.Delete(second, nil))
}

func staleAbsent(s *subject) {
	c := s.tenant("t")
	ghost := full("ghost")
	ghost.Created, ghost.Revision = 1, 1
	c.stale(0, store.Replace(ghost, full("ghost"), nil))
	c.stale(0, store.Delete(ghost, nil))
	other := c.create1(full("a")) // takes revision 1: the ghost's
	c.stale(0, store.Replace(ghost, full("ghost"), nil))
	c.stale(0, store.Delete(ghost, nil))
	c.absent(store.ID("ghost"))
	c.exactly(other)
}

func staleReborn(s *subject) {
	c := s.tenant("t")
	first := c.create1(full("a"))
	c.delete(first)
	second := c.create1(full("a"))
	c.stale(0, store.Replace(first, withData(full("a"), "lost"), nil))
	c.stale(0, store.Delete(first, nil))
	c.exactly(second)
}

func firstStale(s *subject) {
	c := s.tenant("t")
	old := c.create(plain("a"), plain("b"), plain("c"))
	b := c.replace(old[1], withData(plain("b"), "new"))
	cc := c.replace(old[2], withData(plain("c"), "new"))
	c.stale(2, store.Replace(old[0], plain("a"), nil), store.Create(plain("x"), nil), store.Delete(old[1], nil), store.Delete(old[2], nil))
	c.stale(1, store.Create(plain("x"), nil), store.Create(plain("a"), nil), store.Delete(old[2], nil))
	c.stale(0, store.Create(plain("c"), nil), store.Delete(old[1], nil))
	c.stale(1, store.Delete(cc, nil), store.Replace(old[1], plain("b"), nil))
	c.exactly(old[0], b, cc)
}

func staleBeforeTaken(s *subject) {
	c := s.tenant("t")
	held := c.create1(withKeys(plain("holder"), "k"))
	first := c.create1(plain("a"))
	second := c.replace(first, withData(plain("a"), "second"))
	// The taken op comes first; the stale op decides.
	c.stale(1, store.Create(withKeys(plain("x"), "k"), nil), store.Replace(first, plain("a"), nil))
	c.stale(1, store.Create(withKeys(plain("x"), "k"), nil), store.Create(plain("a"), nil))
	// One op that is both.
	c.stale(0, store.Replace(first, withKeys(plain("a"), "k"), nil))
	c.stale(0, store.Create(withKeys(plain("a"), "k"), nil))
	// A key claimed twice in the batch, and a stale op after it.
	c.stale(2, store.Create(withKeys(plain("x"), "n"), nil), store.Create(withKeys(plain("y"), "n"), nil), store.Delete(first, nil))
	c.absent(store.ID("x"), store.ID("y"), key("n"))
	c.exactly(held, second)
}

func atomicStale(s *subject) {
	refusedBatch(s, func(c *client, ops []store.Op) {
		c.stale(len(ops), append(ops, store.Create(plain("c"), []byte("refused")))...)
	})
}

func atomicTaken(s *subject) {
	refusedBatch(s, func(c *client, ops []store.Op) {
		thief := plain("thief")
		thief.Unique = []store.Key{{Kind: "name", Value: "c"}}
		c.taken(len(ops), thief.Unique[0], c.get(store.ID("c")), append(ops, store.Create(thief, []byte("refused")))...)
	})
}

func atomicInvalid(s *subject) {
	refusedBatch(s, func(c *client, ops []store.Op) {
		c.refused(store.ErrInvalid, append(ops, store.Create(plain(""), []byte("refused")))...)
	})
}

// refusedBatch sends a batch that is refused and begins with an op of every type, and
// checks that it has left nothing behind. The ops of the batch take the keys,
// terms and Dues of one another; so do the records of the next batch.
func refusedBatch(s *subject, refuse func(c *client, ops []store.Op)) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"), full("c"))
	changed := full("a")
	changed.Unique = []store.Key{{Kind: "name", Value: "changed"}}
	changed.Index = []store.Key{{Kind: "own", Value: "changed"}}
	changed.Due = day(2)
	ops := []store.Op{
		store.Replace(made[0], changed, []byte("refused")),
		store.Delete(made[1], []byte("refused")),
		store.Create(full("d"), []byte("refused")),
	}
	refuse(c, ops)
	for _, c := range []*client{c, c.other()} {
		c.exactly(made...)
		c.absent(store.ID("d"), store.Key{Kind: "name", Value: "d"}, store.Key{Kind: "name", Value: "changed"}, store.ID("thief"))
		for _, own := range []string{"d", "changed"} {
			c.lists(store.Query{Kind: "user", Match: []store.Key{{Kind: "own", Value: own}}})
		}
		c.feed(0)
	}
	c.next(4)
	rev := c.apply(ops...) // nothing stands in its way
	if rev != 7 {
		s.fail("revision %d after a refused batch, want 7", rev)
	}
}

func largeBatch(s *subject) {
	c := s.tenant("t")
	const n = store.MaxOps
	made := c.createN(n, func(i int) store.Record { return full(fmt.Sprintf("r%03d", i)) })
	c.exactly(made...)
	var ops []store.Op
	var want []store.Record
	for i, r := range made {
		switch i % 3 {
		case 0:
			next := withData(full(r.ID), "next")
			ops = append(ops, store.Replace(r, next, []byte{byte(i)}))
			next.Created, next.Revision = r.Created, store.Revision(n+i+1)
			want = append(want, next)
		case 1:
			ops = append(ops, store.Delete(r, []byte{byte(i)}))
		case 2:
			fresh := full(fmt.Sprintf("s%03d", i))
			ops = append(ops, store.Create(fresh, []byte{byte(i)}))
			fresh.Created, fresh.Revision = store.Revision(n+i+1), store.Revision(n+i+1)
			want = append(want, r, fresh)
		}
	}
	if rev := c.apply(ops...); rev != 2*n {
		s.fail("a batch of %d ops after revision %d returned %d", n, n, rev)
	}
	c.exactly(want...)
	var feed []store.Change
	for i, op := range ops {
		feed = append(feed, store.Change{Revision: store.Revision(n + i + 1), Type: op.Type(), Kind: "user", ID: op.ID(), Note: op.Note})
	}
	c.feed(0, feed...)
}
