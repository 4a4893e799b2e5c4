package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func limitChecks() []check {
	return []check{
		{"limits/apply", 9, "a batch outside the limits or not well formed is refused with ErrInvalid; one at the limits is written", limitsApply},
		{"limits/op", 9, "InvalidError names the op at fault", limitsOp},
		{"limits/batch", 9, "a batch's Data and Notes together have a limit", limitsBatch},
		{"limits/due", 9, "a Due is a whole number of milliseconds, later than the Unix epoch and before the year 10000", limitsDue},
		{"limits/queries", 9, "a query outside the limits is refused with ErrInvalid; one at the limits is answered", limitsQueries},
		{"limits/largest", 9, "a record of the largest size is written, found and replaced", limitsLargest},
	}
}

// numbered returns n keys.
func numbered(n int) []store.Key {
	out := make([]store.Key, n)
	for i := range out {
		out[i] = key(fmt.Sprint(i))
	}
	return out
}

func limitsApply(s *subject) {
	c := s.tenant("t")
	base := c.create1(full("base"))
	with := func(edit func(*store.Record)) []store.Op {
		r := plain("new")
		edit(&r)
		return []store.Op{store.Create(r, nil)}
	}
	creates := func(n int) []store.Op {
		ops := make([]store.Op, n)
		for i := range ops {
			ops[i] = store.Create(plain(fmt.Sprint("op", i)), nil)
		}
		return ops
	}
	twice := keys("x", "y", "x")
	other := full("other")
	kind := full("base")
	kind.Kind = "group"
	bare := base
	bare.Revision = 0
	below := base
	below.Revision = -1
	manyTwice := append(numbered(20), key("7"))

	for _, test := range []struct {
		name string
		ok   bool
		ops  []store.Op
	}{
		{"no ops", false, nil},
		{"MaxOps-1 ops", true, creates(store.MaxOps - 1)},
		{"MaxOps ops", true, creates(store.MaxOps)},
		{"MaxOps+1 ops", false, creates(store.MaxOps + 1)},
		{"an empty op", false, []store.Op{{}}},
		{"an op with only a Note", false, []store.Op{{Note: []byte("x")}}},
		{"an ID twice", false, []store.Op{store.Create(plain("x"), nil), store.Create(plain("x"), nil)}},
		{"an ID deleted and created", false, []store.Op{store.Delete(base, nil), store.Create(full("base"), nil)}},
		{"an ID twice among many", false, append(creates(20), store.Create(plain("op7"), nil))},
		{"New with another ID", false, []store.Op{store.Replace(base, other, nil)}},
		{"New with another kind", false, []store.Op{store.Replace(base, kind, nil)}},
		{"Replace of revision 0", false, []store.Op{store.Replace(bare, full("base"), nil)}},
		{"Remove without a kind", false, []store.Op{store.Remove("base", "", nil)}},
		{"Delete of revision -1", false, []store.Op{store.Delete(below, nil)}},
		{"MaxUnique-1 keys", true, with(func(r *store.Record) { r.Unique = numbered(store.MaxUnique - 1) })},
		{"MaxUnique keys", true, with(func(r *store.Record) { r.Unique = numbered(store.MaxUnique) })},
		{"MaxUnique+1 keys", false, with(func(r *store.Record) { r.Unique = numbered(store.MaxUnique + 1) })},
		{"a unique key twice", false, with(func(r *store.Record) { r.Unique = twice })},
		{"a unique key twice among many", false, with(func(r *store.Record) { r.Unique = manyTwice })},
		{"MaxIndex-1 terms", true, with(func(r *store.Record) { r.Index = numbered(store.MaxIndex - 1) })},
		{"MaxIndex terms", true, with(func(r *store.Record) { r.Index = numbered(store.MaxIndex) })},
		{"MaxIndex+1 terms", false, with(func(r *store.Record) { r.Index = numbered(store.MaxIndex + 1) })},
		{"an index term twice", false, with(func(r *store.Record) { r.Index = twice })},
		{"an index term twice among many", false, with(func(r *store.Record) { r.Index = manyTwice })},
		{"a unique key that is also a term", true, with(func(r *store.Record) { r.Unique, r.Index = keys("x"), keys("x") })},
		{"MaxData-1 bytes", true, with(func(r *store.Record) { r.Data = make([]byte, store.MaxData-1) })},
		{"MaxData bytes", true, with(func(r *store.Record) { r.Data = make([]byte, store.MaxData) })},
		{"MaxData+1 bytes", false, with(func(r *store.Record) { r.Data = make([]byte, store.MaxData+1) })},
		{"MaxNote-1 bytes", true, []store.Op{store.Create(plain("new"), make([]byte, store.MaxNote-1))}},
		{"MaxNote bytes", true, []store.Op{store.Create(plain("new"), make([]byte, store.MaxNote))}},
		{"MaxNote+1 bytes", false, []store.Op{store.Create(plain("new"), make([]byte, store.MaxNote+1))}},
		{"MaxNote+1 bytes with a Delete", false, []store.Op{store.Delete(base, make([]byte, store.MaxNote+1))}},
	} {
		_, err := c.try(test.ops...)
		if !test.ok {
			c.rejected("Apply with "+test.name, err)
			continue
		}
		c.accepted("Apply with "+test.name, err)
		var undo []store.Op
		for _, op := range test.ops {
			got := c.get(store.ID(op.New.ID))
			for _, key := range op.New.Unique {
				got = c.get(key)
			}
			s.same(diffContent(got, *op.New), "Apply with %s", test.name)
			undo = append(undo, store.Delete(got, nil))
		}
		c.apply(undo...)
	}
	c.exactly(base)
}

