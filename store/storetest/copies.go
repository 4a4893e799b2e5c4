package storetest

import (
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

func copyChecks() []check {
	return []check{
		{"copies/in", 8, "the store keeps copies: what the caller does to a batch after Apply changes nothing", copiesIn},
		{"copies/out", 8, "the store returns copies: what the caller does to a result changes nothing", copiesOut},
		{"copies/taken", 8, "TakenError.Holder is a copy", copiesTaken},
		{"copies/arguments", 8, "a call does not change its arguments", copiesArguments},
		{"copies/nil", 8, "nil and empty slices are the same, and a record need have none", copiesNil},
		{"copies/order", 8, "Unique and Index are returned in the order they were given", copiesOrder},
	}
}

// spoil overwrites everything a record refers to, the room behind its slices too.
func spoil(r store.Record) {
	for _, keys := range [][]store.Key{r.Unique, r.Index} {
		for i := range keys[:cap(keys)] {
			keys[:cap(keys)][i] = store.Key{Kind: "spoilt", Value: "spoilt"}
		}
	}
	spoilBytes(r.Data)
}

func spoilBytes(b []byte) {
	for i := range b[:cap(b)] {
		b[:cap(b)][i] = '!'
	}
}

func copiesIn(s *subject) {
	c := s.tenant("t")
	mine, note := full("a"), []byte("note")
	rev := c.apply(store.Create(mine, note))
	spoil(mine)
	spoilBytes(note)
	want := full("a")
	want.Created, want.Revision = rev, rev
	c.exactly(want)
	c.feed(0, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "a", Note: []byte("note")})

	old, mine, note := c.get(store.ID("a")), withData(full("a"), "second"), []byte("next")
	second := c.apply(store.Replace(old, mine, note))
	spoil(old)
	spoil(mine)
	spoilBytes(note)
	want = withData(want, "second")
	want.Revision = second
	c.exactly(want)
	c.feed(rev, store.Change{Revision: second, Type: store.Updated, Kind: "user", ID: "a", Note: []byte("next")})

	old = c.get(store.ID("a"))
	ops := []store.Op{store.Delete(old, []byte("gone")), store.Create(full("b"), nil)}
	last := c.apply(ops...)
	spoil(old)
	spoilBytes(ops[0].Note)
	spoil(*ops[1].New)
	clear(ops)
	want = full("b")
	want.Created, want.Revision = last, last
	c.exactly(want)
	c.feed(second, store.Change{Revision: last - 1, Type: store.Deleted, Kind: "user", ID: "a", Note: []byte("gone")})
}

func copiesOut(s *subject) {
	c := s.tenant("t")
	want := full("a")
	want.Revision = c.apply(store.Create(full("a"), []byte("note")))
	want.Created = want.Revision
	for range 2 {
		spoil(c.get(store.ID("a")))
		spoil(c.get(want.Unique[0]))
		for _, q := range []store.Query{{Kind: "user"}, {Kind: "user", Match: want.Index}} {
			c.walk(q, func(page store.Page) {
				for _, r := range page.Records {
					spoil(r)
				}
				clear(page.Records)
			})
		}
		for _, t := range c.duePages(store.DueQuery{Before: farFuture()}) {
			for _, r := range t.Records {
				spoil(r)
			}
			clear(t.Records)
		}
		c.walkChanges(store.ChangeQuery{}, func(page store.ChangePage) {
			for _, change := range page.Changes {
				spoilBytes(change.Note)
			}
			clear(page.Changes)
		})
		c.walkTenants(5, func(page store.TenantPage) { clear(page.Names) })
		c.exactly(want)
		c.feed(0, store.Change{Revision: want.Revision, Type: store.Created, Kind: "user", ID: "a", Note: []byte("note")})
		if names := c.tenants(5); !s.failed() && (len(names) != 1 || names[0] != "t") {
			s.fail("Tenants: %q", names)
		}
	}
}

func copiesTaken(s *subject) {
	c := s.tenant("t")
	want := c.create1(full("a"))
	claim := plain("b")
	claim.Unique = want.Unique[:1]
	err := c.refused(store.ErrTaken, store.Create(claim, nil))
	var taken *store.TakenError
	if errors.As(err, &taken) {
		spoil(taken.Holder)
	}
	c.exactly(want)
	c.taken(0, want.Unique[0], want, store.Create(claim, nil))
	err = c.refusedBatch(store.ErrTaken, with(writing("c"), store.RequireFree(want.Unique[0])))
	if errors.As(err, &taken) {
		spoil(taken.Holder)
	}
	c.exactly(want)
	// The holder may be in the batch itself.
	twin := full("twin")
	err = c.refused(store.ErrTaken, store.Create(twin, nil), store.Create(store.Record{ID: "x", Kind: "user", Unique: full("twin").Unique}, nil))
	if errors.As(err, &taken) {
		spoil(taken.Holder)
	}
	s.same(diffContent(twin, full("twin")), "TakenError.Holder shares the caller's memory")
}

func copiesArguments(s *subject) {
	c := s.tenant("t")
	first := c.create1(full("a"))
	old, next, fresh := c.get(store.ID("a")), withData(full("a"), "second"), full("b")
	fresh.Created, fresh.Revision, next.Revision = 7, 8, 9
	ops := []store.Op{store.Replace(old, next, []byte("note")), store.Create(fresh, []byte("note"))}
	c.apply(ops...)
	for _, pair := range [][2]store.Record{{*ops[0].Old, first}, {old, first}, {*ops[1].New, fresh}, {*ops[0].New, next}} {
		s.same(diffRecord(pair[0], pair[1]), "Apply changed its argument")
	}
	match := []store.Key{{Kind: "own", Value: "b"}, {Kind: "group", Value: "all"}}
	c.list(store.Query{Kind: "user", Match: match})
	if match[0].Kind != "own" || match[1].Kind != "group" {
		s.fail("List changed its argument")
	}
	kinds := []string{"user", "group", "none"}
	c.duePage(store.DueQuery{Kinds: kinds, Before: farFuture()})
	if kinds[0] != "user" || kinds[1] != "group" || kinds[2] != "none" {
		s.fail("Due changed its argument")
	}
}

func copiesNil(s *subject) {
	c := s.tenant("t")
	none := store.Record{ID: "nil", Kind: "user"}
	empty := store.Record{ID: "empty", Kind: "user", Unique: []store.Key{}, Index: []store.Key{}, Data: []byte{}}
	made := c.create(none, empty)
	c.exactly(made...)
	c.lists(store.Query{Kind: "user", Match: []store.Key{}}, made...)
	made[0] = c.replace(made[0], full("nil"))
	made[0] = c.replace(made[0], none)
	made[1] = c.replace(made[1], full("empty"))
	made[1] = c.replace(made[1], empty)
	c.exactly(made...)
}

func copiesOrder(s *subject) {
	c := s.tenant("t")
	r := withTerms(withKeys(plain("a"), "z", "a", "m", "", "Z", "10", "9"), "9", "10", "b", "", "a", "B")
	r.Unique = append(r.Unique, store.Key{Kind: "a", Value: "z"}, store.Key{Kind: "z", Value: "a"})
	r.Index = append(r.Index, store.Key{Kind: "z", Value: "a"}, store.Key{Kind: "a", Value: "z"})
	c.exactly(c.create1(r))
}
