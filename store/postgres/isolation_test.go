package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollbook-go/rollbook/store"
)

// In stricter isolation levels a tenant that others have written since the transaction began
// cannot be written. The host is told by the code of PostgreSQL, and runs it again.
func TestIsolation(t *testing.T) {
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		for _, tenant := range []string{"old", "new"} {
			t.Run(string(level)+" "+tenant, func(t *testing.T) {
				h := newHome(t)
				s := h.open(t, nil)
				if tenant == "old" {
					put(t, s, tenant, store.Create(user("first"), nil))
				}
				pool := h.pool(t)
				attempt := func(meanwhile func()) error {
					tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
					must(t, err)
					defer func() { _ = tx.Rollback(t.Context()) }() // does nothing after the commit
					in := s.In(tx)
					if _, err := in.Get(t.Context(), tenant, store.ID("mine")); !errors.Is(err, store.ErrNotFound) {
						t.Errorf("Get: %v", err)
					}
					meanwhile()
					if _, err := in.Apply(t.Context(), tenant, store.Ops(store.Create(user("mine"), nil))); err != nil {
						return err
					}
					return tx.Commit(t.Context())
				}
				err := attempt(func() { put(t, s, tenant, store.Create(user("other"), nil)) })
				wantError(t, "the first attempt", err, store.ErrAborted)
				var e *pgconn.PgError
				if !errors.As(err, &e) || e.Code != "40001" {
					t.Errorf("the first attempt: %v", err)
				}
				must(t, attempt(func() {}))
				for _, id := range []string{"mine", "other"} {
					if _, err := s.Get(t.Context(), tenant, store.ID(id)); err != nil {
						t.Errorf("Get %s: %v", id, err)
					}
				}
			})
		}
	}
}

// A host that rolls a savepoint back goes on with a new store on the transaction around it.
func TestSavepoint(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "acme", store.Create(user("a"), []byte("n")))
	inner, err := tx.Begin(t.Context())
	must(t, err)
	put(t, s.In(inner), "acme", store.Create(user("b"), []byte("n")))
	must(t, inner.Rollback(t.Context()))
	if rev := put(t, s.In(tx), "acme", store.Create(user("c"), []byte("n"))); rev != 2 {
		t.Errorf("revision %d, want 2", rev)
	}
	must(t, tx.Commit(t.Context()))
	if all := feed(t, s, "acme"); len(all) != 2 || all[1].ID != "c" {
		t.Errorf("feed: %v", all)
	}
}