func limitsOp(s *subject) {
	c := s.tenant("t")
	fine := store.Create(plain("fine"), nil)
	for i, op := range []store.Op{
		{},
		store.Create(plain(""), nil),
		store.Create(withKeys(plain("x"), "\xff"), nil),
		store.Create(plain("fine"), nil),
	} {
		err := c.refused(store.ErrInvalid, store.Create(plain("first"), nil), fine, op)
		if s.failed() {
			return
		}
		if at := invalidOp(err); at != 2 {
			s.fail("case %d: InvalidError of op %d, want 2: %w", i, at, err)
		}
	}
	if at := invalidOp(c.refused(store.ErrInvalid)); at != -1 {
		s.fail("an empty batch: InvalidError of op %d, want -1", at)
	}
}

func limitsBatch(s *subject) {
	c := s.tenant("t")
	data := bytes.Repeat([]byte("x"), store.MaxData)
	batch := func(name string, notes int) []store.Op {
		var ops []store.Op
		for i := range store.MaxBatch / store.MaxData {
			ops = append(ops, store.Create(store.Record{ID: fmt.Sprint(name, i), Kind: "user", Data: data}, nil))
		}
		ops[0].New.Data = data[notes:]
		ops[1].Note = data[:notes]
		return ops
	}
	c.apply(batch("exact", 0)...)
	ops := batch("over", 100)
	ops[2].Note = []byte{1}
	c.rejected("Apply of MaxBatch+1 bytes", func() error { _, err := c.try(ops...); return err }())
	c.absent(store.ID("over0"))
	ops[2].Note = nil
	c.apply(ops...)
	if n := len(c.get(store.ID("over1")).Data); n != store.MaxData {
		s.fail("%d bytes of Data, want %d", n, store.MaxData)
	}
}

