package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

func removeChecks() []check {
	return []check{
		{"remove/whatever", 1, "Remove deletes the record with an ID, whatever its revision, and everything that finds it", removeWhatever},
		{"remove/absent", 1, "Remove of an ID that no record has is stale", removeAbsent},
		{"remove/kind", 1, "Remove of a readable record under another kind is ErrInvalid and changes nothing", removeKind},
		{"remove/batch", 1, "Remove is an op among others: in its order, with its revision, freeing its keys", removeBatch},
		{"remove/race", 1, "of callers that remove one record at the same time one succeeds", removeRace},
	}
}

func removeWhatever(s *subject) {
	c := s.tenant("t")
	a := c.create1(full("a"))
	b := c.create1(full("b"))
	for i := range 3 {
		a = c.replace(a, withData(full("a"), fmt.Sprint(i)))
	}
	rev := c.handle(1).apply(store.Remove("a", "user", []byte("gone")))
	if rev != a.Revision+1 {
		s.fail("Remove has revision %d, want %d", rev, a.Revision+1)
	}
	for _, c := range []*client{c, c.other()} {
		c.exactly(b)
		c.absent(append(a.Unique, store.ID("a"))...)
		c.lists(store.Query{Kind: "user", Match: a.Index[1:2]})
		c.feed(0, store.Change{Revision: rev, Type: store.Deleted, Kind: "user", ID: "a", Note: []byte("gone")})
	}
	c.stale(0, store.Replace(a, plain("a"), nil))
	again := c.create1(full("a"))
	c.exactly(b, again)
	c.apply(store.Remove("a", "user", nil)) // no Note, no entry
	if n := len(c.changes(store.ChangeQuery{})); n != 1 {
		s.fail("%d entries, want 1", n)
	}
}

func removeAbsent(s *subject) {
	c := s.tenant("t")
	c.stale(0, store.Remove("a", "user", nil))
	a := c.create1(full("a"))
	c.stale(1, store.Remove("a", "user", nil), store.Remove("b", "user", nil))
	c.stale(0, store.Remove("A", "user", nil))
	c.exactly(a)
	c.delete(a)
	c.stale(0, store.Remove("a", "user", nil))
	c.apply(store.Create(full("b"), nil), store.Create(full("a"), nil))
	c.apply(store.Remove("a", "user", nil))
	c.stale(0, store.Remove("a", "user", nil))
	c.next(6)
}

func removeKind(s *subject) {
	c := s.tenant("t")
	a := c.create1(full("a"))
	for _, kind := range []string{"group", "User", "user ", "use"} {
		err := c.refused(store.ErrInvalid, store.Create(plain("x"), []byte("refused")), store.Remove("a", kind, []byte("refused")))
		if at := invalidOp(err); at != 1 {
			s.fail("Remove under kind %q: InvalidError of op %d, want 1", kind, at)
		}
	}
	for _, kind := range []string{"", "\xff", string(make([]byte, store.MaxKind+1))} {
		_, err := c.try(store.Remove("a", kind, nil))
		c.rejected(fmt.Sprintf("Remove under kind %.10q", kind), err)
	}
	c.exactly(a)
	c.absent(store.ID("x"))
	c.feed(0)
	c.next(2)
}

func removeBatch(s *subject) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"), withKeys(plain("c"), "k"))
	heir := plain("heir")
	heir.Unique = []store.Key{made[0].Unique[0], key("k")}
	note := []byte("note")
	rev := c.applyBatch(with([]store.Op{
		store.Create(heir, note), store.Remove("a", "user", note), store.Delete(made[1], note), store.Remove("c", "user", note),
	}, store.RequireAt(made[0])))
	heir.Created, heir.Revision = rev-3, rev-3
	c.exactly(heir)
	c.absent(store.ID("a"), made[0].Unique[1], store.ID("c"))
	c.feed(0,
		store.Change{Revision: rev - 3, Type: store.Created, Kind: "user", ID: "heir", Note: note},
		store.Change{Revision: rev - 2, Type: store.Deleted, Kind: "user", ID: "a", Note: note},
		store.Change{Revision: rev - 1, Type: store.Deleted, Kind: "user", ID: "b", Note: note},
		store.Change{Revision: rev, Type: store.Deleted, Kind: "user", ID: "c", Note: note},
	)
	// Refused, it deletes nothing.
	c.stale(2, store.Remove("heir", "user", note), store.Create(plain("heir2"), nil), store.Remove("gone", "user", nil))
	c.refused(store.ErrInvalid, store.Remove("heir", "user", nil), store.Create(plain("heir"), nil)) // one ID twice
	c.exactly(heir)
	next := plain("next")
	next.Unique = made[0].Unique[1:] // freed above
	c.exactly(heir, c.create1(next))
}

func removeRace(s *subject) {
	c := s.tenant("t")
	for round := range 8 {
		r := c.create1(full(fmt.Sprint("r", round)))
		var winners atomic.Int32
		s.together(racers, func(i int) {
			op := store.Remove(r.ID, "user", []byte("gone"))
			if i == 0 {
				op = store.Delete(r, []byte("gone"))
			}
			_, err := c.handle(i).try(op)
			switch {
			case err == nil:
				winners.Add(1)
			case !errors.Is(err, store.ErrStale):
				s.fail("Remove: error %w, want none or ErrStale", err)
			}
		})
		if n := winners.Load(); n != 1 {
			s.fail("%d of %d callers removed one record, want 1", n, racers)
		}
	}
	c.exactly()
	c.next(17)
}
