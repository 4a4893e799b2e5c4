package storetest

import (
	"fmt"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func handleChecks() []check {
	return []check{
		{"handles/see", 7, "every method of one handle sees the writes of the other", handlesSee},
		{"handles/alternate", 7, "writes may alternate between handles", handlesAlternate},
		{"handles/reopen", 7, "a handle opened later sees everything", handlesReopen},
		{"handles/many", 7, "several handles on one place work at the same time", handlesMany},
	}
}

func handlesSee(s *subject) {
	a := s.tenant("t")
	b := a.other()
	b.absent(store.ID("r")) // both handles have read before
	for i := range 10 {
		r := full("r")
		r.Unique[0].Value = fmt.Sprint("name", i)
		note := []byte(fmt.Sprint(i))
		rev := a.apply(store.Create(r, note))
		r.Created, r.Revision = rev, rev
		b.exactly(r)
		b.feed(rev-1, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "r", Note: note})
		if names := b.tenants(10); !s.failed() && !slices.Equal(names, []string{"t"}) {
			s.fail("Tenants: %q", names)
		}
		r = a.replace(r, withData(r, fmt.Sprint("rewritten ", i)))
		b.exactly(r)
		b.taken(0, r.Unique[0], r, store.Create(store.Record{ID: "x", Kind: "user", Unique: r.Unique[:1]}, nil))
		b.stale(0, store.Create(plain("r"), nil))
		a.trim(rev)
		b.feed(rev-1, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "r", Note: note})
		a.delete(r)
		b.absent(store.ID("r"), r.Unique[0], r.Unique[1])
		b.lists(store.Query{Kind: "user"})
		b.dueAre()
		a, b = b, a
	}
}

func handlesAlternate(s *subject) {
	c := s.tenant("t")
	r := c.create1(full("r"))
	for i := range 30 {
		r = c.handle(i).replace(r, withData(full("r"), fmt.Sprint(i)))
		c.handle(i + 1).has(r)
	}
	if r.Revision != 31 {
		s.fail("revision %d after 31 writes", r.Revision)
	}
}

func handlesReopen(s *subject) {
	c := s.tenant("t")
	made := c.create(full("a"), full("b"))
	made[0] = c.replace(made[0], withData(full("a"), "second"))
	rev := c.apply(store.Create(plain("c"), []byte("note")))
	third := plain("c")
	third.Created, third.Revision = rev, rev
	c.trim(rev)
	h, err := s.open()
	if err != nil {
		s.fail("open a third handle: %w", err)
		return
	}
	late := &client{subject: s, store: h, name: "t"}
	late.exactly(append(made, third)...)
	late.feed(2, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "c", Note: []byte("note")})
	late.next(5)
	c.has(late.get(store.ID("next revision")))
}

func handlesMany(s *subject) {
	const n, writes = 4, 15
	clients := make([]*client, n)
	for i := range clients {
		h, err := s.open()
		if err != nil {
			s.fail("open handle %d: %w", i+3, err)
			return
		}
		clients[i] = &client{subject: s, store: h, name: "t"}
	}
	made := make([][]store.Record, n)
	s.together(n, func(i int) {
		for j := range writes {
			made[i] = append(made[i], clients[i].create1(full(fmt.Sprintf("%d-%d", i, j))))
		}
	})
	all := slices.Concat(made...)
	slices.SortFunc(all, byCreated)
	for _, c := range clients {
		c.lists(store.Query{Kind: "user"}, all...)
	}
	clients[0].next(n*writes + 1)
}