func limitsDue(s *subject) {
	c := s.tenant("t")
	last := farFuture().Add(-time.Millisecond)
	for i, test := range []struct {
		due time.Time
		ok  bool
	}{
		{time.Time{}, true},
		{time.UnixMilli(1), true},
		{time.UnixMilli(1 << 41), true},
		{last, true},
		{last.In(time.FixedZone("east", 14*3600)), true}, // the year 10000, there
		{day(1).In(time.FixedZone("west", -11*3600)), true},
		{time.Unix(0, 0), false},
		{time.Unix(0, 1), false},
		{time.Unix(-1, 0), false},
		{time.Time{}.Add(time.Millisecond), false},
		{farFuture(), false},
		{farFuture().In(time.FixedZone("west", -11*3600)), false}, // the year 9999, there
		{farFuture().AddDate(300_000_000, 0, 0), false},
		{time.Unix(1<<60, 0), false},
		{day(1).Add(1), false},
		{day(1).Add(-1), false},
		{day(1).Add(time.Microsecond), false},
	} {
		r := withDue(plain(fmt.Sprint("r", i)), test.due)
		rev, err := c.try(store.Create(r, nil))
		what := fmt.Sprintf("Apply with Due %v", test.due)
		if !test.ok {
			c.rejected(what, err)
			c.absent(store.ID(r.ID))
			continue
		}
		c.accepted(what, err)
		r.Created, r.Revision, r.Due = rev, rev, test.due.UTC()
		c.has(r)
		if r.Due.IsZero() {
			c.dueIs(store.DueQuery{Before: farFuture()})
		} else {
			c.dueIs(store.DueQuery{Before: r.Due.Add(time.Millisecond)}, r)
			c.dueIs(store.DueQuery{Before: r.Due})
		}
		c.delete(r)
	}
}

func limitsQueries(s *subject) {
	c := s.tenant("t")
	c.create1(plain("a"))
	list := func(q store.Query) error {
		if q.Kind == "" {
			q.Kind = "user"
		}
		_, err := c.store.List(c.ctx, c.name, q)
		return err
	}
	due := func(q store.DueQuery) error {
		if q.Before.IsZero() {
			q.Before = day(1)
		}
		_, err := c.store.Due(c.ctx, q)
		return err
	}
	changes := func(after store.Revision, limit int) error {
		_, err := c.store.Changes(c.ctx, c.name, store.ChangeQuery{After: after, Limit: limit})
		return err
	}
	_, beforeNegative := c.store.Changes(c.ctx, c.name, store.ChangeQuery{Before: -1})
	tenants := func(limit int) error {
		_, err := c.store.Tenants(c.ctx, store.TenantQuery{Limit: limit})
		return err
	}
	kinds := func(n int) []string {
		var out []string
		for _, key := range numbered(n) {
			out = append(out, key.Value)
		}
		return out
	}
	_, zeroBefore := c.store.Due(c.ctx, store.DueQuery{})
	const top = 1<<63 - 1
	for _, test := range []struct {
		name string
		ok   bool
		err  error
	}{
		{"List of MaxMatch-1 terms", true, list(store.Query{Match: numbered(store.MaxMatch - 1)})},
		{"List of MaxMatch terms", true, list(store.Query{Match: numbered(store.MaxMatch)})},
		{"List of MaxMatch+1 terms", false, list(store.Query{Match: numbered(store.MaxMatch + 1)})},
		{"List of a term twice", false, list(store.Query{Match: keys("x", "x")})},
		{"List after -1", false, list(store.Query{After: -1})},
		{"List before -1", false, list(store.Query{Before: -1})},
		{"List after the greatest revision", true, list(store.Query{After: top})},
		{"List before the greatest revision", true, list(store.Query{Before: top})},
		{"List with limit -1", false, list(store.Query{Limit: -1})},
		{"List with limit 1", true, list(store.Query{Limit: 1})},
		{"List with limit MaxLimit-1", true, list(store.Query{Limit: store.MaxLimit - 1})},
		{"List with limit MaxLimit", true, list(store.Query{Limit: store.MaxLimit})},
		{"List with limit MaxLimit+1", false, list(store.Query{Limit: store.MaxLimit + 1})},
		{"List with budget -1", false, list(store.Query{Budget: -1})},
		{"List with budget 1", true, list(store.Query{Budget: 1})},
		{"List with budget MaxBudget", true, list(store.Query{Budget: store.MaxBudget})},
		{"List with budget MaxBudget+1", false, list(store.Query{Budget: store.MaxBudget + 1})},
		{"Changes before -1", false, beforeNegative},
		{"Changes after -1", false, changes(-1, 1)},
		{"Changes after the greatest revision", true, changes(top, 1)},
		{"Changes with limit -1", false, changes(0, -1)},
		{"Changes with limit MaxLimit-1", true, changes(0, store.MaxLimit-1)},
		{"Changes with limit MaxLimit", true, changes(0, store.MaxLimit)},
		{"Changes with limit MaxLimit+1", false, changes(0, store.MaxLimit+1)},
		{"Trim through -1", false, c.store.Trim(c.ctx, c.name, -1)},
		{"Trim through 0", true, c.store.Trim(c.ctx, c.name, 0)},
		{"Due of MaxKinds-1 kinds", true, due(store.DueQuery{Kinds: kinds(store.MaxKinds - 1)})},
		{"Due of MaxKinds kinds", true, due(store.DueQuery{Kinds: kinds(store.MaxKinds)})},
		{"Due of MaxKinds+1 kinds", false, due(store.DueQuery{Kinds: kinds(store.MaxKinds + 1)})},
		{"Due of a kind twice", false, due(store.DueQuery{Kinds: []string{"x", "y", "x"}})},
		{"Due without Before", false, zeroBefore},
		{"Due with limit -1", false, due(store.DueQuery{Limit: -1})},
		{"Due with limit MaxLimit-1", true, due(store.DueQuery{Limit: store.MaxLimit - 1})},
		{"Due with limit MaxLimit", true, due(store.DueQuery{Limit: store.MaxLimit})},
		{"Due with limit MaxLimit+1", false, due(store.DueQuery{Limit: store.MaxLimit + 1})},
		{"Due of a tenant", true, due(store.DueQuery{Tenant: "t"})},
		{"Due of a tenant after another", false, due(store.DueQuery{Tenant: "t", After: "t"})},
		{"Due from a place without a tenant", false, due(store.DueQuery{From: "place"})},
		{"Due from a place that is too long", false, due(store.DueQuery{Tenant: "t", From: strings.Repeat("x", store.MaxPlace+1)})},
		{"Tenants with limit -1", false, tenants(-1)},
		{"Tenants with limit MaxLimit-1", true, tenants(store.MaxLimit - 1)},
		{"Tenants with limit MaxLimit", true, tenants(store.MaxLimit)},
		{"Tenants with limit MaxLimit+1", false, tenants(store.MaxLimit + 1)},
	} {
		if test.ok {
			c.accepted(test.name, test.err)
		} else {
			c.rejected(test.name, test.err)
		}
	}
}

