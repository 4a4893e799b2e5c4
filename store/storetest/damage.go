package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

func damageChecks() []check {
	return []check{
		{"damage/get", 14, "Get of a damaged record, by ID or key, is a DamagedError with its ID", damagedGet},
		{"damage/write", 14, "a write over a damaged record, a create of its ID too, is a DamagedError and changes nothing", damagedWrite},
		{"damage/claim", 14, "a write that claims a key which a damaged record may hold is a DamagedError and changes nothing", damagedClaim},
		{"damage/require", 14, "a requirement on a damaged record's revision, or that there is none, is stale", damagedRequire},
		{"damage/list", 14, "List names damaged records where they belong, once, and goes on", damagedList},
		{"damage/all", 14, "a walk of damaged records alone names them all and ends", damagedAll},
		{"damage/due", 14, "Due names damaged records, which take no share, and goes on", damagedDue},
		{"damage/count", 14, "damaged records are not counted", damagedCount},
		{"damage/remove", 14, "Remove deletes a damaged record and has its entry in the feed; then nothing finds the record, and its keys are free", damagedRemove},
		{"damage/remove-batch", 14, "the keys of a damaged record are free in the batch that removes it", damagedRemoveBatch},
		{"damage/reborn", 14, "a record created under the ID of a removed one is found by its own keys, terms and Due alone", damagedReborn},
		{"damage/feed", 14, "a damaged entry keeps its place in the feed, and the others stay", damagedFeed},
		{"damage/apart", 14, "a damaged record harms no other record and no other tenant", damagedApart},
	}
}

// damages runs a check of rule 14, if the store can be damaged.
func (s *subject) damages(f func(c *client)) {
	c := s.tenant("t")
	if _, ok := store.As[Damager](c.store); ok {
		f(c)
	}
}

// damage makes records unreadable.
func (c *client) damage(records ...store.Record) {
	d, _ := store.As[Damager](c.store)
	for _, r := range records {
		if c.failed() {
			return
		}
		if err := d.Damage(c.ctx, c.name, r.ID); err != nil {
			c.fail("Damage of record %q: %w", r.ID, err)
		}
	}
}

// damagedBy checks that an error is the DamagedError of a record.
func (c *client) damagedBy(call string, err error, id string) {
	if c.failed() {
		return
	}
	c.wantError(call, err, store.ErrDamaged)
	var damaged *store.DamagedError
	switch {
	case c.failed():
	case !errors.As(err, &damaged):
		c.fail("%s: %v is ErrDamaged but no *DamagedError", call, err)
	case damaged.ID != id:
		c.fail("%s: DamagedError of record %q, want %q", call, damaged.ID, id)
	}
}

// damagedGets checks that a record can be fetched neither by its ID nor by its keys.
func (c *client) damagedGets(r store.Record) {
	for _, key := range append([]store.Key{store.ID(r.ID)}, r.Unique...) {
		_, err := c.store.Get(c.ctx, c.name, key)
		c.damagedBy("Get "+show(key), err, r.ID)
	}
}

// refusedAsDamaged applies a batch that must be refused because of a damaged record.
func (c *client) refusedAsDamaged(id string, b store.Batch) {
	if c.failed() {
		return
	}
	_, err := c.store.Apply(c.ctx, c.name, b)
	c.damagedBy("Apply", err, id)
}

// listsDamaged checks a walk that consists of these records and names these IDs, each
// once.
func (c *client) listsDamaged(q store.Query, want []store.Record, damaged ...string) {
	var got []store.Record
	var named []string
	c.walk(q, func(page store.Page) {
		got = append(got, page.Records...)
		named = append(named, page.Damaged...)
	})
	c.same(diffRecords(got, want), "List %+v", q)
	c.names(fmt.Sprintf("List %+v", q), named, damaged)
}

// names compares the IDs of damaged records, in any order.
func (c *client) names(call string, got, want []string) {
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		c.fail("%s: damaged %q, want %q", call, got, want)
	}
}

// dueDamaged checks what is due of the client's tenant, alone and among others.
func (c *client) dueDamaged(q store.DueQuery, want []store.Record, damaged ...string) {
	for _, all := range []bool{false, true} {
		var got []store.Record
		var named []string
		visit := func(t store.DueTenant) {
			if t.Tenant == c.name {
				got = append(got, t.Records...)
				named = append(named, t.Damaged...)
			}
		}
		if all {
			for _, t := range c.dueTenants(q) {
				visit(t)
			}
		} else {
			one := q
			one.Tenant = c.name
			c.walkDue(one, visit)
		}
		c.same(diffRecords(got, want), "Due %+v (of all: %v)", q, all)
		c.names(fmt.Sprintf("Due %+v (of all: %v)", q, all), named, damaged)
	}
}

func damagedGet(s *subject) {
	s.damages(func(c *client) {
		made := c.create(full("a"), full("b"))
		made[1] = c.replace(made[1], withData(full("b"), "second"))
		c.damage(made[1])
		for _, c := range []*client{c, c.other()} {
			c.damagedGets(made[1])
			c.has(made[0])
			c.absent(store.ID("c"), full("c").Unique[0])
		}
	})
}

