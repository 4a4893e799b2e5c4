package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// never is a time between polls that no test sees the end of.
const never = time.Hour

// waits calls Wait in the background. The channel has its answer.
func waits(tb testing.TB, s *postgres.Store, tenant string, after store.Revision) <-chan error {
	tb.Helper()
	before := s.Waiting()
	done := make(chan error, 1)
	go func() { done <- s.Wait(tb.Context(), tenant, after) }()
	pgtest.Until(tb, "Wait waits", func() bool { return s.Waiting() == before+1 })
	return done
}

func awake(tb testing.TB, what string, done <-chan error) {
	tb.Helper()
	select {
	case err := <-done:
		if err != nil {
			tb.Errorf("%s: Wait: %v", what, err)
		}
	case <-time.After(patience):
		tb.Fatalf("%s: Wait sleeps", what)
	}
}

func asleep(tb testing.TB, what string, done <-chan error) {
	tb.Helper()
	select {
	case err := <-done:
		tb.Errorf("%s: Wait returned %v", what, err)
	default:
	}
}

const patience = 2 * time.Minute

// listeners returns the connections that listen in the home's database.
func (h home) listeners(tb testing.TB) int {
	tb.Helper()
	var n int
	must(tb, h.admin.QueryRow(tb.Context(), `SELECT count(*) FROM pg_stat_activity WHERE query = $1`, `LISTEN "`+h.schema+`"`).Scan(&n))
	return n
}

// awaitListener waits until a store listens, without which a notification is not for it.
func (h home) awaitListener(tb testing.TB, n int) {
	tb.Helper()
	pgtest.Until(tb, fmt.Sprint(n, " connections listen"), func() bool { return h.listeners(tb) == n })
}

// Notifications alone wake calls that wait for what another store writes, or a host. The
// first call begins to listen, and the last ends it.
func TestWaitNotified(t *testing.T) {
	h := newHome(t)
	notify := &postgres.Options{Notify: true}
	s, other := h.open(t, notify), h.open(t, notify)
	s.PollEvery(never)
	s.Linger(time.Millisecond)
	if n := h.listeners(t); n != 0 {
		t.Errorf("%d connections listen although nobody waits", n)
	}
	done, apart := waits(t, s, "tenant", 0), waits(t, s, "apart", 0)
	h.awaitListener(t, 1)
	put(t, other, "tenant", store.Create(user("a"), []byte("note")))
	awake(t, "another store's write", done)
	asleep(t, "another tenant's", apart)
	put(t, other, "apart", store.Create(user("a"), []byte("note")))
	awake(t, "another store's write", apart)
	h.awaitListener(t, 0)
}

// A store's own writes wake it without notifications, and what others write is seen by polls.
func TestWaitPolls(t *testing.T) {
	h := newHome(t)
	s, other := h.open(t, nil), h.open(t, nil)
	s.PollEvery(never)
	done := waits(t, s, "tenant", 0)
	put(t, s, "tenant", store.Create(user("a"), []byte("note")))
	awake(t, "an own write", done)
	s.Settle()
	s.PollEvery(time.Millisecond)
	done = waits(t, s, "tenant", 1)
	rev := put(t, other, "tenant", store.Create(user("b"), []byte("note")))
	awake(t, "another store's write", done)
	done = waits(t, s, "tenant", rev)
	put(t, other, "tenant", store.Create(user("c"), nil))
	asleep(t, "a write without a Note", done)
	rev = put(t, other, "tenant", store.Create(user("d"), []byte("note")))
	awake(t, "another store's write", done)
	done = waits(t, s, "tenant", rev)
	tx := begin(t, h.pool(t))
	put(t, s.In(tx), "tenant", store.Create(user("e"), []byte("note")))
	asleep(t, "before the host's commit", done)
	must(t, tx.Commit(t.Context()))
	awake(t, "a host's commit", done)
	if n := h.listeners(t); n != 0 {
		t.Errorf("%d connections listen without Options.Notify", n)
	}
}

