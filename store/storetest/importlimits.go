package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

func importNames(s *subject) {
	s.importing(func(*client) {
		all := append(names(), longNames(store.MaxKind)...)
		for _, tenant := range all {
			part := store.Part{}
			for i, name := range all[:20] {
				rev := store.Revision(i + 1)
				part.Records = append(part.Records, written(withData(plain(name), tenant), rev, rev))
			}
			s.tenant(tenant).imports(part)
		}
		for _, tenant := range all {
			c := s.tenant(tenant)
			for _, name := range all[:20] {
				if r := c.get(store.ID(name)); !s.failed() && string(r.Data) != tenant {
					s.fail("record %q of tenant %q is that of %q", name, tenant, r.Data)
				}
			}
		}
		c := s.tenant("names")
		var part store.Part
		for i, name := range all {
			rev := store.Revision(i + 1)
			r := withTerms(withKeys(plain(name), name), name)
			r.Kind = name
			part.Records = append(part.Records, written(r, rev, rev))
			part.Changes = append(part.Changes, entry(rev, store.Created, name, name, name))
		}
		c.imports(part)
		c.imports(part)
		c.exactly(part.Records...)
		c.feed(0, part.Changes...)
	})
}

// importLimits leaves what every write has to CheckImport, which all stores call.
func importLimits(s *subject) {
	s.importing(func(c *client) {
		record := func(i int) store.Record {
			return written(plain(fmt.Sprint("r", i)), store.Revision(i+1), store.Revision(i+1))
		}
		many := func(records, entries int) (p store.Part) {
			for i := range records {
				p.Records = append(p.Records, record(i))
			}
			for i := range entries {
				p.Changes = append(p.Changes, entry(store.Revision(i+1), store.Created, "user", "x", ""))
			}
			return p
		}
		large := func(n int) (p store.Part) {
			for i := range n {
				r := record(i)
				r.Data = make([]byte, store.MaxData)
				p.Records = append(p.Records, r)
			}
			return p
		}
		records := func(edit func(p *store.Part)) store.Part {
			p := many(2, 2)
			edit(&p)
			return p
		}
		for i, test := range []struct {
			name string
			ok   bool
			part store.Part
		}{
			{"nothing", false, store.Part{}},
			{"MaxLimit of each", true, many(store.MaxLimit, store.MaxLimit)},
			{"MaxLimit+1 records", false, many(store.MaxLimit+1, 0)},
			{"MaxLimit+1 entries", false, many(0, store.MaxLimit+1)},
			{"MaxBatch bytes", true, large(store.MaxBatch / store.MaxData)},
			{"more than MaxBatch bytes", false, large(store.MaxBatch/store.MaxData + 1)},
			{"a mark without an entry", false, store.Part{Records: []store.Record{record(0)}, Trimmed: 1}},
			{"a mark that is an entry's", false, store.Part{Changes: []store.Change{entry(4, store.Created, "user", "x", "")}, Trimmed: 4}},
			{"entries out of order", false, records(func(p *store.Part) { slices.Reverse(p.Changes) })},
			{"an entry twice", false, records(func(p *store.Part) { p.Changes[1] = p.Changes[0] })},
			{"a damaged entry", false, records(func(p *store.Part) { p.Changes[1] = store.Change{Seq: 2, Damaged: true} })},
			{"an entry without a kind", false, records(func(p *store.Part) { p.Changes[1].Kind = "" })},
			{"an entry of no type", false, records(func(p *store.Part) { p.Changes[1].Type = 0 })},
			{"a record of no revision", false, records(func(p *store.Part) { p.Records[1].Revision = 0 })},
			{"a record that was not created", false, records(func(p *store.Part) { p.Records[1].Created = 0 })},
			{"a record written before it was created", false, records(func(p *store.Part) { p.Records[1].Created = 3 })},
			{"an ID twice", false, records(func(p *store.Part) { p.Records[1].ID = p.Records[0].ID })},
			{"a place twice", false, records(func(p *store.Part) { p.Records[1].Created = p.Records[0].Created })},
			{"a key twice", false, records(func(p *store.Part) { p.Records[0].Unique, p.Records[1].Unique = keys("k"), keys("k") })},
			{"a key too long", false, records(func(p *store.Part) { p.Records[0].Unique = keys(strings.Repeat("x", store.MaxKeyValue+1)) })},
			{"an ID that is no text", false, records(func(p *store.Part) { p.Records[0].ID = "\xff" })},
		} {
			c := s.tenant(fmt.Sprint("t", i)).handle(i)
			if test.ok {
				c.imports(test.part)
				c.lists(store.Query{Kind: "user", Limit: store.MaxLimit}, test.part.Records...)
				c.feed(0, test.part.Changes...)
				continue
			}
			if err := c.tryImport(test.part); !s.failed() && !errors.Is(err, store.ErrInvalid) {
				s.fail("Import of %s: error %v, want %v", test.name, err, store.ErrInvalid)
			}
			c.lists(store.Query{Kind: "user"})
			c.feed(0)
		}
		for _, name := range []string{"", strings.Repeat("x", store.MaxTenant+1), "\xff"} {
			if err := s.tenant(name).tryImport(origin()); !s.failed() && !errors.Is(err, store.ErrInvalid) {
				s.fail("Import with an invalid tenant: error %v, want %v", err, store.ErrInvalid)
			}
		}
		if names := c.tenants(5); !s.failed() && len(names) != 2 {
			s.fail("%d tenants, want 2: a refused Import made one", len(names))
		}
	})
}
