package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

func nameChecks() []check {
	return []check{
		{"names/ids", 9, "any valid string is an ID of its own", namesIDs},
		{"names/keys", 9, "any valid string is a unique key's value of its own, and a key's kind", namesKeys},
		{"names/terms", 9, "any valid string is an index term's value of its own, and a term's kind", namesTerms},
		{"names/kinds", 9, "any valid string is a kind of its own", namesKinds},
		{"names/tenants", 12, "any valid string is a tenant of its own, in every method", namesTenants},
		{"names/pairs", 9, "kind and value, tenant and key, are kept apart wherever one ends and the other begins", namesPairs},
		{"names/data", 9, "Data and Notes are bytes of any value", namesData},
	}
}

// names returns valid strings that careless code confuses, truncates, folds or parses.
func names() []string {
	return []string{
		"a", "A", "aa", "a ", " a", "a\x00", "\x00a", "\x00", "\x00\x00", "a\x00b", "ab", " ", "  ", "\t", "\n", "\r\n", "a\n", "\na",
		"a}b{x", "a}b{y", "{a}", "{b}", "}", "{", "{}", "}{", "{}a", "a{b}", "a{b}c",
		"a:b", "a:", ":a", ":", "::", "a/b", "/", "../a", ".", "..", "a.b", "a|b", "a,b", "a;b", "a=b", "a&b", "a#b", "a+b", "a-b", "a_b", "a\x1fb", "a\x1eb",
		"%", "%61", "a%", "_", "*", "?", "[a]", "[^b]", "a*", "^a", "$", "$1", "\\", "\\a", "\\x61", `"`, `"a"`, "'", "''", "a'--", "`", "'; DROP TABLE records; --",
		"ä", "a\u0308", "Ä", "ß", "ss", "ſ", "s", "S", "İ", "i", "I", "ı", "K", "k", "\u212a", "ﬁ", "fi", "é", "e\u0301",
		"👩\u200d👩\u200d👧", "👩", "\u200b", "a\u200b", "\ufeff", "\ufeffa", "\ufffd", "\u202ea", "\u2028", "\U0010ffff", "\uffff", "\ud7ff", "\ue000", "日本",
		"0", "00", "-1", "1", "01", "1.0", "1e0", "null", "nil", "NaN", "true", "x'00'", "user", "name", "all",
	}
}

// longNames returns strings of n bytes that differ at their ends only.
func longNames(n int) []string {
	body := strings.Repeat("x", n-1)
	return []string{body + "a", body + "b", "a" + body, "b" + body, body, body[1:] + "ä", strings.Repeat("ä", n/2)}
}

func namesIDs(s *subject) {
	c := s.tenant("t")
	var records []store.Record
	var feed []store.Change
	var ops []store.Op
	for _, name := range append(names(), longNames(store.MaxID)...) {
		records = append(records, store.Record{ID: name, Kind: "user", Data: []byte(name)})
	}
	for batch := range slices.Chunk(records, 100) {
		ops = ops[:0]
		for _, r := range batch {
			ops = append(ops, store.Create(r, r.Data))
			feed = append(feed, store.Change{Type: store.Created, Kind: "user", ID: r.ID, Note: r.Data, Revision: store.Revision(len(feed) + 1)})
		}
		c.apply(ops...)
	}
	for i := range records {
		records[i].Created, records[i].Revision = store.Revision(i+1), store.Revision(i+1)
	}
	c.exactly(records...)
	c.feed(0, feed...)
	// Deleting one deletes no other.
	var left []store.Record
	ops = ops[:0]
	for i, r := range records {
		if i%2 == 0 {
			ops = append(ops, store.Delete(r, nil))
		} else {
			left = append(left, r)
		}
	}
	c.apply(ops...)
	c.exactly(left...)
	for i, r := range records {
		if i%2 == 0 {
			c.absent(store.ID(r.ID))
		}
	}
}

// claims returns a record for each key.
func claims(all []store.Key, give func(r *store.Record, key store.Key)) []store.Record {
	records := make([]store.Record, len(all))
	for i, key := range all {
		records[i] = plain(fmt.Sprint("r", i))
		give(&records[i], key)
	}
	return records
}

// namedKeys returns keys with names as values, and as kinds.
func namedKeys() []store.Key {
	var all []store.Key
	for _, name := range append(names(), longNames(store.MaxKeyValue)...) {
		all = append(all, store.Key{Kind: "k", Value: name})
	}
	for _, name := range append(names(), longNames(store.MaxKind)...) {
		all = append(all, store.Key{Kind: name, Value: "v"})
	}
	return all
}

