package sqlite_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestTrimSteps trims a feed of several steps, in which not every revision has an
// entry: what was forgotten last is said exactly.
func TestTrimSteps(t *testing.T) {
	s := open(t, file(t), nil)
	var ops []store.Op
	for i := 1; i <= 5000; i++ { // every second one has a note
		op := store.Create(user(fmt.Sprint(i)), nil)
		if i%2 == 0 {
			op.Note = []byte("note")
		}
		ops = append(ops, op)
	}
	create(t, s, "t", ops)
	for _, step := range []struct{ through, forgotten store.Revision }{
		{1, 0}, {2, 0}, {3, 0}, {4, 2}, {4501, 4498}, {4501, 4498}, {9999, 4998},
	} {
		must(t, s.Trim(t.Context(), "t", step.through))
		page, err := s.Changes(t.Context(), "t", store.ChangeQuery{After: step.forgotten, Limit: 1})
		if err != nil || len(page.Changes) != 1 || page.Changes[0].Seq != step.forgotten+2 || page.Trimmed != step.forgotten {
			t.Errorf("through %d: %+v, %v", step.through, page, err)
		}
		if step.forgotten == 0 {
			continue
		}
		var trimmed *store.TrimmedError
		_, err = s.Changes(t.Context(), "t", store.ChangeQuery{After: step.forgotten - 1})
		if !errors.As(err, &trimmed) || trimmed.Through != step.forgotten {
			t.Errorf("through %d, after %d: %v", step.through, step.forgotten-1, err)
		}
	}
}

// TestFeedsStayApart reads, awaits and trims feeds whose entries are neighbors in the
// table, from places that no revision reaches.
func TestFeedsStayApart(t *testing.T) {
	s := open(t, file(t), nil)
	for _, id := range []string{"1", "2", "3"} {
		for _, tenant := range []string{"a", "b", "c"} {
			op := store.Create(user(id), nil)
			op.Note = []byte(tenant)
			apply(t, s, tenant, op)
		}
	}
	const none, most = store.Revision(1) << 38, store.Revision(math.MaxInt64)
	count := func(tenant string, q store.ChangeQuery) int {
		t.Helper()
		page, err := s.Changes(t.Context(), tenant, q)
		must(t, err)
		for _, c := range page.Changes {
			if string(c.Note) != tenant || c.Damaged {
				t.Errorf("%s, %+v: %+v", tenant, q, c)
			}
		}
		return len(page.Changes)
	}
	for _, tenant := range []string{"a", "b", "c"} {
		for q, want := range map[store.ChangeQuery]int{
			{}: 3, {Desc: true}: 3, {Before: none}: 3, {Before: most, Desc: true}: 3, {After: 2}: 1,
			{After: none - 1}: 0, {After: none}: 0, {After: most - 1, Before: most}: 0,
		} {
			if got := count(tenant, q); got != want {
				t.Errorf("%s, %+v: %d entries", tenant, q, got)
			}
		}
		for _, after := range []store.Revision{9, none - 1, none, most} {
			if news, err := s.HasNews(t.Context(), tenant, after); news || err != nil {
				t.Errorf("%s: news after %d: %v, %v", tenant, after, news, err)
			}
		}
	}
	must(t, s.Trim(t.Context(), "b", most))
	if a, b, c := count("a", store.ChangeQuery{}), count("b", store.ChangeQuery{After: 3}), count("c", store.ChangeQuery{}); a != 3 || b != 0 || c != 3 {
		t.Errorf("after the trim: %d, %d, %d", a, b, c)
	}
}

// TestFull writes where no more revisions, or tenants, can be numbered: that call fails
// alone, and what was written can be read.
func TestFull(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	const last = 1<<38 - 1
	note := func(id string) store.Op {
		op := store.Create(user(id), nil)
		op.Note = []byte(id)
		return op
	}
	apply(t, s, "old", note("1"))
	conn, _ := raw(t, path)
	_, err := conn.ExecContext(t.Context(), `UPDATE rollbook_tenant SET revision = ?`, last-1)
	must(t, err)
	apply(t, s, "old", note("2"))
	if _, err := s.Apply(t.Context(), "old", store.Batch{Ops: []store.Op{note("3")}}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a revision too many: %v", err)
	}
	page, err := s.Changes(t.Context(), "old", store.ChangeQuery{After: 1})
	if err != nil || len(page.Changes) != 1 || page.Changes[0].Seq != last || page.Changes[0].ID != "2" {
		t.Errorf("the last revision: %+v, %v", page, err)
	}

	_, err = conn.ExecContext(t.Context(), `INSERT INTO rollbook_tenant (n, name, revision) VALUES (?, 'last', 0)`, 1<<25-1)
	must(t, err)
	apply(t, s, "last", note("1"))
	if page, err := s.Changes(t.Context(), "last", store.ChangeQuery{}); err != nil || len(page.Changes) != 1 {
		t.Errorf("the last tenant: %+v, %v", page, err)
	}
	if _, err := s.Apply(t.Context(), "new", store.Batch{Ops: []store.Op{note("1")}}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a tenant too many: %v", err)
	}
	apply(t, s, "last", note("2"))
}

// TestEntries parses entries of the feed, and none that is cut off.
func TestEntries(t *testing.T) {
	long := strings.Repeat("k", 200) // its length takes two bytes
	for _, want := range []store.Change{
		{Type: store.Created, Kind: "user", ID: "1", Note: []byte("note")},
		{Type: store.Deleted, Kind: long, ID: long, Note: []byte{}},
	} {
		b := sqlite.EncodeEntry(want.Type, want.Kind, want.ID, want.Note)
		want.Seq, want.Revision = 7, 7
		if diff := cmp.Diff(want, sqlite.ParseEntry(7, b)); diff != "" {
			t.Error(diff)
		}
		for n := range len(b) - len(want.Note) {
			if c := sqlite.ParseEntry(7, b[:n]); !c.Damaged || c.Seq != 7 {
				t.Errorf("%d of %d bytes: %+v", n, len(b), c)
			}
		}
		for _, b0 := range []byte{0, 4, 0xff} {
			b[0] = b0
			if c := sqlite.ParseEntry(7, b); !c.Damaged {
				t.Errorf("type %d: %+v", b0, c)
			}
		}
	}
}

// TestManyTerms writes and changes more terms than one statement inserts.
func TestManyTerms(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	r := user("0")
	for n := range 25 {
		r.Index = append(r.Index, store.Key{Kind: fmt.Sprint("i", n%3), Value: fmt.Sprint(n)})
		r.ID = fmt.Sprint(n)
		apply(t, s, "t", store.Create(r, nil))
	}
	old, err := s.Get(t.Context(), "t", store.ID("24"))
	must(t, err)
	changed := old
	changed.Index = nil
	for n := range 20 {
		changed.Index = append(changed.Index, store.Key{Kind: "i0", Value: fmt.Sprint("new", n)})
	}
	apply(t, s, "t", store.Replace(old, changed, nil))
	checkIndexes(t, path)
}
