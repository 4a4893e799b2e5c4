package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// What a role, a database or a host has set does not change what the store does.

// Several processes may make the schema at once, whatever the isolation level of the role.
func TestOpenAtOnceIsolated(t *testing.T) {
	for _, level := range []string{"repeatable%20read", "serializable"} {
		h := newHome(t)
		h.dsn += "&default_transaction_isolation=" + level
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				s, err := h.dial(nil)
				if err == nil {
					err = s.Close()
				}
				errs[i] = err
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("%s: %v", level, err)
		}
	}
}

// Writers whose role has a stricter isolation level get no error by it.
func TestWritersIsolated(t *testing.T) {
	h := newHome(t)
	h.dsn += "&default_transaction_isolation=repeatable%20read"
	stores := []*postgres.Store{h.open(t, nil), h.open(t, nil)}
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			for i := range 20 {
				r := user(fmt.Sprintf("%d-%d", caller, i))
				r.Unique = []store.Key{{Kind: "k", Value: r.ID}}
				tenant := fmt.Sprint("tenant ", (caller/2+i)%3)
				if _, err := stores[caller%2].Apply(t.Context(), tenant, store.Ops(store.Create(r, []byte("n")))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Functions of others in the search path are not called, though they fit better than those of
// PostgreSQL, which take arrays of any type.
func TestFunctionsOfOthers(t *testing.T) {
	h := newHome(t)
	other := pgx.Identifier{"other " + h.schema}.Sanitize()
	_, err := h.admin.Exec(t.Context(), `CREATE SCHEMA `+other+`;
		CREATE FUNCTION `+other+`.cardinality(bytea[]) RETURNS integer LANGUAGE sql AS 'SELECT 0';
		CREATE FUNCTION `+other+`.unnest(bytea[]) RETURNS SETOF bytea LANGUAGE sql AS 'SELECT NULL::bytea WHERE false';
		CREATE FUNCTION `+other+`.array_fill(integer, integer[]) RETURNS integer[] LANGUAGE sql AS 'SELECT NULL::integer[]';
		CREATE FUNCTION `+other+`.array_fill(boolean, integer[]) RETURNS boolean[] LANGUAGE sql AS 'SELECT NULL::boolean[]'`)
	must(t, err)
	h.dsn += "&search_path=" + url.QueryEscape(other)
	s := h.open(t, nil)
	r := user("a")
	r.Unique, r.Index = []store.Key{{Kind: "k", Value: "v"}}, []store.Key{{Kind: "t", Value: "v"}}
	r.Due = time.UnixMilli(1)
	put(t, s, "acme", store.Create(r, nil))
	r.ID, r.Due = "b", time.Time{}
	r.Unique[0].Value = "w"
	put(t, s, "acme", store.Create(r, nil))
	for _, value := range []string{"v", "w"} {
		if _, err := s.Get(t.Context(), "acme", store.Key{Kind: "k", Value: value}); err != nil {
			t.Errorf("Get by the key %s: %v", value, err)
		}
	}
	page, err := s.List(t.Context(), "acme", store.Query{Kind: "user", Match: r.Index})
	if err != nil || len(page.Records) != 2 {
		t.Errorf("List: %d records, %v", len(page.Records), err)
	}
	due, err := s.Due(t.Context(), store.DueQuery{Before: time.UnixMilli(2), Tenant: "acme"})
	if err != nil || len(due.Tenants) != 1 {
		t.Errorf("Due: %v, %v", due, err)
	}
	r.ID, r.Unique[0].Value = "c", "w"
	_, err = s.Apply(t.Context(), "acme", store.Ops(store.Create(r, nil)))
	wantError(t, "a taken key", err, store.ErrTaken)
}

// deadlined is a connection that knows its deadline.
type deadlined struct {
	net.Conn

	mu sync.Mutex
	at time.Time
}

func (d *deadlined) SetDeadline(at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	return d.Conn.SetDeadline(at)
}

// A connection that goes back to the pool, which may be the host's, has no deadline left,
// though the server has refused the transaction.
func TestDeadlineEnds(t *testing.T) {
	h := newHome(t)
	config, err := pgxpool.ParseConfig(h.dsn)
	must(t, err)
	config.MaxConns = 1
	var conn *deadlined
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		conn = &deadlined{Conn: c}
		return conn, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	must(t, err)
	t.Cleanup(pool.Close)
	s, err := postgres.New(t.Context(), pool, &postgres.Options{Schema: h.schema})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	put(t, s, "acme", store.Create(user("a"), []byte("n")))
	_, err = h.admin.Exec(t.Context(), h.in(`ALTER TABLE rollbook.change RENAME TO away`))
	must(t, err)
	_, err = s.Apply(t.Context(), "acme", store.Ops(store.Create(user("b"), []byte("n"))))
	wantError(t, "Apply", err, store.ErrUnavailable)
	conn.mu.Lock()
	defer conn.mu.Unlock()
	if pool.Stat().NewConnsCount() != 1 || !conn.at.IsZero() {
		t.Errorf("%d connections, a deadline at %v", pool.Stat().NewConnsCount(), conn.at)
	}
}

// Close does not wait for a connection that the host holds, as a writer does for 30 seconds.
func TestCloseWithoutConnection(t *testing.T) {
	h := newHome(t)
	h.dsn += "&pool_max_conns=1"
	pool := h.pool(t)
	s, err := postgres.New(t.Context(), pool, &postgres.Options{Schema: h.schema})
	must(t, err)
	begin(t, pool)
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Apply(context.WithoutCancel(t.Context()), "acme", store.Ops(store.Create(user("a"), nil)))
		wrote <- err
	}()
	pgtest.Until(t, "the writer waits", func() bool { return s.Queued() > 0 })
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	wantError(t, "Apply", <-wrote, store.ErrUnavailable)
	select {
	case err := <-closed:
		must(t, err)
	case <-time.After(25 * time.Second):
		t.Error("Close waits for a connection")
	}
}

// A host that has its connections forget what was prepared costs a connection. If it does so
// all the time, statements are not prepared any more.
func TestForgottenStatements(t *testing.T) {
	h := newHome(t)
	pool := h.pool(t)
	s, err := postgres.New(t.Context(), pool, &postgres.Options{Schema: h.schema})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	n := 0
	write := func() {
		n++
		put(t, s, "acme", store.Create(user(fmt.Sprint(n)), nil))
	}
	read := func() {
		_, err := s.Get(t.Context(), "acme", store.ID("1"))
		must(t, err)
	}
	discard := func() {
		_, err := pool.Exec(t.Context(), `DISCARD ALL`)
		must(t, err)
	}
	write()
	discard()
	write()
	read()
	if !s.Named() {
		t.Error("statements are not prepared after one error")
	}
	pgtest.Until(t, "statements are not prepared any more", func() bool {
		read()
		discard()
		read()
		return !s.Named()
	})
	discard()
	write()
}