func namesKeys(s *subject) {
	c := s.tenant("t")
	records := c.create(claims(namedKeys(), func(r *store.Record, key store.Key) { r.Unique = []store.Key{key} })...)
	c.has(records...)
	for i, r := range records {
		if i%8 == 0 { // each is taken, by its own holder
			c.taken(0, r.Unique[0], r, store.Create(store.Record{ID: "x", Kind: "user", Unique: r.Unique}, nil))
		}
	}
	var ops []store.Op
	for i, r := range records {
		if i%2 == 0 && len(ops) < store.MaxOps {
			ops = append(ops, store.Delete(r, nil))
		} else {
			c.has(r)
		}
	}
	c.apply(ops...)
	freed := 0
	for i, r := range records {
		if i%2 == 0 && freed < len(ops) {
			freed++
			c.absent(r.Unique...)
		} else {
			c.has(r)
		}
	}
}

func namesTerms(s *subject) {
	c := s.tenant("t")
	records := c.create(claims(namedKeys(), func(r *store.Record, key store.Key) { r.Index = []store.Key{key} })...)
	for _, r := range records {
		c.lists(store.Query{Kind: "user", Match: r.Index}, r)
	}
	for i, r := range records {
		if i%8 == 0 {
			records[i] = c.replace(r, plain(r.ID))
		}
	}
	for i, r := range records {
		if i%8 == 0 {
			c.lists(store.Query{Kind: "user", Match: []store.Key{namedKeys()[i]}})
		} else {
			c.lists(store.Query{Kind: "user", Match: r.Index}, r)
		}
	}
}

func namesKinds(s *subject) {
	c := s.tenant("t")
	var records []store.Record
	for i, name := range append(names(), longNames(store.MaxKind)...) {
		records = append(records, store.Record{ID: fmt.Sprint("r", i), Kind: name, Index: keys("x"), Due: day(1)})
	}
	records = c.create(records...)
	for i, r := range records {
		c.lists(store.Query{Kind: r.Kind}, r)
		if i%4 == 0 {
			c.lists(store.Query{Kind: r.Kind, Match: keys("x")}, r)
			c.dueIs(store.DueQuery{Kinds: []string{r.Kind}, Before: day(2)}, r)
		}
	}
}

// namesTenants gives every tenant a record with the same ID, key and term, and
// checks each after changing the others.
func namesTenants(s *subject) {
	all := append(names(), longNames(store.MaxTenant)...)
	records := map[string]store.Record{}
	feeds := map[string][]store.Change{}
	for i, name := range all {
		c := s.tenant(name).handle(i)
		r := withData(full("same"), fmt.Sprint("of tenant ", i))
		rev := c.apply(store.Create(r, r.Data))
		if rev != 1 {
			s.fail("tenant %q: first revision %d", name, rev)
		}
		r.Created, r.Revision = rev, rev
		records[name] = r
		feeds[name] = []store.Change{{Revision: rev, Type: store.Created, Kind: "user", ID: "same", Note: r.Data}}
	}
	look := func() {
		for i, name := range all {
			c := s.tenant(name).handle(i + 1)
			r, ok := records[name]
			if ok {
				c.has(r)
				c.lists(store.Query{Kind: "user"}, r)
				c.lists(store.Query{Kind: "user", Match: r.Index[:1]}, r)
			} else {
				c.absent(store.ID("same"), full("same").Unique[0])
				c.lists(store.Query{Kind: "user"})
				c.lists(store.Query{Kind: "user", Match: full("same").Index[:1]})
			}
			feed := feeds[name]
			c.feed(feed[0].Revision-1, feed...)
			if first := feed[0].Revision; first > 1 {
				c.trimmed(0, first-1)
			}
		}
		found := map[string]bool{}
		for _, t := range s.tenant("").dueTenants(store.DueQuery{Before: day(2), Limit: len(all)}) {
			found[t.Tenant] = true
			s.same(diffRecords(t.Records, []store.Record{records[t.Tenant]}), "Due of tenant %q", t.Tenant)
		}
		if len(found) != len(records) {
			s.fail("Due: %d tenants, want %d", len(found), len(records))
		}
	}
	look()
	for i, name := range all {
		c := s.tenant(name).handle(i)
		r := records[name]
		switch i % 4 {
		case 1:
			note := []byte("gone")
			rev := c.apply(store.Delete(r, note))
			delete(records, name)
			feeds[name] = append(feeds[name], store.Change{Revision: rev, Type: store.Deleted, Kind: "user", ID: "same", Note: note})
		case 2:
			records[name] = c.replace(r, withData(full("same"), fmt.Sprint("again of tenant ", i)))
		case 3:
			note := []byte("again")
			next := withData(full("same"), fmt.Sprint("noted, of tenant ", i))
			rev := c.apply(store.Replace(r, next, note))
			next.Created, next.Revision = r.Created, rev
			records[name] = next
			c.trim(rev)
			feeds[name] = []store.Change{{Revision: rev, Type: store.Updated, Kind: "user", ID: "same", Note: note}}
		}
	}
	look()
	got := slices.Sorted(slices.Values(s.tenant("").tenants(50)))
	if want := slices.Sorted(slices.Values(all)); !slices.Equal(got, want) {
		s.fail("Tenants: %d names, want %d: %.2000q", len(got), len(want), got)
	}
}

