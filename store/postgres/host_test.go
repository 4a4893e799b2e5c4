package postgres_test

// A host's transactions.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// While a host holds a tenant, the others are written and that one is read. Writes of it wait,
// and are done when the host has committed.
func TestHeldTenant(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	put(t, s, "held", store.Create(user("old"), []byte("old")))
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "held", store.Create(user("host's"), []byte("host's")))
	type answer struct {
		rev store.Revision
		err error
	}
	waits := make(chan answer, 1)
	go func() {
		rev, err := s.Apply(t.Context(), "held", store.Ops(store.Create(user("waits"), []byte("waits"))))
		waits <- answer{rev, err}
	}()
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 100 { // so many that they share whatever there is less of
			wg.Go(func() {
				r := user(fmt.Sprint("r", round))
				if _, err := s.Apply(t.Context(), fmt.Sprint("tenant", i), store.Ops(store.Create(r, nil))); err != nil {
					t.Error(err)
				}
				if _, err := s.Get(t.Context(), "held", store.ID("old")); err != nil {
					t.Error(err)
				}
				if _, err := s.Get(t.Context(), "held", store.ID("host's")); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("what the host has not committed: %v", err)
				}
			})
		}
		wg.Wait()
	}
	select {
	case a := <-waits:
		t.Errorf("a write of the held tenant did not wait: %+v", a)
	default:
	}
	if n := len(feed(t, s, "held")); n != 1 {
		t.Errorf("%d changes before the commit", n)
	}
	must(t, tx.Commit(t.Context()))
	if a := <-waits; a.err != nil || a.rev != 3 {
		t.Errorf("the write that waited: %+v, want revision 3", a)
	}
}

// A write of a held tenant whose context ends was not done, or is unknown.
func TestHeldTenantGivenUp(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "held", store.Create(user("host's"), nil))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Apply(ctx, "held", store.Ops(store.Create(user("given up"), nil)))
	wantError(t, "a write that was given up", err, context.DeadlineExceeded)
	unknown := errors.Is(err, store.ErrUnknown)
	must(t, tx.Commit(t.Context()))
	put(t, s, "held", store.Create(user("next"), nil))
	if _, err := s.Get(t.Context(), "held", store.ID("given up")); !unknown && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a write that was not done: %v", err)
	}
}

// Two hosts that take tenants in opposite orders are a deadlock. The database ends one of
// them, which is told so and can only roll back; the other goes on.
func TestDeadlock(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	pool := h.pool(t)
	one, two := begin(t, pool), begin(t, pool)
	put(t, s.In(one), "a", store.Create(user("one"), nil))
	put(t, s.In(two), "b", store.Create(user("two"), nil))
	errs := make(chan error, 1)
	first := s.In(one)
	go func() {
		_, err := first.Apply(t.Context(), "b", store.Ops(store.Create(user("one"), nil)))
		errs <- err
	}()
	second := s.In(two)
	_, errTwo := second.Apply(t.Context(), "a", store.Ops(store.Create(user("two"), nil)))
	errOne := <-errs
	loser, winner, err := second, one, errTwo
	if errOne != nil {
		loser, winner, err = first, two, errOne
	}
	if (errOne == nil) == (errTwo == nil) {
		t.Fatalf("%v and %v, want one deadlock", errOne, errTwo)
	}
	wantError(t, "the deadlock", err, store.ErrAborted)
	var told *pgconn.PgError
	if !errors.As(err, &told) || told.Code != deadlock {
		t.Errorf("the deadlock is told as %v", err)
	}
	_, err = loser.Get(t.Context(), "a", store.ID("one"))
	wantError(t, "a call after the deadlock", err, store.ErrAborted)
	must(t, winner.Commit(t.Context()))
	if (loser == second) != (len(mustList(t, s, "a")) == 1 && mustList(t, s, "a")[0].ID == "one") {
		t.Error("what there is, is not the winner's")
	}
}

func mustList(tb testing.TB, s store.Store, tenant string) []store.Record {
	tb.Helper()
	page, err := s.List(tb.Context(), tenant, store.Query{Kind: "user"})
	must(tb, err)
	return page.Records
}

// No deadlock reaches callers of the store itself, whatever hosts do.
func TestNoDeadlockOutside(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	l := startLoad(s, h.open(t, nil))
	pool := h.pool(t)
	var aborted atomic.Int64
	atonce.Do(3, func(host int) {
		for i := range size.Pick(t, 8, 100, 1000) {
			if !hostWrites(t, l, s, begin(t, pool), fmt.Sprint("host-", host, "-", i)) {
				aborted.Add(1)
			}
		}
	})
	l.end(t, h)
	t.Logf("%d of the hosts' transactions were aborted", aborted.Load())
}

// hostWrites writes to all tenants of a load in a random order, in one transaction. It reports
// whether that was committed.
func hostWrites(t *testing.T, l *load, s *postgres.Store, tx pgx.Tx, name string) bool {
	t.Helper()
	in := s.In(tx)
	written := make(map[string]told)
	var err error
	for _, n := range rand.Perm(len(l.tenants)) {
		word := fmt.Sprint(name, "-", n)
		r := store.Record{ID: word, Kind: "user", Data: []byte(word)}
		var rev store.Revision
		rev, err = in.Apply(t.Context(), l.tenants[n], store.Ops(store.Create(r, []byte(word))))
		if err != nil {
			break
		}
		written[word] = told{tenant: l.tenants[n], rev: rev}
	}
	if err == nil {
		err = tx.Commit(t.Context())
	} else {
		wantError(t, "a host's write", err, store.ErrAborted)
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for word, w := range written {
		if w.err = nil; err != nil {
			w.err = store.ErrStale // as good as: it is not there
		}
		l.note(word, w)
	}
	return err == nil
}

// What is known is answered while a host holds the tenant: who is refused, or changes nothing,
// waits for no one and writes nothing.
func TestKnownUserOfHeldTenant(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	acme := enduser.New(s, nil).Tenant("acme")
	spec := enduser.Spec{ExternalID: "known", Name: "Ann"}
	known, err := acme.Create(t.Context(), spec)
	must(t, err)
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "acme", store.Create(user("host's"), nil))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, call := range map[string]func(context.Context, enduser.Spec, ...enduser.Condition) (enduser.User, enduser.Outcome, error){
		"Ensure": acme.Ensure, "Upsert": acme.Upsert,
	} {
		u, outcome, err := call(ctx, spec)
		if err != nil || u.ID != known.ID || outcome != enduser.Unchanged {
			t.Errorf("%s of a known user: %v, %v, %v", name, u.ID, outcome, err)
		}
	}
	if _, err := acme.Create(ctx, spec); !errors.Is(err, enduser.ErrConflict) {
		t.Errorf("Create of a known user: %v", err)
	}
	must(t, tx.Commit(t.Context()))
	if n := len(feed(t, s, "acme")); n != 1 {
		t.Errorf("%d changes, want that of the first call", n)
	}
}
