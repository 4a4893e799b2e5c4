package sqlite_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// What every Verify does is checked by storetest. These tests are about damage that only a
// database with these tables can have.

func verified(t *testing.T, s *sqlite.Store, opts store.VerifyOptions) (found []store.Finding) {
	t.Helper()
	for f, err := range s.Verify(t.Context(), opts) {
		must(t, err)
		found = append(found, f)
	}
	return found
}

// TestVerifyTables damages tables and looks at what Verify finds, and what a second Verify finds
// after it has mended that.
func TestVerifyTables(t *testing.T) {
	mended := func(d store.Damage, tenant, id string) store.Finding {
		return store.Finding{Damage: d, Tenant: tenant, ID: id, Mended: true}
	}
	for what, c := range map[string]struct {
		damage []string
		want   []store.Finding
		left   []store.Finding
	}{
		"a record is not listed by its kind": {
			[]string{`UPDATE rollbook_record SET space = 999 WHERE id = 'a' AND tenant = 1`},
			[]store.Finding{mended(store.MissingTerm, "t", "a")},
			nil,
		},
		"a key leads to no record": {
			[]string{`UPDATE rollbook_key SET rid = 999 WHERE value = 'x' AND space = (SELECT n FROM rollbook_space WHERE tenant = 1 AND key = 'k')`},
			[]store.Finding{mended(store.MissingKey, "t", "a")},
			nil,
		},
		"a term leads to another record": {
			[]string{`UPDATE rollbook_term SET rid = 2 WHERE value = 'x' AND rid = 1`},
			[]store.Finding{mended(store.MissingTerm, "t", "a")},
			nil,
		},
		"a record is lost": {
			[]string{`DELETE FROM rollbook_record WHERE id = 'a' AND tenant = 1`},
			[]store.Finding{mended(store.StrayKey, "t", ""), mended(store.StrayTerm, "t", "")},
			nil,
		},
		"the keys of a kind are lost": {
			[]string{`DELETE FROM rollbook_space WHERE tenant = 1 AND record = '' AND key = 'k'`},
			[]store.Finding{
				mended(store.MissingKey, "t", "a"), mended(store.MissingKey, "t", "b"),
				mended(store.StrayKey, "", ""),
			},
			nil,
		},
		"the terms of a kind are lost": {
			[]string{`DELETE FROM rollbook_space WHERE tenant = 1 AND record > '' AND key > ''`},
			[]store.Finding{
				mended(store.MissingTerm, "t", "a"), mended(store.MissingTerm, "t", "b"),
				mended(store.StrayTerm, "", ""),
			},
			nil,
		},
		"something is due of nobody": {
			[]string{`INSERT INTO rollbook_schedule (kind, tenant, due) VALUES ('user', 'nobody', 5), ('none', 't', 6)`},
			[]store.Finding{mended(store.WrongDue, "t", ""), mended(store.WrongDue, "nobody", "")},
			nil,
		},
		"something is due too late": {
			[]string{`UPDATE rollbook_schedule SET due = due + 1`},
			[]store.Finding{mended(store.WrongDue, "t", "")},
			nil,
		},
		"a tenant is lost": {
			[]string{`DELETE FROM rollbook_tenant WHERE name = 't'`},
			[]store.Finding{mended(store.WrongDue, "t", ""), {Damage: store.MissingTenant}},
			[]store.Finding{{Damage: store.MissingTenant}},
		},
		"nothing": {},
	} {
		path := file(t)
		s := open(t, path, nil)
		for _, id := range []string{"a", "b"} {
			r := user(id, map[string]string{"a": "x", "b": "y"}[id])
			r.Due = store.FromMillis(5)
			apply(t, s, "t", store.Create(r, []byte("note")))
		}
		apply(t, s, "other", store.Create(user("a", "x"), []byte("note")))
		execRaw(t, path, c.damage...)
		if diff := cmp.Diff(c.want, sorted(verified(t, s, store.VerifyOptions{Mend: true}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff(c.left, verified(t, s, store.VerifyOptions{})); diff != "" {
			t.Errorf("%s, afterwards (-want +got):\n%s", what, diff)
		}
		if c.left == nil {
			checkFile(t, path)
		}
	}
}

func sorted(found []store.Finding) []store.Finding {
	slices.SortStableFunc(found, func(a, b store.Finding) int {
		if a.Damage != b.Damage {
			return int(a.Damage) - int(b.Damage)
		}
		return strings.Compare(b.Tenant, a.Tenant)
	})
	return found
}

// TestVerifyKeyOfTwo: a key that two records list is the holder's, whatever Verify finds.
func TestVerifyKeyOfTwo(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	apply(t, s, "t", store.Create(user("a", "x"), nil), store.Create(user("b", "y"), nil))
	execRaw(t, path, `UPDATE rollbook_record SET keys = (SELECT keys FROM rollbook_record WHERE id = 'a') WHERE id = 'b'`)
	for _, f := range verified(t, s, store.VerifyOptions{Mend: true}) {
		if f.Damage == store.MissingKey && (f.Mended || f.ID != "b") {
			t.Errorf("%+v", f)
		}
	}
	d := damager{s, path}
	r, err := d.Get(t.Context(), "t", store.Key{Kind: "k", Value: "x"})
	if err != nil || r.ID != "a" {
		t.Errorf("the key is %q's, %v", r.ID, err)
	}
}

// TestVerifyDropped: what is left of a tenant that was dropped is no finding, and deleted by Mend.
func TestVerifyDropped(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	fillFeed(t, s, "t", 1500)
	execRaw(t, path, `UPDATE rollbook_tenant SET name = NULL, revision = 0, trimmed = 0`, `DELETE FROM rollbook_schedule`)
	for _, mend := range []bool{false, true} {
		if found := verified(t, s, store.VerifyOptions{Mend: mend}); len(found) > 0 {
			t.Errorf("%+v", found)
		}
	}
	if n := tenantRows(t, path); n > 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestVerifyStructure: what SQLite itself finds in the file is found, and logged.
func TestVerifyStructure(t *testing.T) {
	path := file(t)
	var log bytes.Buffer
	s := open(t, path, &sqlite.Options{Sync: sqlite.Normal, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	apply(t, s, "t", store.Create(user("a", "x"), nil))
	must(t, s.Scrub(t.Context()))
	d := damager{s, path}
	must(t, d.edit(func(db *sql.DB) error { // an index that lacks what the table has
		_, err := db.ExecContext(t.Context(), `PRAGMA writable_schema = 1;
			UPDATE sqlite_schema SET sql = replace(sql, 'WHERE due > 0', 'WHERE due = 0') WHERE name = 'rollbook_record_due'`)
		return err
	}))
	must(t, s.Close())
	s = open(t, path, &sqlite.Options{Sync: sqlite.Normal, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, mend := range []bool{false, true} {
		got := verified(t, s, store.VerifyOptions{Mend: mend})
		if len(got) == 0 || got[0] != (store.Finding{Damage: store.DamagedStructure}) {
			t.Errorf("%+v", got)
		}
	}
	if !bytes.Contains(log.Bytes(), []byte("rollbook_record_due")) {
		t.Errorf("the log has %s", &log)
	}
}
