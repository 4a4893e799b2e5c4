package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// A server that is killed loses no write that was acknowledged, and has no write that was
// refused. Callers of both stores go on when it is back.
func TestServerKilled(t *testing.T) {
	server := pgtest.Own(t)
	h := newHomeOn(t, server)
	stores := []store.Store{h.open(t, nil), h.open(t, nil)}
	if size.At(t) >= size.Long {
		stores = append(stores, h.through(server.Bouncer(t, 4)).open(t, nil))
	}
	l := startLoad(stores...)
	for range size.Pick(t, 2, 15, 150) {
		l.await(t, 20+rand.IntN(200))
		server.Kill()
		must(t, server.Restart())
	}
	l.await(t, 100)
	l.end(t, h)
}

// A restart in good order is the same to callers as any other.
func TestServerRestarted(t *testing.T) {
	size.Need(t, size.Long)
	server := pgtest.Own(t)
	h := newHomeOn(t, server)
	l := startLoad(h.open(t, nil), h.open(t, nil))
	for range size.Pick(t, 0, 8, 50) {
		l.await(t, 20+rand.IntN(200))
		server.Stop()
		must(t, server.Restart())
	}
	l.await(t, 100)
	l.end(t, h)
}

// Connections that an operator ends in the middle of a call leave its outcome done, not
// done, or unknown, and said so.
func TestConnectionsTerminated(t *testing.T) {
	server := pgtest.Own(t)
	h := newHomeOn(t, server)
	l := startLoad(h.open(t, nil), h.open(t, nil))
	operator := h.admin
	ended := 0
	for i := 0; i < size.Pick(t, 8, 200, 3000) || ended == 0; i++ {
		l.await(t, 1+rand.IntN(20))
		var n int
		must(t, operator.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND (state <> 'idle' OR random() < 0.2)`).Scan(&n))
		ended += n
	}
	l.await(t, 100)
	l.end(t, h)
	t.Logf("%d connections were ended", ended)
}

// A PgBouncer that dies under load is a lost connection like any other.
func TestBouncerKilled(t *testing.T) {
	h := newHome(t)
	b := pgtest.Shared(t).Bouncer(t, 4)
	untold := h // a program that does not say that there is a PgBouncer
	untold.dsn = b.DSN(h.direct)
	l := startLoad(h.through(b).open(t, nil), untold.open(t, nil))
	for range size.Pick(t, 3, 20, 100) {
		l.await(t, 20+rand.IntN(200))
		b.Kill()
		must(t, b.Restart())
	}
	l.await(t, 100)
	l.end(t, h)
}

// Requests and replies that are lost on the way: what a call was told is what was done.
func TestLostOnTheWay(t *testing.T) {
	h := newHome(t)
	n := newNetwork(t, h)
	l := startLoad(n.home.open(t, nil), n.home.open(t, nil))
	writes := size.Pick(t, 200, 5000, 50_000)
	stop := every(20*time.Millisecond, func() { n.lose([]loss{request, reply}[rand.IntN(2)]) })
	l.await(t, writes)
	for n.lost[request].Load() == 0 || n.lost[reply].Load() == 0 {
		l.await(t, 1)
	}
	stop()
	n.lose(nothing)
	l.await(t, 100)
	l.end(t, h)
	t.Logf("lost: %d requests, %d replies", n.lost[request].Load(), n.lost[reply].Load())
}

// A write whose reply is lost was done once, and no second one is made of it.
func TestLostReply(t *testing.T) {
	h := newHome(t)
	n := newNetwork(t, h)
	s := n.home.open(t, nil)
	put(t, s, "tenant", store.Create(user("first"), nil)) // connects
	for i, r := range []store.Record{user("a"), user("b"), user("c")} {
		before := n.lost[reply].Load()
		n.lose(reply)
		rev, err := s.Apply(t.Context(), "tenant", store.Ops(store.Create(r, []byte("note"))))
		if n.lost[reply].Load() != before+1 {
			t.Fatal("no reply was lost")
		}
		if err == nil && rev != store.Revision(i+2) || err != nil && !errors.Is(err, store.ErrUnknown) {
			t.Errorf("a write whose reply was lost: revision %d, %v", rev, err)
		}
		pgtest.Until(t, "the write is there", func() bool {
			_, err := h.open(t, nil).Get(t.Context(), "tenant", store.ID(r.ID))
			return err == nil
		})
		if n := len(feed(t, s, "tenant")); n != i+1 {
			t.Errorf("%d changes after %d writes", n, i+1)
		}
		// A read can be made again.
		n.lose(reply)
		if _, err := s.Get(t.Context(), "tenant", store.ID(r.ID)); err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a read whose reply was lost: %v", err)
		}
		n.lose(nothing)
	}
}

// A standby answers reads, if the DSN lets the store connect to one, and refuses writes without
// doubt. When it is promoted the same stores write again.
func TestStandby(t *testing.T) {
	server := pgtest.Own(t)
	h := newHomeOn(t, server)
	s := h.open(t, nil)
	anywhere := h
	anywhere.dsn += "&target_session_attrs=any"
	reader := anywhere.open(t, nil)
	put(t, s, "tenant", store.Create(user("a"), []byte("note")))
	server.Demote(t)
	create := func(s store.Store, id string) error {
		_, err := s.Apply(t.Context(), "tenant", store.Ops(store.Create(user(id), nil)))
		return err
	}
	_, err := s.Get(t.Context(), "tenant", store.ID("a"))
	wantError(t, "a read of a store that wants to write", err, store.ErrUnavailable)
	wantError(t, "a write of a store that wants to write", create(s, "b"), store.ErrUnavailable)
	if _, err := reader.Get(t.Context(), "tenant", store.ID("a")); err != nil {
		t.Errorf("a read on a standby: %v", err)
	}
	wantError(t, "a write on a standby", create(reader, "b"), store.ErrUnavailable)
	wantError(t, "Trim on a standby", reader.Trim(t.Context(), "tenant", 1), store.ErrUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantError(t, "Wait on a standby", reader.Wait(ctx, "tenant", 1), context.DeadlineExceeded)
	server.Promote(t)
	for i, s := range []store.Store{s, reader} {
		pgtest.Until(t, "the promoted server is written", func() bool {
			return create(s, fmt.Sprint("c", i)) == nil
		})
	}
	if _, err := s.Get(t.Context(), "tenant", store.ID("b")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a write that was refused: %v", err)
	}
}
