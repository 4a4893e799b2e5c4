package storetest

import (
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

func revisionChecks() []check {
	return []check{
		{"revisions/count", 3, "revisions start at 1 and go up by one for each op; Apply returns the last", revisionsCount},
		{"revisions/tenant", 3, "each tenant counts its own", revisionsTenant},
		{"revisions/refused", 3, "a refused batch takes no revision", revisionsRefused},
		{"revisions/created", 3, "Created is the revision of the create and does not move; Revision is that of the last write", revisionsCreated},
		{"revisions/deleted", 3, "deletions take revisions, and those of a deleted record are not used again", revisionsDeleted},
	}
}

func revisionsCount(s *subject) {
	c := s.tenant("t")
	want := store.Revision(0)
	for i, n := range []int{1, 1, 3, 1, store.MaxOps, 2} {
		var records []store.Record
		for j := range n {
			records = append(records, plain(fmt.Sprintf("%d-%d", i, j)))
		}
		var ops []store.Op
		for _, r := range records {
			ops = append(ops, store.Create(r, nil))
		}
		got := c.handle(i).apply(ops...)
		want += store.Revision(n)
		if got != want {
			s.fail("Apply of %d ops returned revision %d, want %d", n, got, want)
		}
		for j, r := range records {
			r.Created = want - store.Revision(n-1-j)
			r.Revision = r.Created
			c.has(r)
		}
	}
}

func revisionsTenant(s *subject) {
	a, b := s.tenant("a"), s.tenant("b")
	a.create(plain("1"), plain("2"), plain("3"))
	b.create(plain("1"))
	a.next(4)
	b.next(2)
	s.tenant("c").next(1)
}

func revisionsRefused(s *subject) {
	c := s.tenant("t")
	held := c.create1(withKeys(plain("a"), "k"))
	for range 3 {
		c.stale(1, store.Create(plain("x"), nil), store.Create(plain("a"), nil))
		c.taken(1, key("k"), held, store.Create(plain("x"), nil), store.Create(withKeys(plain("y"), "k"), nil))
		c.refused(store.ErrInvalid, store.Create(plain("x"), nil), store.Create(plain(""), nil))
		c.refused(store.ErrInvalid)
	}
	c.next(2)
	fresh := s.tenant("fresh")
	fresh.stale(0, store.Delete(held, nil))
	fresh.next(1)
}

func revisionsCreated(s *subject) {
	c := s.tenant("t")
	a := c.create1(full("a"))
	b := c.create1(full("b"))
	for i := range 5 {
		next := withData(full("a"), fmt.Sprint("write ", i))
		a = c.handle(i).replace(a, next)
		if a.Created != 1 || a.Revision != store.Revision(3+i) {
			s.fail("replacement %d has revision %d, want %d", i, a.Revision, 3+i)
		}
		c.exactly(a, b)
	}
}

func revisionsDeleted(s *subject) {
	c := s.tenant("t")
	a := c.create1(full("a"))
	if rev := c.delete(a); rev != 2 {
		s.fail("the deletion has revision %d, want 2", rev)
	}
	again := c.create1(full("a"))
	if again.Created != 3 {
		s.fail("a record created again has Created %d, want 3", again.Created)
	}
	c.exactly(again)
	c.delete(again)
	c.next(5) // also when the tenant had become empty
}
