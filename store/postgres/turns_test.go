package postgres_test

// The turns of hosts and of the store at one tenant.

import (
	"context"
	"errors"
	"fmt"
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
		came := false
		for try := 0; !came && !t.Failed(); try++ {
			if try == 20 { // on a slow machine it may have waited for a second, and begun again
				t.Errorf("made %t: the host that came later was always first", made)
				break
			}
			t.Run(fmt.Sprint("made ", made), func(t *testing.T) { came = turnBesideHosts(t, made) })
		}
	}
}

// answer is what Apply returns.
type answer struct {
	rev store.Revision
	err error
}

func goApply(ctx context.Context, s store.Store, tenant, id string) chan answer {
	done := make(chan answer, 1)
	go func() {
		rev, err := s.Apply(ctx, tenant, store.Ops(store.Create(user(id), nil)))
		done <- answer{rev, err}
	}()
	return done
}

// turnBesideHosts reports whether the store came before the host that came later.
func turnBesideHosts(t *testing.T, made bool) bool {
	const name, hostName = "turn", "turnHost"
	h := newHome(t)
	home := h
	home.dsn += "&application_name=" + hostName
	hosts := home.pool(t)
	h.dsn += "&application_name=" + name
	s := h.open(t, nil)
	before := store.Revision(0)
	if made {
		before = put(t, s, "held", store.Create(user("old"), nil))
	}
	first, second := begin(t, hosts), begin(t, hosts)
	put(t, s.In(first), "held", store.Create(user("first"), nil))
	put(t, s.In(first), "also held", store.Create(user("first"), nil))

	ctx, leave := context.WithCancel(t.Context())
	left := goApply(ctx, s, "held", "left")
	pgtest.Until(t, "a transaction waits", func() bool { return h.lockWaits(t, name) == 1 })
	stayed := goApply(t.Context(), s, "held", "stayed")
	other := goApply(t.Context(), s, "also held", "stayed")
	pgtest.Until(t, "all wait", func() bool { return s.Queued() == 3 })
	leave()
	if a := <-left; !errors.Is(a.err, context.Canceled) || errors.Is(a.err, store.ErrUnknown) {
		t.Errorf("the caller that left: %v", a.err)
	}
	for range 10 {
		put(t, s, "free", store.Create(user(time.Now().String()), nil))
		if n := h.lockWaits(t, name); n > 1 {
			t.Errorf("%d transactions wait", n)
		}
	}
	late := make(chan answer, 1)
	go func() {
		a := <-goApply(t.Context(), s.In(second), "held", "second")
		a.err = errors.Join(a.err, second.Commit(t.Context()))
		late <- a
	}()
	pgtest.Until(t, "both wait", func() bool { return h.lockWaits(t, name) == 1 && h.lockWaits(t, hostName) == 1 })
	must(t, first.Commit(t.Context()))
	a, b := <-stayed, <-late
	if a.err != nil || b.err != nil || min(a.rev, b.rev) != before+2 || max(a.rev, b.rev) != before+3 {
		t.Errorf("the call that stayed: %+v, the host that came later: %+v; want revisions from %d", a, b, before+2)
	}
	if a := <-other; a.err != nil || a.rev != 2 {
		t.Errorf("the other tenant: %+v", a)
	}
	_, err := s.Get(t.Context(), "held", store.ID("left"))
	wantError(t, "what was not done", err, store.ErrNotFound)
	return a.rev < b.rev
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