func limitsLargest(s *subject) {
	c := s.tenant(string(bytes.Repeat([]byte("t"), store.MaxTenant)))
	wide := func(n int, prefix string) []store.Key {
		out := make([]store.Key, n)
		for i := range out {
			out[i] = store.Key{
				Kind:  fmt.Sprintf("%-*d", store.MaxKind, i),
				Value: prefix + fmt.Sprintf("%0*d", store.MaxKeyValue-len(prefix), i),
			}
		}
		return out
	}
	r := store.Record{
		ID:     fmt.Sprintf("%*d", store.MaxID, 1),
		Kind:   fmt.Sprintf("%*d", store.MaxKind, 1),
		Unique: wide(store.MaxUnique, "first "),
		Index:  wide(store.MaxIndex, "first "),
		Due:    farFuture().Add(-time.Millisecond),
		Data:   bytes.Repeat([]byte{0xff}, store.MaxData),
	}
	made := c.create1(r)
	look := func() { // by some of its keys: limits/apply checks all
		for _, key := range []store.Key{store.ID(made.ID), made.Unique[0], made.Unique[store.MaxUnique-1]} {
			s.same(diffRecord(c.get(key), made), "Get %s", show(key))
		}
		for _, from := range []int{0, store.MaxIndex - store.MaxMatch} {
			c.lists(store.Query{Kind: made.Kind, Match: made.Index[from : from+store.MaxMatch]}, made)
		}
		c.dueAre(made)
	}
	look()
	r.Unique, r.Index = wide(store.MaxUnique, "second "), wide(store.MaxIndex, "second ")
	old := made
	made = c.replace(made, r)
	look()
	c.absent(old.Unique...)
	c.lists(store.Query{Kind: made.Kind, Match: old.Index[:1]})
	c.delete(made)
	c.absent(made.Unique...)
}
