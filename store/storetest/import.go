package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rollbook-go/rollbook/store"
)

func importChecks() []check {
	return []check{
		{"import/keeps", 3, "Import writes records and entries as they are, with their revisions, and none of its own", importKeeps},
		{"import/again", 10, "a part that is there already, whole or in half, changes nothing", importAgain},
		{"import/order", 4, "records may be imported in any order of Created, and are listed by Created", importOrder},
		{"import/counter", 3, "after Import the last revision is the highest of the tenant's own and of all in the part", importCounter},
		{"import/trimmed", 5, "a part's trim mark counts as the tenant's own if it is later", importTrimmed},
		{"import/due", 6, "Due finds what was imported", importDue},
		{"import/tenant", 12, "a tenant exists from its first Import on, and no other has what was imported", importTenant},
		{"import/written", 1, "what was imported is replaced, deleted and trimmed like all else", importWritten},
		{"import/wakes", 7, "Import wakes callers that wait for the feed", importWakes},
		{"import/handles", 7, "every method of one handle sees what the other imports", importHandles},
	}
}

// importer returns the store's Importer; ok is false if it has none, which is allowed.
func (c *client) importer() (store.Importer, bool) { return store.As[store.Importer](c.store) }

// importing runs a check of Import, if the store has it.
func (s *subject) importing(f func(c *client)) {
	c := s.tenant("t")
	if _, ok := c.importer(); ok {
		f(c)
	}
}

// tryImport imports a part and checks nothing.
func (c *client) tryImport(p store.Part) error {
	if err := c.verdict(); err != nil {
		return err
	}
	w, _ := c.importer()
	return w.Import(c.ctx, c.name, p)
}

// imports imports a part, which must succeed.
func (c *client) imports(p store.Part) {
	if c.failed() {
		return
	}
	if err := c.tryImport(p); err != nil {
		c.fail("Import of %d records and %d entries: %w", len(p.Records), len(p.Changes), err)
	}
}

// written returns a record as it was written with these revisions.
func written(r store.Record, created, revision store.Revision) store.Record {
	r.Created, r.Revision = created, revision
	return r
}

// entry returns an entry of the feed.
func entry(seq store.Revision, does store.ChangeType, kind, id, note string) store.Change {
	return store.Change{Seq: seq, Revision: seq, Type: does, Kind: kind, ID: id, Note: []byte(note)}
}

// origin is what a store has of a tenant: three records of two kinds, a feed with gaps of
// which the beginning was forgotten, and a last revision that is an entry's.
func origin() store.Part {
	group := withTerms(withKeys(plain("g"), "group key"), "of g")
	group.Kind = "group"
	return store.Part{
		Records: []store.Record{written(full("a"), 3, 9), written(full("b"), 5, 5), written(group, 4, 4)},
		Changes: []store.Change{
			entry(5, store.Created, "user", "b", "note of b"),
			entry(9, store.Updated, "user", "a", ""),
			entry(12, store.Deleted, "user", "gone", "last"),
		},
		Trimmed: 2,
	}
}

// isOrigin checks that the tenant has what origin has, and nothing else.
func (c *client) isOrigin() {
	o := origin()
	for _, c := range []*client{c, c.other()} {
		c.exactly(o.Records...)
		c.trimmed(0, 2)
		c.trimmed(1, 2)
		c.feed(2, o.Changes...)
		c.feed(5, o.Changes[1:]...)
		c.counts(store.CountQuery{Kind: "user"}, 2)
		c.counts(store.CountQuery{Kind: "group"}, 1)
	}
}

func importKeeps(s *subject) {
	s.importing(func(c *client) {
		c.imports(origin())
		c.isOrigin()
		c.absent(store.ID("gone"))
		// Records and entries also come alone.
		c = s.tenant("records alone")
		c.imports(store.Part{Records: origin().Records})
		c.exactly(origin().Records...)
		c.feed(0)
		c = s.tenant("entries alone")
		c.imports(store.Part{Changes: origin().Changes})
		c.exactly()
		c.feed(0, origin().Changes...)
	})
}

