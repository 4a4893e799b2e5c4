package storetest

import (
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

func trimChecks() []check {
	return []check{
		{"trim/every", 5, "Trim through R forgets the entries before the newest one at or before R; reading after a place is a TrimmedError exactly if an entry after it was forgotten", trimEvery},
		{"trim/again", 5, "trimming further forgets more; trimming again, or less far, changes nothing", trimAgain},
		{"trim/newest", 5, "a feed that had an entry has one, however far it is trimmed", trimNewest},
		{"trim/nothing", 5, "trimming through zero, before the first entry, or a tenant that does not exist, changes nothing", trimNothing},
		{"trim/descending", 5, "descending without After is never a TrimmedError; with After it is one as in ascending order", trimDescending},
		{"trim/page", 5, "a page says which entry was the last to be forgotten", trimPage},
		{"trim/records", 5, "trimming touches no record and no revision", trimRecords},
		{"trim/tenant", 5, "trimming touches one tenant", trimTenant},
	}
}

// gaps writes revisions 1 to 10 and returns the entries of those that have a Note: in the
// middle of a batch, at its end, and alone.
func gaps(c *client) []store.Change {
	var want []store.Change
	for _, batch := range [][]string{{"", "2", "", ""}, {"5"}, {"6", ""}, {"8"}, {"", ""}} {
		var ops []store.Op
		for i, note := range batch {
			ops = append(ops, store.Create(plain(fmt.Sprint("r", len(want), "-", i)), nil))
			if note != "" {
				ops[i].Note = []byte(note)
			}
		}
		first := c.apply(ops...) - store.Revision(len(ops)-1)
		for i, op := range ops {
			if op.Note != nil {
				want = append(want, store.Change{Revision: first + store.Revision(i), Type: store.Created, Kind: "user", ID: op.New.ID, Note: op.Note})
			}
		}
	}
	return want
}

// forgotten returns the entries that a Trim through a revision leaves of a feed, and the
// last entry that it forgets.
func forgotten(feed []store.Change, through store.Revision) (left []store.Change, last store.Revision) {
	for len(feed) > 1 && feed[1].Revision <= through {
		last, feed = feed[0].Revision, feed[1:]
	}
	return feed, last
}

// trimmedTo checks a feed from every place: last is the last entry that was
// forgotten, left are those that were not.
func (c *client) trimmedTo(last store.Revision, left []store.Change) {
	for after := range store.Revision(13) {
		if after < last {
			c.trimmed(after, last)
			continue
		}
		var want []store.Change
		for _, change := range left {
			if change.Revision > after {
				want = append(want, change)
			}
		}
		c.feed(after, want...)
	}
}

func trimEvery(s *subject) {
	for through := range store.Revision(13) {
		c := s.tenant(fmt.Sprint("through ", through))
		all := gaps(c)
		c.handle(int(through)).trim(through)
		left, last := forgotten(all, through)
		c.trimmedTo(last, left)
		c.other().trimmedTo(last, left)
	}
}

func trimAgain(s *subject) {
	c := s.tenant("t")
	all := gaps(c)
	last := store.Revision(0)
	for _, through := range []store.Revision{1, 4, 5, 5, 3, 0, 7, 6, 2, 8, 10, 1} {
		c.trim(through)
		if left, more := forgotten(all, through); more > 0 {
			all, last = left, more
		}
		c.trimmedTo(last, all)
	}
	more := c.apply(store.Create(plain("more"), []byte("more")))
	all = append(all, store.Change{Revision: more, Type: store.Created, Kind: "user", ID: "more", Note: []byte("more")})
	c.trimmedTo(6, all)
	c.trim(more - 1)
	c.trimmedTo(6, all)
	c.trim(more)
	c.trimmedTo(8, all[1:])
}

func trimNewest(s *subject) {
	for i, through := range []store.Revision{10, 11, 1000, 1 << 53, 1<<63 - 1} {
		c := s.tenant(string(rune('a' + i)))
		all := gaps(c)
		for range 2 {
			c.trim(through)
			c.trimmedTo(6, all[len(all)-1:])
		}
		// The record was deleted, the entry was not.
		c.delete(c.get(store.ID(all[len(all)-1].ID)))
		c.trim(through)
		c.trimmedTo(6, all[len(all)-1:])
		c.next(12)
	}
}

func trimNothing(s *subject) {
	c := s.tenant("t")
	c.trim(0)
	c.trim(100)
	c.feed(0)
	c.create(plain("a"), plain("b"))
	c.trim(2) // a feed that never had an entry
	c.feed(0)
	all := noted(c, 3)
	for through := range store.Revision(4) { // up to the first entry
		c.trim(through)
		c.feed(0, all...)
	}
	s.tenant("nobody").trim(5)
	s.tenant("nobody").feed(0)
	if names := c.tenants(10); len(names) != 1 {
		s.fail("Trim made a tenant: %q", names)
	}
}

func trimDescending(s *subject) {
	c := s.tenant("t")
	all := gaps(c)
	c.trim(7)
	left, last := forgotten(all, 7)
	for before := range store.Revision(13) {
		var want []store.Change
		for _, change := range reversed(left) {
			if before == 0 || change.Revision < before {
				want = append(want, change)
			}
		}
		for _, limit := range []int{0, 1} {
			c.feedIs(store.ChangeQuery{Before: before, Desc: true, Limit: limit}, want...)
		}
	}
	for after := range last {
		if after == 0 {
			continue
		}
		_, err := c.store.Changes(c.ctx, c.name, store.ChangeQuery{After: after, Desc: true})
		s.same(diffTrimmed(err, last), "Changes after %d, descending", after)
	}
	c.feedIs(store.ChangeQuery{After: last, Desc: true}, reversed(left)...)
}

func trimPage(s *subject) {
	c := s.tenant("t")
	all := gaps(c)
	says := func(want store.Revision) {
		for _, c := range []*client{c, c.other()} {
			for _, q := range []store.ChangeQuery{{After: want}, {Desc: true}, {After: want, Limit: 1}, {After: 100}, {After: 100, Before: 50}} {
				if got := c.changesPage(q).Trimmed; got != want {
					s.fail("Changes %+v: Trimmed %d, want %d", q, got, want)
				}
			}
		}
	}
	says(0)
	for through := range store.Revision(13) {
		c.trim(through)
		_, last := forgotten(all, through)
		says(last)
	}
	if got := s.tenant("nobody").changesPage(store.ChangeQuery{}).Trimmed; got != 0 {
		s.fail("a tenant that does not exist: Trimmed %d", got)
	}
}

func trimRecords(s *subject) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"))
	noted(c, 3)
	c.trim(5)
	c.has(made...)
	c.lists(store.Query{Kind: "user", Before: 3}, made...)
	c.dueAre(made...)
	c.next(6)
}

func trimTenant(s *subject) {
	a, b := s.tenant("a"), s.tenant("b")
	noted(a, 3)
	all := noted(b, 3)
	a.trim(3)
	a.trimmed(0, 2)
	b.feed(0, all...)
}
