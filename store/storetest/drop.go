package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

func dropChecks() []check {
	return []check{
		{"drop/forgets", 12, "Drop forgets a tenant's feed, trim mark and name, and kinds", dropForgets},
		{"drop/again", 3, "the revisions of a tenant that was dropped begin at 1 again, and its IDs and keys are free", dropAgain},
		{"drop/refused", 12, "a tenant that has a record is not dropped: ErrStale of the tenant, and nothing is forgotten", dropRefused},
		{"drop/damaged", 14, "a tenant that has a damaged record is not dropped", dropDamaged},
		{"drop/left-behind", 14, "what a removed damaged record has left behind is forgotten, too", dropLeftBehind},
		{"drop/nobody", 12, "dropping a tenant that does not exist, or again, is no error and does nothing", dropNobody},
		{"drop/others", 12, "Drop touches no other tenant, whatever their names", dropOthers},
		{"drop/imported", 12, "a tenant that was imported is dropped, and imported again", dropImported},
		{"drop/limits", 9, "Drop refuses an invalid tenant with ErrInvalid", dropLimits},
		{"drop/context", 11, "Drop honors a context that has ended", dropContext},
	}
}

// dropping runs a check of Drop, if the store has it.
func (s *subject) dropping(f func(c *client)) {
	c := s.tenant("t")
	if _, ok := store.As[store.Dropper](c.store); ok {
		f(c)
	}
}

// tryDrop drops the tenant and checks nothing.
func (c *client) tryDrop() error {
	if err := c.verdict(); err != nil {
		return err
	}
	w, _ := store.As[store.Dropper](c.store)
	return w.Drop(c.ctx, c.name)
}

// drop drops the tenant, which must succeed.
func (c *client) drop() {
	if err := c.tryDrop(); err != nil {
		c.fail("Drop: %w", err)
	}
}

// dropStale drops a tenant that has a record.
func (c *client) dropStale() {
	if err := c.tryDrop(); !c.failed() {
		c.wantError("Drop", err, store.ErrStale)
		c.same(diffStale(err, &store.StaleError{Op: -1, Require: -1}), "Drop")
	}
}

// tenantsAre compares the names of all tenants, in any order.
func (c *client) tenantsAre(want ...string) {
	if got := slices.Sorted(slices.Values(c.tenants(3))); !c.failed() && !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		c.fail("Tenants: %q, want %q", got, want)
	}
}

// gone checks that a tenant does not exist, as far as reads show.
func (c *client) gone(records ...store.Record) {
	for _, r := range records {
		c.absent(append(r.Unique, store.ID(r.ID))...)
		c.lists(store.Query{Kind: r.Kind})
		c.lists(store.Query{Kind: r.Kind, Desc: true, Match: r.Index})
		c.counts(store.CountQuery{Kind: r.Kind}, 0)
	}
	c.dueAre()
	for after := range store.Revision(3) {
		c.feed(after) // and not a TrimmedError
	}
	c.feedIs(store.ChangeQuery{Desc: true})
	if kinds := c.kinds(); len(kinds) > 0 {
		c.fail("Kinds: %q of a tenant that was dropped", kinds)
	}
}

// lived gives the tenant a past: records of two kinds that were deleted, and a feed that was
// trimmed. It returns the records as they were.
func (c *client) lived() []store.Record {
	all := noted(c, 5)
	made := c.create(full("a"), full("b"), store.Record{ID: "g", Kind: "group", Unique: keys("g")})
	c.trim(all[3].Revision)
	for _, entry := range all {
		c.delete(c.get(store.ID(entry.ID)))
	}
	for _, r := range made {
		c.apply(store.Delete(r, []byte("gone")))
	}
	return made
}

func dropForgets(s *subject) {
	s.dropping(func(c *client) {
		for i := range 2 {
			past := c.lived()
			c.handle(i).drop()
			for _, c := range []*client{c, c.other()} {
				c.gone(past...)
				c.tenantsAre()
			}
		}
	})
}

func dropAgain(s *subject) {
	s.dropping(func(c *client) {
		for i := range 3 {
			past := c.lived()
			c.handle(i).drop()
			c := c.handle(i / 2)
			// An old Old is stale, though a record has its ID again.
			c.stale(0, store.Delete(past[1], nil))
			made := c.create(full("b"), full("a"))
			if made[0].Created != 1 {
				s.fail("the first write after Drop has revision %d, want 1", made[0].Created)
			}
			c.stale(0, store.Replace(past[0], full("a"), nil))
			c.applyBatch(with(writing("x"), store.RequireNone("g"), store.RequireFree(key("g"))))
			c.delete(c.get(store.ID("x")))
			c.other().exactly(made...)
			c.feed(0, entry(3, store.Created, "user", "x", "x"))
			c.trim(100)
			first := c.apply(store.Create(plain("c"), []byte("first of all")))
			c.other().feedIs(store.ChangeQuery{After: first - 1}, entry(first, store.Created, "user", "c", "first of all"))
			c.tenantsAre("t")
			for _, id := range []string{"a", "b", "c"} {
				c.delete(c.get(store.ID(id)))
			}
			c.drop()
		}
	})
}