// namesPairs writes pairs of names that are equal when joined with a separator.
func namesPairs(s *subject) {
	separators := []string{"", ":", "/", "|", ",", ".", "-", "_", "=", " ", "\x00", "\x01", "\x1f", "\n", "}", "{", "}:{", "\\", "%", "\"", "'", "\x7f", "\uffff", "::"}
	var all []store.Key
	for _, sep := range separators {
		all = append(all, store.Key{Kind: "a", Value: "b" + sep + "c"}, store.Key{Kind: "a" + sep + "b", Value: "c"})
		if sep != "" {
			all = append(all, store.Key{Kind: "a", Value: sep + "c"}, store.Key{Kind: "a" + sep, Value: "c"},
				store.Key{Kind: sep, Value: "c"}, store.Key{Kind: "c", Value: sep})
		}
	}
	all = append(all, store.Key{Kind: "1", Value: "1a"}, store.Key{Kind: "11", Value: "a"}, store.Key{Kind: "ab", Value: ""}, store.Key{Kind: "a", Value: "b"})
	slices.SortFunc(all, func(a, b store.Key) int { return strings.Compare(a.Kind+"\x00\x00"+a.Value, b.Kind+"\x00\x00"+b.Value) })
	all = slices.Compact(all)
	c := s.tenant("t")
	records := c.create(claims(all, func(r *store.Record, key store.Key) {
		r.Unique, r.Index = []store.Key{key}, []store.Key{key}
	})...)
	c.has(records...)
	for _, r := range records {
		c.lists(store.Query{Kind: "user", Match: r.Index}, r)
		c.absent(store.ID(r.Unique[0].Kind))
	}

	// Tenant and ID, tenant and key: written in one, absent in the other.
	for _, sep := range separators[1:] {
		left, right := s.tenant("a"+sep+"b"), s.tenant("a")
		r := store.Record{ID: "c", Kind: "k", Unique: keys("c"), Index: keys("c"), Due: day(1)}
		o := store.Record{ID: "b" + sep + "c", Kind: "k", Unique: keys("b" + sep + "c"), Index: keys("b" + sep + "c"), Due: day(2)}
		r = left.create1(r)
		right.absent(store.ID(o.ID), o.Unique[0], store.ID("c"), key("c"))
		right.lists(store.Query{Kind: "k", Match: o.Index})
		o = right.create1(o)
		left.exactly(r)
		right.has(o)
		right.lists(store.Query{Kind: "k", Match: o.Index}, o)
		left.delete(r)
		right.has(o)
	}

	// ID and kind.
	for i, sep := range separators[1:] {
		c := s.tenant(fmt.Sprint("kinds", i))
		c.exactly(c.create(
			store.Record{ID: "c", Kind: "a" + sep + "b", Index: keys("x")},
			store.Record{ID: "b" + sep + "c", Kind: "a", Index: keys("x")},
		)...)
	}
}

func namesData(s *subject) {
	c := s.tenant("t")
	var every []byte
	for b := range 256 {
		every = append(every, byte(b))
	}
	var ops []store.Op
	var want []store.Record
	var feed []store.Change
	for i, data := range [][]byte{every, {0}, {0, 0}, {0xff}, {0xff, 0xfe, 0}, []byte("null"), []byte(`{"a":1}`), []byte("\xed\xa0\x80"), []byte(" \n"), []byte("*3\r\n$1\r\n")} {
		rev := store.Revision(i + 1)
		r := store.Record{ID: fmt.Sprint(i), Kind: "user", Data: data}
		ops = append(ops, store.Create(r, data))
		feed = append(feed, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: r.ID, Note: data})
		r.Created, r.Revision = rev, rev
		want = append(want, r)
	}
	c.apply(ops...)
	c.exactly(want...)
	c.feed(0, feed...)
}
