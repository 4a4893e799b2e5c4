package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

func stringChecks() []check {
	return []check{
		{"strings/lengths", 9, "a string is accepted up to its limit, in bytes, and refused with ErrInvalid beyond", stringLengths},
		{"strings/utf8", 9, "a string that is not valid UTF-8 is refused with ErrInvalid, wherever the fault is", stringUTF8},
		{"strings/exact", 9, "strings are compared byte by byte: no folding, normalizing, trimming or truncating", stringExact},
	}
}

// slot is a string argument of a call.
type slot struct {
	name     string
	min, max int
	call     func(c *client, v string) error
}

// slots returns every string argument of every method. ErrNotFound and ErrStale count as
// accepted.
func slots() []slot {
	create := func(c *client, r store.Record) error {
		_, err := c.try(store.Create(r, nil))
		return err
	}
	get := func(c *client, key store.Key) error {
		_, err := c.store.Get(c.ctx, c.name, key)
		return err
	}
	list := func(c *client, q store.Query) error {
		_, err := c.store.List(c.ctx, c.name, q)
		return err
	}
	due := func(c *client, q store.DueQuery) error {
		q.Before = farFuture()
		_, err := c.store.Due(c.ctx, q)
		return err
	}
	in := func(c *client, tenant string) *client {
		o := *c
		o.name = tenant
		return &o
	}
	made := 0
	id := func() string { // a fresh one for every call
		made++
		return fmt.Sprint("r", made)
	}
	one := func(kind, value string) []store.Key {
		return []store.Key{{Kind: "fine", Value: "x"}, {Kind: kind, Value: value}}
	}
	return []slot{
		{"Get tenant", 1, store.MaxTenant, func(c *client, v string) error { return get(in(c, v), store.ID("x")) }},
		{"Get ID", 1, store.MaxID, func(c *client, v string) error { return get(c, store.ID(v)) }},
		{"Get key kind", 1, store.MaxKind, func(c *client, v string) error {
			if v == "" { // names a record by its ID
				return &store.InvalidError{}
			}
			return get(c, store.Key{Kind: v, Value: "x"})
		}},
		{"Get key value", 0, store.MaxKeyValue, func(c *client, v string) error { return get(c, store.Key{Kind: "k", Value: v}) }},
		{"Apply tenant", 1, store.MaxTenant, func(c *client, v string) error { return create(in(c, v), plain("a")) }},
		{"Apply ID", 1, store.MaxID, func(c *client, v string) error { return create(c, plain(v)) }},
		{"Apply kind", 1, store.MaxKind, func(c *client, v string) error { return create(c, store.Record{ID: id(), Kind: v}) }},
		{"Apply unique key's kind", 1, store.MaxKind, func(c *client, v string) error {
			return create(c, store.Record{ID: id(), Kind: "k", Unique: []store.Key{{Kind: v, Value: "x"}}})
		}},
		{"Apply unique key's value", 0, store.MaxKeyValue, func(c *client, v string) error {
			return create(c, store.Record{ID: id(), Kind: "k", Unique: []store.Key{{Kind: "v", Value: v}}})
		}},
		{"Apply index term's kind", 1, store.MaxKind, func(c *client, v string) error {
			return create(c, store.Record{ID: id(), Kind: "k", Index: one(v, "x")})
		}},
		{"Apply index term's value", 0, store.MaxKeyValue, func(c *client, v string) error {
			return create(c, store.Record{ID: id(), Kind: "k", Index: one("v", v)})
		}},
		{"Apply Old's ID in a Delete", 1, store.MaxID, func(c *client, v string) error {
			_, err := c.try(store.Delete(store.Record{ID: v, Kind: "k", Revision: 1 << 50}, nil))
			return err
		}},
		{"Apply Old's ID in a Replace", 1, store.MaxID, func(c *client, v string) error {
			_, err := c.try(store.Replace(store.Record{ID: v, Kind: "k", Revision: 1 << 50}, store.Record{ID: v, Kind: "k"}, nil))
			return err
		}},
		{"List tenant", 1, store.MaxTenant, func(c *client, v string) error { return list(in(c, v), store.Query{Kind: "k"}) }},
		{"List kind", 1, store.MaxKind, func(c *client, v string) error { return list(c, store.Query{Kind: v}) }},
		{"List term's kind", 1, store.MaxKind, func(c *client, v string) error { return list(c, store.Query{Kind: "k", Match: one(v, "x")}) }},
		{"List term's value", 0, store.MaxKeyValue, func(c *client, v string) error { return list(c, store.Query{Kind: "k", Match: one("v", v)}) }},
		{"Changes tenant", 1, store.MaxTenant, func(c *client, v string) error {
			_, err := c.store.Changes(c.ctx, v, store.ChangeQuery{Limit: 1})
			return err
		}},
		{"Trim tenant", 1, store.MaxTenant, func(c *client, v string) error { return c.store.Trim(c.ctx, v, 0) }},
		{"Due kind", 1, store.MaxKind, func(c *client, v string) error { return due(c, store.DueQuery{Kinds: []string{"fine", v}}) }},
		{"Apply Remove's ID", 1, store.MaxID, func(c *client, v string) error {
			_, err := c.try(store.Remove(v, "user", nil))
			return err
		}},
		{"Apply Remove's kind", 1, store.MaxKind, func(c *client, v string) error {
			_, err := c.try(store.Remove("nothing", v, nil))
			return err
		}},
		{"Apply required ID", 0, store.MaxID, func(c *client, v string) error {
			if v == "" { // then it requires a key, see require/limits
				return nil
			}
			_, err := c.tryBatch(store.Batch{Ops: []store.Op{store.Remove("nothing", "k", nil)}, Require: []store.Require{store.RequireNone(v)}})
			return err
		}},
		{"Apply required key's value", 0, store.MaxKeyValue, func(c *client, v string) error {
			_, err := c.tryBatch(store.Batch{Ops: []store.Op{store.Remove("nothing", "k", nil)}, Require: []store.Require{store.RequireFree(store.Key{Kind: "k", Value: v})}})
			return err
		}},
		{"Due tenant", 0, store.MaxTenant, func(c *client, v string) error { return due(c, store.DueQuery{Tenant: v}) }},
		{"Due after", 0, store.MaxTenant, func(c *client, v string) error { return known(due(c, store.DueQuery{After: v}), v) }},
		{"Tenants after", 0, store.MaxTenant, func(c *client, v string) error {
			_, err := c.store.Tenants(c.ctx, store.TenantQuery{After: v, Limit: 1})
			return known(err, v)
		}},
	}
}