func dropRefused(s *subject) {
	s.dropping(func(c *client) {
		all := noted(c, 4)
		c.trim(2)
		for _, id := range []string{"n0", "n1", "n2"} {
			c.delete(c.get(store.ID(id)))
		}
		last := c.get(store.ID("n3"))
		for i := range 3 {
			c.handle(i).dropStale()
			for _, c := range []*client{c, c.other()} {
				c.exactly(last)
				c.trimmed(0, 1)
				c.feed(1, all[1:]...)
				c.tenantsAre("t")
			}
		}
		c.next(8)
		c.delete(last)
		c.dropStale() // the record that next has written is of another kind
		c.delete(c.get(store.ID("next revision")))
		c.other().drop()
		c.tenantsAre()
	})
}

func dropDamaged(s *subject) {
	s.dropping(func(*client) {
		s.damages(func(c *client) {
			made := c.create(full("a"), full("b"))
			c.delete(made[0])
			c.damage(made[1])
			for i := range 2 {
				c.handle(i).dropStale()
				c.damagedGets(made[1])
				c.tenantsAre("t")
			}
			c.apply(store.Remove("b", "user", nil))
			c.drop()
			c.gone(made...)
			c.next(1)
		})
	})
}

func dropLeftBehind(s *subject) {
	s.dropping(func(*client) {
		s.damages(func(c *client) {
			made := c.create(full("a"), full("b"))
			c.damage(made...)
			c.apply(store.Remove("a", "user", nil), store.Remove("b", "user", nil))
			c.drop()
			// The IDs and places are in use again: nothing of the old records leads there.
			again := c.create(plain("a"), plain("b"))
			for _, c := range []*client{c, c.other()} {
				c.exactly(again...)
				for _, r := range made {
					c.absent(r.Unique...)
					c.lists(store.Query{Kind: "user", Match: r.Index[1:2]})
				}
			}
			c.findsNothing()
			heir := plain("heir")
			heir.Unique = made[0].Unique
			heir = c.create1(heir)
			c.exactly(again[0], again[1], heir)
		})
	})
}

func dropNobody(s *subject) {
	s.dropping(func(c *client) {
		for i := range 3 {
			c.handle(i).drop()
		}
		c.tenantsAre()
		c.create1(plain("a"))
		c.delete(c.get(store.ID("a")))
		for i := range 3 {
			c.handle(i).drop()
		}
		c.tenantsAre()
		c.next(1)
	})
}

func dropOthers(s *subject) {
	s.dropping(func(*client) {
		all := append(names(), longNames(store.MaxTenant)...)
		for i, name := range all {
			c := s.tenant(name).handle(i)
			r := c.create1(full("a"))
			c.apply(store.Create(plain("b"), []byte(name)))
			if c.delete(c.get(store.ID("b"))); i%2 == 0 {
				c.delete(r)
			}
		}
		for i, name := range all {
			if c := s.tenant(name).handle(i / 2); i%2 == 0 {
				c.drop()
			} else {
				c.dropStale()
			}
		}
		var left []string
		for i, name := range all {
			c := s.tenant(name).handle(i)
			if i%2 == 0 {
				c.gone(full("a"))
				continue
			}
			left = append(left, name)
			c.exactly(written(full("a"), 1, 1))
			c.feed(0, entry(2, store.Created, "user", "b", name))
			c.next(4)
		}
		s.tenant("").tenantsAre(left...)
	})
}

func dropImported(s *subject) {
	s.dropping(func(*client) {
		s.importing(func(c *client) {
			for i := range 3 {
				c.handle(i).imports(origin())
				c.isOrigin()
				c.dropStale()
				for _, r := range origin().Records {
					c.delete(r)
				}
				c.handle(i / 2).drop()
				c.gone(origin().Records...)
				c.tenantsAre()
			}
			c.next(1)
		})
	})
}

func dropLimits(s *subject) {
	s.dropping(func(*client) {
		for i, name := range []string{"", strings.Repeat("x", store.MaxTenant+1), "\xff"} {
			if err := s.tenant(name).handle(i).tryDrop(); !s.failed() && !errors.Is(err, store.ErrInvalid) {
				s.fail("Drop with an invalid tenant: error %v, want %v", err, store.ErrInvalid)
			}
		}
		s.tenant(strings.Repeat("x", store.MaxTenant)).drop()
	})
}

func dropContext(s *subject) {
	s.dropping(func(c *client) {
		rev := c.apply(store.Create(plain("a"), []byte("note")))
		c.delete(c.get(store.ID("a")))
		w, _ := store.As[store.Dropper](c.store)
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		for _, name := range []string{"t", "nobody"} {
			if err := w.Drop(ctx, name); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
				s.fail("Drop with an ended context: error %v, want %v", err, context.Canceled)
			}
		}
		c.feed(0, entry(rev, store.Created, "user", "a", "note"))
		c.tenantsAre("t")
		c.next(rev + 2)
	})
}
