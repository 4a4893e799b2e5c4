package sqlite

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// TestCreateRunsAgain: a create that was refused in a transaction that was rolled back, and
// runs again after the record is gone, writes all index rows.
func TestCreateRunsAgain(t *testing.T) {
	s := openFresh(t, nil)
	dsn, err := DSN(s.files.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := s.In(tx)
	term := store.Key{Kind: "term", Value: "x"}
	r := store.Record{ID: "a", Kind: "user", Index: []store.Key{term}, Due: store.FromMillis(1)}
	first := r
	first.Index = append(first.Index, store.Key{Kind: "term", Value: "y"})
	again := newBatch("t", store.Ops(store.Create(r, nil)))
	for i, step := range []task{
		newBatch("t", store.Ops(store.Create(first, nil))), again, newBatch("t", store.Ops(store.Remove("a", "user", nil))), again,
	} {
		_, err := in.write(t.Context(), step)
		if stale := errors.Is(err, store.ErrStale); stale != (i == 1) || err != nil && !stale {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), "t", store.Query{Kind: "user", Match: []store.Key{term}})
	if err != nil || len(page.Records) != 1 {
		t.Errorf("by its term: %d records, %v", len(page.Records), err)
	}
	due, err := s.Due(t.Context(), store.DueQuery{Before: store.FromMillis(2)})
	if err != nil || len(due.Tenants) != 1 {
		t.Errorf("by its due: %d tenants, %v", len(due.Tenants), err)
	}
}