// Who follows a feed, and calls again and again, does not make a connection each time.
func TestWaitLingers(t *testing.T) {
	h := newHome(t)
	s := h.open(t, &postgres.Options{Notify: true})
	s.PollEvery(never)
	s.Linger(never)
	var rev store.Revision
	var first int
	for i := range 5 {
		done := waits(t, s, "tenant", rev)
		h.awaitListener(t, 1)
		var pid int
		must(t, h.admin.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity WHERE query = $1`, `LISTEN "`+h.schema+`"`).Scan(&pid))
		if first == 0 {
			first = pid
		}
		if pid != first {
			t.Errorf("call %d has a connection of its own", i)
		}
		rev = put(t, s, "tenant", store.Create(user(fmt.Sprint(i)), []byte("note")))
		awake(t, "an own write", done)
	}
}

// What is written while the connection that listens is lost is seen when there is another.
func TestWaitListenerLost(t *testing.T) {
	h := newHome(t)
	notify := &postgres.Options{Notify: true}
	s, other := h.open(t, notify), h.open(t, notify)
	s.PollEvery(never)
	var rev store.Revision
	for i := range 3 {
		done := waits(t, s, "tenant", rev)
		h.awaitListener(t, 1)
		_, err := h.admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1`, `LISTEN "`+h.schema+`"`)
		must(t, err)
		rev = put(t, other, "tenant", store.Create(user(fmt.Sprint(i)), []byte("note")))
		awake(t, "a write without a listener", done)
	}
}

// Behind PgBouncer notifications come by a direct connection.
func TestWaitBouncer(t *testing.T) {
	direct := newHome(t)
	h := direct.through(pgtest.Shared(t).Bouncer(t, 4))
	s, other := h.open(t, &postgres.Options{Notify: true, ListenDSN: h.direct}), h.open(t, &postgres.Options{Notify: true})
	s.PollEvery(never)
	done := waits(t, s, "tenant", 0)
	direct.awaitListener(t, 1)
	put(t, other, "tenant", store.Create(user("a"), []byte("note")))
	awake(t, "another store's write", done)
	// One that listens through PgBouncer is deaf, and sees by polls.
	other.PollEvery(time.Millisecond)
	done = waits(t, other, "tenant", 1)
	put(t, s, "tenant", store.Create(user("b"), []byte("note")))
	awake(t, "another store's write", done)
}

// A transaction sends one notification, however many calls it has, and a notification does
// not say whose feed it is about to those who do not know it.
func TestNotifications(t *testing.T) {
	h := newHome(t)
	s := h.open(t, &postgres.Options{Notify: true})
	conn, err := pgx.Connect(t.Context(), h.direct)
	must(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "LISTEN "+pgx.Identifier{h.schema}.Sanitize())
	must(t, err)
	put(t, s, "the tenant", store.Create(user("silent"), nil))
	put(t, s, "the tenant", store.Create(user("the ID"), []byte("note")), store.Create(user("b"), []byte("note")))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	must(t, err)
	if n.Payload != postgres.Notification([]string{"the tenant"}) || strings.Contains(n.Payload, "the") {
		t.Errorf("the notification says %q", n.Payload)
	}
	must(t, s.Trim(t.Context(), "the tenant", 3)) // whose notification would be the next
	_, err = h.admin.Exec(t.Context(), `SELECT pg_notify($1, 'end')`, h.schema)
	must(t, err)
	for n.Payload != "end" {
		n, err = conn.WaitForNotification(ctx)
		must(t, err)
		if n.Payload != "end" && n.Payload != postgres.Notification([]string{"the tenant"}) {
			t.Errorf("the notification says %q", n.Payload)
		}
	}
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprint("tenant ", i)
	}
	if got := postgres.Notification(many); len(got) > 7999 {
		t.Errorf("a payload of %d bytes, for which there is no room", len(got))
	}
}

// Close ends calls that wait, and what works for them.
func TestWaitClosed(t *testing.T) {
	h := newHome(t)
	s, err := h.dial(&postgres.Options{Notify: true})
	must(t, err)
	done := waits(t, s, "tenant", 0)
	must(t, s.Close())
	if err := <-done; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Wait of a store that is closed: %v", err)
	}
	h.awaitListener(t, 0)
	wantError(t, "Wait after Close", s.Wait(t.Context(), "tenant", 0), store.ErrUnavailable)
}

// A server that is away is told to those who wait.
func TestWaitUnavailable(t *testing.T) {
	size.Need(t, size.Long)
	server := pgtest.Own(t)
	s := newHomeOn(t, server).open(t, &postgres.Options{Notify: true})
	done := waits(t, s, "tenant", 0)
	server.Kill()
	if err := <-done; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Wait without a server: %v", err)
	}
	must(t, server.Restart())
	pgtest.Until(t, "the server is used again", func() bool {
		_, err := s.Apply(t.Context(), "tenant", store.Ops(store.Create(user("a"), []byte("note"))))
		return err == nil || errors.Is(err, store.ErrStale)
	})
	must(t, s.Wait(t.Context(), "tenant", 0))
}
