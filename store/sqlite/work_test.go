package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// How much work a call does is counted in pages of the file that SQLite asks its
// cache for: each entry of an index costs at most as many as its tree is high, and
// neighbors on a page cost nothing more.

// height is that of the highest tree in these tests, and some pages.
const height = 5

// openFresh opens a store on a new file, until the test ends.
func openFresh(t *testing.T, o *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rollbook.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// workStore returns a store with one connection that reads, whose pages are counted.
func workStore(t *testing.T, o *store.Observer) *Store {
	t.Helper()
	return openFresh(t, &Options{Sync: Normal, Readers: 1, MmapSize: -1, Observer: o})
}

// pages returns how many pages f asks for.
func (s *Store) pages(t *testing.T, f func()) (n int) {
	t.Helper()
	count := func() (n int) {
		conn, err := s.reads.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Raw(func(dc any) error {
			for _, op := range []sqlite.DBStatusOp{sqlite.DBStatusCacheHit, sqlite.DBStatusCacheMiss} {
				counter, _, err := dc.(sqlite.DBStatus).Status(op, false)
				if err != nil {
					return err
				}
				n += counter
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	f()
	return count() - before
}

// fill runs statements on the connection that writes.
func (s *Store) fill(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := s.writer.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) `

// worstFilter makes users each of whom lacks one of the words, except one in 4,000 that
// has them all, and returns the words.
func worstFilter(t *testing.T, s *Store, users, n int) (words []store.Key) {
	t.Helper()
	for i := range n {
		words = append(words, store.Key{Kind: "name", Value: fmt.Sprint("word", i)})
	}
	s.fill(t, `INSERT INTO rollbook_tenant (n, name, revision) VALUES (1, 't', ?)`, users)
	s.fill(t, `INSERT INTO rollbook_space (n, tenant, record, key) VALUES (1, 1, 'user', ''), (2, 1, 'user', 'name')`)
	for i, word := range words {
		lacking := slices.Delete(slices.Clone(words), i, i+1)
		s.fill(t, numbers+`INSERT INTO rollbook_record (rid, tenant, space, id, kind, created, revision, due, keys, data)
			SELECT i, 1, 1, 'u' || i, 'user', i, i, 0, iif(i % 4000 = 0, ?2, ?3), zeroblob(100) FROM n WHERE i % ?5 = ?4`,
			users, encodeKeys(nil, words), encodeKeys(nil, lacking), i, n)
		s.fill(t, numbers+`INSERT INTO rollbook_term (space, value, created, rid)
			SELECT 2, ?2, i, i FROM n WHERE i % ?4 <> ?3 OR i % 4000 = 0`, users, word.Value, i, n)
	}
	return words
}

// TestListWork walks the users whom the worst filter selects, in both directions:
// no call does more than its budget allows, and no user is missed.
func TestListWork(t *testing.T) {
	users, n := size.Pick(t, 16_000, 60_000, 60_000), size.Pick(t, 4, 8, 8)
	budgets := []int{0, 3_333, 500}[:size.Pick(t, 2, 3, 3)]
	if size.Race { // which one goroutine does not need
		budgets = budgets[:1]
	}
	looked := 0
	s := workStore(t, &store.Observer{Call: func(c store.CallInfo) { looked = c.Looked }})
	words := worstFilter(t, s, users, n)
	for _, budget := range budgets {
		for _, desc := range []bool{false, true} {
			q := store.Query{Kind: "user", Match: words, Desc: desc, Budget: budget}
			most := budget
			if most == 0 {
				most = store.DefaultBudget
			}
			var found []store.Revision
			calls, worst := 0, 0
			for {
				var page store.Page
				pages := s.pages(t, func() {
					var err error
					if page, err = s.List(t.Context(), "t", q); err != nil {
						t.Fatal(err)
					}
				})
				calls, worst = calls+1, max(worst, pages)
				if looked > most || pages > (most+100)*len(words)*height {
					t.Errorf("budget %d: %d entries and %d pages were read", most, looked, pages)
				}
				for _, r := range page.Records {
					found = append(found, r.Created)
				}
				if page.Next == 0 {
					break
				}
				if q.After = page.Next; desc {
					q.After, q.Before = 0, page.Next
				}
			}
			var want []store.Revision
			for i := 4000; i <= users; i += 4000 {
				want = append(want, store.Revision(i))
			}
			if desc {
				slices.Reverse(want)
			}
			if !slices.Equal(found, want) {
				t.Errorf("budget %d, desc %v: found %v, want %v", budget, desc, found, want)
			}
			if fewest := users * (n - 1) / n / most; calls < fewest || calls > fewest+2 {
				t.Errorf("budget %d, desc %v: %d calls, want about %d", budget, desc, calls, fewest)
			}
			t.Logf("budget %d, desc %v: %d calls, at most %d pages each", most, desc, calls, worst)
		}
	}
	pages := s.pages(t, func() {
		counted, err := s.Count(t.Context(), "t", store.CountQuery{Kind: "user", Match: words, Cap: 5000})
		if err != nil || counted != (store.Counted{N: 1}) {
			t.Errorf("Count: %+v, %v", counted, err)
		}
	})
	if looked != 5000 || pages > (5000+100)*len(words)*height {
		t.Errorf("Count: %d entries and %d pages were read", looked, pages)
	}
}

// TestListReadsAhead: a page does not read the records behind it.
func TestListReadsAhead(t *testing.T) {
	s := workStore(t, nil)
	worstFilter(t, s, 2000, 2)
	pages := s.pages(t, func() {
		page, err := s.List(t.Context(), "t", store.Query{Kind: "user", Limit: 10})
		if err != nil || len(page.Records) != 10 || page.Next != 10 {
			t.Errorf("%d records, next %d, %v", len(page.Records), page.Next, err)
		}
	})
	if pages > 30*height {
		t.Errorf("a page of 10 asked for %d pages", pages)
	}
}

// TestDueWork walks one tenant's records that are all due at once.
func TestDueWork(t *testing.T) {
	const records = 5000
	s := workStore(t, nil)
	s.fill(t, `INSERT INTO rollbook_tenant (n, name, revision) VALUES (1, 't', ?)`, records)
	s.fill(t, `INSERT INTO rollbook_space (n, tenant, record, key) VALUES (0, 1, 'group', ''), (1, 1, 'user', '')`)
	s.fill(t, numbers+`INSERT INTO rollbook_record (rid, tenant, space, id, kind, created, revision, due, keys, data)
		SELECT i, 1, i % 2, 'u' || i, iif(i % 2, 'user', 'group'), i, i, 5, ?2, x'' FROM n`, records, encodeKeys(nil, nil))
	s.fill(t, `INSERT INTO rollbook_schedule (kind, tenant, due) VALUES ('user', 't', 5), ('group', 't', 5)`)

	q := store.DueQuery{Before: store.FromMillis(6), Tenant: "t"}
	for next := 1; next <= records; {
		var page store.DuePage
		pages := s.pages(t, func() {
			var err error
			if page, err = s.Due(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		})
		if pages > 3*store.DefaultLimit*height {
			t.Fatalf("at record %d: %d pages were read", next, pages)
		}
		if len(page.Tenants) != 1 {
			t.Fatalf("at record %d: %d tenants", next, len(page.Tenants))
		}
		for _, r := range page.Tenants[0].Records {
			if want := fmt.Sprint("u", next); r.ID != want {
				t.Fatalf("%s, want %s", r.ID, want)
			}
			next++
		}
		if q.From = page.Tenants[0].Next; (q.From == "") != (next > records) {
			t.Fatalf("at record %d: next %q", next, q.From)
		}
	}
}

// TestDueWorkTenants walks very many tenants, of which many have something due.
func TestDueWorkTenants(t *testing.T) {
	// Those at the beginning and the last ones are due, and more than one budget
	// between them is not.
	const many, tenants = store.DefaultBudget + 500, 2*store.DefaultBudget + 1000
	s := workStore(t, nil)
	s.fill(t, numbers+`INSERT INTO rollbook_tenant (n, name, revision) SELECT i, printf('t%06d', i), 1 FROM n`, tenants)
	due := fmt.Sprintf(` iif(i <= %d OR i > %d, 5, 1000) `, many, tenants-10)
	s.fill(t, numbers+`INSERT INTO rollbook_space (n, tenant, record, key) SELECT i, i, 'user', '' FROM n`, tenants)
	s.fill(t, numbers+`INSERT INTO rollbook_record (rid, tenant, space, id, kind, created, revision, due, keys, data)
		SELECT i, i, i, 'u', 'user', 1, 1,`+due+`, ?2, x'' FROM n`, tenants, encodeKeys(nil, nil))
	s.fill(t, numbers+`INSERT INTO rollbook_schedule (kind, tenant, due) SELECT 'user', printf('t%06d', i),`+due+`FROM n`, tenants)

	for _, before := range []int64{6, 1001, 5} { // many, all, none
		found, calls, worst := make(map[string]bool), 0, 0
		q := store.DueQuery{Before: store.FromMillis(before), Limit: store.MaxLimit}
		for {
			var page store.DuePage
			pages := s.pages(t, func() {
				var err error
				if page, err = s.Due(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			})
			calls, worst = calls+1, max(worst, pages)
			for _, due := range page.Tenants {
				if found[due.Tenant] || len(due.Records) != 1 {
					t.Fatalf("%s again, or with %d records", due.Tenant, len(due.Records))
				}
				found[due.Tenant] = true
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		want := map[int64]int{6: many + 10, 1001: tenants, 5: 0}[before]
		if len(found) != want || calls > want/store.MaxLimit+5 || worst > 4*store.MaxLimit*height {
			t.Errorf("before %d: %d tenants, want %d, in %d calls of at most %d pages", before, len(found), want, calls, worst)
		}
		t.Logf("before %d: %d tenants in %d calls of at most %d pages", before, len(found), calls, worst)
	}
}
