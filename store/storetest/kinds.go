package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

func kindChecks() []check {
	return []check{
		{"kinds/lists", 9, "Kinds has every kind of which the tenant has records, once, by its bytes, and none that it never had", kindsLists},
		{"kinds/pages", 13, "Kinds returns MaxLimit kinds after the one that it is given, or all that there are", kindsPages},
		{"kinds/apart", 12, "Kinds has no kind of another tenant", kindsApart},
		{"kinds/handles", 7, "Kinds has a kind from its first record on, whichever handle writes it", kindsHandles},
		{"kinds/damaged", 14, "the kind of a damaged record is still there", kindsDamaged},
		{"kinds/refuses", 11, "Kinds honors a context that has ended, and refuses invalid arguments", kindsRefuses},
	}
}

// lister returns the store's KindLister; ok is false if it has none, which is allowed.
func (c *client) lister() (store.KindLister, bool) { return store.As[store.KindLister](c.store) }

// kinds returns all kinds that the store lists, none if it lists none.
func (c *client) kinds() []string {
	if c.failed() {
		return nil
	}
	kinds, _, err := store.Kinds(c.ctx, c.store, c.name)
	if err != nil {
		c.fail("Kinds: %w", err)
	}
	return kinds
}

// kindsAre checks that these kinds are listed, and beside them none but some that the tenant
// has had.
func (c *client) kindsAre(had []string, want ...string) {
	if _, ok := c.lister(); !ok {
		return
	}
	got := c.kinds()
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		c.fail("Kinds: %.200q, not sorted", got)
	}
	for _, kind := range want {
		if !c.failed() && !slices.Contains(got, kind) {
			c.fail("Kinds: %.200q, without %q", got, kind)
		}
	}
	for _, kind := range got {
		if !slices.Contains(want, kind) && !slices.Contains(had, kind) {
			c.fail("Kinds: %q, of which the tenant never had a record", kind)
		}
	}
}

// ofKind returns a record of a kind.
func ofKind(kind string) store.Record { return store.Record{ID: "of " + kind, Kind: kind} }

func kindsLists(s *subject) {
	c := s.tenant("t")
	c.kindsAre(nil)
	all := append(names(), longNames(store.MaxKind)...)
	made := c.createN(len(all), func(i int) store.Record { return ofKind(all[i]) })
	for i := range 2 {
		c.handle(i).kindsAre(nil, all...)
	}
	c.stale(0, store.Create(store.Record{ID: made[0].ID, Kind: "refused"}, nil))
	for i, r := range made {
		if i%2 == 0 {
			c.delete(r)
		} else {
			c.replace(r, withData(r, "again"))
		}
	}
	var left []string
	for i, kind := range all {
		if i%2 == 1 {
			left = append(left, kind)
		}
	}
	c.kindsAre(all, left...)
}

func kindsPages(s *subject) {
	c := s.tenant("t")
	w, ok := c.lister()
	if !ok {
		return
	}
	const n = 2*store.MaxLimit + 3
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("kind %04d", i))
	}
	c.createN(n, func(i int) store.Record { return ofKind(all[(i*7)%n]) })
	for _, from := range []int{0, 1, 2, store.MaxLimit, n - store.MaxLimit, n - store.MaxLimit + 1, n - 1, n} {
		after := "kind"
		if from > 0 {
			after = all[from-1]
		}
		got, err := w.Kinds(s.ctx, "t", after)
		if want := all[from:min(n, from+store.MaxLimit)]; err != nil || !slices.Equal(got, want) {
			s.fail("Kinds after %q: %d kinds, want %d, error %v", after, len(got), len(want), err)
		}
	}
	for _, after := range []string{"kind 0000 and more", "kind 0000\x00"} { // no kinds
		got, err := w.Kinds(s.ctx, "t", after)
		if err != nil || len(got) != store.MaxLimit || got[0] != all[1] {
			s.fail("Kinds after %q: %d kinds from %.20q on, error %v", after, len(got), got, err)
		}
	}
	c.kindsAre(nil, all...)
}

func kindsApart(s *subject) {
	for i, tenant := range []string{"t", "tt", "t\x00", "t:"} {
		s.tenant(tenant).handle(i).create(ofKind("common"), ofKind("of "+tenant), ofKind("t"), ofKind(":t"))
	}
	for _, tenant := range []string{"t", "tt", "t\x00", "t:"} {
		s.tenant(tenant).kindsAre(nil, "common", "of "+tenant, "t", ":t")
	}
	s.tenant("nobody").kindsAre(nil)
}

func kindsHandles(s *subject) {
	c := s.tenant("t")
	var all []string
	for i := range 8 {
		kind := fmt.Sprint("kind ", 9-i)
		c.handle(i).create1(ofKind(kind))
		all = append(all, kind)
		c.handle(i+1).kindsAre(nil, all...)
	}
	s.importing(func(c *client) {
		c.imports(store.Part{Records: []store.Record{written(ofKind("imported"), 50, 50)}})
		c.other().kindsAre(nil, append(all, "imported")...)
	})
}

func kindsDamaged(s *subject) {
	s.damages(func(c *client) {
		made := c.create(full("a"), ofKind("group"))
		c.damage(made...)
		c.kindsAre(nil, "user", "group")
		c.apply(store.Remove(made[0].ID, "user", nil), store.Remove(made[1].ID, "group", nil))
		c.kindsAre([]string{"user", "group"})
	})
}

func kindsRefuses(s *subject) {
	w, ok := s.tenant("t").lister()
	if !ok {
		return
	}
	for _, args := range [][2]string{
		{"", ""},
		{"\xff", ""},
		{strings.Repeat("x", store.MaxTenant+1), ""},
		{"t", "\xff"},
		{"t", strings.Repeat("x", store.MaxKind+1)},
	} {
		if _, err := w.Kinds(s.ctx, args[0], args[1]); !errors.Is(err, store.ErrInvalid) {
			s.fail("Kinds of %.10q after %.10q: error %v, want %v", args[0], args[1], err, store.ErrInvalid)
		}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := w.Kinds(ctx, "t", ""); !errors.Is(err, context.Canceled) {
		s.fail("Kinds with an ended context: error %v, want %v", err, context.Canceled)
	}
}
