package postgres_test

// What several tests share.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
	"github.com/rollbook-go/rollbook/store/storetest"
)

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// home is where a store keeps its data: a schema of a database.
type home struct {
	dsn    string // as a store reaches it
	direct string // without PgBouncer
	schema string
	admin  *pgxpool.Pool // for what tests look at beside the store
}

var (
	schemas atomic.Int64 // used up
	common  struct {
		sync.Mutex
		dsn   string // a database of the server that no test breaks
		admin *pgxpool.Pool
	}
)

// newHome returns a home that nobody uses, in a database that all tests share.
func newHome(tb testing.TB) home {
	tb.Helper()
	pgtest.Require(tb)
	common.Lock()
	defer common.Unlock()
	if common.dsn == "" {
		dsn := pgtest.Database(tb)
		admin, err := pgxpool.New(context.Background(), dsn)
		must(tb, err)
		common.dsn, common.admin = dsn, admin
	}
	return homeIn(common.dsn, common.admin)
}

// newHomeOn returns a home in a database of its own, on a server that the test may break.
func newHomeOn(tb testing.TB, server *pgtest.Server) home {
	tb.Helper()
	dsn := server.Database(tb)
	admin, err := pgxpool.New(context.Background(), dsn)
	must(tb, err)
	tb.Cleanup(admin.Close)
	return homeIn(dsn, admin)
}

func homeIn(dsn string, admin *pgxpool.Pool) home {
	return home{dsn, dsn, fmt.Sprint("Home ", schemas.Add(1)), admin} // a name that has to be quoted
}

// through returns the home as it is reached through PgBouncer, by a program that says so.
func (h home) through(b *pgtest.Bouncer) home {
	h.dsn = b.DSN(h.direct) + "&default_query_exec_mode=exec"
	return h
}

// dial opens a store, with a pool of its own. Opts may be nil.
func (h home) dial(opts *postgres.Options) (*postgres.Store, error) {
	var o postgres.Options
	if opts != nil {
		o = *opts
	}
	o.Schema = h.schema
	// Not the test's context: a subtest may end before the place.
	return postgres.Open(context.Background(), h.dsn, &o)
}

// open opens a store until the end of the test.
func (h home) open(tb testing.TB, opts *postgres.Options) *postgres.Store {
	tb.Helper()
	s, err := h.dial(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { must(tb, s.Close()) })
	return s
}

// pool returns a host's own connections. A deadlock is found soon, and is the host's.
func (h home) pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	config, err := pgxpool.ParseConfig(h.dsn)
	must(tb, err)
	if h.dsn == h.direct { // PgBouncer refuses the setting
		config.ConnConfig.RuntimeParams["deadlock_timeout"] = "20ms"
	}
	p, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// begin begins a transaction of the host, which is rolled back if the test does not end it.
func begin(tb testing.TB, p *pgxpool.Pool) pgx.Tx {
	tb.Helper()
	tx, err := p.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// places are for the conformance kit: one after the other in the same home, emptied. Handles
// take turns with two pools. Whatever a check has done, what is derived from the records is as
// they say; Verify mends what a Corrupter has done.
func (h home) places(tb testing.TB, wrap func(store.Store) store.Store) func() (storetest.Place, error) {
	tb.Helper()
	quick := h.dsn == h.direct && size.At(tb) < size.Long
	if quick { // commits do not wait for the disk
		h.dsn += "&synchronous_commit=off"
	}
	pools := []*pgxpool.Pool{h.pool(tb), h.pool(tb)}
	return func() (storetest.Place, error) {
		var opened []*postgres.Store
		var corrupted atomic.Bool
		return storetest.Place{
			Open: func() (store.Store, error) {
				// Not the test's context: a subtest may end before the place.
				s, err := postgres.New(context.Background(), pools[len(opened)%2], &postgres.Options{
					Schema: h.schema, AllowUnsafe: quick, Notify: true,
				})
				if err != nil {
					return nil, err
				}
				opened = append(opened, s)
				return wrap(damager{s, h, nil, &corrupted}), nil
			},
			Begin: func() (storetest.Transaction, error) { return h.transaction(opened[0], pools[0]) },
			Close: func() error {
				var errs []error
				if corrupted.Load() {
					for _, err := range opened[0].Verify(context.Background(), store.VerifyOptions{Mend: true}) {
						errs = append(errs, err)
					}
				}
				for _, s := range opened {
					errs = append(errs, s.Close())
				}
				return errors.Join(append(errs, h.inconsistencies(), h.clear())...)
			},
		}, nil
	}
}

func user(id string) store.Record { return store.Record{ID: id, Kind: "user"} }

func put(tb testing.TB, s store.Store, tenant string, ops ...store.Op) store.Revision {
	tb.Helper()
	rev, err := s.Apply(tb.Context(), tenant, store.Ops(ops...))
	if err != nil {
		tb.Fatal(err)
	}
	return rev
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantError(tb testing.TB, what string, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: error %v, want %v", what, err, want)
	}
	if errors.Is(err, store.ErrUnknown) && errors.Is(err, store.ErrUnavailable) {
		tb.Errorf("%s: both unknown and unavailable: %v", what, err)
	}
}

// feed reads a tenant's whole feed.
func feed(tb testing.TB, s store.Store, tenant string) []store.Change {
	tb.Helper()
	var all []store.Change
	q := store.ChangeQuery{Limit: store.MaxLimit}
	for {
		page, err := s.Changes(tb.Context(), tenant, q)
		must(tb, err)
		all = append(all, page.Changes...)
		if page.Next == 0 {
			return all
		}
		q.After = page.Next
	}
}

// every calls f again and again until the test says stop, which waits for the last call.
func every(d time.Duration, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				f()
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// clear removes all that the store has written.
func (h home) clear() error {
	_, err := h.admin.Exec(context.Background(), h.in(`WITH a AS (DELETE FROM rollbook.record), b AS (DELETE FROM rollbook.key),
		c AS (DELETE FROM rollbook.term), d AS (DELETE FROM rollbook.change), e AS (DELETE FROM rollbook.schedule),
		f AS (DELETE FROM rollbook.dropped)
		DELETE FROM rollbook.tenant`))
	return err
}

// transaction is for the conformance kit: one that a host begins.
func (h home) transaction(s *postgres.Store, pool *pgxpool.Pool) (storetest.Transaction, error) {
	ctx := context.Background()
	tx, err := pool.Begin(ctx)
	return storetest.Transaction{
		Store:  damager{s.In(tx), h, tx, nil},
		Commit: func() error { return tx.Commit(ctx) },
		Rollback: func() error {
			closed := tx.Conn().IsClosed() // as pgx does when a context ends during a call: it is rolled back
			if err := tx.Rollback(ctx); !closed {
				return err
			}
			return nil
		},
	}, err
}
