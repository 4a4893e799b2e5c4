package postgres_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// verify returns all findings.
func verify(t *testing.T, s *postgres.Store, opts store.VerifyOptions) (all []store.Finding) {
	t.Helper()
	for f, err := range s.Verify(t.Context(), opts) {
		must(t, err)
		all = append(all, f)
	}
	return all
}

func wantFindings(t *testing.T, what string, got []store.Finding, want ...store.Finding) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// What Verify finds beside the damage of the conformance kit, and what it does about it.
func TestVerify(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	due := user("due")
	due.Due = store.FromMillis(5)
	for name, test := range map[string]struct {
		damage string
		want   store.Finding
		mends  bool
	}{
		"a tenant without a name":         {`WITH s AS (DELETE FROM rollbook.schedule) DELETE FROM rollbook.tenant`, store.Finding{Damage: store.MissingTenant}, false},
		"a feed without a name":           {`INSERT INTO rollbook.change SELECT 1, 1000000, 1, 'user', 'a', ''`, store.Finding{Damage: store.MissingTenant}, false},
		"scheduled for nobody":            {`INSERT INTO rollbook.schedule (kind, tenant, due) VALUES ('user', 'nobody', 1)`, store.Finding{Damage: store.WrongDue, Tenant: "nobody"}, true},
		"scheduled too late":              {`UPDATE rollbook.schedule SET due = 6`, store.Finding{Damage: store.WrongDue, Tenant: "t", ID: "due"}, true},
		"scheduled without a record":      {`INSERT INTO rollbook.schedule (kind, tenant, due) VALUES ('group', 't', 1)`, store.Finding{Damage: store.WrongDue, Tenant: "t"}, true},
		"a key of no record":              {`INSERT INTO rollbook.key SELECT n, 'key', 'gone' FROM rollbook.tenant WHERE name = 't'`, store.Finding{Damage: store.StrayKey, Tenant: "t", ID: "gone"}, true},
		"a term of no record":             {`INSERT INTO rollbook.term SELECT 77, n, 'term' FROM rollbook.tenant WHERE name = 't'`, store.Finding{Damage: store.StrayTerm, Tenant: "t"}, true},
		"an empty term":                   {`INSERT INTO rollbook.term SELECT 1, n, '' FROM rollbook.tenant WHERE name = 't'`, store.Finding{Damage: store.StrayTerm, Tenant: "t"}, true},
		"a key that leads to another":     {`UPDATE rollbook.key SET id = 'due' WHERE id = 'a'`, store.Finding{Damage: store.MissingKey, Tenant: "t", ID: "a"}, true},
		"a feed later than the revisions": {`UPDATE rollbook.tenant SET revision = 3 WHERE name = 't'`, store.Finding{Damage: store.LowRevision, Tenant: "t"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, h.clear())
			put(t, s, "t", store.Create(due, nil), store.Create(keyed("a", "x"), []byte("note")), store.Create(user("gone"), nil))
			put(t, s, "t", store.Remove("gone", "user", []byte("note")))
			wantFindings(t, "before", verify(t, s, store.VerifyOptions{}))
			_, err := h.admin.Exec(t.Context(), h.in(test.damage))
			must(t, err)
			found := verify(t, s, store.VerifyOptions{})
			if name == "a key that leads to another" { // it is missing for one record, and a stray of the other
				stray := store.Finding{Damage: store.StrayKey, Tenant: "t", ID: "due"}
				wantFindings(t, "found", found, test.want, stray)
			} else {
				wantFindings(t, "found", found, test.want)
			}
			wantFindings(t, "found again", verify(t, s, store.VerifyOptions{}), found...)
			mended := test.want
			mended.Mended = test.mends
			wantFindings(t, "mended", verify(t, s, store.VerifyOptions{Mend: true}), mended)
			if !test.mends {
				wantFindings(t, "what cannot be mended", verify(t, s, store.VerifyOptions{}), test.want)
				return
			}
			wantFindings(t, "after", verify(t, s, store.VerifyOptions{}))
			must(t, h.inconsistencies())
		})
	}
}

// Two records that have the same unique key are not both right: Verify says so, and leaves the
// key with the one that is found by it.
func TestVerifyTwoHolders(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "t", store.Create(keyed("a", "x"), nil), store.Create(keyed("b", "y"), nil))
	_, err := h.admin.Exec(t.Context(), h.in(`WITH k AS (DELETE FROM rollbook.key WHERE id = 'b')
		UPDATE rollbook.record SET keys = (SELECT keys FROM rollbook.record WHERE id = 'a') WHERE id = 'b'`))
	must(t, err)
	want := store.Finding{Damage: store.MissingKey, Tenant: "t", ID: "b"}
	for _, mend := range []bool{false, true, false} {
		wantFindings(t, "two holders", verify(t, s, store.VerifyOptions{Mend: mend}), want)
	}
	r, err := s.Get(t.Context(), "t", keyed("", "x").Unique[0])
	if err != nil || r.ID != "a" {
		t.Errorf("the key leads to %q, %v", r.ID, err)
	}
}

// Verify waits for a host that holds the tenant only if it has something to mend.
func TestVerifyBesideHost(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "t", store.Create(keyed("a", "x"), nil))
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "t", store.Create(keyed("b", "y"), nil))
	wantFindings(t, "beside a host", verify(t, s, store.VerifyOptions{Mend: true}))
	_, err := h.admin.Exec(t.Context(), h.in(`DELETE FROM rollbook.key`))
	must(t, err)
	found := make(chan []store.Finding)
	go func() {
		all := []store.Finding{}
		for f, err := range s.Verify(t.Context(), store.VerifyOptions{Mend: true}) {
			if err != nil {
				t.Error(err)
			}
			all = append(all, f)
		}
		found <- all
	}()
	pgtest.Until(t, "Verify tries", func() bool {
		select {
		case all := <-found:
			t.Fatalf("Verify did not wait: %+v", all)
		default:
		}
		var n int
		must(t, h.admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%absence%' AND pid <> pg_backend_pid()`, h.schema).Scan(&n))
		return n > 0
	})
	must(t, tx.Commit(t.Context()))
	wantFindings(t, "after the commit", <-found, store.Finding{Damage: store.MissingKey, Tenant: "t", ID: "a", Mended: true})
	must(t, h.inconsistencies())
	if ids := mustList(t, s, "t"); !slices.EqualFunc(ids, []string{"a", "b"}, func(r store.Record, id string) bool { return r.ID == id }) {
		t.Errorf("records %+v", ids)
	}
}
