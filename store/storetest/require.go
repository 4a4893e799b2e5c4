package storetest

import (
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/store"
)

func requireChecks() []check {
	return []check{
		{"require/at", 1, "a required revision must be the record's, or the batch is stale", requireAt},
		{"require/none", 1, "an ID that no record may have must be free, or the batch is stale", requireNone},
		{"require/free", 1, "a required key must be free, or the batch is refused with its holder", requireFree},
		{"require/first", 1, "requirements come before ops and keys, in their order", requireFirst},
		{"require/before", 1, "requirements are checked against the state before the batch", requireBefore},
		{"require/nothing", 1, "requirements write nothing, and a batch that they refuse writes nothing", requireNothing},
		{"require/limits", 9, "requirements count towards MaxOps, must be well formed, and make no batch without ops", requireLimits},
		{"require/tenant", 12, "requirements are about the batch's tenant", requireTenant},
		{"require/skew", 1, "if two callers each require the record or key that the other changes, one succeeds", requireSkew},
	}
}

// with returns a batch of ops and requirements.
func with(ops []store.Op, require ...store.Require) store.Batch {
	return store.Batch{Ops: ops, Require: require}
}

// writing returns the ops of a batch that creates one record.
func writing(id string) []store.Op { return []store.Op{store.Create(plain(id), []byte(id))} }

func requireAt(s *subject) {
	c := s.tenant("t")
	first := c.create1(full("a"))
	second := c.replace(first, withData(full("a"), "second"))
	other := c.create1(full("b"))
	ahead := second
	ahead.Revision++
	missing := store.Require{ID: "none", Revision: other.Revision}
	for _, r := range []store.Require{store.RequireAt(first), store.RequireAt(ahead), missing} {
		c.staleBatch(-1, 0, with(writing("x"), r))
		c.staleBatch(-1, 2, with(writing("x"), store.RequireAt(second), store.RequireAt(other), r))
	}
	c.applyBatch(with(writing("x"), store.RequireAt(second), store.RequireAt(other)))
	c.delete(other)
	c.staleBatch(-1, 1, with(writing("y"), store.RequireAt(second), store.RequireAt(other)))
	again := c.create1(full("b"))
	c.staleBatch(-1, 0, with(writing("y"), store.RequireAt(other)))
	c.applyBatch(with(writing("y"), store.RequireAt(again)))
	c.has(second, again)
}

func requireNone(s *subject) {
	c := s.tenant("t")
	a := c.create1(full("a"))
	group := plain("g")
	group.Kind = "group"
	c.create1(group)
	c.staleBatch(-1, 0, with(writing("x"), store.RequireNone("a")))
	c.staleBatch(-1, 1, with(writing("x"), store.RequireNone("b"), store.RequireNone("g")))
	c.applyBatch(with(writing("x"), store.RequireNone("b"), store.RequireNone("A"), store.RequireNone("a@example.com")))
	c.delete(a)
	c.applyBatch(with(writing("y"), store.RequireNone("a")))
	s.tenant("fresh").applyBatch(with(writing("x"), store.RequireNone("a")))
}

func requireFree(s *subject) {
	c := s.tenant("t")
	holder := c.replace(c.create1(full("holder")), withData(full("holder"), "second"))
	free := store.Key{Kind: "name", Value: "nobody"}
	for _, key := range holder.Unique {
		for _, c := range []*client{c, c.other()} {
			c.takenBatch(&store.TakenError{Op: -1, Require: 0, Key: key, Holder: holder}, with(writing("x"), store.RequireFree(key)))
			c.takenBatch(&store.TakenError{Op: -1, Require: 1, Key: key, Holder: holder}, with(writing("x"), store.RequireFree(free), store.RequireFree(key)))
		}
	}
	// Terms and IDs take no key.
	c.applyBatch(with(writing("x"), store.RequireFree(free), store.RequireFree(holder.Index[0]), store.RequireFree(store.Key{Kind: "name", Value: "x"})))
	c.delete(holder)
	c.applyBatch(with(writing("y"), store.RequireFree(holder.Unique[0]), store.RequireFree(holder.Unique[1])))
}

