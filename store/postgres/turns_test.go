package postgres_test

// The turns of hosts and of the store at one tenant.

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
)

// lockWaits returns how many transactions wait for locks in a process's connections.
func (h home) lockWaits(t *testing.T, name string) (n int) {
	t.Helper()
	must(t, h.admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE application_name = $1 AND wait_event_type = 'Lock'`, name).Scan(&n))
	return n
}

// A tenant that hosts hold without a break has its turn: after a while a transaction of the
// store waits for the lock, and comes before a host that waits after it. Callers may
// leave until it has the lock. There is one such transaction, however many tenants are held.
func TestTurnBesideHosts(t *testing.T) {
	for _, made := range []bool{true, false} { // whether the tenant has a row already
		h := newHome(t)
		home := h
		home.dsn += "&application_name=" + t.Name() + "Host"
		hosts := home.pool(t)
		h.dsn += "&application_name=" + t.Name()
		s := h.open(t, nil)
		if made {
			put(t, s, "held", store.Create(user("old"), nil))
		}
		before := store.Revision(0)
		if made {
			before = 1
		}
		first, second := begin(t, hosts), begin(t, hosts)
		put(t, s.In(first), "held", store.Create(user("first"), nil))
		put(t, s.In(first), "also held", store.Create(user("first"), nil))

		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := s.Apply(ctx, "held", store.Ops(store.Create(user("left"), nil)))
			left <- err
		}()
		type answer struct {
			rev store.Revision
			err error
		}
		stayed := make(chan answer, 1)
		pgtest.Until(t, "a transaction waits", func() bool { return h.lockWaits(t, t.Name()) == 1 })
		go func() {
			rev, err := s.Apply(t.Context(), "held", store.Ops(store.Create(user("stayed"), nil)))
			stayed <- answer{rev, err}
		}()
		other := make(chan answer, 1)
		go func() {
			rev, err := s.Apply(t.Context(), "also held", store.Ops(store.Create(user("stayed"), nil)))
			other <- answer{rev, err}
		}()
		pgtest.Until(t, "all wait", func() bool { return s.Queued() == 3 })
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
			t.Errorf("the caller that left: %v", err)
		}
		for range 10 {
			put(t, s, "free", store.Create(user(time.Now().String()), nil))
			if n := h.lockWaits(t, t.Name()); n > 1 {
				t.Errorf("%d transactions wait", n)
			}
		}
		late := make(chan answer, 1)
		go func() {
			in := s.In(second)
			rev, err := in.Apply(t.Context(), "held", store.Ops(store.Create(user("second"), nil)))
			late <- answer{rev, errors.Join(err, second.Commit(t.Context()))}
		}()
		pgtest.Until(t, "both wait", func() bool { return h.lockWaits(t, t.Name()) == 1 && h.lockWaits(t, t.Name()+"Host") == 1 })
		must(t, first.Commit(t.Context()))
		a := <-stayed
		if a.err != nil || a.rev != before+2 {
			t.Errorf("the call that stayed: %+v, want revision %d", a, before+2)
		}
		if a := <-other; a.err != nil || a.rev != 2 {
			t.Errorf("the other tenant: %+v", a)
		}
		if a := <-late; a.err != nil || a.rev != before+3 {
			t.Errorf("the host that came later: %+v, want revision %d", a, before+3)
		}
		_, err := s.Get(t.Context(), "held", store.ID("left"))
		wantError(t, "what was not done", err, store.ErrNotFound)
	}
}

// Close does not wait for a host that holds a tenant.
func TestCloseWhileTenantIsHeld(t *testing.T) {
	h := newHome(t)
	tx := begin(t, h.pool(t))
	h.dsn += "&application_name=" + t.Name()
	s := h.open(t, nil)
	put(t, s.In(tx), "held", store.Create(user("host's"), nil))
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Apply(context.WithoutCancel(t.Context()), "held", store.Ops(store.Create(user("a"), nil)))
		wrote <- err
	}()
	pgtest.Until(t, "a transaction waits", func() bool { return h.lockWaits(t, t.Name()) == 1 })
	must(t, s.Close())
	wantError(t, "Apply", <-wrote, store.ErrUnavailable)
	must(t, tx.Commit(t.Context()))
}