func damagedWrite(s *subject) {
	s.damages(func(c *client) {
		made := c.create(full("a"), full("b"))
		bad := made[1]
		c.damage(bad)
		note := []byte("refused")
		for i, op := range []store.Op{
			store.Replace(bad, withData(full("b"), "lost"), note),
			store.Replace(bad, plain("b"), note),
			store.Delete(bad, note),
			store.Create(plain("b"), note),
			store.Delete(store.Record{ID: "b", Kind: "user", Revision: 77}, note), // no revision is known
		} {
			c := c.handle(i)
			c.refusedAsDamaged("b", store.Ops(op))
			c.refusedAsDamaged("b", store.Ops(store.Create(plain("x"), note), op, store.Delete(made[0], note)))
			c.damagedGets(bad)
		}
		c.has(made[0])
		c.absent(store.ID("x"))
		c.feed(0)
		c.listsDamaged(store.Query{Kind: "user"}, made[:1], "b")
		c.next(3)
	})
}

func damagedClaim(s *subject) {
	s.damages(func(c *client) {
		made := c.create(full("a"), full("b"))
		c.damage(made[1])
		note := []byte("refused")
		for i, key := range made[1].Unique {
			c := c.handle(i)
			claim := plain("x")
			claim.Unique = []store.Key{{Kind: "name", Value: "free"}, key}
			c.refusedAsDamaged("b", store.Ops(store.Create(claim, note)))
			next := plain("a")
			next.Unique = []store.Key{key}
			c.refusedAsDamaged("b", store.Ops(store.Create(plain("y"), note), store.Replace(made[0], next, note)))
		}
		c.has(made[0])
		c.absent(store.ID("x"), store.ID("y"), store.Key{Kind: "name", Value: "free"})
		c.feed(0)
		c.next(3)
		c.taken(0, made[0].Unique[0], made[0], store.Create(store.Record{ID: "z", Kind: "user", Unique: made[0].Unique}, nil))
		c.has(c.create1(full("z"))) // other keys are still free
	})
}

func damagedRequire(s *subject) {
	s.damages(func(c *client) {
		made := c.create(full("a"), full("b"))
		c.damage(made[1])
		c.staleBatch(-1, 0, with(writing("x"), store.RequireAt(made[1])))
		c.staleBatch(-1, 1, with(writing("x"), store.RequireAt(made[0]), store.RequireNone("b")))
		for _, key := range made[1].Unique {
			c.refusedAsDamaged("b", with(writing("x"), store.RequireFree(key)))
		}
		c.absent(store.ID("x"))
		c.feed(0)
		c.next(3)
		c.applyBatch(with(writing("x"), store.RequireAt(made[0]), store.RequireNone("c"), store.RequireFree(full("c").Unique[0])))
	})
}

func damagedRemove(s *subject) {
	s.damages(func(c *client) {
		made := c.create(full("a"), full("b"), full("c"))
		c.damage(made[1], made[2])
		note := []byte("gone")
		rev := c.apply(store.Remove("b", "user", note))
		c.handle(1).apply(store.Remove("c", "whatever", note)) // its kind cannot be known
		for _, c := range []*client{c, c.other()} {
			c.exactly(made[0])
			for _, gone := range made[1:] {
				c.absent(append(gone.Unique, store.ID(gone.ID))...)
				c.lists(store.Query{Kind: "user", Match: gone.Index[1:2]})
				c.lists(store.Query{Kind: "user", Match: gone.Index[1:2], Desc: true})
			}
			c.counts(store.CountQuery{Kind: "user"}, 1)
			c.feed(0,
				store.Change{Revision: rev, Type: store.Deleted, Kind: "user", ID: "b", Note: note},
				store.Change{Revision: rev + 1, Type: store.Deleted, Kind: "whatever", ID: "c", Note: note})
		}
		c.stale(0, store.Remove("b", "user", nil))
		// The keys are free: to require, to take, to give back.
		heir := plain("heir")
		heir.Unique = append(slices.Clone(made[1].Unique), made[2].Unique...)
		rev = c.applyBatch(with([]store.Op{store.Create(heir, nil)}, store.RequireFree(made[1].Unique[0]), store.RequireNone("b")))
		heir.Created, heir.Revision = rev, rev
		c.exactly(made[0], heir)
		c.taken(0, made[1].Unique[0], heir, store.Create(full("b"), nil))
		c.delete(heir)
		again := c.create(full("b"), full("c"))
		c.exactly(made[0], again[0], again[1])
	})
}