func requireFirst(s *subject) {
	c := s.tenant("t")
	holder := c.create1(withKeys(plain("holder"), "k"))
	stale := store.Create(plain("holder"), nil)
	taken := store.Create(withKeys(plain("x"), "k"), nil)
	gone := store.Require{ID: "gone", Revision: 1}
	free := store.RequireFree(key("k"))
	isTaken := func(i int) *store.TakenError {
		return &store.TakenError{Op: -1, Require: i, Key: key("k"), Holder: holder}
	}
	// Before ops that are stale, and before keys that are taken.
	c.staleBatch(-1, 0, with([]store.Op{stale}, gone))
	c.staleBatch(-1, 0, with([]store.Op{taken}, gone))
	c.takenBatch(isTaken(0), with([]store.Op{stale}, free))
	c.takenBatch(isTaken(0), with([]store.Op{taken}, free))
	// The first requirement that fails decides, whatever its kind.
	c.takenBatch(isTaken(1), with(writing("x"), store.RequireAt(holder), free, gone))
	c.staleBatch(-1, 1, with(writing("x"), store.RequireNone("x"), gone, free))
	c.staleBatch(-1, 2, with(writing("x"), store.RequireNone("x"), store.RequireAt(holder), store.RequireNone("holder"), free))
	// Requirements that hold leave the ops their errors.
	c.staleBatch(1, -1, with([]store.Op{store.Create(plain("x"), nil), stale}, store.RequireAt(holder)))
	c.takenBatch(&store.TakenError{Op: 1, Require: -1, Key: key("k"), Holder: holder},
		with([]store.Op{store.Create(plain("y"), nil), taken}, store.RequireAt(holder), store.RequireNone("gone")))
	c.exactly(holder)
	c.feed(0)
}

func requireBefore(s *subject) {
	c := s.tenant("t")
	a := c.create1(withKeys(plain("a"), "k"))
	b := c.create1(plain("b"))
	// Keys and IDs that the batch frees are not free yet.
	c.takenBatch(&store.TakenError{Op: -1, Require: 0, Key: key("k"), Holder: a},
		with([]store.Op{store.Delete(a, nil)}, store.RequireFree(key("k"))))
	c.staleBatch(-1, 0, with([]store.Op{store.Delete(a, nil)}, store.RequireNone("a")))
	c.exactly(a, b)
	// Records that the batch writes are required as they were.
	rev := c.applyBatch(with([]store.Op{
		store.Replace(b, withKeys(plain("b"), "n"), nil), store.Delete(a, nil), store.Create(withKeys(plain("c"), "k"), nil),
	}, store.RequireAt(b), store.RequireAt(a), store.RequireNone("c"), store.RequireFree(key("n"))))
	nb, nc := withKeys(plain("b"), "n"), withKeys(plain("c"), "k")
	nb.Created, nb.Revision = b.Created, rev-2
	nc.Created, nc.Revision = rev, rev
	c.exactly(nb, nc)
	// A record or key may be required twice.
	c.applyBatch(with(writing("d"), store.RequireAt(nb), store.RequireAt(nb), store.RequireNone("x"), store.RequireNone("x")))
	c.staleBatch(-1, 1, with(writing("e"), store.RequireAt(nb), store.RequireNone("b")))
}

func requireNothing(s *subject) {
	c := s.tenant("t")
	a := c.create1(full("a"))
	rev := c.applyBatch(with(writing("x"), store.RequireAt(a), store.RequireNone("none"), store.RequireFree(key("free"))))
	if rev != 2 {
		s.fail("a batch of one op and three requirements has revision %d, want 2", rev)
	}
	c.has(a)
	c.dueAre(a)
	c.absent(store.ID("none"), key("free"))
	entry := store.Change{Revision: 2, Type: store.Created, Kind: "user", ID: "x", Note: []byte("x")}
	c.feed(0, entry)
	refused := func(r store.Require) {
		ops := []store.Op{store.Replace(a, plain("a"), []byte("refused")), store.Create(full("y"), []byte("refused"))}
		_, err := c.tryBatch(with(ops, r))
		if err == nil {
			s.fail("Apply: no error, want it refused by %+v", r)
		}
	}
	refused(store.RequireNone("a"))
	refused(store.Require{ID: "a", Revision: 5})
	refused(store.RequireFree(a.Unique[0]))
	c.has(a)
	c.absent(store.ID("y"), full("y").Unique[0])
	c.feed(0, entry)
	c.next(3)
	fresh := s.tenant("fresh")
	fresh.staleBatch(-1, 0, with(writing("x"), store.RequireAt(a)))
	if names := c.tenants(10); len(names) != 1 {
		s.fail("a refused batch made a tenant: %q", names)
	}
}

