package postgres_test

// What a store inside a transaction tells its host.

import (
	"errors"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// After Close nothing works inside a transaction either.
func TestInAfterClose(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "acme", store.Create(user("a"), nil))
	in := s.In(begin(t, h.pool(t)))
	must(t, s.Close())
	_, err := in.Get(t.Context(), "acme", store.ID("a"))
	wantError(t, "Get", err, store.ErrAborted)
	wantError(t, "Get", err, store.ErrUnavailable)
	_, err = in.Apply(t.Context(), "acme", store.Ops(store.Create(user("b"), nil)))
	wantError(t, "Apply", err, store.ErrAborted)
}

// Reads inside transactions notice a newer schema as others do.
func TestNewerSchemaInside(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	pool := h.pool(t)
	_, err := h.admin.Exec(t.Context(), h.in(`INSERT INTO rollbook.migration VALUES (1000, 'later', 1000)`))
	must(t, err)
	pgtest.Until(t, "a read notices the newer schema", func() bool {
		tx := begin(t, pool)
		_, err = s.In(tx).Get(t.Context(), "acme", store.ID("a"))
		must(t, tx.Rollback(t.Context()))
		return errors.Is(err, postgres.ErrNewerSchema)
	})
	wantError(t, "Get", err, store.ErrAborted)
	_, err = s.Get(t.Context(), "acme", store.ID("a"))
	wantError(t, "Get outside", err, postgres.ErrNewerSchema)
}

// A call while the host reads rows does nothing, and says why. The transaction is sound.
func TestInWhileRowsAreRead(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	tx := begin(t, h.pool(t))
	in := s.In(tx)
	rows, err := tx.Query(t.Context(), `SELECT generate_series(1, 3)`)
	must(t, err)
	rows.Next()
	_, err = in.Get(t.Context(), "acme", store.ID("a"))
	wantError(t, "Get", err, store.ErrInvalid)
	_, err = in.Apply(t.Context(), "acme", store.Ops(store.Create(user("a"), nil)))
	wantError(t, "Apply", err, store.ErrInvalid)
	rows.Close()
	must(t, rows.Err())
	put(t, in, "acme", store.Create(user("a"), nil))
	must(t, tx.Commit(t.Context()))
	if _, err := s.Get(t.Context(), "acme", store.ID("a")); err != nil {
		t.Error(err)
	}
}