func damagedRemoveBatch(s *subject) {
	s.damages(func(c *client) {
		note := []byte("note")
		for round, first := range []bool{true, false} {
			id := fmt.Sprint("bad", round)
			bad := c.create1(full(id))
			c.damage(bad)
			heir := full(fmt.Sprint("heir", round))
			heir.Unique = bad.Unique
			ops := []store.Op{store.Remove(id, "user", note), store.Create(heir, note)}
			if !first {
				slices.Reverse(ops)
			}
			rev := c.handle(round).apply(ops...)
			if heir.Created = rev; !first {
				heir.Created--
			}
			heir.Revision = heir.Created
			c.absent(store.ID(id))
			c.exactly(heir)
			if n := len(c.changes(store.ChangeQuery{After: rev - 2})); n != 2 {
				s.fail("%d entries, want 2", n)
			}
			c.delete(heir)
		}
		// Another damaged record still has its keys.
		bad := c.create(full("x"), full("y"))
		c.damage(bad...)
		claim := plain("z")
		claim.Unique = []store.Key{bad[0].Unique[0], bad[1].Unique[0]}
		c.refusedAsDamaged("y", store.Ops(store.Remove("x", "user", note), store.Create(claim, note)))
		c.damagedGets(bad[0])
	})
}

func damagedReborn(s *subject) {
	s.damages(func(c *client) {
		bad := c.create1(full("a"))
		sound := c.create1(full("b"))
		c.damage(bad)
		c.apply(store.Remove("a", "user", nil))
		// Another kind, without the old keys and terms.
		reborn := plain("a")
		reborn.Kind = "group"
		reborn = c.create1(reborn)
		look := func(all ...store.Record) {
			for _, c := range []*client{c, c.other()} {
				c.exactly(all...)
				c.lists(store.Query{Kind: "user"}, selectRecords(all, "user")...)
				for _, term := range bad.Index {
					c.lists(store.Query{Kind: "user", Match: []store.Key{term}}, selectRecords(all, "user", term)...)
					c.lists(store.Query{Kind: "group", Match: []store.Key{term}, Desc: true}, selectRecords(all, "group", term)...)
					c.counts(store.CountQuery{Kind: "user", Match: []store.Key{term}}, len(selectRecords(all, "user", term)))
				}
				c.counts(store.CountQuery{Kind: "user"}, len(selectRecords(all, "user")))
			}
		}
		look(sound, reborn)
		c.absent(bad.Unique...)
		// The old keys are free for others, beside the record that has the ID now.
		c.applyBatch(with(writing("x"), store.RequireFree(bad.Unique[0])))
		c.apply(store.Remove("x", "user", nil))
		heir := plain("heir")
		heir.Unique = bad.Unique
		heir = c.create1(heir)
		look(sound, reborn, heir)
		reborn = c.replace(reborn, withData(reborn, "written again"))
		look(sound, reborn, heir)
		// Back as it was: found once, at its new place.
		c.delete(heir)
		c.delete(reborn)
		reborn = c.create1(full("a"))
		look(sound, reborn)
		reborn = c.replace(reborn, withDue(full("a"), day(5)))
		look(sound, reborn)
		c.delete(reborn)
		look(sound)
		c.absent(append(bad.Unique, store.ID("a"))...)
	})
}

func damagedFeed(s *subject) {
	s.damages(func(c *client) {
		all := noted(c, 12)
		d, _ := store.As[Damager](c.store)
		for _, i := range []int{0, 4, 5, 11} {
			seq := all[i].Revision
			if err := d.DamageChange(s.ctx, c.name, seq); err != nil {
				s.fail("DamageChange of entry %d: %w", seq, err)
			}
			all[i] = store.Change{Seq: seq, Damaged: true}
		}
		for _, c := range []*client{c, c.other()} {
			for _, limit := range []int{0, 1, 5} {
				c.feedIs(store.ChangeQuery{Limit: limit}, all...)
				c.feedIs(store.ChangeQuery{Limit: limit, Desc: true}, reversed(all)...)
				c.feedIs(store.ChangeQuery{Limit: limit, After: 4, Before: 6}, all[4])
			}
		}
		c.trim(5)
		c.trimmed(3, 4)
		c.feed(4, all[4:]...)
		c.trim(12)
		c.trimmed(10, 11)
		c.feed(11, all[11])
		rev := c.apply(store.Create(plain("more"), []byte("more")))
		c.feed(11, all[11], store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "more", Note: []byte("more")})
	})
}

func damagedApart(s *subject) {
	s.damages(func(c *client) {
		other := s.tenant("u")
		theirs := other.create(full("a"), full("b"))
		made := c.create(full("a"), full("b"), full("c"))
		c.damage(made[0])
		other.exactly(theirs...)
		other.counts(store.CountQuery{Kind: "user"}, 2)
		theirs[0] = other.replace(theirs[0], withData(full("a"), "second"))
		other.delete(theirs[1])
		other.exactly(theirs[0])
		// Its neighbors are read and written as before, keys swapped too.
		b, cc := made[1], made[2]
		b.Unique, cc.Unique = made[2].Unique, made[1].Unique
		rev := c.apply(store.Replace(made[1], b, nil), store.Replace(made[2], cc, nil))
		b.Revision, cc.Revision = rev-1, rev
		c.has(b, cc)
		c.listsDamaged(store.Query{Kind: "user"}, []store.Record{b, cc}, "a")
		c.scrub()
		c.has(b, cc)
		c.damagedGets(made[0])
		c.delete(b)
		c.has(cc)
		if names := slices.Sorted(slices.Values(c.tenants(5))); !slices.Equal(names, []string{"t", "u"}) {
			s.fail("Tenants: %q", names)
		}
	})
}