func requireLimits(s *subject) {
	c := s.tenant("t")
	base := c.create1(full("base"))
	nobody := func(n int) []store.Require {
		all := make([]store.Require, n)
		for i := range all {
			all[i] = store.RequireNone(fmt.Sprint("nobody", i))
		}
		return all
	}
	c.applyBatch(with(writing("most"), nobody(store.MaxOps-1)...))
	long := string(make([]byte, store.MaxID+1))
	for name, b := range map[string]store.Batch{
		"no ops":                      with(nil, store.RequireAt(base)),
		"MaxOps requirements":         with(writing("x"), nobody(store.MaxOps)...),
		"a requirement of nothing":    with(writing("x"), store.Require{}),
		"a revision without an ID":    with(writing("x"), store.Require{Revision: 1}),
		"an ID and a key":             with(writing("x"), store.Require{ID: "base", Free: key("k")}),
		"a negative revision":         with(writing("x"), store.Require{ID: "base", Revision: -1}),
		"an ID that is too long":      with(writing("x"), store.RequireNone(long)),
		"an ID that is not UTF-8":     with(writing("x"), store.RequireNone("\xff")),
		"a key without a kind":        with(writing("x"), store.RequireFree(store.Key{Value: "v"})),
		"a key's value too long":      with(writing("x"), store.RequireFree(key(string(make([]byte, store.MaxKeyValue+1))))),
		"a key that is not UTF-8":     with(writing("x"), store.RequireFree(key("a\xff"))),
		"a failing one before it":     with(writing("x"), store.RequireNone("base"), store.Require{}),
		"an ID as a key":              with(writing("x"), store.RequireFree(store.ID("base"))),
		"a key's kind that is long":   with(writing("x"), store.RequireFree(store.Key{Kind: long})),
		"a well-formed one before it": with(writing("x"), store.RequireAt(base), store.Require{}),
	} {
		_, err := c.tryBatch(b)
		c.rejected("Apply with "+name, err)
		if at := invalidOp(err); at != -1 {
			s.fail("Apply with %s: InvalidError of op %d, want -1", name, at)
		}
	}
	c.absent(store.ID("x"))
	c.next(3)
}

func requireTenant(s *subject) {
	a, b := s.tenant("a"), s.tenant("b")
	inA := a.create1(full("x"))
	b.staleBatch(-1, 0, with(writing("y"), store.RequireAt(inA)))
	b.applyBatch(with(writing("y"), store.RequireNone("x"), store.RequireFree(inA.Unique[0])))
	a.applyBatch(with(writing("y"), store.RequireAt(inA)))
}

// requireSkew checks a race that a compare-and-set of each record alone does not prevent.
func requireSkew(s *subject) {
	c := s.tenant("t")
	for round := range 25 {
		a := c.create1(plain(fmt.Sprint("a", round)))
		b := c.create1(plain(fmt.Sprint("b", round)))
		ka, kb := fmt.Sprint("ka", round), fmt.Sprint("kb", round)
		records := [2][2]store.Batch{
			{
				with([]store.Op{store.Replace(a, withData(a, "1"), nil)}, store.RequireAt(b)),
				with([]store.Op{store.Replace(b, withData(b, "1"), nil)}, store.RequireAt(a)),
			},
			{
				with([]store.Op{store.Create(withKeys(plain("x"+ka), ka), nil)}, store.RequireFree(key(kb))),
				with([]store.Op{store.Create(withKeys(plain("x"+kb), kb), nil)}, store.RequireFree(key(ka))),
			},
		}
		for _, pair := range records {
			var errs [2]error
			s.together(2, func(i int) { _, errs[i] = c.handle(i).tryBatch(pair[i]) })
			if s.failed() {
				return
			}
			if (errs[0] == nil) == (errs[1] == nil) {
				s.fail("two callers of which each requires what the other changes: %v and %v, want one to succeed", errs[0], errs[1])
			}
			for _, err := range errs {
				if err != nil && !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrTaken) {
					s.fail("Apply: %w", err)
				}
			}
		}
	}
}