// known ignores ErrInvalid for a cursor within the limits: the store need not
// know a tenant that it never returned.
func known(err error, after string) error {
	if len(after) <= store.MaxTenant && strings.ToValidUTF8(after, "") == after && errors.Is(err, store.ErrInvalid) {
		return nil
	}
	return err
}

// accepted checks that a call was not refused as invalid and did not fail.
func (c *client) accepted(what string, err error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrStale) {
		c.fail("%s: error %w, want it accepted", what, err)
	}
}

// rejected checks that a call was refused as invalid.
func (c *client) rejected(what string, err error) {
	if c.failed() {
		return
	}
	c.wantError(what, err, store.ErrInvalid)
	var invalid *store.InvalidError
	if !c.failed() && !errors.As(err, &invalid) {
		c.fail("%s: %v is ErrInvalid but no *InvalidError", what, err)
	}
}

func stringLengths(s *subject) {
	c := s.tenant("t")
	for _, slot := range slots() {
		for n := slot.min; n <= slot.max; n++ {
			if n == slot.min+2 {
				n = slot.max - 1 // the first and the last lengths
			}
			c.accepted(fmt.Sprintf("%s of %d bytes", slot.name, n), slot.call(c, strings.Repeat("x", n)))
		}
		if slot.min > 0 {
			c.rejected(slot.name+" empty", slot.call(c, ""))
		}
		for _, n := range []int{slot.max + 1, 2 * slot.max, 100_000} {
			c.rejected(fmt.Sprintf("%s of %d bytes", slot.name, n), slot.call(c, strings.Repeat("x", n)))
		}
		// Bytes, not runes.
		c.accepted(slot.name+" of two-byte runes", slot.call(c, strings.Repeat("ä", slot.max/2)))
		c.rejected(slot.name+" of two-byte runes", slot.call(c, strings.Repeat("ä", slot.max/2+1)))
	}
}

func stringUTF8(s *subject) {
	c := s.tenant("t")
	for _, slot := range slots() {
		for _, v := range []string{
			"\xff", "\xffabc", "ab\xffc", "abc\xff", "abc\xc3", "\x80abc", "a\xc0\x80b", "a\xed\xa0\x80b", "\xf4\x90\x80\x80", "a\xe2\x82", "\x00\xff",
		} {
			c.rejected(fmt.Sprintf("%s %q", slot.name, v), slot.call(c, v))
		}
	}
	c.lists(store.Query{Kind: "k"})
	c.lists(store.Query{Kind: "user"})
	if names := c.tenants(5); len(names) != 0 {
		s.fail("a refused batch made tenants %q", names)
	}
}

func stringExact(s *subject) {
	groups := [][]string{
		{"anna", "Anna", "ANNA"},
		{"anna", "anna ", " anna", "anna\n", "anna\t", "anna\u00a0", "\ufeffanna"},
		{"anna", "anna\x00", "anna\x00x", "\x00anna"},
		{"ä", "a\u0308", "Ä", "a"},
		{"ﬁ", "fi"},
		{"K", "k", "\u212a"},
		{"ß", "ss", "ẞ"},
		{"I", "ı", "i", "İ"},
		{"１", "1"},
	}
	for i, group := range groups {
		for j, present := range group {
			c := s.tenant(fmt.Sprintf("%d-%d", i, j))
			both := []store.Key{key(present), {Kind: present, Value: "v"}}
			r := store.Record{ID: present, Kind: present, Unique: both, Index: both}
			r = c.create1(r)
			c.has(r)
			for k, absent := range group {
				if k == j {
					continue
				}
				c.absent(store.ID(absent), key(absent), store.Key{Kind: absent, Value: "v"})
				c.lists(store.Query{Kind: absent})
				c.lists(store.Query{Kind: present, Match: keys(absent)})
				c.lists(store.Query{Kind: present, Match: []store.Key{{Kind: absent, Value: "v"}}})
			}
		}
	}
}