func importAgain(s *subject) {
	s.importing(func(c *client) {
		o := origin()
		c.imports(store.Part{Records: o.Records[:2], Changes: o.Changes[:1], Trimmed: o.Trimmed})
		c.other().imports(store.Part{Records: o.Records[1:], Changes: o.Changes[:2]})
		for i := range 3 {
			c.handle(i).imports(o)
			c.isOrigin()
		}
		c.imports(store.Part{Records: o.Records[:1]})
		c.imports(store.Part{Changes: o.Changes[1:2]})
		c.isOrigin()
		c.next(13)
	})
}

func importOrder(s *subject) {
	s.importing(func(c *client) {
		var all []store.Record
		for i := range store.Revision(40) {
			all = append(all, written(full(fmt.Sprint("r", i)), i+1, i+1))
		}
		// Upwards, downwards, and between those that are there.
		for i := range 20 {
			c.handle(i).imports(store.Part{Records: []store.Record{all[39-i], all[(i*7)%20]}})
		}
		for _, c := range []*client{c, c.other()} {
			c.exactly(all...)
			c.lists(store.Query{Kind: "user", Desc: true, Limit: 7}, reversed(all)...)
			c.lists(store.Query{Kind: "user", After: 10, Before: 30, Limit: 3}, all[10:29]...)
		}
		c.next(41)
	})
}

func importCounter(s *subject) {
	s.importing(func(c *client) {
		for i, test := range []struct {
			part store.Part
			next store.Revision
		}{
			{store.Part{Records: []store.Record{written(plain("a"), 3, 7)}}, 8},
			{store.Part{Changes: []store.Change{entry(9, store.Created, "user", "a", "")}}, 10},
			{store.Part{Records: []store.Record{written(plain("a"), 3, 3)}, Changes: []store.Change{entry(8, store.Deleted, "user", "b", "")}}, 9},
			{store.Part{Records: []store.Record{written(plain("b"), 11, 20), written(plain("a"), 4, 4)}, Changes: []store.Change{entry(8, store.Deleted, "user", "c", "")}}, 21},
			{origin(), 13},
			{store.Part{Records: []store.Record{written(plain("a"), 1<<37, 1<<37+1)}}, 1<<37 + 2},
		} {
			c := s.tenant(fmt.Sprint("part ", i)).handle(i)
			c.imports(test.part)
			c.other().next(test.next)
			c.imports(test.part)
			if rev := c.apply(store.Create(plain("more"), nil)); rev != test.next+1 {
				s.fail("the write after part %d was imported again has revision %d, want %d", i, rev, test.next+1)
			}
		}
		// The tenant's own may be higher.
		made := c.createN(30, func(i int) store.Record { return plain(fmt.Sprint("own", i)) })
		c.apply(store.Delete(made[1], nil), store.Delete(made[0], nil))
		c.imports(store.Part{Records: []store.Record{written(plain("a"), 1, 2)}})
		c.next(33)
	})
}

func importTrimmed(s *subject) {
	s.importing(func(c *client) {
		first, second := entry(6, store.Created, "user", "a", "first"), entry(8, store.Created, "user", "b", "second")
		c.imports(store.Part{Changes: []store.Change{first}, Trimmed: 5})
		for after := range store.Revision(5) {
			c.other().trimmed(after, 5)
		}
		c.feed(5, first)
		// An earlier mark changes nothing.
		c.imports(store.Part{Changes: []store.Change{first, second}, Trimmed: 3})
		c.imports(store.Part{Changes: []store.Change{second}})
		c.trimmed(4, 5)
		c.feed(5, first, second)
		// A later one forgets what was there.
		c.imports(store.Part{Changes: []store.Change{second}, Trimmed: 7})
		for _, c := range []*client{c, c.other()} {
			c.trimmed(0, 7)
			c.trimmed(6, 7)
			c.feed(7, second)
			c.feed(8)
		}
		c.trim(8)
		c.trimmed(6, 7)
		c.feed(7, second)
		// Entries that no tenant of this store ever had count as forgotten, too.
		third := entry(20, store.Created, "user", "c", "third")
		c.imports(store.Part{Changes: []store.Change{third}, Trimmed: 15})
		c.trimmed(7, 15)
		c.trimmed(14, 15)
		c.feed(15, third)
		c.feedIs(store.ChangeQuery{Desc: true}, third)
		more := c.apply(store.Create(plain("more"), []byte("more")))
		c.feed(15, third, entry(more, store.Created, "user", "more", "more"))
	})
}

