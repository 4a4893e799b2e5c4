package storetest

import (
	"github.com/rollbook-go/rollbook/store"
)

func trimChecks() []check {
	return []check{
		{"trim/forgets", 5, "entries up to the revision are gone, those after it stay", trimForgets},
		{"trim/trimmed", 5, "reading from before the trimmed revision is ErrTrimmed, from it on is not", trimTrimmed},
		{"trim/beyond", 5, "a revision beyond the tenant's last means the last", trimBeyond},
		{"trim/repeated", 5, "trimming again, or less far, changes nothing", trimRepeated},
		{"trim/nothing", 5, "trimming through zero, or a tenant that does not exist, changes nothing", trimNothing},
		{"trim/no-notes", 5, "revisions without an entry are trimmed like others", trimNoNotes},
		{"trim/records", 5, "trimming touches no record and no revision", trimRecords},
		{"trim/tenant", 5, "trimming touches one tenant", trimTenant},
	}
}

func trimForgets(s *subject) {
	c := s.tenant("t")
	all := noted(c, 10)
	for through := 1; through <= 10; through++ {
		c.handle(through).trim(store.Revision(through))
		for _, c := range []*client{c, c.other()} {
			c.feed(store.Revision(through), all[through:]...)
			c.trimmed(store.Revision(through) - 1)
		}
	}
}

func trimTrimmed(s *subject) {
	c := s.tenant("t")
	all := noted(c, 8)
	c.trim(5)
	for after := range store.Revision(10) {
		if after < 5 {
			c.trimmed(after)
		} else {
			c.feed(after, all[min(int(after), len(all)):]...)
		}
	}
	more := c.apply(store.Create(plain("more"), []byte("more")))
	c.trimmed(4)
	c.feed(8, store.Change{Revision: more, Type: store.Created, Kind: "user", ID: "more", Note: []byte("more")})
}

func trimBeyond(s *subject) {
	for i, through := range []store.Revision{4, 5, 1000, 1 << 53, 1<<63 - 1} {
		c := s.tenant(string(rune('a' + i)))
		noted(c, 3)
		c.trim(through)
		c.trimmed(2)
		c.feed(3)
		rev := c.apply(store.Create(plain("x"), []byte("x")))
		if rev != 4 {
			s.fail("revision %d after a Trim, want 4", rev)
		}
		c.feed(3, store.Change{Revision: 4, Type: store.Created, Kind: "user", ID: "x", Note: []byte("x")})
	}
}

func trimRepeated(s *subject) {
	c := s.tenant("t")
	all := noted(c, 6)
	for _, through := range []store.Revision{4, 4, 3, 0, 1, 4} {
		c.trim(through)
		c.trimmed(3)
		c.trimmed(0)
		c.feed(4, all[4:]...)
	}
}

func trimNothing(s *subject) {
	c := s.tenant("t")
	c.trim(0)
	c.trim(100)
	c.feed(0)
	all := noted(c, 3)
	c.feed(0, all...)
	c.trim(0)
	c.feed(0, all...)
	s.tenant("nobody").trim(5)
	if names := c.tenants(10); len(names) != 1 && !s.failed() {
		s.fail("Trim made a tenant: %q", names)
	}
}

func trimNoNotes(s *subject) {
	c := s.tenant("t")
	c.create(plain("a"), plain("b"), plain("c"))
	c.feed(0)
	c.trim(2)
	c.trimmed(0)
	c.trimmed(1)
	c.feed(2)
	c.trim(3)
	c.trimmed(2)
	c.feed(3)
}

func trimRecords(s *subject) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"))
	noted(c, 3)
	c.trim(5)
	c.has(made...)
	c.lists(store.Query{Kind: "user", Limit: 2}, made...)
	c.dueAre(made...)
	c.next(6)
}

func trimTenant(s *subject) {
	a, b := s.tenant("a"), s.tenant("b")
	noted(a, 3)
	all := noted(b, 3)
	a.trim(3)
	a.trimmed(0)
	b.feed(0, all...)
}