func importDue(s *subject) {
	s.importing(func(c *client) {
		var all []store.Record
		for i := range store.Revision(9) {
			r := withDue(plain(fmt.Sprint("r", i)), day(int(i*5)%9))
			if i%3 == 0 {
				r.Kind = "group"
			}
			all = append(all, written(r, i+1, i+1))
		}
		all = append(all, written(plain("never"), 20, 20))
		c.imports(store.Part{Records: all[:4]})
		c.other().imports(store.Part{Records: all[2:]})
		for _, c := range []*client{c, c.other()} {
			c.dueAre(all...)
			c.dueIs(store.DueQuery{Before: day(1)}, slices.DeleteFunc(slices.Clone(all), func(r store.Record) bool { return !r.Due.Equal(day(0)) })...)
		}
		c.delete(all[0])
		c.dueAre(all[1:]...)
	})
}

func importTenant(s *subject) {
	s.importing(func(c *client) {
		other := s.tenant("tt").create1(plain("theirs"))
		c.imports(origin())
		s.tenant("only a feed").imports(store.Part{Changes: origin().Changes})
		for _, c := range []*client{c, c.other()} {
			if got := slices.Sorted(slices.Values(c.tenants(2))); !s.failed() && !slices.Equal(got, []string{"only a feed", "t", "tt"}) {
				s.fail("Tenants: %q", got)
			}
		}
		for _, name := range []string{"tt", "only a feed", "nobody"} {
			s.tenant(name).absent(store.ID("a"), full("a").Unique[0])
			s.tenant(name).lists(store.Query{Kind: "group"})
		}
		s.tenant("tt").exactly(other)
		s.tenant("tt").feed(0)
		s.tenant("tt").next(2)
		s.tenant("tt").imports(origin()) // the same keys and IDs
		c.isOrigin()
	})
}

func importWritten(s *subject) {
	s.importing(func(c *client) {
		o := origin()
		c.imports(o)
		a, b := o.Records[0], o.Records[1]
		next := c.other().replace(a, withData(withDue(full("a"), day(9)), "next"))
		c.delete(b)
		c.stale(0, store.Replace(a, full("a"), nil))
		c.exactly(next, o.Records[2])
		c.absent(append(b.Unique, store.ID("b"))...)
		heir := plain("heir")
		heir.Unique = b.Unique
		heir = c.create1(heir)
		c.taken(0, a.Unique[1], next, store.Create(store.Record{ID: "x", Kind: "user", Unique: a.Unique[1:]}, nil))
		c.exactly(next, o.Records[2], heir)
		c.trim(9)
		c.trimmed(4, 5)
		c.feed(5, o.Changes[1:]...)
		c.next(16)
	})
}

func importWakes(s *subject) {
	s.importing(func(c *client) {
		if _, ok := c.waiter(); !ok {
			return
		}
		var wg sync.WaitGroup
		after := store.Revision(0) // the tenant does not exist at first
		for i := range 6 {
			next := after + 3
			wg.Go(func() { c.handle(i).wait(after) })
			wg.Go(func() {
				id := fmt.Sprint("r", i)
				c.handle(i / 2).imports(store.Part{Changes: []store.Change{entry(next, store.Created, "user", id, "note")}})
			})
			wg.Wait()
			after = next
		}
	})
}

func importHandles(s *subject) {
	s.importing(func(c *client) {
		b := c.other()
		b.absent(store.ID("r0")) // both handles have read before
		var all []store.Record
		var feed []store.Change
		for i := range 8 {
			rev := store.Revision(2*i + 1)
			id := fmt.Sprint("r", i)
			all = append(all, written(full(id), rev, rev))
			feed = append(feed, entry(rev, store.Created, "user", id, id))
			c.handle(i).imports(store.Part{Records: all[i:], Changes: feed[i:]})
			o := c.handle(i + 1)
			o.exactly(all...)
			o.feed(0, feed...)
			o.stale(0, store.Create(plain(id), nil))
			own := o.create1(plain("own " + id))
			if own.Revision != rev+1 {
				s.fail("revision %d beside imports, want %d", own.Revision, rev+1)
			}
			o.delete(own) // takes the next revision
		}
	})
}
